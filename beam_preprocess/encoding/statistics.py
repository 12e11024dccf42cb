"""Statistics of the training split that merge exactly, in whatever order workers deliver them."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Collection
from fractions import Fraction
from typing import Any

import numpy as np

# Histogram of sign(x) ln(1 + |x|), half a unit a bin: one fixed grid holds any finite column, and
# counts on a fixed grid merge exactly. exp(40) is beyond any count or price.
_BIN_WIDTH = 0.5
_LIMIT = 40.0
BIN_EDGES = np.arange(-_LIMIT, _LIMIT + _BIN_WIDTH, _BIN_WIDTH)


@dataclasses.dataclass
class Moments:
    """Count, mean, standard deviation, extremes and histogram of one dense column.

    Sums are kept as exact fractions: a block's own sums are floating point and the same whoever
    computes them, and exact sums of those do not depend on the order of merging.

    Attributes:
      count: Rows with a value.
      missing: Rows without.
      total: Sum of the values.
      squares: Sum of their squares.
      minimum: Least value; infinity where there is none.
      maximum: Greatest value; minus infinity where there is none.
      histogram: Rows by the index of their bin in ``BIN_EDGES``, of sign(x) ln(1 + |x|).

    >>> moments = Moments.of(np.array([1.0, 2.0, np.nan]))
    >>> moments.add(Moments.of(np.array([6.0])))
    >>> moments.count, moments.missing, moments.mean, moments.maximum
    (3, 1, 3.0, 6.0)
    """

    count: int = 0
    missing: int = 0
    total: Fraction = Fraction(0)
    squares: Fraction = Fraction(0)
    minimum: float = math.inf
    maximum: float = -math.inf
    histogram: Counter[int] = dataclasses.field(default_factory=Counter)

    @classmethod
    def of(cls, values: np.ndarray) -> Moments:
        """The moments of some rows.

        Args:
          values: float64 [rows], finite, NaN meaning missing.
        """
        present = values[~np.isnan(values)]
        moments = cls(len(present), len(values) - len(present))
        if not len(present):
            return moments
        # Squares are summed about a near mean, then moved exactly: no cancellation for far means.
        centre = float(present.mean())
        spread = float(np.square(present - centre).sum())
        moments.total = Fraction(float(present.sum()))
        moments.squares = (
            Fraction(spread)
            + 2 * Fraction(centre) * moments.total
            - len(present) * Fraction(centre) ** 2
        )
        moments.minimum, moments.maximum = float(present.min()), float(present.max())
        scaled = np.sign(present) * np.log1p(np.abs(present))
        bins = np.clip(np.digitize(scaled, BIN_EDGES) - 1, 0, len(BIN_EDGES) - 2)
        for index, count in zip(*np.unique(bins, return_counts=True), strict=True):
            moments.histogram[int(index)] = int(count)
        return moments

    def add(self, other: Moments) -> None:
        """Merges the moments of other rows into these.

        Args:
          other: Of the same column.
        """
        self.count += other.count
        self.missing += other.missing
        self.total += other.total
        self.squares += other.squares
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self.histogram.update(other.histogram)

    @property
    def mean(self) -> float:
        return float(self.total / self.count) if self.count else 0.0

    @property
    def std(self) -> float:
        """Population standard deviation; 1 where all values are equal."""
        if not self.count:
            return 1.0
        variance = self.squares / self.count - (self.total / self.count) ** 2
        return math.sqrt(variance) if variance > 0 else 1.0


@dataclasses.dataclass
class Summary:
    """What one scan of the raw data finds, beside the counts of sparse values.

    Attributes:
      rows: Well-formed rows per split (3 numbers).
      positives: Those with label 1 per split.
      weight, positive_weight: The sums of their weights, where rows have such.
      dense: From key of a dense column to its training moments.
      missing: From sparse feature name to the training rows where it is missing.
      items: From multi-valued feature name to the items of training rows that are kept.
      cut: Likewise to the training rows with more items than that.
      longest: Likewise to the most items that a row of any split keeps, at least 1.
      clicks_found: Of the values of the label that are named as clicks, those that there are.
      answers: Likewise the first ``KEPT_ANSWERS`` that there are, in the order of their bytes.
      rejected: Rejected rows by reason (with the value at fault left out).
      first_rejects: The first ``KEPT_REJECTS`` in log order, for messages: (split group, index of
        the file, block, line within the block, path, reason).
      block_lines: From (split group, file, block) to its number of lines.
      block_labels: Likewise to its well-formed rows and those with label 1.
    """

    rows: list[int] = dataclasses.field(default_factory=lambda: [0, 0, 0])
    positives: list[int] = dataclasses.field(default_factory=lambda: [0, 0, 0])
    weight: list[Fraction] = dataclasses.field(default_factory=lambda: [Fraction(0)] * 3)
    positive_weight: list[Fraction] = dataclasses.field(default_factory=lambda: [Fraction(0)] * 3)
    dense: dict[str, Moments] = dataclasses.field(default_factory=dict)
    missing: Counter[str] = dataclasses.field(default_factory=Counter)
    items: Counter[str] = dataclasses.field(default_factory=Counter)
    cut: Counter[str] = dataclasses.field(default_factory=Counter)
    longest: dict[str, int] = dataclasses.field(default_factory=dict)
    clicks_found: set[bytes] = dataclasses.field(default_factory=set)
    answers: list[bytes] = dataclasses.field(default_factory=list)
    rejected: Counter[str] = dataclasses.field(default_factory=Counter)
    first_rejects: list[tuple[Any, ...]] = dataclasses.field(default_factory=list)
    block_lines: dict[tuple[str | None, int, int], int] = dataclasses.field(default_factory=dict)
    block_labels: dict[tuple[str, int, int], tuple[int, int]] = dataclasses.field(
        default_factory=dict
    )

    KEPT_REJECTS = 5
    KEPT_ANSWERS = 6

    def add_answers(self, found: Collection[bytes], clicks: Collection[bytes]) -> None:
        """Takes values of the label.

        Args:
          found: Distinct ones that there are.
          clicks: All that are named as clicks.
        """
        self.clicks_found.update(value for value in found if value in clicks)
        self.answers = sorted({*self.answers, *found})[: self.KEPT_ANSWERS]

    def add(self, other: Summary) -> None:
        """Merges what was found in other parts of the log.

        Args:
          other: Of another task of the same run.
        """
        self.rows = [a + b for a, b in zip(self.rows, other.rows, strict=True)]
        self.positives = [a + b for a, b in zip(self.positives, other.positives, strict=True)]
        self.weight = [a + b for a, b in zip(self.weight, other.weight, strict=True)]
        self.positive_weight = [
            a + b for a, b in zip(self.positive_weight, other.positive_weight, strict=True)
        ]
        for name, moments in other.dense.items():
            self.dense.setdefault(name, Moments()).add(moments)
        self.missing.update(other.missing)
        self.items.update(other.items)
        self.cut.update(other.cut)
        for name, longest in other.longest.items():
            self.longest[name] = max(self.longest.get(name, 1), longest)
        self.add_answers(other.answers, ())
        self.clicks_found |= other.clicks_found
        self.rejected.update(other.rejected)
        both = sorted(self.first_rejects + other.first_rejects)
        self.first_rejects = both[: self.KEPT_REJECTS]
        self.block_lines.update(other.block_lines)
        self.block_labels.update(other.block_labels)
