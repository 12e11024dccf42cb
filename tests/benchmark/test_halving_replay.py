"""Halving replayed on whole trainings: what it loses is what the curves say."""

import numpy as np
import pytest

from benchmarks import halving
from benchmarks.halving import Curves, curves_of, replay
from nasrec_tf.benchmark.measured_rows import CurvePoint, MeasuredRow


def trained(name, losses, *, steps=(25, 50, 100)):
    curve = tuple(CurvePoint(step, loss, 0.7, loss and loss + 0.01, 0.7)
                  for step, loss in zip(steps, losses))  # fmt: skip
    return MeasuredRow("0" * 16, "{}", name, 1, curve, 0.1, 10, 20, 1.0, 1.0, "0" * 16)


def outcome(lowest, count, monkeypatch):
    monkeypatch.setattr(halving, "DRAWS", 50)
    curves = Curves((0.25, 0.5, 1.0), np.array(lowest), np.array(lowest)[:, -1])
    return replay(curves, count, np.random.default_rng(0))


def test_a_training_that_is_ahead_from_the_start_is_kept(monkeypatch):
    lowest = [[0.5 + rank / 100] * 3 for rank in range(8)]
    found = outcome(lowest, 8, monkeypatch)
    assert (found.same, found.lost, found.lost_on_test) == (1.0, 0.0, 0.0)
    assert found.by_lot == pytest.approx(0.035)
    # All eight for a quarter, two until half, one to its end.
    assert found.fewer == pytest.approx(8 / (8 / 4 + 2 / 4 + 1 / 2))


def test_one_that_comes_from_behind_is_lost(monkeypatch):
    lowest = [[0.6, 0.6, 0.4], *([0.5 + rank / 100] * 3 for rank in range(7))]
    found = outcome(lowest, 8, monkeypatch)
    assert found.same == found.as_good == 0.0
    assert found.lost == found.lost_on_test == pytest.approx(0.1)


def test_curves_are_of_the_lowest_so_far_and_of_trainings_that_came_to_their_end():
    rows = [
        trained("overfits", (0.5, 0.4, 0.6)),
        trained("stops early", (0.5, 0.4)),
        trained("diverges", (0.5, None, None)),
    ]
    curves = curves_of(rows)
    assert curves.shares == (0.25, 0.5, 1.0)
    np.testing.assert_array_equal(curves.lowest, [[0.5, 0.4, 0.4]])
    np.testing.assert_allclose(curves.test, [0.41])
    assert len(curves_of(rows[2:]).test) == 0
