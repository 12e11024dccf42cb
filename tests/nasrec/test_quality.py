"""Log loss and AUC of predictions, with what chance leaves open."""

import fractions
import json
import tracemalloc

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import norm
from sklearn.metrics import log_loss, roc_auc_score

from nasrec_tf.training import evaluation, ranked_rows
from nasrec_tf.training.area_interval import interval_of_few
from nasrec_tf.training.evaluation import (
    Predictor,
    auc,
    log_losses,
    quality,
    quality_with_intervals,
)
from nasrec_tf.training.ranked_rows import RankedRows, poisson_weights


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000).astype(np.float32)
    return labels, (labels - 0.5 + rng.normal(size=2000)).astype(np.float32)


def test_log_loss_and_auc_are_scikit_learns(predictions):
    labels, logits = predictions
    found = quality(labels, logits)
    probabilities = 1 / (1 + np.exp(-logits.astype(float)))
    assert found.log_loss == pytest.approx(log_loss(labels, probabilities), rel=1e-9)
    assert found.auc == pytest.approx(roc_auc_score(labels, logits), rel=1e-14)
    assert found.samples == 2000


def test_large_logits_do_not_overflow():
    losses = log_losses(np.array([1.0, 0.0, 1.0]), np.array([1e4, 1e4, -1e4]))
    np.testing.assert_allclose(losses, [0, 1e4, 1e4])


@pytest.mark.filterwarnings("error")
def test_a_logit_that_is_not_finite_has_no_finite_loss_and_no_warning():
    """What a user saw of it was a line of numpy's, from within a table's build."""
    losses = log_losses(np.zeros(3), np.float32([np.nan, np.inf, 0.0]))
    assert np.isfinite(losses).tolist() == [False, False, True]


def test_auc_is_unknown_with_one_class_or_diverged_logits():
    assert auc(np.ones(3), np.arange(3.0)) is None
    assert auc(np.array([0.0, 1.0]), np.array([np.nan, 1.0])) is None
    assert auc(np.array([0.0, 1.0]), np.array([0.0, 1.0]), weights=np.array([0, 5])) is None
    with np.errstate(invalid="ignore"):
        diverged = quality_with_intervals(np.array([0.0, 1.0]), np.array([np.nan, 1.0]))
    assert np.isnan(diverged.log_loss)
    assert (diverged.auc, diverged.log_loss_interval, diverged.auc_interval) == (None,) * 3


@st.composite
def weighed_rows(draw):
    """Labels, logits of which many are equal, and how often each row counts."""
    count = draw(st.integers(1, 40))
    labels = draw(arrays.arrays(np.float32, count, elements=st.sampled_from([0.0, 1.0])))
    logits = draw(arrays.arrays(np.float32, count, elements=st.sampled_from([-2, -0.5, 0, 0.5, 3])))
    weights = draw(arrays.arrays(np.int64, count, elements=st.integers(0, 5)))
    return labels, logits, weights


def counted(labels, logits, weights):
    """The area as the definition has it: pairs of a row with a click and one without."""
    clicked = [(z, w) for y, z, w in zip(labels, logits, weights) if y]
    others = [(z, w) for y, z, w in zip(labels, logits, weights) if not y]
    pairs = [(2 * (a > b) + (a == b), int(v * w)) for a, v in clicked for b, w in others]
    total = sum(weight for _, weight in pairs)
    wins = sum(twice * weight for twice, weight in pairs)
    return float(fractions.Fraction(wins, 2 * total)) if total else None


@given(weighed_rows())
@settings(max_examples=150, deadline=None)
def test_the_weighted_area_is_exact_whatever_ties(rows):
    labels, logits, weights = rows
    area = auc(labels, logits, weights)
    assert area == counted(labels, logits, weights)
    if area is not None:
        reference = roc_auc_score(labels, logits, sample_weight=weights)
        assert area == pytest.approx(reference, abs=1e-14)
    assert auc(labels, logits) == counted(labels, logits, np.ones(len(labels), int))


@given(weighed_rows(), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_a_resample_is_what_its_weights_say_however_rows_are_cut(rows, chunk):
    labels, logits, _ = rows
    losses = log_losses(labels, logits)
    drawn = []

    def draw(count):
        drawn.append(poisson_weights(np.random.default_rng(len(drawn)), count))
        return drawn[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranked_rows, "CHUNK", chunk)
        mean, area = RankedRows(labels, logits, losses)._weighed(draw)
    # Weights are drawn for the rows with a click first, in the order of logits.
    order = np.lexsort((logits, -labels))
    weights = np.concatenate(drawn).astype(int)
    assert area == counted(labels[order], logits[order], weights)
    if weights.sum():
        assert mean == pytest.approx(np.average(losses[order], weights=weights), rel=1e-12)
    else:
        assert mean is None


def test_weights_are_drawn_from_poisson():
    weights = poisson_weights(np.random.default_rng(1), 1_000_000)
    shares = np.bincount(weights, minlength=10) / len(weights)
    np.testing.assert_allclose(shares, ranked_rows.POISSON_PROBABILITIES, atol=2e-3)
    assert weights.mean() == pytest.approx(1, abs=4e-3)
    assert weights.var() == pytest.approx(1, abs=8e-3)


def plain_bootstrap(labels, logits, rounds=400):
    """Intervals from rows drawn with replacement."""
    rng = np.random.default_rng(3)
    losses = log_losses(labels, logits)
    drawn = [rng.integers(len(labels), size=len(labels)) for _ in range(rounds)]
    figures = [
        [losses[r].mean() for r in drawn],
        [roc_auc_score(labels[r], logits[r]) for r in drawn],
    ]
    return [np.quantile(figure, [0.025, 0.975]) for figure in figures]


def test_intervals_are_those_of_rows_drawn_with_replacement(predictions):
    found = quality_with_intervals(*predictions, seed=1)
    expected = plain_bootstrap(*predictions)
    for interval, plain in zip((found.log_loss_interval, found.auc_interval), expected):
        width = plain[1] - plain[0]
        np.testing.assert_allclose(interval, plain, atol=0.15 * width)


def test_intervals_hold_the_point_and_repeat(predictions, monkeypatch):
    found = quality_with_intervals(*predictions, seed=1)
    assert found.log_loss_interval[0] < found.log_loss < found.log_loss_interval[1]
    assert found.auc_interval[0] < found.auc < found.auc_interval[1]
    assert found != quality_with_intervals(*predictions, seed=2)
    monkeypatch.setattr(evaluation, "BOOTSTRAP_THREADS", 1)
    assert found == quality_with_intervals(*predictions, seed=1)
    # A mean's 95 % interval is about four standard errors wide.
    error = log_losses(*predictions).std() / 2000**0.5
    width = found.log_loss_interval[1] - found.log_loss_interval[0]
    assert width == pytest.approx(4 * error, rel=0.25)
    assert json.loads(json.dumps(found.to_json()))["samples"] == 2000


def test_memory_does_not_grow_with_the_number_of_resamples(monkeypatch):
    rng = np.random.default_rng(5)
    labels = (rng.random(500_000) < 0.2).astype(np.float32)
    logits = rng.normal(size=labels.size).astype(np.float32)
    monkeypatch.setattr(evaluation, "BOOTSTRAP_THREADS", 1)
    monkeypatch.setattr(ranked_rows, "CHUNK", 10_000)
    peaks = []
    for rounds in (1, 30):
        monkeypatch.setattr(evaluation, "BOOTSTRAP_ROUNDS", rounds)
        tracemalloc.start()
        quality_with_intervals(labels, logits)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # One array of row numbers would be 8 bytes a row.
    assert peaks[1] - peaks[0] < labels.size
    assert peaks[1] < 60 * labels.size


def test_the_interval_of_few_clicks_is_newcombes():
    """Where the area lies 1.96 deviations off, by Hanley and McNeil's variance for m and n rows."""

    def apart(true, found, m, n):
        q1, q2 = true / (2 - true), 2 * true**2 / (1 + true)
        each = (m + n) / 2 - 1  # Newcombe's N* in the place of m - 1 and n - 1.
        square = true * (1 - true) + each * ((q1 - true**2) + (q2 - true**2))
        return abs(found - true) - 1.959964 * (square / (m * n)) ** 0.5

    for found, m, n in ((0.75, 2, 400), (0.6, 7, 9), (0.95, 19, 50)):
        low, high = interval_of_few(found, m, n)
        assert 0 < low < found < high < 1
        assert apart(low, found, m, n) == pytest.approx(0, abs=1e-6)
        assert apart(high, found, m, n) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("clicks", [1, 3, 12])
def test_the_interval_of_few_clicks_holds_the_true_area_as_often_as_it_says(clicks):
    rng = np.random.default_rng(clicks)
    labels = np.arange(150) < clicks
    truth, logs = norm.cdf(1 / 2**0.5), 300
    scores = rng.normal(size=(logs, len(labels))) + labels
    intervals = [
        interval_of_few(auc(labels, each), clicks, len(labels) - clicks) for each in scores
    ]
    held = np.mean([low <= truth <= high for low, high in intervals])
    assert 0.92 <= held
    wider, narrower = (np.diff(interval_of_few(0.76, more, 150)) for more in (clicks, clicks + 1))
    assert narrower < wider < 0.75


def test_an_area_of_few_clicks_has_no_interval_of_resamples():
    labels, logits = np.arange(300) % 150 == 0, np.linspace(-1, 1, 300)
    found = quality_with_intervals(labels, logits)
    assert found.auc_interval == interval_of_few(found.auc, 2, 298)
    assert np.diff(found.auc_interval) > 0.5
    # Turned round, it is the few without a click that tell.
    turned = quality_with_intervals(~labels, logits)
    assert turned.auc_interval == pytest.approx(interval_of_few(1 - found.auc, 298, 2))
    # Weights tell less than as many rows; rows of weight 0 tell nothing.
    weights = np.where(np.arange(300) == 0, 3.0, 1.0)
    heavy = quality_with_intervals(labels, logits, weights)
    assert heavy.auc_interval == interval_of_few(heavy.auc, 16 / 10, 298)
    many = np.arange(300) % 10 == 0
    light = quality_with_intervals(many, logits, np.where(labels | ~many, 1.0, 0.0))
    assert light.auc_interval == interval_of_few(light.auc, 2, 270)


def test_one_class_has_no_auc_interval():
    found = quality_with_intervals(np.zeros(50), np.linspace(-1, 1, 50))
    assert found.auc is None and found.auc_interval is None
    assert found.log_loss_interval is not None


def test_predictions_are_those_of_the_rows_asked_for_and_held_once(records):
    class Scores:
        def __call__(self, inputs, training):
            return inputs["dense"][:, :1]

    labels, logits = Predictor(Scores(), records)("validation")
    assert labels.shape == logits.shape == (records.rows("validation"),)
    assert labels.base is None and logits.base is None
    batches = list(records.batches("validation", 7))
    np.testing.assert_array_equal(labels, np.concatenate([y.numpy()[:, 0] for _, y in batches]))
    np.testing.assert_array_equal(
        logits, np.concatenate([x["dense"].numpy()[:, 0] for x, _ in batches])
    )
    counted = []
    some = Predictor(Scores(), records)("validation", limit=33, counted=counted.append)
    assert sum(counted) == 33
    np.testing.assert_array_equal(some[1], logits[:33])


def test_fewer_than_ten_rows_tell_no_interval_of_their_mean_log_loss():
    """Over a single row it had no width at all."""
    logits = np.linspace(-2, 1, 12)
    labels = (np.arange(12) % 3 == 0).astype(np.float32)
    for count in (1, 9, 10, 12):
        found = quality_with_intervals(labels[:count], logits[:count])
        assert (found.log_loss_interval is None) is (count < 10)
    # As many rows, most of which hardly count, or do not at all.
    for rest in (0.0, 0.01):
        weights = np.where(np.arange(12) < 9, 1.0, rest)
        found = quality_with_intervals(labels, logits, weights)
        assert found.log_loss_interval is None and np.isfinite(found.log_loss)
    assert quality_with_intervals(labels, logits, np.full(12, 0.1)).log_loss_interval is not None
