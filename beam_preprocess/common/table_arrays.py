"""The arrays of a look-up table of byte strings, in memory or in files that processes share."""

from __future__ import annotations

import math
import pathlib
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from beam_preprocess.common.packed_strings import LONGEST, WORD_BYTES, offsets_of, pack
from beam_preprocess.common.splitmix import splitmix64

_PIECE_ROWS = 1 << 18
_FILES = ("slots.npy", "lengths.npy", "words.npy")
_LONG_FILE = "long.npz"


class TableArrays:
    """The arrays of a ``StringTable`` while it is filled, piece by piece.

    Args:
      slots, lengths, words: As a table has them, the slots empty.
      directory: Where they lie in files; None in memory.
    """

    def __init__(
        self,
        slots: np.ndarray,
        lengths: np.ndarray,
        words: np.ndarray,
        directory: pathlib.Path | None = None,
    ):
        self._slots, self._lengths, self._words = slots, lengths, words
        self._directory = directory
        self._long: dict[bytes, int] = {}
        self._count = 0

    @classmethod
    def in_memory(cls, count: int, longest: int) -> TableArrays:
        """Of a table of this process alone.

        Args:
          count: Strings that will be added.
          longest: Bytes of the longest, or more.
        """
        slots, lengths, words = (np.full(*each) for each in _shapes(count, longest))
        return cls(slots, lengths, words)

    @classmethod
    def in_files(cls, directory: str | pathlib.Path, count: int, longest: int) -> TableArrays:
        """Of a table that several processes will open.

        Args:
          directory: Where its files are made, which exists.
          count: Strings that will be added.
          longest: Bytes of the longest, or more.

        Raises:
          OSError: The files cannot be written.
        """
        directory = pathlib.Path(directory)
        for name, each in zip(_FILES, _shapes(count, longest), strict=True):
            _write_empty(directory / name, *each)
        slots, lengths, words = (np.load(directory / name, mmap_mode="r+") for name in _FILES)
        return cls(slots, lengths, words, directory)

    def add(self, entries: pa.Array) -> None:
        """Adds the next strings.

        Args:
          entries: Arrow binary without nulls.
        """
        for first in range(0, len(entries), _PIECE_ROWS):
            self._add(entries.slice(first, _PIECE_ROWS))

    def _add(self, entries: pa.Array) -> None:
        lengths, words = pack(entries, self._words.shape[1])
        first, last = self._count, self._count + len(entries)
        self._count = last
        short = lengths <= LONGEST
        self._lengths[first:last] = np.where(short, lengths, -1)
        self._words[first:last] = words.T
        for row in np.flatnonzero(~short):
            self._long.setdefault(entries[int(row)].as_py(), first + int(row))
        rows = np.flatnonzero(short)
        self._insert(first + rows, home(words[:, rows], shift_of(len(self._slots))))

    def _insert(self, positions: np.ndarray, slot: np.ndarray) -> None:
        while len(positions):
            free = np.flatnonzero(self._slots[slot] < 0)
            chosen, winners = np.unique(slot[free], return_index=True)
            self._slots[chosen] = positions[free[winners]]
            rest = np.ones(len(positions), bool)
            rest[free[winners]] = False
            positions, slot = positions[rest], (slot[rest] + 1) & (len(self._slots) - 1)

    def finished(self) -> FinishedArrays:
        """The arrays once all strings have been added; those in files are written."""
        found = FinishedArrays(self._slots, self._lengths, self._words, self._long)
        if self._directory is not None:
            found.write_long(self._directory)
        return found


class FinishedArrays(NamedTuple):
    """What a look-up reads.

    Attributes:
      slots: int32, a power of two; position of the string in a slot, -1 of an empty one.
      lengths: int8 [strings], -1 of long ones, which have no slot.
      words: uint64 [strings, words], their bytes padded with zeros.
      long: Positions of the long ones.
    """

    slots: np.ndarray
    lengths: np.ndarray
    words: np.ndarray
    long: dict[bytes, int]

    @classmethod
    def opened(cls, directory: pathlib.Path) -> FinishedArrays:
        """Those that ``TableArrays`` left in files.

        Args:
          directory: Of the files.
        """
        slots, lengths, words = (np.load(directory / name, mmap_mode="r") for name in _FILES)
        with np.load(directory / _LONG_FILE) as kept:
            ends, octets = kept["ends"].tolist(), kept["octets"].tobytes()
            texts = (octets[first:last] for first, last in zip([0, *ends], ends, strict=False))
            long = dict(zip(texts, kept["positions"].tolist(), strict=True))
        return cls(slots, lengths, words, long)

    def write_long(self, directory: pathlib.Path) -> None:
        """Writes the long strings beside the arrays.

        Args:
          directory: Of the files.
        """
        np.savez(
            directory / _LONG_FILE,
            octets=np.frombuffer(b"".join(self.long), np.uint8),
            ends=np.cumsum([len(text) for text in self.long], dtype=np.int64),
            positions=np.array([*self.long.values()], np.int64),
        )


def longest_of(entries: pa.Array) -> int:
    """Bytes of the longest of some strings that a table's arrays have room for.

    Args:
      entries: Arrow binary without nulls.
    """
    sizes = np.diff(offsets_of(entries))
    return int(sizes[sizes <= LONGEST].max(initial=0))


def _shapes(count: int, longest: int) -> tuple[tuple[tuple[int, ...], int, np.dtype], ...]:
    """Shape, empty value and type of slots, lengths and words."""
    some = max(1, count)  # An empty slot tells of row -1.
    words = max(1, -(-min(longest, LONGEST) // WORD_BYTES))
    return (
        ((_slot_count(count),), -1, np.dtype(np.int32)),
        ((some,), -1, np.dtype(np.int8)),
        ((some, words), 0, np.dtype(np.uint64)),
    )


def _write_empty(path: pathlib.Path, shape: tuple[int, ...], empty: int, kind: np.dtype) -> None:
    """Writes an array file by ordinary writes: a full disk is an error, where a map is a signal."""
    described = {"descr": kind.str, "fortran_order": False, "shape": shape}
    left = math.prod(shape)
    piece = np.full(min(left, _PIECE_ROWS), empty, kind)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, described)
        while left:
            file.write(piece[:left].data)
            left -= len(piece[:left])


def home(words: np.ndarray, shift: np.uint64) -> np.ndarray:
    """The slot at which the search for each string begins.

    Args:
      words: As ``pack`` gives them.
      shift: As ``shift_of`` gives it.
    """
    mixed = np.zeros(words.shape[1], np.uint64)
    for word in words:
        mixed = splitmix64(mixed ^ word)
    return (mixed >> shift).astype(np.int64)


def _slot_count(entries: int) -> int:
    """A power of two, at most half of which is full."""
    return 1 << max(1, int(2 * entries).bit_length())


def shift_of(slots: int) -> np.uint64:
    """How far a hash is shifted to be a slot.

    Args:
      slots: How many there are.
    """
    return np.uint64(64 - (slots.bit_length() - 1))
