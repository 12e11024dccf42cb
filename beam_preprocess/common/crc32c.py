"""CRC-32C (Castagnoli) of many byte strings at once, as TFRecord framing needs it.

The reflected polynomial 0x82F63B78 and the mask are those of TFRecord files (tensorflow/core/lib/
hash/crc32c.h). All rows advance together, eight bytes a step ("slicing by eight").
"""

from __future__ import annotations

import functools

import numpy as np

_POLYNOMIAL = np.uint32(0x82F63B78)
_MASK_DELTA = np.uint32(0xA282EAD8)
_STEP = 8


@functools.lru_cache(maxsize=1)
def _tables() -> np.ndarray:
    """uint32 [8, 256]: the remainder of a byte that is followed by 0 to 7 further bytes."""
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, (first >> 1) ^ _POLYNOMIAL, first >> 1)
    tables = [first]
    for _ in range(_STEP - 1):
        last = tables[-1]
        tables.append(first[last & 0xFF] ^ (last >> 8))
    return np.stack(tables)


def masked_crc32c(right_aligned: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The masked CRC-32C of each row.

    Args:
      right_aligned: uint8 [rows, width], each string at the right end of its row after zeros; the
        width is a multiple of 8. It is changed in place.
      lengths: int [rows], bytes in each string, at least 4.

    Returns:
      uint32 [rows].

    Raises:
      ValueError: The width is another.
    """
    rows, width = right_aligned.shape
    if width % _STEP:
        raise ValueError(f"the width must be a multiple of {_STEP}, not {width}")
    # Zeros leave a zero state as it is, and an all-ones initial state is the same as inverting the
    # first four bytes: so strings of all lengths can run together from a zero state.
    heads = (width - lengths)[:, None] + np.arange(4)
    right_aligned[np.arange(rows)[:, None], heads] ^= 0xFF
    words = np.ascontiguousarray(right_aligned.view("<u4").T)
    tables = _tables()
    state = np.zeros(rows, np.uint32)
    for first, second in zip(words[::2], words[1::2], strict=True):
        state ^= first
        following = _fold(tables[4:], state)
        following ^= _fold(tables[:4], second)
        state = following
    state = ~state
    return ((state >> np.uint32(15)) | (state << np.uint32(17))) + _MASK_DELTA


def _fold(tables: np.ndarray, words: np.ndarray) -> np.ndarray:
    """XOR over the four bytes of each word of their table entries (lowest byte: last table)."""
    octets = words.view(np.uint8).reshape(-1, 4)
    result = tables[3].take(octets[:, 0])
    for index in (1, 2, 3):
        result ^= tables[3 - index].take(octets[:, index])
    return result
