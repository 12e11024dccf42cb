"""How many rows of one split stand in another one as well, from a sample of distinct contents."""

from __future__ import annotations

import numpy as np

MOST_CONTENTS = 1 << 14


class EqualRows:
    """Contents of rows with the smallest hashes, and how often each stands in each split.

    All rows of a content are counted or none, so that the counts of parts add up to those of the
    whole, in whatever order; memory is that of ``MOST_CONTENTS``.

    Attributes:
      hashes: uint64, rising.
      counts: int64 [contents, 3], rows in train, validation and test.

    >>> rows = EqualRows()
    >>> rows.add_rows(np.array([7, 7, 9], np.uint64), np.array([0, 1, 2]))
    >>> rows.share_in_training(1), rows.share_in_training(2)
    (1.0, 0.0)
    """

    def __init__(self) -> None:
        self.hashes = np.zeros(0, np.uint64)
        self.counts = np.zeros((0, 3), np.int64)

    def add_rows(self, hashes: np.ndarray, splits: np.ndarray) -> None:
        """Counts rows.

        Args:
          hashes: uint64 [rows], of their contents.
          splits: [rows], 0, 1 or 2.
        """
        if len(self.hashes) == MOST_CONTENTS:
            small = hashes <= self.hashes[-1]
            hashes, splits = hashes[small], splits[small]
        counts = np.zeros((len(hashes), 3), np.int64)
        counts[np.arange(len(hashes)), splits] = 1
        self._merge(hashes, counts)

    def add(self, other: EqualRows) -> None:
        """Adds what was counted elsewhere.

        Args:
          other: Counts of other rows.
        """
        self._merge(other.hashes, other.counts)

    def _merge(self, hashes: np.ndarray, counts: np.ndarray) -> None:
        if not len(hashes):
            return
        both = np.concatenate([self.hashes, hashes])
        distinct, inverse = np.unique(both, return_inverse=True)
        sums = np.zeros((len(distinct), 3), np.int64)
        np.add.at(sums, inverse, np.concatenate([self.counts, counts]))
        self.hashes, self.counts = distinct[:MOST_CONTENTS], sums[:MOST_CONTENTS]

    def share_in_training(self, split: int) -> float:
        """Share of a split's rows that stand in the training split too.

        Args:
          split: 1 for validation, 2 for test.
        """
        rows = self.counts[:, split]
        total = rows.sum()
        return float(rows[self.counts[:, 0] > 0].sum() / total) if total else 0.0
