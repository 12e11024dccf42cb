"""Calibration: two numbers of the highest likelihood, and none where they are of no use."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from nasrec_tf.training.calibration import Calibration, fit_calibration
from nasrec_tf.training.evaluation import auc, log_losses
from nasrec_tf.training.reliability import expected_calibration_error, reliability


def log(rows, scale=1.0, offset=0.0, seed=0):
    """Labels, and the logits of a model that is wrong by a scale and an offset."""
    random = np.random.default_rng(seed)
    logits = random.normal(-1.0, 1.5, rows)
    labels = (random.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    return labels, ((logits - offset) / scale).astype(np.float32)


@pytest.mark.parametrize(("scale", "offset"), [(0.3, 0.5), (2.0, -1.0), (0.001, 3.0)])
def test_the_fit_is_that_of_logistic_regression_without_penalty(scale, offset):
    labels, logits = log(5000, scale, offset)
    found = fit_calibration(labels, logits).calibration
    spread = logits.astype(np.float64).std()
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None] / spread, labels)
    assert found.scale == pytest.approx(theirs.coef_[0, 0] / spread, rel=1e-5)
    assert found.offset == pytest.approx(theirs.intercept_[0], rel=1e-5)


def test_rows_that_are_summed_in_parts_give_the_same_fit(monkeypatch):
    labels, logits = log(3001, scale=0.5)
    whole = fit_calibration(labels, logits)
    monkeypatch.setattr("nasrec_tf.training.calibration.CHUNK", 1000)
    parts = fit_calibration(labels, logits)
    assert parts.calibration.scale == pytest.approx(whole.calibration.scale, rel=1e-9)
    np.testing.assert_allclose(parts.held_out, whole.held_out, rtol=1e-9)


def test_a_model_that_is_too_sure_gets_better_on_rows_of_neither_half():
    labels, logits = log(8000, scale=0.4, offset=0.3)
    found = fit_calibration(labels[:4000], logits[:4000])
    fresh, raw = labels[4000:], logits[4000:]
    calibrated = found.calibration.applied(raw)
    assert found.refused is None
    assert log_losses(fresh, calibrated).mean() < log_losses(fresh, raw).mean() - 0.05
    assert auc(fresh, calibrated) == auc(fresh, raw)


def test_the_held_out_logits_of_a_row_come_from_the_other_half():
    labels, logits = log(4000, scale=0.4)
    held_out = fit_calibration(labels, logits).held_out
    changed = labels.copy()
    changed[::2] = 1 - changed[::2]
    # Of the even rows: fitted on the odd ones, whose labels are what they were.
    refused = fit_calibration(changed, logits)
    assert refused.refused is not None
    changed = labels.copy()
    changed[:200:2] = 1 - changed[:200:2]
    again = fit_calibration(changed, logits).held_out
    np.testing.assert_array_equal(again[::2], held_out[::2])
    assert (again[1::2] != held_out[1::2]).all()


def test_a_model_that_is_right_stays_as_it_is():
    refused = [fit_calibration(*log(1000, seed=seed)).refused for seed in range(100)]
    assert sum(reason is None for reason in refused) < 10


@pytest.mark.parametrize(
    ("labels", "logits", "reason"),
    [
        ([1, 1, 1, 1], [0, 1, 2, 3], "not both labels are there"),
        ([], [], "not both labels are there"),
        ([0, 1, 0, 1], [2, 2, 2, 2], "the logits are all alike"),
        ([0, 1, 0, 1], [0, math.nan, 1, 2], "the logits are not all finite"),
        ([0, 1, 0, 1], [0, math.inf, 1, 2], "the logits are not all finite"),
        ([0, 0, 1, 1], [0, 1, 1, 2], "the logits tell the labels apart without an error"),
        ([1, 1, 0, 0], [0, 1, 2, 3], "the logits tell the labels apart without an error"),
        ([1, 0, 1, 1], [0, 1, 2, 3], "in half the rows not both labels are there"),
        ([1, 1, 1, 0, 0, 0, 0, 0] * 9, [1, 1, 3, 2, 2, 4, 5, 5] * 9,
         "in half the rows clicks do not grow more frequent with the logits"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_said_and_changes_nothing(labels, logits, reason):
    logits = np.array(logits, np.float32)
    found = fit_calibration(np.array(labels, np.float32), logits)
    assert found.refused == reason and found.calibration == Calibration()
    np.testing.assert_array_equal(found.held_out, logits.astype(np.float64))


HUGE = [*[(0, 0.0)] * 6, (1, 2.7e8), (0, 0.0), (0, 5.2e16), (0, 0.0), (1, -1.7e25)]
"""Newton's second derivatives vanish on the way."""


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.floats(width=32)), min_size=0, max_size=40
    )
)  # fmt: skip
@example(HUGE)
def test_whatever_the_logits_the_outcome_is_defined(rows):
    labels = np.array([label for label, _ in rows], np.float32)
    logits = np.array([logit for _, logit in rows], np.float32)
    found = fit_calibration(labels, logits)
    assert (found.refused is None) != (found.calibration == Calibration())
    if found.refused is None:
        raw = log_losses(labels, logits).mean()
        assert log_losses(labels, found.calibration.applied(logits)).mean() <= raw


@pytest.mark.parametrize("label", [0.5, -1.0, math.nan])
def test_labels_that_are_no_clicks_are_refused(label):
    with pytest.raises(ValueError, match="`labels` must be 0 or 1. Received: .* in row 1"):
        fit_calibration(np.array([0.0, label]), np.zeros(2))


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="of one shape"):
        fit_calibration(np.zeros((4, 1)), np.zeros(4))


@pytest.mark.parametrize("values", [(0.0, 0.0), (-1.0, 0.0), (math.inf, 0.0), (1.0, math.nan)])
def test_a_calibration_neither_turns_rankings_nor_ends_in_nothing(values):
    with pytest.raises(ValueError, match="`scale` must be a finite number above 0"):
        Calibration(*values)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(1e-4, 1.0))
def test_a_down_sampled_log_is_corrected_by_the_formula_for_probabilities(p, rate):
    logit = np.array([math.log(p / (1 - p))])
    corrected = 1 / (1 + np.exp(-Calibration().of_sampled_log(rate).applied(logit)[0]))
    assert corrected == pytest.approx(p / (p + (1 - p) / rate), rel=1e-9)


@pytest.mark.parametrize("rate", [0.0, -0.5, 1.5, math.nan])
def test_a_share_of_kept_rows_is_one(rate):
    with pytest.raises(ValueError, match="`rate` must lie in"):
        Calibration().of_sampled_log(rate)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(-99, 99)), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_bins_hold_every_row_once_and_equal_probabilities_together(rows, bins):
    labels = np.array([label for label, _ in rows], np.float64)
    logits = np.array([logit for _, logit in rows])
    points = reliability(labels, logits, bins)
    assert len(points) <= min(bins, len(set(logits)))
    assert sum(point.rows for point in points) == len(rows)
    assert sum(point.rows * point.observed for point in points) == pytest.approx(labels.sum())
    assert [point.predicted for point in points] == sorted(point.predicted for point in points)
    assert all(0 <= point.low <= point.observed <= point.high <= 1 for point in points)
    probabilities = 1 / (1 + np.exp(-logits))
    error = expected_calibration_error(labels, probabilities, bins)
    # Bins can hide an error of single rows, not that of the mean.
    assert abs(labels.mean() - probabilities.mean()) - 1e-9 <= error <= 1 + 1e-9


def test_bins_are_of_equal_numbers_of_rows():
    labels, logits = log(1000)
    assert {point.rows for point in reliability(labels, logits, bins=8)} == {125}


def test_the_error_of_a_model_that_is_too_sure_falls_with_calibration():
    labels, logits = log(20_000, scale=0.4)
    calibration = fit_calibration(labels, logits).calibration

    def error(logits):
        return expected_calibration_error(labels, 1 / (1 + np.exp(-logits)))

    assert error(calibration.applied(logits)) < 0.02 < 0.1 < error(logits)


@pytest.mark.parametrize("clicks", [0, 10, 100])
def test_the_interval_is_wilsons(clicks):
    labels = np.repeat([1.0, 0.0], [clicks, 100 - clicks])
    (point,) = reliability(labels, np.zeros(100), bins=1)
    theirs = binomtest(clicks, 100).proportion_ci(0.95, "wilson")
    assert (point.low, point.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
