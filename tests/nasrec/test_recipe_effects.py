"""No field of a recipe is without effect on what is trained, and how."""

import json

import numpy as np
import pytest
from core_cases import FULL

from nasrec_tf.search.results import EpochQuality, best_epoch
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.training.recipe import RECIPE_FIELDS, Recipe
from nasrec_tf.training.training_plan import TrainingPlan

ARCHITECTURE = FULL.replace(num_blocks=1).sample(np.random.default_rng(3))
BASE = Recipe(batch_size=64, epochs=3, schedule="cosine")

OTHERS = {
    "optimizer": "adamw",
    "learning_rate": 0.05,
    "table_learning_rate": 0.3,
    "schedule": "plateau",
    "warmup_share": 0.5,
    "batch_size": 32,
    "epochs": 2,
    "epoch_rows": 128,
    "evaluations_per_epoch": 2,
    "row_decay": 0.01,
    "table_l2": 0.02,
    "weight_decay": 0.03,
    "embedding_dropout": 0.1,
    "block_dropout": 0.2,
    "head_dropout": 0.3,
    "normalization": "batch",
    "embedding_dim": 8,
    "initial_deviation": 0.07,
    "clip_norm": 2.0,
    "label_smoothing": 0.2,
    "weight_average": 0.9,
    "seed": 11,
}
OF_EVALUATIONS = {"patience", "monitor"}
"""Tried in ``tests/search/test_epoch_validation.py``."""


def made_of(recipe, records):
    """All that a recipe has a say in, as text: network, optimizer, loss, steps and evaluations."""
    seed = recipe.seed_or(7)
    network = SpaceModel(ARCHITECTURE).build(records.features, recipe, seed=seed)
    plan = TrainingPlan(recipe, seed=seed)
    plan.compile(network, records)
    average = plan.weight_average(network, records)
    optimizer = network.optimizer
    parts = {
        "network": network.get_config(),
        "optimizer": optimizer.get_config() | {"class": type(optimizer).__name__},
        "rates": [float(optimizer.schedule(step)) for step in (0, 3, 6, 9)],
        "loss": network.loss.get_config(),
        "steps": [plan.steps(records), plan.evaluations_per_epoch(records)],
        "average": average is not None,
        "tables": float(network.embedding.table.numpy().std()),
    }
    return json.dumps(parts, sort_keys=True, default=str)


@pytest.fixture(scope="module")
def base(records):
    return made_of(BASE, records)


@pytest.mark.parametrize("field", RECIPE_FIELDS)
def test_each_field_has_a_say(field, records, base):
    if field in OF_EVALUATIONS:
        assert field not in OTHERS
        return
    assert made_of(BASE.replace(**{field: OTHERS[field]}), records) != base


def test_what_is_monitored_decides_which_evaluation_is_the_best():
    qualities = (EpochQuality(0.4, 0.7), EpochQuality(0.5, 0.9), EpochQuality(float("nan"), 1.0))
    assert best_epoch(qualities) == 0
    assert best_epoch(qualities, "auc") == 1


def test_where_no_area_is_defined_the_log_loss_decides():
    assert best_epoch((EpochQuality(0.5), EpochQuality(0.4), EpochQuality(0.6)), "auc") == 1
