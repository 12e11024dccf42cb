"""Byte strings of Arrow as NumPy words: what is compared and hashed many at once."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa

from beam_preprocess.common.splitmix import splitmix64

WORD_BYTES = 8

LONGEST = 64
"""Strings up to this length are packed whole; longer ones are rare in click logs."""


def words_of_longest(values: pa.Array) -> int:
    """Words that the longest string takes, at least one.

    Args:
      values: Arrow binary.
    """
    offsets = offsets_of(values)
    longest = int(np.diff(offsets).max(initial=1))
    return max(1, -(-longest // WORD_BYTES))


def offsets_of(values: pa.Array) -> np.ndarray:
    """Where each value begins in the data buffer, and where the last one ends.

    Args:
      values: Arrow binary.
    """
    if not len(values):
        return np.zeros(1, np.int32)
    return np.frombuffer(values.buffers()[1], np.int32)[values.offset :][: len(values) + 1]


def pack(values: pa.Array, word_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (-1 for null) and the first bytes as zero-padded words, uint64 [words, rows].

    Args:
      values: Arrow binary [rows].
      word_count: Words of each.
    """
    offsets = offsets_of(values)
    lengths = np.diff(offsets)
    data = values.buffers()[2] if len(values) else None
    first, last = int(offsets[0]), int(offsets[-1])
    octets = np.zeros(last - first + word_count * WORD_BYTES, np.uint8)
    if data and last > first:
        octets[: last - first] = np.frombuffer(data, np.uint8)[first:last]
    offsets = offsets - first
    words = np.empty((word_count, len(values)), np.uint64)
    # Every run of eight bytes as a word: a view with a stride of one byte.
    runs = np.ndarray(len(octets) - WORD_BYTES + 1, "<u8", octets, strides=(1,))
    for index in range(word_count):
        inside = np.clip(lengths - index * WORD_BYTES, 0, WORD_BYTES)
        starts = np.minimum(offsets[:-1] + index * WORD_BYTES, len(runs) - 1)
        words[index] = runs[starts] & _PREFIX_MASKS[inside]
    if values.null_count:
        lengths = np.where(values.is_null().to_numpy(zero_copy_only=False), -1, lengths)
    return lengths, words


_PREFIX_MASKS = np.array([(1 << (8 * count)) - 1 for count in range(WORD_BYTES + 1)], np.uint64)


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
    lengths, words = pack(values, min(words_of_longest(values), LONGEST // WORD_BYTES))
    hashed = splitmix64(lengths.astype(np.uint64))
    for index, word in enumerate(words):
        hashed = np.where(lengths > index * WORD_BYTES, splitmix64(hashed ^ word), hashed)
    for row in np.flatnonzero(lengths > LONGEST):
        rest = zlib.crc32(values[row].as_py()[LONGEST:])
        hashed[row] = splitmix64(hashed[row] ^ np.uint64(rest))
    return np.where(lengths < 0, np.uint64(0), hashed)
