"""Hashing of whole numbers: the mixing function of SplitMix64 on NumPy arrays."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

_Words = TypeVar("_Words", np.ndarray, np.uint64)


def splitmix64(value: _Words) -> _Words:
    """A bijection of uint64 that scatters its bits (Steele, Lea, Flood: OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        value = value + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))


def mix(words: np.ndarray) -> np.uint64:
    """One hash of several uint64 words, in their order."""
    state = np.uint64(0)
    for word in words:
        state = splitmix64(state ^ word)
    return state
