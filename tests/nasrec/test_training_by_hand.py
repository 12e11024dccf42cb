"""Logistic regression trained by recipes of everything at once, beside NumPy in double precision.

What is done row by row and late (decay, moments, sums of rows named twice) is done here at every
step to the whole table.
"""

import numpy as np
import pytest
import tqdm

from nasrec_tf.search.trainable import load_trainable
from nasrec_tf.training.loop import train
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.training_plan import TrainingPlan

BASE = Recipe(
    batch_size=64, epochs=2, learning_rate=0.3, table_learning_rate=0.2, warmup_share=0.3,
    label_smoothing=0.2, clip_norm=0.1,
)  # fmt: skip
RECIPES = {
    "adagrad": BASE.replace(row_decay=0.5, weight_decay=0.4, weight_average=0.8),
    "adagrad-l2": BASE.replace(table_l2=0.3, schedule="constant", clip_norm=0.0, epoch_rows=300),
    "adamw": BASE.replace(
        optimizer="adamw", row_decay=0.5, weight_decay=0.4, schedule="constant", batch_size=50
    ),
    "adam-l2": BASE.replace(optimizer="adam", table_l2=0.3, warmup_share=0.0),
}


def rate_of(recipe, step, steps):
    warmup = int(recipe.warmup_share * steps)
    share = 1.0
    if step < warmup:
        share = step / warmup
    elif recipe.schedule == "cosine":
        share = (1 + np.cos(np.pi * (step - warmup) / (steps - 1 - warmup))) / 2
    return 1e-8 + (recipe.learning_rate - 1e-8) * share


def trained_by_hand(weights, batches, recipe):
    """Weights after a step for each batch: rows of all tables, kernel and bias."""
    weights = {name: value.astype(np.float64) for name, value in weights.items()}
    first, second = ({name: 0.0 * value for name, value in weights.items()} for _ in range(2))
    clocks = np.zeros((len(weights["table"]), 1))
    average = None
    for step, (dense, rows, labels) in enumerate(batches):
        logits = dense @ weights["kernel"] + weights["table"][rows].sum(axis=1) + weights["bias"]
        smooth = recipe.label_smoothing
        errors = 1 / (1 + np.exp(-logits)) - (labels * (1 - smooth) + smooth / 2)
        errors /= len(labels)
        slopes = {"kernel": dense.T @ errors, "bias": errors.sum(axis=0),
                  "table": np.zeros_like(weights["table"])}  # fmt: skip
        np.add.at(slopes["table"], rows, errors[:, None])
        for name in ("table", "kernel"):  # That of dense fields is penalized like a table.
            slopes[name] += recipe.table_l2 * weights[name]
        norm = np.sqrt(sum(np.square(slope).sum() for slope in slopes.values()))
        if recipe.clip_norm:
            slopes = {n: slope * min(1, recipe.clip_norm / norm) for n, slope in slopes.items()}
        rate = rate_of(recipe, step, len(batches))
        weights["kernel"] *= 1 - rate * recipe.weight_decay
        named = np.isin(np.arange(len(clocks)), rows)[:, None] | (recipe.table_l2 > 0)
        clocks += named
        for name, slope in slopes.items():
            own = rate * (recipe.table_rate_scale if name == "table" else 1)
            is_named = named if name == "table" else True
            if recipe.optimizer == "adagrad":
                first[name] += slope**2
                weights[name] -= own * slope / (np.sqrt(first[name]) + 0.01)
                continue
            clock = np.maximum(clocks, 1) if name == "table" else step + 1
            for moment, beta, value in ((first, 0.9, slope), (second, 0.999, slope**2)):
                moved = beta * moment[name] + (1 - beta) * value
                moment[name] = np.where(is_named, moved, moment[name])
            change = first[name] / (1 - 0.9**clock)
            change /= np.sqrt(second[name] / (1 - 0.999**clock)) + 1e-8
            weights[name] -= own * np.where(is_named, change, 0)
        held = np.sqrt(first["table"]) + 0.01 if recipe.optimizer == "adagrad" else 1.0
        of_table = rate * recipe.table_rate_scale * recipe.row_decay
        weights["table"] *= np.exp(-of_table / held)
        if recipe.weight_average:
            kept = 0.0 if average is None else recipe.weight_average
            before = weights if average is None else average
            average = {n: kept * before[n] + (1 - kept) * weights[n] for n in weights}
    return average or weights


def weights_of(network):
    found = network.named_weights()
    names = {"table": "table", "kernel": "dense_kernel", "bias": "dense_bias"}
    return {name: found[f"first_order/{full}"].numpy() for name, full in names.items()}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_training_is_the_one_computed_by_hand(recipe, records, tmp_path):
    network = load_trainable("lr").build(records.features, recipe, seed=1)
    plan = TrainingPlan(recipe, seed=5)
    before = weights_of(network)
    offsets = np.cumsum([0, *records.features.table_rows[:-1]])
    batches = []
    for epoch in range(recipe.epochs):
        of_pass = records.training_batches(recipe.batch_size, epoch, plan.seed)
        for inputs, labels in of_pass.take(plan.steps_per_epoch(records)):
            rows = inputs["sparse"].numpy() + offsets
            batches.append((inputs["dense"].numpy().astype(float), rows, labels.numpy()))
    assert len(batches) == plan.steps(records)
    train(network, records, plan, tmp_path, tqdm.tqdm(disable=True))
    expected, found = trained_by_hand(before, batches, recipe), weights_of(network)
    for name, value in expected.items():
        assert np.abs(value - before[name]).max() > 0.01
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=2e-5, err_msg=name)
