"""Intervals of the difference of two models, over rows and seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nasrec_tf.studies.paired_intervals import Averaged, Measured, paired_difference
from nasrec_tf.studies.resampled_quality import resampled_quality
from nasrec_tf.training import ensembles

ROWS, RESAMPLES = 400, 60


def simulated(rng, seeds, true_gap, of_seeds):
    """Two models' losses by seed and row: what rows, seeds, and both together make of them."""
    rows = rng.normal(size=ROWS)  # Hard rows are hard for both.
    weights = rng.poisson(1.0, size=(RESAMPLES, ROWS)).astype(float)
    weights /= weights.sum(axis=1, keepdims=True)
    found = []
    for mean in (true_gap, 0.0):
        losses = mean + rows + 0.2 * rng.normal(size=ROWS)  # The model's own taste in rows.
        losses = losses + of_seeds * rng.normal(size=(seeds, 1))
        losses = losses + 0.2 * rng.normal(size=(seeds, ROWS))
        found.append(Measured(losses.mean(axis=1).tolist(), (losses @ weights.T).tolist()))
    return found


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_holds_the_truth_as_often_as_it_says(seeds):
    rng = np.random.default_rng(seeds)
    held = 0
    for _ in range(600):
        low, high = paired_difference(*simulated(rng, seeds, 0.03, of_seeds=0.02)).interval
        held += low <= 0.03 <= high
    # 95 % but for the 0.9 % that 600 draws leave open.
    assert 0.925 <= held / 600 <= 0.99


def test_rows_alone_would_promise_too_much():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        pair = simulated(rng, 3, 0.03, of_seeds=0.04)
        one = [Measured(each.values[:1], each.resampled[:1]) for each in pair]
        found = paired_difference(*one)
        assert not found.over_seeds
        held += found.interval[0] <= 0.03 <= found.interval[1]
    assert held / 300 < 0.6


def averaged(rng, truths, seeds, taste):
    """The average of a model's trainings: each misses the truth by row, and everywhere alike."""
    logits = truths + taste + 0.3 * rng.normal(size=(seeds, 1))
    logits = logits + 0.8 * rng.normal(size=(seeds, len(truths)))
    return logits.mean(axis=0), [
        np.delete(logits, one, axis=0).mean(axis=0) for one in range(seeds)
    ]


@pytest.mark.parametrize("seeds", [3, 8])
def test_the_interval_of_averaged_trainings_holds_the_truth_as_often_as_it_says(seeds):
    """Rows, seeds, and what averaging makes of both: the truth is that of a million rows."""
    rng, gaps, found = np.random.default_rng(seeds), [], []

    def losses(labels, logits):
        return np.logaddexp(0.0, logits) - labels * logits

    for _ in range(900):
        truths = rng.normal(-1, 2, size=ROWS)
        labels = (rng.random(ROWS) < 1 / (1 + np.exp(-truths))).astype(float)
        weights = rng.poisson(1.0, size=(RESAMPLES, ROWS)).astype(float)
        weights /= weights.sum(axis=1, keepdims=True)
        pair = []
        for taste in (0.5, 0.0):
            mean, without = averaged(rng, truths, seeds, taste)
            each = losses(labels, mean)
            left_out = [float(losses(labels, one).mean()) for one in without]
            pair.append(Averaged(float(each.mean()), list(weights @ each), left_out))
        gaps.append(pair[0].mean - pair[1].mean)
        found.append(paired_difference(*pair).interval)
    truth = np.mean(gaps)
    held = np.mean([low <= truth <= high for low, high in found])
    assert 0.925 <= held <= 0.995


def test_what_is_hard_about_the_rows_cancels():
    one, other = simulated(np.random.default_rng(1), 3, 0.05, of_seeds=0.001)
    found = paired_difference(one, other)
    alone = np.std(one.resampled[0])
    assert found.is_beyond and found.interval[1] - found.interval[0] < 2 * alone


def test_a_single_seed_is_judged_as_the_paired_bootstrap_of_rows_does():
    rng = np.random.default_rng(2)
    labels = (rng.random(2000) < 0.3).astype(np.float32)
    weak = rng.normal(size=2000).astype(np.float32)
    logits = weak + labels
    one, other = (resampled_quality(labels, each, seed=7) for each in (logits, weak))
    expected = ensembles.paired_difference(labels, logits, weak, seed=7)
    for values, interval in (
        ((one.log_losses, other.log_losses), expected.log_loss_interval),
        ((one.aucs, other.aucs), expected.auc_interval),
    ):
        gaps = np.subtract(*values)
        np.testing.assert_allclose(np.quantile(gaps, [0.025, 0.975]), interval, rtol=1e-9)
    assert one.log_loss - other.log_loss == pytest.approx(expected.log_loss)


def test_a_prediction_without_seeds_adds_none():
    one, other = simulated(np.random.default_rng(3), 3, 0.5, of_seeds=0.01)
    constant = Measured(other.values[:1], other.resampled[:1], has_seeds=False)
    found = paired_difference(one, constant)
    assert found.over_seeds and found.is_beyond
    alone = Measured(other.values[:1], other.resampled[:1])
    assert not paired_difference(one, alone).over_seeds


figures = st.floats(-1e6, 1e6)


@st.composite
def pairs(draw):
    """Two models of up to four seeds on the same few resamples, some of which have no figure."""
    count = draw(st.integers(0, 5))
    gone = draw(st.lists(st.booleans(), min_size=count, max_size=count))

    def model():
        seeds = draw(st.integers(1, 4))
        values = draw(st.lists(figures, min_size=seeds, max_size=seeds))
        resampled = [[None if none else draw(figures) for none in gone] for _ in range(seeds)]
        return Measured(values, resampled, draw(st.booleans()))

    return model(), model()


@settings(deadline=None)
@given(pairs())
def test_the_other_way_round_is_the_same_with_the_sign_turned(pair):
    there, back = paired_difference(*pair), paired_difference(*reversed(pair))
    assert there.value == -back.value and there.over_seeds == back.over_seeds
    assert (there.interval is None) == (back.interval is None)
    if there.interval is not None:
        assert there.interval[0] <= there.value <= there.interval[1]
        turned = -back.interval[1], -back.interval[0]
        np.testing.assert_allclose(there.interval, turned, rtol=1e-6, atol=1e-6)


@settings(deadline=None)
@given(pairs())
def test_a_model_is_never_beyond_itself(pair):
    assert not paired_difference(pair[0], pair[0]).is_beyond


def test_fewer_than_two_resamples_tell_nothing():
    found = paired_difference(Measured([0.5], [[0.5, None]]), Measured([0.25], [[0.25, None]]))
    assert (found.value, found.interval, found.is_beyond) == (0.25, None, False)


def test_seeds_alone_are_welchs_interval():
    """Resamples that are all alike leave the seeds' part, which is that of Welch's test."""
    ones, others = [0.31, 0.34, 0.30, 0.36], [0.29, 0.295]
    found = paired_difference(*(Measured(each, [[v] * 3 for v in each]) for each in (ones, others)))
    low, high = stats.ttest_ind(ones, others, equal_var=False).confidence_interval(0.95)
    assert found.interval == (pytest.approx(low), pytest.approx(high))


def test_rows_and_seeds_are_added_by_hand():
    ones, others = (
        Measured([1.0, 2.0], [[1.0, 1.4], [2.0, 2.2]]),
        Measured([0.0, 0.2], [[0, 0]] * 2),
    )
    found = paired_difference(ones, others)
    # Rows: 1.5 and 1.8 on two resamples. Seeds: deviations of .5 ** .5 and .02 ** .5, halved.
    parts = [(0.045, 1), (0.25, 1), (0.01, 1)]
    total = sum(variance for variance, _ in parts)
    freedom = total**2 / sum(variance**2 / each for variance, each in parts)
    reach = stats.t.ppf(0.975, freedom) * total**0.5
    assert found.value == pytest.approx(1.4)
    assert found.interval == (pytest.approx(1.4 - reach), pytest.approx(1.4 + reach))


def test_the_jackknife_of_means_is_the_variance_of_a_mean():
    """Of a figure that averages trainings linearly Tukey's rule gives what is known of means."""
    values = np.array([0.31, 0.34, 0.30, 0.36, 0.33])
    without = [float(np.delete(values, one).mean()) for one in range(len(values))]
    found = Averaged(float(values.mean()), [], without)
    assert found.seeds_variance == pytest.approx(Measured(values.tolist(), []).seeds_variance)
    assert found.seeds_freedom == 4
