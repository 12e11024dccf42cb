"""Progress of a run on the terminal."""

from __future__ import annotations

from typing import Any

from beam_preprocess.common.progress_lines import progress

_TITLES = {"times": "1st pass: times", "scan": "scan", "write": "write"}


class ProgressBar:
    """One bar per stage; a context manager that is called with (stage, done, total).

    In a log file, a line at most every minute and one at the end of a stage.

    Args:
      quiet: Whether nothing is shown.
    """

    def __init__(self, *, quiet: bool):
        self._quiet = quiet
        self._bars: dict[str, Any] = {}

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *exception: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if self._quiet:
            return
        if stage not in self._bars:
            for bar in self._bars.values():
                bar.close()
            self._bars[stage] = progress(
                *(_TITLES[stage], total, "B"),
                units="bytes",
                last_line=True,
                unit_scale=True,
                unit_divisor=1024,
            )
        bar = self._bars[stage]
        bar.update(done - bar.n)
