"""Exact look-up of many byte strings at once: an open-addressing hash table in NumPy arrays."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.common.splitmix import splitmix64

_WORD = 8
# Strings up to this length live in the arrays, padded to the longest one of the table; longer ones
# are rare in click logs and go to a dictionary, so that one of them cannot blow the table up.
_LONGEST = 64


class StringTable:
    """From byte strings to their positions in a list.

    Args:
      entries: Arrow binary without nulls; of equal strings the first counts.

    >>> table = StringTable(pa.array([b"fr", b"de"]))
    >>> table.look_up(pa.array([b"de", b"it", None]), absent=-1).tolist()
    [1, -1, -1]
    """

    def __init__(self, entries: pa.Array):
        sizes = pc.binary_length(entries).to_numpy()
        long = np.flatnonzero(sizes > _LONGEST)
        self._long = {entries[int(row)].as_py(): row for row in reversed(long)}
        positions = np.flatnonzero(sizes <= _LONGEST)
        values = entries.take(pa.array(positions)) if self._long else entries
        lengths, words = _pack(values, _words_of_longest(values))
        self._word_count = len(words)
        self._shift, slots = _slots(len(positions))
        self._position = np.full(slots, -1, np.int32)
        self._length = np.full(slots, -1, np.int32)
        self._words = np.zeros((self._word_count, slots), np.uint64)
        self._insert(positions, lengths, words)

    def look_up(self, values: pa.Array, absent: int) -> np.ndarray:
        """The position of each value.

        Args:
          values: Arrow binary [rows]; nulls count as absent.
          absent: What stands for a value that is not in the list.

        Returns:
          int64 [rows].
        """
        lengths, words = _pack(values, self._word_count)
        slot = self._home(words)
        found, occupied = self._probe(slot, lengths, words)
        pending = np.flatnonzero(occupied & (found < 0))
        slot = slot[pending]
        while len(pending):
            slot = self._next(slot)
            at, occupied = self._probe(slot, lengths[pending], words[:, pending])
            found[pending] = at
            further = occupied & (at < 0)
            pending, slot = pending[further], slot[further]
        found[found < 0] = absent
        if self._long:
            for row in np.flatnonzero(lengths > _LONGEST):
                found[row] = self._long.get(values[row].as_py(), absent)
        return found

    def _probe(
        self, slot: np.ndarray, lengths: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the strings that lie in their slot (-1 for others); which slots are full."""
        position = self._position[slot]
        same = self._length[slot] == lengths
        for mine, theirs in zip(self._words, words, strict=True):
            same &= mine[slot] == theirs
        return np.where(same, position, -1), position >= 0

    def _insert(self, positions: np.ndarray, lengths: np.ndarray, words: np.ndarray) -> None:
        rows, slot = np.arange(len(positions)), self._home(words)
        while len(rows):
            free = np.flatnonzero(self._position[slot] < 0)
            chosen, first = np.unique(slot[free], return_index=True)
            winners = free[first]
            self._position[chosen] = positions[rows[winners]]
            self._length[chosen] = lengths[rows[winners]]
            self._words[:, chosen] = words[:, rows[winners]]
            rest = np.ones(len(rows), bool)
            rest[winners] = False
            rows, slot = rows[rest], self._next(slot[rest])

    def _home(self, words: np.ndarray) -> np.ndarray:
        mixed = np.zeros(words.shape[1], np.uint64)
        for word in words:
            mixed = splitmix64(mixed ^ word)
        return (mixed >> self._shift).astype(np.int64)

    def _next(self, slot: np.ndarray) -> np.ndarray:
        return (slot + 1) & (len(self._position) - 1)


def _slots(entries: int) -> tuple[np.uint64, int]:
    """Slots, a power of two at most half full, and the shift from a hash to a slot."""
    bits = max(1, int(2 * entries).bit_length())
    return np.uint64(64 - bits), 1 << bits


def _words_of_longest(values: pa.Array) -> int:
    offsets = _offsets(values)
    longest = int(np.diff(offsets).max(initial=1))
    return max(1, -(-longest // _WORD))


def _offsets(values: pa.Array) -> np.ndarray:
    """Where each value begins in the data buffer, and where the last one ends."""
    if not len(values):
        return np.zeros(1, np.int32)
    return np.frombuffer(values.buffers()[1], np.int32)[values.offset :][: len(values) + 1]


def _pack(values: pa.Array, word_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (-1 for null) and the first bytes as zero-padded words, uint64 [words, rows]."""
    offsets = _offsets(values)
    lengths = np.diff(offsets)
    data = values.buffers()[2] if len(values) else None
    octets = np.zeros((data.size if data else 0) + word_count * _WORD, np.uint8)
    if data:
        octets[: data.size] = np.frombuffer(data, np.uint8)
    words = np.empty((word_count, len(values)), np.uint64)
    # Every run of eight bytes as a word: a view with a stride of one byte.
    runs = np.ndarray(len(octets) - _WORD + 1, "<u8", octets, strides=(1,))
    for index in range(word_count):
        inside = np.clip(lengths - index * _WORD, 0, _WORD)
        starts = np.minimum(offsets[:-1] + index * _WORD, len(runs) - 1)
        words[index] = runs[starts] & _PREFIX_MASKS[inside]
    if values.null_count:
        lengths = np.where(values.is_null().to_numpy(zero_copy_only=False), -1, lengths)
    return lengths, words


_PREFIX_MASKS = np.array([(1 << (8 * count)) - 1 for count in range(_WORD + 1)], np.uint64)


def hash_strings(values: pa.Array) -> np.ndarray:
    """A 64-bit hash of each string, the same in whatever batch it stands; 0 of a null.

    Args:
      values: Arrow binary [rows].

    Returns:
      uint64 [rows].

    >>> one, other, null = hash_strings(pa.array([b"a", b"b", None]))
    >>> _, again = hash_strings(pa.array([b"longer than a word", b"a"]))
    >>> int(one) == int(again) != int(other), int(null)
    (True, 0)
    """
    lengths, words = _pack(values, min(_words_of_longest(values), _LONGEST // _WORD))
    hashed = splitmix64(lengths.astype(np.uint64))
    for index, word in enumerate(words):
        hashed = np.where(lengths > index * _WORD, splitmix64(hashed ^ word), hashed)
    for row in np.flatnonzero(lengths > _LONGEST):
        rest = zlib.crc32(values[row].as_py()[_LONGEST:])
        hashed[row] = splitmix64(hashed[row] ^ np.uint64(rest))
    return np.where(lengths < 0, np.uint64(0), hashed)
