"""Exact look-up of many byte strings at once: an open-addressing hash table in NumPy arrays."""

from __future__ import annotations

import pathlib

import numpy as np
import pyarrow as pa

from beam_preprocess.common.packed_strings import LONGEST, pack
from beam_preprocess.common.table_arrays import (
    FinishedArrays,
    TableArrays,
    home,
    longest_of,
    shift_of,
)


class StringTable:
    """From byte strings to their positions in a list.

    Args:
      entries: Arrow binary without nulls; of equal strings the first counts.

    >>> table = StringTable(pa.array([b"fr", b"de"]))
    >>> table.look_up(pa.array([b"de", b"it", None]), absent=-1).tolist()
    [1, -1, -1]
    """

    def __init__(self, entries: pa.Array):
        arrays = TableArrays.in_memory(len(entries), longest_of(entries))
        arrays.add(entries)
        self._use(arrays.finished())

    @classmethod
    def opened(cls, directory: str | pathlib.Path) -> StringTable:
        """A table that ``TableArrays`` wrote; processes that open it share its memory.

        Args:
          directory: Of its files.
        """
        table = cls.__new__(cls)
        table._use(FinishedArrays.opened(pathlib.Path(directory)))
        return table

    def _use(self, arrays: FinishedArrays) -> None:
        self._slots, self._lengths, self._words = arrays.slots, arrays.lengths, arrays.words
        self._long = arrays.long
        self._shift = shift_of(len(self._slots))

    def look_up(self, values: pa.Array, absent: int) -> np.ndarray:
        """The position of each value.

        Args:
          values: Arrow binary [rows]; nulls count as absent.
          absent: What stands for a value that is not in the list.

        Returns:
          int64 [rows].
        """
        lengths, words = pack(values, self._words.shape[1])
        slot = home(words, self._shift)
        found, occupied = self._probe(slot, lengths, words)
        pending = np.flatnonzero(occupied & (found < 0))
        slot = slot[pending]
        while len(pending):
            slot = (slot + 1) & (len(self._slots) - 1)
            at, occupied = self._probe(slot, lengths[pending], words[:, pending])
            found[pending] = at
            further = occupied & (at < 0)
            pending, slot = pending[further], slot[further]
        found[found < 0] = absent
        if self._long:
            for row in np.flatnonzero(lengths > LONGEST):
                found[row] = self._long.get(values[row].as_py(), absent)
        return found

    def _probe(
        self, slot: np.ndarray, lengths: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the strings that lie in their slot (-1 for others); which slots are full."""
        position = self._slots[slot].astype(np.int64)
        occupied = position >= 0
        # Frequent values come first in a vocabulary: what is asked for most lies close together.
        same = (self._lengths[position] == lengths) & occupied
        for index, theirs in enumerate(words):
            same &= self._words[position, index] == theirs
        return np.where(same, position, -1), occupied
