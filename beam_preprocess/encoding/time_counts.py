"""Rows per distinct time, for the chronological split."""

from __future__ import annotations

import numpy as np


class TimeCounts:
    """Distinct times in rising order and the rows of each.

    Times are whole (seconds, or the units of a number column), so their number is bounded by the
    span of the log and not by its rows.

    Attributes:
      times: int64, rising.
      counts: int64, rows of each time.

    >>> counts = TimeCounts()
    >>> counts.add_times(np.array([5, 3, 5]))
    >>> counts.times.tolist(), counts.counts.tolist()
    ([3, 5], [1, 2])
    """

    def __init__(self) -> None:
        self.times = np.zeros(0, np.int64)
        self.counts = np.zeros(0, np.int64)

    def add_times(self, times: np.ndarray) -> None:
        """Counts rows.

        Args:
          times: int64 [rows].
        """
        distinct, counts = np.unique(times, return_counts=True)
        self._merge(distinct, counts)

    def add(self, other: TimeCounts) -> None:
        """Adds what was counted elsewhere.

        Args:
          other: Counts of other rows.
        """
        self._merge(other.times, other.counts)

    def _merge(self, times: np.ndarray, counts: np.ndarray) -> None:
        both = np.concatenate([self.times, times])
        self.times, inverse = np.unique(both, return_inverse=True)
        sums = np.zeros(len(self.times), np.int64)
        np.add.at(sums, inverse, np.concatenate([self.counts, counts]))
        self.counts = sums
