"""How long a run may still take: ``--max-hours``, kept over its calls.

What is planned for each stage is kept with it. A stage may take as large a part of the time that is
left as is planned for it, of what remains beside the end of a run, which nothing can shorten. So a
machine that is slower than it was when it was measured cuts every stage alike.
"""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Iterator
from typing import Annotated, Any

import pydantic

from nasrec_tf.common.saved_state import SAVED, read_state, write_state
from nasrec_tf.common.time_spent import SECONDS_BETWEEN_NOTES, noted_again_and_again
from nasrec_tf.search.slowness import Slowness

BUDGET_FILE = "budget.json"

FINISH = "finish"
"""What is planned for choosing among the trained networks, test split, report and export."""

RESERVE = 2.2
"""The end is given so many times what is planned for it: a machine may be half as fast."""

SAFETY = 1.5
"""And so many times what it is expected to take by what trainings have shown of the machine."""

MUST = "must"
"""What of the end is planned for the test split, report and export, which cannot be left out."""

START, EVALUATED_ROW = "start", "evaluated row"
"""Planned seconds of a network's first evaluation beside its rows, and of each row."""

CUT = ("recipe", "supernet", "evolution", "rescore", "retrain")
"""Stages that end with what they have when their time is over."""

Positive = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


@dataclasses.dataclass(frozen=True)
class TimeNote:
    """What is kept of a time budget.

    Args:
        seconds: spent so far, over all calls.
        chosen: settings that were chosen to fit, by option.
        planned: seconds by stage, of those in ``CUT``, and of ``FINISH``, ``MUST``, ``START`` and
            ``EVALUATED_ROW``; nothing while the machine is still measured.
    """

    __pydantic_config__ = SAVED

    seconds: Positive
    chosen: dict[str, Any]
    planned: dict[str, Positive]

    @property
    def is_planned(self) -> bool:
        """Whether settings have been chosen."""
        return bool(self.planned or self.chosen)


def read_note(run_dir: pathlib.Path) -> TimeNote | None:
    """What an earlier call has kept; ``None`` if there was none with a budget.

    Args:
        run_dir: the run directory.

    Raises:
        RunError: if it is damaged.
    """
    mend = "delete it to begin the time anew, and repeat the options that config.toml holds"
    return read_state(run_dir / BUDGET_FILE, TimeNote, mend)


class TimeBudget:
    """The time of a run; by default there is no end to it.

    Args:
        hours: that all calls of the run may take together; ``None`` for no limit.
        note: of the calls before, or of what has been chosen just now.
        begun: the clock's time when this call began; now unless given.
        clock: tells the time in seconds.

    Example:
        >>> unlimited = TimeBudget()
        >>> unlimited.begin("supernet")
        >>> unlimited.is_over()
        False
        >>> now = iter([0.0, 0.0, 50.0, 50.0, 99.0, 99.0])
        >>> note = TimeNote(0.0, {}, {"supernet": 30.0, "retrain": 60.0, "finish": 0.0})
        >>> budget = TimeBudget(120 / 3600, note, clock=now.__next__)
        >>> budget.begin("supernet")  # may take a third of 120 s
        >>> budget.is_over()
        True
    """

    def __init__(
        self,
        hours: float | None = None,
        note: TimeNote | None = None,
        begun: float | None = None,
        clock: Any = time.monotonic,
    ):
        self._hours = hours
        self._note = note or TimeNote(0.0, {}, {})
        self._clock = clock
        self._begun = (clock() if hours is not None else 0.0) if begun is None else begun
        self._end: float | None = None
        self.slowness = Slowness()

    @property
    def limited(self) -> bool:
        """Whether there is an end."""
        return self._hours is not None

    @property
    def spent(self) -> float:
        """Seconds that all calls have taken so far."""
        return self._note.seconds + self._clock() - self._begun

    @property
    def left(self) -> float:
        """Seconds that are left in all; infinite without a limit."""
        return float("inf") if self._hours is None else 3600 * self._hours - self.spent

    def begin(self, stage: str) -> None:
        """From now on ``is_over`` is of a stage, or of the whole run for one that is not cut.

        Args:
            stage: of ``STAGES``.
        """
        self._end = None
        if self._hours is None or stage not in CUT:
            return
        planned, left = self._note.planned, self.left
        later = [planned.get(name, 0.0) for name in CUT[CUT.index(stage) :]]
        share = later[0] / sum(later) if sum(later) else 1.0
        free = max(0.0, left - self._reserve)
        self._end = left - share * free

    def is_over(self) -> bool:
        """Whether the stage has had its time."""
        return self._end is not None and self.left <= self._until

    def has(self, seconds: float) -> bool:
        """Whether the stage has so much time.

        Args:
            seconds: that something would take.
        """
        return self._end is None or self.left - self._until >= seconds

    def affords(self, rows: int) -> bool:
        """Whether a step of the end that can be left out has time: predictions of some rows.

        Args:
            rows: of any split.
        """
        if self._hours is None:
            return True
        planned = self._note.planned
        seconds = planned.get(START, 0.0) + rows * planned.get(EVALUATED_ROW, 0.0)
        needed = seconds + planned.get(MUST, 0.0)
        return self.left >= SAFETY * self.slowness.factor * needed

    def saw_evaluation(self, rows: int, seconds: float, is_first: bool) -> None:
        """Takes how long an evaluation took.

        Args:
            rows: that were evaluated.
            seconds: that it took.
            is_first: whether it was a network's first one.
        """
        planned = self._note.planned
        if EVALUATED_ROW in planned:
            expected = rows * planned[EVALUATED_ROW] + is_first * planned.get(START, 0.0)
            self.slowness.saw_evaluation(expected, seconds)

    @property
    def _reserve(self) -> float:
        """Seconds kept back for the end."""
        planned = self._note.planned.get(FINISH, 0.0)
        return planned * max(RESERVE, SAFETY * self.slowness.factor)

    @property
    def _until(self) -> float:
        """Seconds that the present stage has to leave."""
        return max(self._end or 0.0, self._reserve)

    def told(self) -> str:
        """What is left, for people; nothing without a limit."""
        if self._hours is None:
            return ""
        minutes = max(0.0, self.left) / 60
        shown = f"{minutes:.1f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
        return f"{shown} of {self._hours:g} h left"

    @contextlib.contextmanager
    def kept(self, run_dir: pathlib.Path) -> Iterator[None]:
        """Within it what is spent is kept in a run directory, for calls after a kill.

        Args:
            run_dir: the run directory, which this process owns.
        """
        if self._hours is None:
            yield
            return

        def keep() -> None:
            note = dataclasses.replace(self._note, seconds=self.spent)
            write_state(run_dir / BUDGET_FILE, note)

        keep()
        with noted_again_and_again(keep, SECONDS_BETWEEN_NOTES):
            yield


class TimedBar:
    """A progress bar that says beside its own how much time the run has left.

    Args:
        bar: what counts up.
        name: what is counted.
        budget: the run's time.
    """

    def __init__(self, bar: Any, name: str, budget: TimeBudget):
        self._bar = bar
        self._name = name
        self._budget = budget

    def __enter__(self) -> "TimedBar":
        self._bar.__enter__()
        return self

    def __exit__(self, *exception: Any) -> Any:
        return self._bar.__exit__(*exception)

    def update(self, count: int = 1) -> None:
        """Takes more as done.

        Args:
            count: how many.
        """
        self._bar.set_description(f"{self._name} ({self._budget.told()})", refresh=False)
        self._bar.update(count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bar, name)
