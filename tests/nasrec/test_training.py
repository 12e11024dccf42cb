"""Training stops at any moment and goes on exactly; networks are plain Keras models."""

import csv
import dataclasses
import os

import keras
import numpy as np
import pytest
import tensorflow as tf
import tqdm
from core_cases import FULL, SMALL_OPTIONS

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.regularization import Regularization
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.training.checkpoint import Checkpoint, restore_weights
from nasrec_tf.training.curves import read_curve
from nasrec_tf.training.evaluation import Predictor, quality
from nasrec_tf.training.loop import Rungs, train
from nasrec_tf.training.pace import Pace
from nasrec_tf.training.plateaus import tell_schedule
from nasrec_tf.training.recipe import LEAST_DEVIATION, Recipe
from nasrec_tf.training.training_plan import TrainingPlan

SPACE = FULL.replace(num_blocks=2)
ARCHITECTURE = SPACE.sample(np.random.default_rng(3))
RECIPE = Recipe(batch_size=64, epochs=2, learning_rate=0.1)
PLAN = TrainingPlan(RECIPE, seed=7)
DECAYING = TrainingPlan(RECIPE.replace(row_decay=0.01), seed=7)


class Stop(KeyboardInterrupt):
    """The user's Ctrl-C."""


class StoppingBar(tqdm.tqdm):
    """A progress bar during which the user stops the program."""

    def __init__(self, stop_at):
        super().__init__(disable=True)
        self.stop_at = stop_at
        self.steps = 0

    def update(self, n=1):
        self.steps += n
        if self.steps >= self.stop_at:
            raise Stop


def supernet(records):
    # One block has every operator; each further one takes as long to trace.
    return Supernet(
        SPACE.replace(num_blocks=1), records.features, SMALL_OPTIONS, warmup_steps=6, seed=5
    )


def subnet(records):
    return Subnet(ARCHITECTURE, records.features, SMALL_OPTIONS, seed=5)


def regularized(records):
    shares = Regularization(embedding_dropout=0.1, block_dropout=0.2, head_dropout=0.3)
    options = dataclasses.replace(SMALL_OPTIONS, normalization="batch")
    return Subnet(ARCHITECTURE, records.features, options, seed=5, regularization=shares)


def finish(build, records, directory, plan=PLAN, **options):
    model = build(records)
    with tqdm.tqdm(disable=True) as bar:
        train(model, records, plan, directory, bar, **options)
    return model


def stop_at(step, build, records, directory, plan=PLAN):
    with StoppingBar(step) as bar, pytest.raises(Stop):
        train(build(records), records, plan, directory, bar, checkpoint_seconds=0.0)


def state(model):
    return {v.path: v.numpy() for v in (*model.variables, *model.optimizer.variables)}


def assert_identical(first, second):
    assert first.keys() == second.keys()
    for path in first:
        np.testing.assert_array_equal(first[path], second[path], err_msg=path)


@pytest.mark.parametrize("build", [supernet, subnet, regularized])
def test_stopped_training_ends_with_the_very_same_weights(build, records, tmp_path):
    straight = finish(build, records, tmp_path / "straight")
    per_epoch = PLAN.steps_per_epoch(records)
    # In the first epoch, and again in the second one.
    stop_at(per_epoch // 2, build, records, tmp_path / "stopped")
    stop_at(per_epoch + 3, build, records, tmp_path / "stopped")
    resumed = finish(build, records, tmp_path / "stopped")
    assert int(resumed.optimizer.iterations) == 2 * per_epoch
    assert_identical(state(straight), state(resumed))
    curves = [read_curve(tmp_path / name / "loss.csv") for name in ("straight", "stopped")]
    assert [step for step, _ in curves[0]] == [step for step, _ in curves[1]]


def test_a_recipe_of_everything_at_once_goes_on_as_if_nothing_had_happened(records, tmp_path):
    everything = RECIPE.replace(
        optimizer="adamw", learning_rate=0.01, table_learning_rate=0.05, schedule="plateau",
        row_decay=0.01, weight_decay=0.01, weight_average=0.9, label_smoothing=0.1,
        normalization="batch", embedding_dropout=0.1, block_dropout=0.1, head_dropout=0.1,
        evaluations_per_epoch=2,
    )  # fmt: skip
    plan = TrainingPlan(everything, seed=7)
    shallow = SpaceModel(SPACE.replace(num_blocks=1).sample(np.random.default_rng(3)))
    losses = (0.5, 0.6, 0.4, 0.45)  # A plateau in the middle, and one that is told of at the end.

    def train_in(directory, bar, **options):
        model = shallow.build(records.features, everything, seed=5)

        def evaluate(index):
            tell_schedule(model, "log-loss", losses[index], None)
            return True

        train(model, records, plan, tmp_path / directory, bar, evaluate=evaluate, **options)
        return state(model)

    with tqdm.tqdm(disable=True) as bar:
        straight = train_in("straight", bar)
    with StoppingBar(plan.steps(records) * 2 // 3) as bar, pytest.raises(Stop):
        train_in("stopped", bar, checkpoint_seconds=0.0)
    with tqdm.tqdm(disable=True) as bar:
        assert_identical(straight, train_in("stopped", bar))


@pytest.mark.parametrize("build", [supernet, subnet])
def test_rows_that_a_stop_left_behind_catch_up_as_if_nothing_had_happened(build, records, tmp_path):
    straight = finish(build, records, tmp_path / "straight", DECAYING)
    stop_at(5, build, records, tmp_path / "stopped", DECAYING)
    resumed = finish(build, records, tmp_path / "stopped", DECAYING)
    assert_identical(state(straight), state(resumed))
    table = straight.embedding.table.numpy()
    straight.optimizer.settle()
    np.testing.assert_array_equal(straight.embedding.table.numpy(), table)
    undecayed = finish(build, records, tmp_path / "undecayed").embedding.table.numpy()
    assert np.abs(table).mean() < np.abs(undecayed).mean()


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("build", [supernet, subnet])
def test_what_is_kept_of_the_last_step_of_an_epoch_is_what_its_evaluation_saw(
    build, epoch, records, tmp_path, monkeypatch
):
    end = epoch * DECAYING.steps_per_epoch(records)
    save, model, seen = Checkpoint.save, [], {}

    def train_in(directory, **options):
        model[:] = [build(records)]
        tables = seen.setdefault(directory, {})

        def evaluate(index):
            tables[index] = model[0].embedding.table.numpy()
            return True

        with tqdm.tqdm(disable=True) as bar:
            train(model[0], records, DECAYING, tmp_path / directory, bar, evaluate, **options)
        return state(model[0])

    def killed(checkpoint):
        save(checkpoint)
        if int(model[0].optimizer.iterations) == end:
            raise Stop

    straight = train_in("straight")
    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Checkpoint, "save", killed)
        train_in("stopped", checkpoint_seconds=0.0)
    assert_identical(straight, train_in("stopped"))
    assert_identical(seen["straight"], seen["stopped"])


EDGES = {
    "least": {
        "table_learning_rate": 1e-30, "warmup_share": 0.0, "initial_deviation": LEAST_DEVIATION,
        "clip_norm": 0.0, "embedding_dim": 8, "normalization": "layer",
    },
    "most": {
        "warmup_share": 1.0, "row_decay": 10.0, "weight_decay": 10.0, "embedding_dropout": 0.99,
        "block_dropout": 0.99, "head_dropout": 0.99, "embedding_dim": 64, "clip_norm": 1e30,
        "label_smoothing": 0.5, "weight_average": 0.99999, "optimizer": "adamw",
        "normalization": "batch", "evaluations_per_epoch": 10_000, "patience": 2**20,
        "initial_deviation": 10.0, "schedule": "plateau", "seed": 2**63 - 1,
    },
    "most of an L2 term": {"table_l2": 10.0, "schedule": "constant", "epoch_rows": 2**62},
}  # fmt: skip


@pytest.mark.parametrize("edge", EDGES)
def test_a_network_trains_by_each_value_that_a_recipe_takes(edge, records, tmp_path):
    recipe = RECIPE.replace(epochs=1, batch_size=128, **EDGES[edge])
    model = SpaceModel(ARCHITECTURE).build(records.features, recipe, seed=5)
    plan = TrainingPlan(recipe, seed=recipe.seed_or(7))
    before = model.embedding.table.numpy()
    with tqdm.tqdm(disable=True) as bar:
        train(model, records, plan, tmp_path, bar)
    for variable in model.variables:
        assert np.isfinite(variable.numpy()).all(), variable.path
    # A rate of next to nothing leaves the tables as they are.
    moved = np.abs(model.embedding.table.numpy() - before).max()
    assert (moved < 1e-20) == (edge == "least")


def test_training_that_is_over_trains_no_more(records, tmp_path):
    first = finish(subnet, records, tmp_path)
    again = finish(subnet, records, tmp_path)
    assert_identical(state(first), state(again))


def test_training_lowers_the_loss_below_the_constant_prediction(records, tmp_path):
    model = finish(subnet, records, tmp_path)
    labels, logits = Predictor(model, records)("train")
    constant = np.full_like(logits, np.log(labels.mean() / (1 - labels.mean())))
    trained = quality(labels, logits)
    assert trained.log_loss < quality(labels, constant).log_loss
    assert trained.auc > 0.6
    first, last = read_curve(tmp_path / "loss.csv")[0], read_curve(tmp_path / "loss.csv")[-1]
    assert last[1] < first[1]


class OneBatchFarOff:
    """Records of which the second batch has enormous dense values."""

    def __init__(self, records):
        self._records = records

    def __getattr__(self, name):
        return getattr(self._records, name)

    def training_batches(self, *arguments, **options):
        def change(index, batch):
            inputs, labels = batch
            factor = tf.where(index == 1, 1e9, 1.0)
            return {**inputs, "dense": inputs["dense"] * factor}, labels

        return self._records.training_batches(*arguments, **options).enumerate().map(change)


class OtherNumberOfBatches:
    """Records of which an epoch has another number of batches than the schema says."""

    def __init__(self, records, change):
        self._records, self._change = records, change

    def __getattr__(self, name):
        return getattr(self._records, name)

    def training_batches(self, *arguments, **options):
        return self._change(self._records.training_batches(*arguments, **options))


@pytest.mark.parametrize(
    ("change", "told"),
    [(lambda batches: batches.take(3), "fewer"), (lambda batches: batches.repeat(2), "more")],
    ids=["fewer", "more"],
)
def test_an_epoch_of_another_length_is_a_damaged_data_set(records, tmp_path, change, told):
    with pytest.raises(UserError, match=f"'train' has {told} than.*make it again") as error:
        finish(subnet, OtherNumberOfBatches(records, change), tmp_path)
    assert "\n" not in str(error.value)


def test_steps_are_made_together_as_far_as_time_and_epoch_allow():
    pace = Pace()
    made = []
    for _ in range(6):
        made.append(pace.steps(left=20, seconds_left=60.0))
        with pace.timed(made[-1]):
            pass
    assert made == [1, 2, 4, 8, 16, 20]
    # A checkpoint is due, or there is one step left.
    assert pace.steps(left=20, seconds_left=0.0) == pace.steps(left=1, seconds_left=9.0) == 1


def evaluated_at(records, directory, plan, stop_at=None):
    """Steps at which a training was evaluated, in the order of first calls."""
    steps = {}
    model = subnet(records)

    def evaluate(index):
        steps.setdefault(index, int(model.optimizer.iterations.numpy()))
        if len(steps) == stop_at:
            raise Stop
        return True

    with tqdm.tqdm(disable=True) as bar:
        train(model, records, plan, directory, bar, evaluate=evaluate)
    return steps, [weight.numpy() for weight in model.weights]


def test_several_evaluations_an_epoch_change_no_weight_and_survive_a_stop(records, tmp_path):
    plan = TrainingPlan(RECIPE.replace(evaluations_per_epoch=3), seed=7)
    per_epoch = plan.steps_per_epoch(records)
    steps, weights = evaluated_at(records, tmp_path / "whole", plan)
    parts = [per_epoch * part // 3 for part in (1, 2, 3)]
    assert list(steps.values()) == [*parts, *(per_epoch + part for part in parts)]
    for expected, found in zip(evaluated_at(records, tmp_path / "once", PLAN)[1], weights):
        np.testing.assert_array_equal(expected, found)
    with pytest.raises(Stop):
        evaluated_at(records, tmp_path / "stopped", plan, stop_at=2)
    again, same = evaluated_at(records, tmp_path / "stopped", plan)
    assert again == {index: step for index, step in steps.items() if index >= 1}
    for expected, found in zip(weights, same):
        np.testing.assert_array_equal(expected, found)


def test_passes_that_end_before_the_split_does_survive_a_stop(records, tmp_path):
    rows = 3 * RECIPE.batch_size + 1
    plan = TrainingPlan(RECIPE.replace(epoch_rows=rows, epochs=3), seed=7)
    assert (plan.steps_per_epoch(records), plan.steps(records)) == (3, 9)
    steps, weights = evaluated_at(records, tmp_path / "whole", plan)
    assert list(steps.values()) == [3, 6, 9]
    with pytest.raises(Stop):
        evaluated_at(records, tmp_path / "stopped", plan, stop_at=1)
    evaluated = evaluated_at(records, tmp_path / "stopped", plan)[1]
    for expected, found in zip(weights, evaluated, strict=True):
        np.testing.assert_array_equal(expected, found)


def test_a_pass_of_more_rows_than_the_split_has_is_one_over_the_split(records, tmp_path):
    plan = TrainingPlan(RECIPE.replace(epoch_rows=2**40), seed=7)
    whole, found = (
        evaluated_at(records, tmp_path / name, asked)[1]
        for name, asked in (("whole", PLAN), ("more", plan))
    )
    for expected, weight in zip(whole, found, strict=True):
        np.testing.assert_array_equal(expected, weight)


def test_averaged_weights_are_what_is_evaluated_and_kept_and_survive_a_stop(records, tmp_path):
    plan = TrainingPlan(RECIPE.replace(weight_average=0.9, row_decay=0.01), seed=7)
    seen = {}

    def trained(directory, stop=False):
        model = subnet(records)

        def evaluate(index):
            seen[index] = [weight.numpy() for weight in model.weights]
            if stop:
                raise Stop
            return True

        with tqdm.tqdm(disable=True) as bar:
            train(model, records, plan, directory, bar, evaluate=evaluate)
        return [weight.numpy() for weight in model.weights]

    averaged = trained(tmp_path / "whole")
    for expected, found in zip(seen[1], averaged, strict=True):
        np.testing.assert_array_equal(expected, found)
    raw = finish(subnet, records, tmp_path / "raw", DECAYING)
    assert not np.allclose(raw.weights[-2].numpy(), averaged[-2], atol=1e-6)
    with pytest.raises(Stop):
        trained(tmp_path / "stopped", stop=True)
    for expected, found in zip(averaged, trained(tmp_path / "stopped"), strict=True):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("average", [pytest.param(0.0, marks=pytest.mark.slow), 0.9])
def test_looks_change_no_bit_whether_a_training_is_laid_aside_after_them_or_not(
    records, tmp_path, average
):
    plan = TrainingPlan(RECIPE.replace(weight_average=average, row_decay=0.01), seed=7)
    whole, per_epoch = finish(subnet, records, tmp_path / "whole", plan), PLAN.steps(records) // 2
    steps = (3, per_epoch, per_epoch + 2)
    seen = []

    def take(step):
        seen.append(step)
        return True

    looked = finish(subnet, records, tmp_path / "looked", plan, rungs=Rungs(steps, take))
    assert seen == list(steps)
    assert_identical(state(whole), state(looked))
    left = steps
    while left:
        with tqdm.tqdm(disable=True) as bar:
            model, rungs = subnet(records), Rungs(left, lambda step: False)
            ended = train(model, records, plan, tmp_path / "aside", bar, rungs=rungs)
        assert not ended and int(model.optimizer.iterations.numpy()) == left[0]
        left = left[1:]
    resumed = finish(subnet, records, tmp_path / "aside", plan)
    assert_identical(state(whole), state(resumed))


def test_a_look_sees_what_an_evaluation_at_the_same_step_sees(records, tmp_path):
    plan = TrainingPlan(RECIPE.replace(weight_average=0.9, row_decay=0.01, epochs=1), seed=7)
    seen = {}

    def trained(name, **options):
        model = subnet(records)

        def note(_):
            seen[name] = [weight.numpy() for weight in model.weights]
            return False

        options = {kind: make(note) for kind, make in options.items()}
        with tqdm.tqdm(disable=True) as bar:
            train(model, records, plan, tmp_path / name, bar, **options)

    half = plan.steps(records) // 2
    twice = dataclasses.replace(plan, recipe=plan.recipe.replace(evaluations_per_epoch=2))
    trained("look", rungs=lambda note: Rungs([half], note))
    plan = twice
    trained("evaluation", evaluate=lambda note: note)
    for expected, found in zip(seen["evaluation"], seen["look"], strict=True):
        np.testing.assert_array_equal(expected, found)


def test_no_more_evaluations_than_steps(records):
    plan = TrainingPlan(RECIPE.replace(evaluations_per_epoch=10_000), seed=7)
    steps = plan.steps_per_epoch(records)
    assert [plan.evaluation_step(index, records) for index in range(steps)] == [
        *range(1, steps + 1)
    ]


def test_the_loss_curve_shows_each_step_for_itself(records, tmp_path):
    plan = TrainingPlan(RECIPE.replace(epochs=1, learning_rate=1e-9), seed=7)
    options = dataclasses.replace(SMALL_OPTIONS, normalization="none")
    model = Subnet(ARCHITECTURE, records.features, options, seed=5)
    with tqdm.tqdm(disable=True) as bar:
        train(model, OneBatchFarOff(records), plan, tmp_path, bar)
    first, far_off, *others = [loss for _, loss in read_curve(tmp_path / "loss.csv")]
    assert far_off > 1e6
    assert all(0.2 < loss < 2.0 for loss in (first, *others))


def test_after_each_epoch_training_may_be_ended(records, tmp_path):
    epochs = []

    def after_epoch(epoch):
        epochs.append(epoch)
        return False

    model = finish(subnet, records, tmp_path, evaluate=after_epoch)
    assert epochs == [0]
    assert int(model.optimizer.iterations) == PLAN.steps_per_epoch(records)


def test_a_checkpoint_of_another_network_is_told_with_the_mend(records, tmp_path):
    stop_at(3, subnet, records, tmp_path)
    with pytest.raises(UserError) as error:
        finish(supernet, records, tmp_path)
    assert str(tmp_path) in str(error.value) and "delete" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_weights_of_a_checkpoint_are_read_without_an_optimizer(records, tmp_path):
    trained = supernet(records)
    with StoppingBar(5) as bar, pytest.raises(Stop):
        train(trained, records, PLAN, tmp_path, bar, checkpoint_seconds=0.0)
    model = supernet(records)
    assert not restore_weights(model, tmp_path / "nowhere")
    Checkpoint(trained, tmp_path / "checkpoint").save()
    assert restore_weights(model, tmp_path / "checkpoint")
    for mine, its in zip(model.variables, trained.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), its.numpy(), err_msg=mine.path)
    with pytest.raises(UserError, match="delete"):
        restore_weights(subnet(records), tmp_path / "checkpoint")


@pytest.mark.parametrize(
    "pattern, size", [("*.data*", 0), ("*.data*", 1000), ("*.index", 100), ("checkpoint", 0)]
)
def test_a_truncated_checkpoint_is_told_with_the_mend(records, tmp_path, pattern, size):
    stop_at(3, subnet, records, tmp_path / "run")
    [file] = (tmp_path / "run" / "checkpoint").glob(pattern)
    os.truncate(file, size)
    with pytest.raises(UserError, match=f"delete {tmp_path}/run to train anew") as from_scratch:
        finish(subnet, records, tmp_path / "run")
    with pytest.raises(UserError) as for_scoring:
        restore_weights(subnet(records), tmp_path / "run" / "checkpoint")
    assert str(from_scratch.value) == str(for_scoring.value)
    assert "\n" not in str(for_scoring.value)


# Plain Keras.


def compiled(model):
    model.compile(
        optimizer=Adagrad(0.05),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.AUC(from_logits=True, num_thresholds=50, name="auc")],
        jit_compile=False,
    )
    return model


@pytest.mark.parametrize("build", [supernet, subnet])
def test_networks_train_under_plain_fit_with_callbacks(build, records, tmp_path):
    model = compiled(build(records))
    before = [variable.numpy() for variable in model.trainable_variables]
    log = tmp_path / "log.csv"
    history = model.fit(
        records.training_batches(PLAN.batch_size, 0, seed=1),
        validation_data=records.batches("validation", 64),
        epochs=8,
        callbacks=[
            # No step is an improvement of 10, so training ends after the second epoch.
            keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10.0),
            keras.callbacks.CSVLogger(str(log)),
        ],
        shuffle=False,
        verbose=0,
    )
    assert len(history.history["loss"]) == 2
    assert set(history.history) == {"loss", "auc", "val_loss", "val_auc"}
    assert all(0 <= value <= 1 for value in history.history["auc"])
    with open(log, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [0, 1]
    assert any((old != v.numpy()).any() for old, v in zip(before, model.trainable_variables))


def test_validation_in_between_changes_nothing_that_is_trained(records):
    def fitted(**options):
        model = compiled(supernet(records))
        batches = records.training_batches(PLAN.batch_size, 0, seed=1).take(3)
        model.fit(batches, epochs=2, shuffle=False, verbose=0, **options)
        return state(model)

    validated = fitted(validation_data=records.batches("validation", 64).take(1))
    assert_identical(fitted(), validated)


def test_the_reported_loss_and_auc_are_those_of_the_predictions(records):
    model = compiled(subnet(records))
    results = model.evaluate(records.batches("test", 50), return_dict=True, verbose=0)
    labels, logits = Predictor(model, records)("test")
    np.testing.assert_allclose(
        model.predict(records.batches("test", 50), verbose=0)[:, 0], logits, atol=1e-5
    )
    found = quality(labels, logits)
    assert results["loss"] == pytest.approx(found.log_loss, abs=1e-5)
    assert results["auc"] == pytest.approx(found.auc, abs=0.03)


def test_the_same_seed_gives_the_same_network(records):
    weights = [subnet(records).named_weights() for _ in range(2)]
    for name in weights[0]:
        np.testing.assert_array_equal(weights[0][name].numpy(), weights[1][name].numpy())


@pytest.mark.parametrize("numbers_at_a_time", [20, 1 << 22])
def test_weights_in_a_file_are_those_of_the_network(
    records, tmp_path, monkeypatch, numbers_at_a_time
):
    from nasrec_tf.common.errors import RunError
    from nasrec_tf.networks import weights
    from nasrec_tf.networks.weights import load_weights, save_weights

    monkeypatch.setattr(weights, "PIECE", numbers_at_a_time)
    one = subnet(records)
    other = Subnet(ARCHITECTURE, records.features, SMALL_OPTIONS, seed=None)
    assert not any(variable.numpy().any() for variable in other.named_weights().values())
    save_weights(one, tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as file:
        for name, variable in one.named_weights().items():
            np.testing.assert_array_equal(variable.numpy(), file[name])
    load_weights(other, tmp_path / "net.npz")
    for name, variable in one.named_weights().items():
        np.testing.assert_array_equal(variable.numpy(), other.named_weights()[name].numpy())
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]
    smaller = Subnet(ARCHITECTURE, records.features.capped(3), SMALL_OPTIONS)
    with pytest.raises(RunError, match="net.npz"):
        load_weights(smaller, tmp_path / "net.npz")
    whole = (tmp_path / "net.npz").read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"\x93NUMPY") + 200] ^= 1
    for damaged in (b"PK damaged", b"", whole[:-100], whole[: len(whole) // 2], bytes(flipped)):
        (tmp_path / "net.npz").write_bytes(damaged)
        with pytest.raises(RunError, match="net.npz"):
            load_weights(other, tmp_path / "net.npz")
