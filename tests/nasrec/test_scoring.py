"""A candidate's score is that of its own network whose final layer alone is tuned."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from core_cases import FULL, SMALL_OPTIONS, random_architectures, shake

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.schedules import WarmupCosine
from nasrec_tf.training.evaluation import log_losses
from nasrec_tf.training.scoring import ScoringPlan, SupernetScorer
from nasrec_tf.training.telling_rows import digest_of_rows, telling_rows

SPACE = FULL.replace(num_blocks=2)
CHUNK = 128
PLAN = ScoringPlan(
    batch_size=32,
    fine_tune_steps=30,
    learning_rate=0.1,
    warmup_steps=2,
    validation_rows=70,
    chunk_rows=CHUNK,  # Several even of a small data set.
    evaluation_batch=40,
    seed=11,
)


@pytest.fixture(scope="module")
def model(records):
    supernet = Supernet(SPACE, records.features, SMALL_OPTIONS, seed=8)
    shake(supernet)
    return supernet


@pytest.fixture(scope="module")
def scorer(model, records):
    return SupernetScorer(model, records, PLAN)


def plain_score(model, records, plan, architecture):
    """Fine-tunes the final layer of the extracted network step by step; its log loss."""
    subnet = model.extract(architecture)
    head = list(subnet.parts["head"].variables_by_name.values())
    schedule = WarmupCosine(plan.learning_rate, plan.fine_tune_steps, plan.warmup_steps)
    optimizer = Adagrad(schedule)
    epoch = step = 0
    while step < plan.fine_tune_steps:
        for inputs, labels in tuning_batches(records, plan, epoch):
            if step == plan.fine_tune_steps:
                break
            with tf.GradientTape() as tape:
                logits = subnet(inputs, training=True)
                loss = tf.reduce_mean(
                    tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
                )
            optimizer.apply(tape.gradient(loss, [part.value for part in head]), head)
            step += 1
        epoch += 1
    losses = []
    for inputs, labels in records.batches("validation", 64, plan.validation_rows):
        losses.append(log_losses(labels.numpy(), subnet(inputs, training=False).numpy()))
    return float(np.concatenate(losses).mean())


def tuning_batches(records, plan, epoch):
    """Batches of an epoch, without the last ones that do not fill a chunk."""
    chunks = records.rows("train") // CHUNK
    batches = records.training_batches(plan.batch_size, epoch, plan.seed)
    return batches.take(chunks * CHUNK // plan.batch_size)


def test_the_score_is_that_of_a_plain_fine_tuning(scorer, model, records):
    for architecture in random_architectures(SPACE, 4, seed=2):
        expected = plain_score(model, records, PLAN, architecture)
        assert scorer(architecture)["log_loss"] == pytest.approx(expected, abs=1e-5)


def test_without_fine_tuning_the_score_is_that_of_the_supernets_weights(model, records):
    untuned = SupernetScorer(model, records, ScoringPlan(fine_tune_steps=0, validation_rows=70))
    [_, architecture] = random_architectures(SPACE, 2, seed=5)
    subnet = model.extract(architecture)
    losses = [
        log_losses(labels.numpy(), subnet(inputs).numpy())
        for inputs, labels in records.batches("validation", 70, 70)
    ]
    expected = float(np.concatenate(losses).mean())
    assert untuned(architecture)["log_loss"] == pytest.approx(expected, abs=1e-5)


def test_scoring_leaves_the_supernet_as_it_is_and_repeats_itself(scorer, model):
    before = [variable.numpy() for variable in model.variables]
    architectures = random_architectures(SPACE, 4, seed=4)
    scores = [scorer(architecture)["log_loss"] for architecture in architectures]
    assert [scorer(architecture)["log_loss"] for architecture in reversed(architectures)] == (
        scores[::-1]
    )
    assert len(set(scores)) > 1 and np.isfinite(scores).all()
    for variable, value in zip(model.variables, before):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_choices_that_do_not_matter_do_not_change_the_score(scorer):
    def architecture(left):
        first = Block({"fc": 8}, {"efc": 3}, (0,), (0,))
        return Architecture((first, Block({"fc": 8}, {"efc": 3}, (0, 1), (1,), left_source=left)))

    assert scorer(architecture(0)) == scorer(architecture(1))


def test_the_frozen_body_runs_once_per_chunk_and_validation_batch(scorer, monkeypatch):
    rows = []
    frozen = scorer._head_inputs

    def counted(inputs, path):
        rows.append(inputs["sparse"].shape[0])
        return frozen(inputs, path)

    monkeypatch.setattr(scorer, "_head_inputs", counted)
    scorer(SPACE.widest)
    tuning = math.ceil(PLAN.fine_tune_steps * PLAN.batch_size / CHUNK)
    assert rows == [CHUNK] * tuning + [40, 30]
    assert frozen.experimental_get_tracing_count() == 1


def test_the_losses_of_the_rows_make_the_score(scorer):
    losses = scorer.row_losses(SPACE.widest, (0.0, 0.5, 1.0))
    assert losses.shape == (3, PLAN.validation_rows)
    assert losses[-1].mean() == pytest.approx(scorer(SPACE.widest)["log_loss"], abs=1e-6)
    assert not np.array_equal(losses[0], losses[1]) and not np.array_equal(losses[1], losses[2])


def test_losses_by_the_head_of_a_shorter_tuning_make_the_score_of_that_plan(scorer, model, records):
    shorter = SupernetScorer(model, records, dataclasses.replace(PLAN, fine_tune_steps=3))
    heads = shorter.tuned_heads(SPACE.widest) + scorer.tuned_heads(SPACE.widest)
    by_shorter, own = scorer.losses_by_heads(SPACE.widest, heads)
    assert by_shorter.mean() == pytest.approx(shorter(SPACE.widest)["log_loss"], abs=1e-6)
    assert np.array_equal(own, scorer.row_losses(SPACE.widest)[0])
    assert not np.array_equal(by_shorter, own)


def test_a_score_over_drawn_rows_weighs_each_by_how_seldom_its_like_is_drawn(
    scorer, model, records
):
    rows = telling_rows(scorer, 30, pilots=2, seed=3)
    assert rows.count == 30 and digest_of_rows(rows) == digest_of_rows(
        telling_rows(scorer, 30, pilots=2, seed=3)
    )
    assert digest_of_rows(rows) != digest_of_rows(telling_rows(scorer, 30, pilots=2, seed=4))
    by_drawn = SupernetScorer(model, records, PLAN, rows)
    for architecture in random_architectures(SPACE, 2, seed=2):
        losses, weights = by_drawn.row_losses(architecture)[0], rows.weights.numpy()
        assert set(losses.round(4)) <= set(scorer.row_losses(architecture)[0].round(4))
        expected = float((losses * weights).sum() / weights.sum())
        assert by_drawn(architecture)["log_loss"] == pytest.approx(expected, abs=1e-5)


def test_a_diverging_candidate_gets_a_score_that_is_not_finite(scorer, model):
    before = [variable.numpy() for variable in model.variables]
    try:
        for variable in model.trainable_variables:
            variable.assign(np.full(variable.shape, 1e30, np.float32))
        assert not math.isfinite(scorer(SPACE.widest)["log_loss"])
    finally:
        for variable, value in zip(model.variables, before):
            variable.assign(value)


@pytest.mark.slow
def test_by_masks_batches_of_every_size_are_one_program_and_score_as_by_slices(
    scorer, records, monkeypatch
):
    masked = Supernet(SPACE, records.features, SMALL_OPTIONS, seed=8)
    shake(masked)
    masked.run_by_masks()
    by_masks = SupernetScorer(masked, records, PLAN)
    sizes = set()
    frozen = by_masks._head_inputs

    def counted(inputs, path):
        sizes.add(inputs["sparse"].shape[0])
        return frozen(inputs, path)

    monkeypatch.setattr(by_masks, "_head_inputs", counted)
    for architecture in random_architectures(SPACE, 2, seed=2):
        expected = scorer(architecture)["log_loss"]
        assert by_masks(architecture)["log_loss"] == pytest.approx(expected, abs=1e-4)
    assert sizes == {CHUNK}
