"""The label rate along the log or along its time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

MOST_SPANS = 1024
PARTS = 10


class RatesOverTime:
    """Rows and clicks by spans of time, of a power of two each, at most ``MOST_SPANS`` of them.

    Spans get longer as the log does, alike in whatever order its parts come.

    Attributes:
      bits: A span holds the times that agree but for their last bits, so many.
      spans: From the number of a span to its rows and clicks.

    >>> rates = RatesOverTime()
    >>> rates.add_rows(np.array([5, 5, 9]), np.array([0, 1, 1]))
    >>> rates.series()
    [(2, 1), (1, 1)]
    """

    def __init__(self) -> None:
        self.bits = 0
        self.spans: dict[int, tuple[int, int]] = {}

    def add_rows(self, times: np.ndarray, label: np.ndarray) -> None:
        """Counts rows.

        Args:
          times: int64 [rows].
          label: [rows], 0 or 1.
        """
        numbers, inverse = np.unique(times >> self.bits, return_inverse=True)
        rows = np.bincount(inverse, minlength=len(numbers))
        clicks = np.bincount(inverse, weights=label, minlength=len(numbers))
        for number, *counts in zip(numbers.tolist(), rows.tolist(), clicks.tolist(), strict=True):
            self._add(number, int(counts[0]), int(counts[1]))
        self._shorten()

    def add(self, other: RatesOverTime) -> None:
        """Adds what was counted elsewhere.

        Args:
          other: Counts of other rows.
        """
        bits = max(self.bits, other.bits)
        self._coarsen(bits)
        for number, counts in other.spans.items():
            self._add(number >> (bits - other.bits), *counts)
        self._shorten()

    def series(self) -> list[tuple[int, int]]:
        """Rows and clicks of the spans, in the order of time."""
        return [counts for _, counts in sorted(self.spans.items())]

    def _add(self, number: int, rows: int, clicks: int) -> None:
        before = self.spans.get(number, (0, 0))
        self.spans[number] = before[0] + rows, before[1] + clicks

    def _shorten(self) -> None:
        while len(self.spans) > MOST_SPANS:
            self._coarsen(self.bits + 1)

    def _coarsen(self, bits: int) -> None:
        spans, self.spans = self.spans, {}
        for number, counts in spans.items():
            self._add(number >> (bits - self.bits), *counts)
        self.bits = bits


def rates_of_parts(series: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Rows and clicks of ten parts of about as many rows, one after the other.

    Args:
      series: Rows and clicks of smaller parts in their order.

    >>> rates_of_parts([(10, 1)] * 20)[:2]
    [(20, 2), (20, 2)]
    """
    parts = [part for part in series if part[0]]
    total = sum(rows for rows, _ in parts)
    found: list[list[int]] = [[0, 0] for _ in range(PARTS)]
    before = 0
    for rows, clicks in parts:
        place = min(PARTS - 1, PARTS * (before + rows // 2) // total)
        found[place][0] += rows
        found[place][1] += clicks
        before += rows
    return [(rows, clicks) for rows, clicks in found if rows]


# Of ten parts of one label rate, one log in a million goes beyond this (chi-squared, 9 degrees of
# freedom).
_CHI_SQUARED = 45.0


def differ(parts: Sequence[tuple[int, int]], ratio: float) -> bool:
    """Whether label rates differ by more than chance does, and by a ratio that matters.

    Args:
      parts: Rows and clicks of each.
      ratio: Of the largest rate to the smallest one.

    >>> differ([(1000, 100), (1000, 110)], 1.5), differ([(1000, 100), (1000, 300)], 1.5)
    (False, True)
    """
    rows, clicks = (sum(part[at] for part in parts) for at in (0, 1))
    if len(parts) < 2 or not 0 < clicks < rows:
        return False
    rate = clicks / rows
    spread = sum((c - rate * n) ** 2 / (n * rate * (1 - rate)) for n, c in parts)
    rates = [c / n for n, c in parts]
    return spread > _CHI_SQUARED and max(rates) >= ratio * min(rates)
