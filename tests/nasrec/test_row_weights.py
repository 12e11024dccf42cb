"""A row that counts n times is n rows: in losses, figures, calibration and training."""

import dataclasses

import keras
import numpy as np
import pytest
import sklearn.metrics
from core_cases import SMALL
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from beam_preprocess.api import preprocess
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.datasets.generic import generic
from beam_preprocess.errors import DataError
from nasrec_tf.benchmark.bench_training import _Judge
from nasrec_tf.benchmark.table_files import RowsFile
from nasrec_tf.benchmark.table_workspace import BuildConfig, opened_workspace
from nasrec_tf.common.errors import RunError
from nasrec_tf.data.records import Records
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.training.area_interval import FEW, few_of_a_label, rows_by_label
from nasrec_tf.training.calibration import Calibration, fit_calibration
from nasrec_tf.training.ensembles import paired_difference, select
from nasrec_tf.training.evaluation import (
    log_losses,
    parts_of_mean,
    quality,
    quality_with_intervals,
)
from nasrec_tf.training.grouped_auc import mean_grouped_auc
from nasrec_tf.training.loop import train
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.reliability import expected_calibration_error, reliability
from nasrec_tf.training.scoring import ScoringPlan, SupernetScorer
from nasrec_tf.training.training_plan import TrainingPlan

ROWS = 120

unhurried = settings(deadline=None)


@st.composite
def weighted_rows(draw):
    """Labels, logits with ties, groups and whole weights, some of them 0."""
    count = draw(st.integers(1, 40))
    labels = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=count, max_size=count))
    logits = draw(st.lists(st.integers(-8, 8), min_size=count, max_size=count))
    groups = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    weights = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    assume(sum(weights))
    arrays = np.array(labels, np.float32), np.array(logits, np.float32) / 4
    return *arrays, np.array(groups), np.array(weights, np.float32)


def repeated(weights, *columns):
    return [np.repeat(column, weights.astype(int)) for column in columns]


def close(one, other):
    return (one is None and other is None) or one == pytest.approx(other, rel=1e-9, abs=1e-12)


@unhurried
@given(weighted_rows())
def test_figures_are_those_of_rows_that_are_repeated(rows):
    labels, logits, groups, weights = rows
    labels_again, logits_again, groups_again = repeated(weights, labels, logits, groups)
    found, expected = quality(labels, logits, weights), quality(labels_again, logits_again)
    assert close(found.log_loss, expected.log_loss) and close(found.auc, expected.auc)
    assert close(
        mean_grouped_auc(labels, logits, groups, weights),
        mean_grouped_auc(labels_again, logits_again, groups_again),
    )
    probabilities, again = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-logits_again))
    assert close(
        expected_calibration_error(labels, probabilities, 5, weights),
        expected_calibration_error(labels_again, again, 5),
    )


@unhurried
@given(weighted_rows())
def test_a_group_has_the_area_that_scikit_learn_gives_it(rows):
    labels, logits, groups, weights = (column.astype(np.float64) for column in rows)
    total = size = 0.0
    for group in set(groups.tolist()) - {0}:
        mine = (groups == group) & (weights > 0)
        if len(set(labels[mine].tolist())) == 2:
            area = sklearn.metrics.roc_auc_score(
                labels[mine], logits[mine], sample_weight=weights[mine]
            )
            total, size = total + area * weights[mine].sum(), size + weights[mine].sum()
    assert close(mean_grouped_auc(labels, logits, groups, weights), total / size if size else None)


def sure_predictions(seed=0, rows=2000):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=rows)
    labels = (rng.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    return labels, (3 * logits + 1).astype(np.float32), rng.integers(0, 4, rows).astype(np.float32)


def test_calibration_is_that_of_rows_that_are_repeated():
    labels, logits, weights = sure_predictions()
    found = fit_calibration(labels, logits, weights)
    expected = fit_calibration(*repeated(weights, labels, logits))
    assert found.refused is None and expected.refused is None
    assert found.calibration.scale == pytest.approx(expected.calibration.scale, rel=1e-6)
    assert found.calibration.offset == pytest.approx(expected.calibration.offset, rel=1e-6)
    assert np.isfinite(found.held_out).all()
    assert fit_calibration(labels, logits, np.ones_like(labels)).calibration != Calibration()


def test_weights_of_one_change_no_figure():
    labels, logits, _ = sure_predictions()
    ones = np.ones_like(labels)
    found, plain = (
        quality_with_intervals(labels, logits, ones),
        quality_with_intervals(labels, logits),
    )
    assert found.log_loss_interval == pytest.approx(plain.log_loss_interval, abs=0.02)
    assert found.auc_interval == pytest.approx(plain.auc_interval, abs=0.02)
    assert (found.log_loss, found.auc) == pytest.approx((plain.log_loss, plain.auc))
    points = reliability(labels, logits, weights=ones)
    for one, other in zip(points, reliability(labels, logits), strict=True):
        assert dataclasses.astuple(one) == pytest.approx(dataclasses.astuple(other))


def test_ensembles_and_differences_count_rows_by_their_weight():
    labels, logits, weights = sure_predictions()
    others = np.roll(logits, 7)
    again = repeated(weights, labels, logits, others)
    found = select(labels, [logits, others], 3, weights)
    expected = select(again[0], again[1:], 3)
    assert found.counts == expected.counts
    assert found.log_loss == pytest.approx(expected.log_loss)
    one, other = paired_difference(labels, logits, others, 0, weights), paired_difference(*again)
    assert (one.log_loss, one.auc) == pytest.approx((other.log_loss, other.auc))
    assert one == paired_difference(labels, logits, others, 0, weights)


def test_parts_of_a_mean_have_its_mean_and_its_standard_error():
    labels, logits, weights = sure_predictions()
    losses = log_losses(labels, logits).astype(np.float64)
    parts = parts_of_mean(losses, weights)
    mean = np.average(losses, weights=weights)
    assert parts.mean() == pytest.approx(mean)
    rng = np.random.default_rng(1)
    means = []
    for _ in range(2000):
        rows = rng.integers(0, len(losses), len(losses))
        means.append(np.average(losses[rows], weights=weights[rows]))
    assert parts.std(ddof=1) / len(losses) ** 0.5 == pytest.approx(np.std(means), rel=0.05)
    assert parts_of_mean(losses, None) is losses
    np.testing.assert_allclose(parts_of_mean(losses, np.full(len(losses), 3.0)), losses)


def log_of(rows, columns="label,user,item,price,importance"):
    return "\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n"


def log_rows():
    rng = np.random.default_rng(3)
    return [
        (int(rng.random() < 0.4), f"u{n % 7}" if n % 11 else "", f"i{n % 5}", n % 13, n % 4)
        for n in range(ROWS)
    ]


def data_set(directory, rows, **columns):
    """A data set whose three splits hold the same rows."""
    directory.mkdir()
    paths = {name: directory / f"{name}.csv" for name in ("train", "validation", "test")}
    for path in paths.values():
        path.write_text(log_of(rows))
    config = PreprocessConfig(
        generic("label", ("price",), ("user", "item"), **columns),
        str(directory / "data"),
        split="given",
        split_inputs={name: (str(path),) for name, path in paths.items()},
        encoding="hash",  # ids that do not depend on how often a value is there
        table_rows=50,
        row_order="log",
    )
    return preprocess(config)


@pytest.fixture(scope="module")
def weighted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("weights") / "weighted"
    return data_set(directory, log_rows(), weight="importance", group="user")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The same log with each row as often as it counts."""
    rows = [row for row in log_rows() for _ in range(row[4])]
    return data_set(tmp_path_factory.mktemp("plain") / "repeated", rows)


@pytest.fixture(params=[2 << 30, 0], ids=["in memory", "streamed"])
def memory(request):
    return request.param


def test_weights_and_groups_stand_beside_the_rows(weighted, memory):
    records = Records(weighted, memory)
    expected = np.array([row[4] for row in log_rows()], np.float32) / np.float32(1.5)
    assert records.weighted and records.schema.splits["train"].weight == 180.0
    for split in ("train", "validation"):
        np.testing.assert_allclose(records.weights(split), expected, rtol=1e-6)
        found = [weights.numpy() for _, _, weights in records.batches(split, 50)]
        np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-6)
    assert len(records.weights("test", 7)) == 7
    groups = records.groups("test")
    missing = np.array([row[1] == "" for row in log_rows()])
    assert ((groups == 0) == missing).all()
    names = np.array([row[1] for row in log_rows()])
    assert len(set(zip(groups, names))) == len(set(groups)) == len(set(names))


def test_the_label_rate_is_that_of_the_weights(weighted, plain):
    one, other = Schema.load(weighted), Schema.load(plain)
    for name in ("train", "validation", "test"):
        assert one.splits[name].label_rate == pytest.approx(other.splits[name].label_rate)


def test_clicks_of_weight_0_make_no_verdict(tmp_path, weighted, plain):
    """Models were told apart by two clicks that count, where a hundred stand in the log."""
    clicked = [(1, "u1", "i1", n, 0) for n in range(100)] + [(1, "u1", "i2", n, 1) for n in (1, 2)]
    others = [(0, "u2", "i1", n, 3) for n in range(50)]
    rows = data_set(tmp_path / "few", clicked + others, weight="importance")
    counts = rows_by_label(Records(rows), "test")
    assert counts == (2, 50) and few_of_a_label(counts) == 2

    labels = np.array([row[0] for row in log_rows() if row[4]])
    counts = rows_by_label(Records(weighted), "test")
    assert counts == (labels.sum(), (1 - labels).sum()) and few_of_a_label(counts) is None
    split = Schema.load(plain).splits["test"]
    assert rows_by_label(Records(plain), "test") == (split.positives, split.rows - split.positives)
    assert few_of_a_label((FEW, FEW)) is None and few_of_a_label((50, FEW - 1)) == FEW - 1


def test_batches_keep_rows_and_weights_together(weighted, memory):
    records = Records(weighted, memory, order="file" if not memory else "shuffled")
    found = []
    for inputs, labels, weights in records.training_batches(40, 0, 1):
        assert weights.shape == (40,) and labels.shape == (40, 1)
        prices = np.expm1(inputs["dense"].numpy()[:, 0]).round().astype(int)
        found += zip(prices.tolist(), (1.5 * weights.numpy()).round().astype(int).tolist())
    assert sorted(found) == sorted((row[3], row[4]) for row in log_rows())


def gradients_on(records, batch):
    """Loss and weights after one step on a whole split, of a linear model."""
    keras.utils.set_random_seed(0)
    dense = keras.Input((1,), name="dense")
    sparse = keras.Input((2,), name="sparse", dtype="int64")
    joined = keras.layers.Concatenate()([dense, keras.ops.cast(sparse, "float32")])
    model = keras.Model(
        {"dense": dense, "sparse": sparse}, keras.layers.Dense(1, name="head")(joined)
    )
    model.compile(keras.optimizers.SGD(0.1), keras.losses.BinaryCrossentropy(from_logits=True))
    rows = next(iter(records.batches("train", batch)))
    loss = float(model.train_step(rows)["loss"])
    return loss, [variable.numpy() for variable in model.trainable_variables]


def test_a_step_on_weighted_rows_is_that_on_repeated_ones(weighted, plain, memory):
    one, other = Records(weighted, memory), Records(plain, memory)
    found, expected = gradients_on(one, ROWS), gradients_on(other, 10 * ROWS)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    for mine, theirs in zip(found[1], expected[1]):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("weight", "message"),
    [("-1", "no weight"), ("", "no weight"), ("many", "not a number"), ("inf", "not a finite")],
)
def test_what_is_no_weight_rejects_the_row(tmp_path, weight, message):
    rows = [*log_rows(), (1, "u1", "i1", 3, weight)]
    out = data_set(tmp_path / "log", rows, weight="importance")
    (reason,) = Schema.load(out).rejected
    assert reason.startswith("column importance: ") and message in reason


def test_a_weight_cannot_be_a_feature_and_has_to_be_there(tmp_path):
    with pytest.raises(DataError, match="weight 'price' cannot be a feature"):
        data_set(tmp_path / "a", log_rows(), weight="price")
    with pytest.raises(DataError, match="no column 'importanec', did you mean 'importance'"):
        data_set(tmp_path / "b", log_rows(), weight="importanec")
    with pytest.raises(DataError, match="all rows of the train split have weight 0"):
        data_set(tmp_path / "c", [(*row[:4], 0) for row in log_rows()], weight="importance")


def test_a_supernets_score_counts_rows_by_their_weight(weighted, plain):
    scores = []
    for directory in (weighted, plain):
        records = Records(directory)
        keras.utils.set_random_seed(1)
        supernet = Supernet(SMALL, records.features, seed=1)
        plan = ScoringPlan(batch_size=32, fine_tune_steps=0, evaluation_batch=64)
        scores.append(SupernetScorer(supernet, records, plan)(SMALL.widest)["log_loss"])
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)


def test_a_benchmarks_looks_count_rows_by_their_weight(weighted, plain):
    found = []
    for directory in (weighted, plain):
        records = Records(directory)
        network = SpaceModel(SMALL.widest).build(records.features, Recipe(), seed=1)
        plan = TrainingPlan(Recipe(batch_size=40, epochs=1), seed=0)
        plan.compile(network, records)
        judge = _Judge(network, records, plan)
        assert judge(0)
        found.append(judge.points[0])
    assert dataclasses.astuple(found[0]) == pytest.approx(
        (3, *dataclasses.astuple(found[1])[1:]), rel=1e-4
    )


def test_a_benchmarks_table_says_that_its_figures_are_weighted(weighted, plain, tmp_path):
    """Those of a version that counted all rows alike are of another protocol."""
    for name, directory, is_weighted in (("w", weighted, True), ("p", plain, False)):
        config = BuildConfig(str(tmp_path), str(directory), name, space="nasrec-small")
        with opened_workspace(config, quiet=True) as place:
            card = place.card
        assert card.weighted is is_weighted
        earlier = dataclasses.replace(card, weighted=False)
        assert (earlier.protocol == card.protocol) is not is_weighted
        assert ("weighted" in card.to_json()) is is_weighted
    before = RowsFile(tmp_path / "before", dataclasses.replace(card, weighted=False))
    before.close()
    with pytest.raises(RunError, match="figures count all rows alike, where these records have"):
        RowsFile(tmp_path / "before", dataclasses.replace(card, weighted=True))
    with pytest.raises(RunError, match="an earlier protocol; use another"):
        RowsFile(tmp_path / "before", dataclasses.replace(card, digest="1" * 16, weighted=True))


class Silent:
    def update(self, *_): ...

    def set_postfix_str(self, *_, **__): ...


def test_weights_move_what_training_learns(weighted, tmp_path):
    records = Records(weighted)
    learned = []
    for name in ("weighted", "again", "alike"):
        if name == "alike":
            records = Records(weighted)
            records.schema = dataclasses.replace(records.schema, weight=None)
        supernet = Supernet(SMALL, records.features, seed=1)
        plan = TrainingPlan(Recipe(batch_size=40, epochs=1), seed=0)
        train(supernet, records, plan, tmp_path / name, Silent())
        assert int(supernet.optimizer.iterations.numpy()) == 3
        learned.append(np.concatenate([part.numpy().ravel() for part in supernet.variables[:9]]))
    assert np.array_equal(learned[0], learned[1])
    assert not np.array_equal(learned[0], learned[2])
