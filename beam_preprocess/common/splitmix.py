"""Hashing of whole numbers: the mixing function of SplitMix64 on NumPy arrays."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

_Words = TypeVar("_Words", np.ndarray, np.uint64)


def splitmix64(value: _Words) -> _Words:
    """A bijection of 64-bit words that scatters their bits (Steele, Lea, Flood: OOPSLA 2014).

    Args:
      value: uint64, of any shape.

    >>> hex(int(splitmix64(np.uint64(0))))
    '0xe220a8397b1dcdaf'
    """
    with np.errstate(over="ignore"):
        value = value + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))


def mix(words: np.ndarray) -> np.uint64:
    """One hash of several words, in their order.

    Args:
      words: uint64 [words].
    """
    state = np.uint64(0)
    for word in words:
        state = splitmix64(state ^ word)
    return state
