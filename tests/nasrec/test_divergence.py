"""A training that diverges ends early, in one line, and never takes the place of a good state."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tqdm
from core_cases import FULL, SMALL_OPTIONS

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.search import main
from nasrec_tf.training.checkpoint import restore_weights
from nasrec_tf.training.curves import read_curve
from nasrec_tf.training.divergence import (
    PATIENCE_STEPS,
    DivergedError,
    LossWatch,
    first_weight_not_finite,
    require_finite_weights,
)
from nasrec_tf.training.loop import train
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.training_plan import TrainingPlan

SPACE = FULL.replace(num_blocks=1)
PLAN = TrainingPlan(
    Recipe(batch_size=32, epochs=2, learning_rate=0.1), seed=7, learning_rate_option="--rate"
)
BATCH = {"dense": np.array([[0.5, -3.0]])}


def supernet(records):
    return Supernet(SPACE, records.features, SMALL_OPTIONS, seed=5)


def subnet(records):
    return Subnet(SPACE.widest, records.features, SMALL_OPTIONS, seed=5)


class BatchesThatEnd:
    """Records of which, from a step on, one dense value of each batch is something else."""

    def __init__(self, records, step, value):
        self._records, self._step, self._value = records, step, value

    def __getattr__(self, name):
        return getattr(self._records, name)

    def training_batches(self, batch_size, epoch, seed, start=0, split="train"):
        done = epoch * self._records.steps_per_epoch(batch_size, split) + start

        def change(index, batch):
            inputs, labels = batch
            mask = tf.one_hot(3, inputs["dense"].shape[1], on_value=True, off_value=False)
            bad = tf.where(mask, self._value, inputs["dense"])
            dense = tf.where(done + index + 1 >= self._step, bad, inputs["dense"])
            return {**inputs, "dense": dense}, labels

        batches = self._records.training_batches(batch_size, epoch, seed, start, split)
        return batches.enumerate().map(change)


def diverge(model, records, directory, **options):
    with tqdm.tqdm(disable=True) as bar, pytest.raises(DivergedError) as error:
        train(model, records, PLAN, directory, bar, **options)
    assert "\n" not in str(error.value)
    assert isinstance(error.value, UserError)
    return str(error.value)


@pytest.mark.parametrize("build", [supernet, subnet])
def test_it_is_told_where_and_what_to_change(build, records, tmp_path):
    line = diverge(build(records), BatchesThatEnd(records, 6, math.nan), tmp_path)
    assert f"no loss from step 6 to {5 + PATIENCE_STEPS} (of {PLAN.steps(records)}) is" in line
    assert "use a smaller --rate than 0.1, or a --batch-size larger than 32" in line
    assert f"dense feature {records.schema.dense[3].name!r}" in line


def test_a_huge_value_ends_it_alike_and_is_named(records, tmp_path):
    line = diverge(supernet(records), BatchesThatEnd(records, 6, 1e38), tmp_path)
    assert f"dense feature {records.schema.dense[3].name!r} is 1e+38" in line


def test_the_last_good_state_stays(records, tmp_path):
    # A checkpoint at every step, so that the last good one is that of the step before.
    bad = BatchesThatEnd(records, 6, math.nan)
    line = diverge(subnet(records), bad, tmp_path, checkpoint_seconds=0.0)
    assert "is not finite after step 6" in line
    model = subnet(records)
    assert restore_weights(model, tmp_path / "checkpoint")
    assert first_weight_not_finite(model) is None
    assert [step for step, _ in read_curve(tmp_path / "loss.csv")] == [1, 2, 3, 4, 5]


def test_a_divergence_at_the_very_end_is_found(records, tmp_path):
    last = PLAN.steps(records)
    line = diverge(subnet(records), BatchesThatEnd(records, last, math.nan), tmp_path)
    assert f"is not finite after step {last}" in line
    assert [step for step, _ in read_curve(tmp_path / "loss.csv")][-1] == last // 2


def test_a_learning_rate_far_too_high_is_told_alike(records, tmp_path):
    plan = TrainingPlan(
        Recipe(batch_size=32, epochs=1, learning_rate=1e30), seed=7, learning_rate_option="--rate"
    )
    with tqdm.tqdm(disable=True) as bar, pytest.raises(DivergedError, match="--rate than 1e[+]30"):
        train(supernet(records), records, plan, tmp_path, bar)
    assert not (tmp_path / "checkpoint" / "checkpoint").exists()


def test_one_batch_far_off_ends_nothing():
    watch = LossWatch("mend", ["a", "b"], steps=1000)
    for step in range(1, 500):
        watch(step, 0.5 if step % PATIENCE_STEPS else math.inf, lambda: BATCH)


@pytest.mark.parametrize(
    ("dense", "named"),
    [
        ([[0.5, -3.0]], None),
        ([[0.5, -3e9]], "'b' is 3e+09"),
        ([[math.nan, 1.0]], "'a' is inf"),
        (np.zeros((4, 0)), None),
    ],
)
def test_a_huge_value_is_named_if_there_is_one(dense, named):
    watch = LossWatch("use less", ["a", "b"], steps=1000)
    with pytest.raises(DivergedError) as error:
        for step in range(1, 100):
            watch(step, math.nan, lambda: {"dense": np.array(dense)})
    assert f"step 1 to {PATIENCE_STEPS} (of 1000) is finite; use less" in str(error.value)
    assert (named or "feature") in str(error.value) or named is None
    assert ("feature" in str(error.value)) == (named is not None)


def test_a_weight_that_is_not_finite_is_found_wherever_it_is(records, monkeypatch):
    from nasrec_tf.training import divergence

    model = subnet(records)
    table = max(model.variables, key=lambda variable: math.prod(variable.shape))
    # Several pieces of a table, the last one shorter.
    monkeypatch.setattr(divergence, "PIECE", math.prod(table.shape) // 3)
    require_finite_weights(model, "mend")
    for variable in (table, model.variables[-1]):
        before = variable.numpy()
        for value, place in [(math.nan, 0), (math.inf, before.size // 2), (-math.inf, -1)]:
            spoilt = before.copy()
            spoilt.flat[place] = value
            variable.assign(spoilt)
            assert first_weight_not_finite(model) == variable.path
            with pytest.raises(DivergedError, match="is not finite; use less"):
                require_finite_weights(model, "use less")
        variable.assign(before)


def test_the_command_ends_before_any_candidate_is_scored(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = (
        "--recipe paper --demo-rows 1200 --space nasrec-small --blocks 1 --batch-size 64 "
        "--supernet-epochs 1 "
        "--population 6 --tournament 3 --seed 3 --quiet --run-dir run "
        "--supernet-learning-rate 1e30"
    )
    assert main(options.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    [line] = said.err.splitlines()
    assert line.startswith("error: the training diverged")
    assert "use a smaller --supernet-learning-rate than 1e+30" in line
    assert not (tmp_path / "run" / "supernet" / "result.json").exists()
    assert not (tmp_path / "run" / "evolution").exists()
