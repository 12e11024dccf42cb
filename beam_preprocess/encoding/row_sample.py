"""A random sample of the training rows, the same in whatever order workers deliver their parts."""

from __future__ import annotations

import dataclasses

import numpy as np

MOST_ROWS = 4000
"""Rows of each label: an AUC of 0.98 is then known to some 0.002."""


@dataclasses.dataclass
class RowSample:
    """The rows with the smallest keys, of each label so many.

    Keys are hashes of where a row stands in the log, so that the sample is random and the smallest
    keys of parts together are those of the whole.

    Attributes:
      keys: uint64 [rows].
      label: uint8 [rows].
      dense: float64 [rows, raw dense columns], NaN where missing.
      sparse: uint64 [rows, sparse features], hashes of the raw values, 0 where missing.
    """

    keys: np.ndarray
    label: np.ndarray
    dense: np.ndarray
    sparse: np.ndarray

    @classmethod
    def empty(cls, dense: int, sparse: int) -> RowSample:
        """A sample of no rows.

        Args:
          dense: Number of raw dense columns.
          sparse: Number of sparse features.
        """
        return cls(
            np.zeros(0, np.uint64),
            np.zeros(0, np.uint8),
            np.zeros((0, dense)),
            np.zeros((0, sparse), np.uint64),
        )

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, other: RowSample) -> None:
        """Takes up the rows of another part of the log.

        Args:
          other: Rows of other places.
        """
        if len(self) and len(other):
            other = other.of_rows(other._may_enter(self))
        if not len(other):
            return
        both = RowSample(
            *(
                np.concatenate([mine, theirs])
                for mine, theirs in zip(self._parts(), other._parts(), strict=True)
            )
        )
        kept = [
            rows[np.argsort(both.keys[rows], kind="stable")[:MOST_ROWS]]
            for rows in (np.flatnonzero(both.label == label) for label in (0, 1))
        ]
        smallest = both.of_rows(np.concatenate(kept))
        self.keys, self.label, self.dense, self.sparse = smallest._parts()

    def _may_enter(self, sample: RowSample) -> np.ndarray:
        """Those of these rows whose key is small enough for a sample."""
        enters = np.ones(len(self), bool)
        for label in (0, 1):
            keys = sample.keys[sample.label == label]
            if len(keys) >= MOST_ROWS:
                enters &= (self.label != label) | (self.keys < keys.max())
        return np.flatnonzero(enters)

    def _parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.keys, self.label, self.dense, self.sparse

    def of_rows(self, rows: np.ndarray) -> RowSample:
        """Some of these rows.

        Args:
          rows: Their positions.
        """
        return RowSample(*(part[rows] for part in self._parts()))


def auc_alone(scores: np.ndarray, label: np.ndarray) -> float | None:
    """Area under the curve of one score; None where a label is missing.

    Args:
      scores: float64 [rows], without NaN.
      label: [rows], 0 or 1.

    >>> auc_alone(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0, 0, 1, 1]))
    0.875
    """
    _, inverse = np.unique(scores, return_inverse=True)
    negatives = np.bincount(inverse, weights=label == 0)
    positives = np.bincount(inverse, weights=label == 1)
    pairs = positives.sum() * negatives.sum()
    if not pairs:
        return None
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + negatives / 2)).sum() / pairs)


def dense_auc(values: np.ndarray, label: np.ndarray) -> float | None:
    """How well a number alone tells the labels apart, in whichever direction, from 0.5 to 1.

    Args:
      values: float64 [rows]; NaN, missing, counts as the lowest or as the highest number.
      label: [rows], 0 or 1.
    """
    missing = np.isnan(values)
    found = []
    for stand_in in (-np.inf, np.inf):
        auc = auc_alone(np.where(missing, stand_in, values), label)
        if auc is not None:
            found += [auc, 1 - auc]
    return max(found, default=None)


def sparse_auc(values: np.ndarray, label: np.ndarray) -> float | None:
    """How well a category alone tells the labels apart, from 0.5 to 1, on rows it has not seen.

    Of each pair of a click and another row, either is scored by the click rate that its value has
    in all rows but these two (leave-pair-out, Airola et al. 2011): two of one value are scored
    alike, and count a half. Were each left out by itself alone, a click would always have less than
    another row of its value, so that a category that tells nothing came to far less than 0.5.
    Values of one row of the sample are one category.

    Args:
      values: uint64 [rows].
      label: [rows], 0 or 1.

    >>> sparse_auc(np.array([7, 7, 7, 7, 7, 7]), np.array([0, 1, 0, 1, 0, 1]))
    0.5
    """
    if not len(values):
        return None
    distinct, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    group = np.where((counts > 1) | (distinct == 0), np.arange(len(counts)), len(counts))[inverse]
    rows = np.bincount(group, minlength=len(counts) + 1)
    clicks = np.bincount(group, weights=label, minlength=len(counts) + 1)
    rates = (clicks[group] - label + 0.5) / rows[group]
    auc = auc_alone(rates, label)
    if auc is None:
        return None
    of_one_value = (clicks * (rows - clicks)).sum() / (clicks.sum() * (rows - clicks).sum())
    return max(0.5, float(auc + of_one_value / 2))


def meeting_chance(values: np.ndarray) -> float:
    """The chance that two rows have the same value, as the sample has it.

    Args:
      values: [rows].
    """
    counts = np.unique(values, return_counts=True)[1].astype(float)
    total = counts.sum()
    return float((counts * (counts - 1)).sum() / (total * (total - 1))) if total > 1 else 1.0
