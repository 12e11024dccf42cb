"""How far work is: a moving bar on a terminal, and in a log file a line now and then."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

SECONDS_BETWEEN_LINES = 60.0


class LineClock:
    """Says when the next line is due, for all that share it.

    Args:
      seconds: Least time between two lines.
      now: The present time in seconds, of any beginning.

    >>> clock = LineClock(60, now=iter([0, 59, 60, 100]).__next__)
    >>> clock.is_due(), clock.is_due(), clock.is_due()
    (False, True, False)
    """

    def __init__(
        self,
        seconds: float = SECONDS_BETWEEN_LINES,
        now: Callable[[], float] = time.monotonic,
    ):
        self._seconds = seconds
        self._now = now
        self._last = now()

    def is_due(self) -> bool:
        """Whether a line is due, which is then taken as written."""
        now = self._now()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is looked at while it is written."""
    return stream is not None and stream.isatty()


def write_line(text: str, stream: TextIO | None = None) -> None:
    """Writes a line of a log, behind the time, without what only terminals understand.

    Args:
      text: The line.
      stream: Standard error unless given.
    """
    stream = sys.stderr if stream is None else stream
    print(f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S} {text}", file=stream, flush=True)


class ProgressLines:
    """Counts up to a total as ``tqdm`` does, and tells of it in lines of a log.

    Args:
      title: What is counted up.
      total: How many there are; None where that is not known.
      unit: Of one of them.
      clock: Says when a line is due; several bars may share one.
      last_line: Whether the end is told whenever it comes.
      initial: How many are done already.
      stream: Where lines go; standard error unless given.
    """

    def __init__(
        self,
        title: str,
        total: int | None,
        unit: str,
        clock: LineClock,
        *,
        last_line: bool = False,
        initial: int = 0,
        stream: TextIO | None = None,
    ):
        self.n = initial
        self.total = total
        self._title = title
        self._unit = unit
        self._clock = clock
        self._last_line = last_line
        self._initial = initial
        self._stream = stream
        self._started = time.monotonic()
        self._postfix = ""

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def update(self, count: int = 1) -> None:
        """Takes more as done.

        Args:
          count: How many.
        """
        self.n += count
        if self._clock.is_due():
            self._write()

    def set_description(self, title: str, refresh: bool = True) -> None:
        """What the next lines begin with."""
        self._title = title

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """What the next lines end with."""
        self._postfix = text

    def set_postfix(self, values: dict[str, Any], refresh: bool = True) -> None:
        """The same, by name."""
        self._postfix = ", ".join(f"{name} {value}" for name, value in values.items())

    def close(self) -> None:
        """Ends the count."""
        if self._last_line:
            self._last_line = False
            self._write()

    def _write(self) -> None:
        done = f"{self.n:,} {self._unit}"
        seconds = time.monotonic() - self._started
        ahead = ""
        if self.total is not None and self.n < self.total:
            done = f"{self.n:,} of {self.total:,} {self._unit}"
            rate = (self.n - self._initial) / max(seconds, 1e-9)
            ahead = f", {_duration((self.total - self.n) / rate)} left" if rate > 0 else ""
        postfix = f", {self._postfix}" if self._postfix else ""
        write_line(f"{self._title}: {done} in {_duration(seconds)}{ahead}{postfix}", self._stream)


def progress(
    title: str,
    total: int | None,
    unit: str,
    *,
    quiet: bool = False,
    clock: LineClock | None = None,
    last_line: bool = False,
    units: str | None = None,
    **bar_options: Any,
) -> Any:
    """Something that counts up: ``tqdm`` on a terminal, else :class:`ProgressLines`.

    Args:
      title: What is counted up.
      total: How many there are; None where that is not known.
      unit: Of one of them, in the singular.
      units: Of several; with an s unless given.
      quiet: Whether nothing is shown.
      clock: For a log file, when a line is due; a clock of its own unless given.
      last_line: Whether a log file is told of the end whenever it comes.
      **bar_options: For ``tqdm``; ``initial`` counts in a log file too.
    """
    if quiet or is_terminal(sys.stderr):
        from tqdm import tqdm

        return tqdm(desc=title, total=total, unit=unit, disable=quiet, **bar_options)
    return ProgressLines(
        title,
        total,
        units or f"{unit}s",
        LineClock() if clock is None else clock,
        last_line=last_line,
        initial=bar_options.get("initial", 0),
    )


def _duration(seconds: float) -> str:
    """About how long, in words.

    >>> _duration(4.2), _duration(125), _duration(7300)
    ('4 s', '2 min 5 s', '2 h 1 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
