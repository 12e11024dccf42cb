"""Evaluations decide when a training ends, and what a rate that falls at plateaus sees."""

from types import SimpleNamespace

import pytest

from nasrec_tf.optimizers.schedules import WarmupConstant, WarmupPlateau
from nasrec_tf.search.epoch_validation import EpochValidation
from nasrec_tf.search.results import EpochQuality
from nasrec_tf.training.recipe import Recipe


class Scripted(EpochValidation):
    """Evaluations that are known beforehand."""

    def __init__(self, recipe, qualities, schedule=None):
        steps = SimpleNamespace(numpy=lambda: 10 * len(self.epochs))
        self._what = SimpleNamespace(recipe=recipe)
        self._network = SimpleNamespace(
            optimizer=SimpleNamespace(schedule=schedule, iterations=steps)
        )
        self._left = iter(qualities)
        self.epochs = []

    def _evaluate(self, epoch):
        self.epochs.append(next(self._left))


def ended_after(recipe, qualities, schedule=None):
    """The evaluation after which a training ends, and the best of them."""
    validation = Scripted(recipe, qualities, schedule)
    for epoch in range(len(qualities)):
        if not validation(epoch):
            return epoch, validation.best_epoch
    return None, validation.best_epoch


LOSSES = [EpochQuality(loss, 0.5) for loss in (0.5, 0.4, 0.41, 0.42, 0.43, 0.3)]
AREAS = [EpochQuality(0.5, auc) for auc in (0.7, 0.8, 0.7, 0.9, 0.8, 0.8)]


@pytest.mark.parametrize(
    ("patience", "monitor", "qualities", "expected"),
    [
        (1, "log-loss", LOSSES, (2, 1)),
        (2, "log-loss", LOSSES, (3, 1)),
        (3, "log-loss", LOSSES, (4, 1)),
        (4, "log-loss", LOSSES, (None, 5)),
        (1, "auc", AREAS, (2, 1)),
        (2, "auc", AREAS, (5, 3)),
        (2, "log-loss", AREAS, (2, 0)),
        (1, "log-loss", [EpochQuality(float("nan"))], (0, None)),
    ],
)
def test_a_training_ends_after_as_many_evaluations_that_are_no_better(
    patience, monitor, qualities, expected
):
    assert ended_after(Recipe(patience=patience, monitor=monitor), qualities) == expected


@pytest.mark.parametrize(("monitor", "falls"), [("log-loss", 4), ("auc", 0)])
def test_a_rate_falls_by_what_is_monitored(monitor, falls):
    rate = WarmupPlateau(0.5, factor=0.5)
    rising = [EpochQuality(0.5 + n / 10, 0.5 + n / 10) for n in range(5)]
    ended_after(Recipe(patience=100, monitor=monitor), rising, rate)
    assert float(rate(100)) == pytest.approx(0.5 * 0.5**falls)


def test_other_schedules_are_told_nothing():
    rate = WarmupConstant(0.5)
    ended_after(Recipe(patience=100), LOSSES, rate)
    assert float(rate(100)) == 0.5
