"""Children beside networks drawn at random: by test, of one seed and stream, whole generations."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.children import Trained, children, chosen, trained
from nasrec_tf.benchmark.measured_rows import CurvePoint, MeasuredRow


def measured(number, validation, test, *, seed=1, stream=0):
    curve = (CurvePoint(50, validation, 0.7, test, 0.7),)
    return MeasuredRow("0" * 16, "{}", f"{number}", seed, curve, 0.1, 10, 20, 1.0, 1.0, "0" * 16,
                       stream, number)  # fmt: skip


def test_trainings_are_those_of_the_first_seed_and_the_stream_that_did_not_diverge():
    rows = [
        measured(40, 0.4, 0.45),
        measured(3, 0.5, 0.55),
        measured(4, 0.5, 0.55, seed=2),
        measured(5, 0.5, 0.55, stream=1),
        measured(6, None, None),
        measured(None, 0.5, 0.55, stream=None),
    ]
    assert trained(rows, 0) == [Trained(3, 0.5, 0.55), Trained(40, 0.4, 0.45)]
    assert trained(rows, 1) == [Trained(5, 0.5, 0.55)]


def test_each_generation_is_compared_with_all_at_random_by_test():
    rng = np.random.default_rng(0)
    drawn = [Trained(n, 0.1, test) for n, test in zip(range(32), rng.normal(0.5, 0.01, 32))]
    later = [Trained(64 + n, 0.1, test) for n, test in zip(range(8), rng.normal(0.5, 0.01, 8))]
    near = [Trained(32 + n, 0.9, test) for n, test in zip(range(20), rng.normal(0.4, 0.02, 20))]
    (found,) = children([*drawn, *near, *later])
    assert (found.generation, found.count) == (1, 20)
    other = np.array([each.test for each in (*drawn, *later)])
    tests = np.array([each.test for each in near])
    assert found.gain == pytest.approx(tests.mean() - other.mean())
    # Welch's interval by the formula.
    parts = tests.var(ddof=1) / 20, other.var(ddof=1) / 40
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 19 + parts[1] ** 2 / 39)
    half = stats.t.ppf(0.975, freedom) * sum(parts) ** 0.5
    assert (found.low, found.high) == pytest.approx((found.gain - half, found.gain + half))


def test_few_of_a_generation_are_not_compared():
    drawn = [Trained(n, 0.1, 0.5 + n / 1000) for n in range(32)]
    near = [Trained(32 + n, 0.1, 0.4 + n / 1000) for n in range(8)]
    assert children([*drawn, *near[:7]]) == []
    assert len(children([*drawn, *near])) == 1


def test_the_best_of_a_whole_generation_is_chosen_by_validation():
    drawn = [Trained(n, 0.5 - n / 1000, 0.6 + n / 1000) for n in range(32)]
    near = [Trained(32 + n, 0.5, 0.4) for n in range(29)]
    assert chosen([*drawn, *near], at_random=True) == [pytest.approx(0.631)]
    assert chosen([*drawn, *near], at_random=False) == []
