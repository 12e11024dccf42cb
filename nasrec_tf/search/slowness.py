"""How much slower a machine is than it was when it was measured, as trainings show it.

What is kept back for the end of a run follows from it. Evaluations of the validation split are the
same work as those of the end, so they tell how long these will take; between them the pace of a
training's steps tells whether the machine has slowed since.
"""

import collections
import statistics

RECENT = 3
"""Evaluations, and stretches of steps, that count: the slowest evaluation of the last few, and the
middle one of the stretches, so that a single one that was disturbed does not."""

STRETCH_SECONDS = 5.0
"""Of steps that are timed together."""

LEAST_SECONDS = 1.0
"""An evaluation that is planned to be shorter is measured by this: half a second in which another
process had the core says little of the end."""


class Slowness:
    """What evaluations and steps have shown so far.

    Example:
        >>> slowness = Slowness()
        >>> slowness.saw_evaluation(planned=2.0, took=8.0)
        >>> slowness.factor
        4.0
        >>> for seconds in (6.0, 6.0, 6.0, 12.0, 12.0, 12.0):  # for as many steps each
        ...     slowness.saw_steps(100, seconds)
        >>> slowness.factor
        8.0
    """

    def __init__(self):
        self._evaluations: collections.deque[float] = collections.deque(maxlen=RECENT)
        self.begin_training()

    def begin_training(self) -> None:
        """From now on steps are those of another network."""
        self._reference: float | None = None
        self._begin_stretches()

    def _begin_stretches(self) -> None:
        self._paces: collections.deque[float] = collections.deque(maxlen=RECENT)
        self._steps, self._seconds = 0, 0.0

    def saw_evaluation(self, planned: float, took: float) -> None:
        """Takes an evaluation.

        Args:
            planned: seconds that it was planned to take; more than nothing.
            took: seconds that it took.
        """
        self._evaluations.append(took / max(planned, LEAST_SECONDS))
        # Steps about it were as slow as it shows; only what comes after is still to be told.
        self._reference = self._pace
        self._begin_stretches()

    def saw_steps(self, steps: int, seconds: float) -> None:
        """Takes steps of the present training.

        Args:
            steps: how many.
            seconds: that they took.
        """
        self._steps += steps
        self._seconds += seconds
        if self._seconds < STRETCH_SECONDS or not self._steps:
            return
        self._paces.append(self._seconds / self._steps)
        self._steps, self._seconds = 0, 0.0
        if self._reference is None:
            self._reference = self._pace

    @property
    def factor(self) -> float:
        """How many times as long as planned the end is going to take, at least once."""
        seen = max(self._evaluations, default=1.0)
        pace, reference = self._pace, self._reference
        since = 1.0 if pace is None or reference is None else pace / reference
        return max(1.0, seen) * max(1.0, since)

    @property
    def _pace(self) -> float | None:
        """Seconds of a step, by the middle one of the last stretches; not by fewer."""
        return statistics.median(self._paces) if len(self._paces) == RECENT else None
