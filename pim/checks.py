"""Range checks that the dataclasses share."""

import math
from collections.abc import Iterable
from typing import Any

from pim.errors import PimError


def whole(name: str, value: Any, low: int, high: int) -> None:
    """Raises unless ``value`` is a whole number from ``low`` to ``high``.

    Args:
        name: what messages call it.
        value: the value.
        low: the least that it may be.
        high: the most that it may be.

    Raises:
        PimError: otherwise; true and false are no numbers.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PimError(f"{name} must be a whole number from {low} to {high}. Received: {value!r}")


def real(name: str, value: Any, low: float = 0.0, high: float = math.inf) -> None:
    """Raises unless ``value`` is a number from ``low`` to ``high``.

    Args:
        name: what messages call it.
        value: the value.
        low: the least that it may be.
        high: the most that it may be.

    Raises:
        PimError: otherwise; true, false and NaN are no numbers.
    """
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not good or math.isnan(value) or not low <= value <= high:
        bound = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
        raise PimError(f"{name} must be a number {bound}. Received: {value!r}")


def positive(name: str, value: Any) -> None:
    """Raises unless ``value`` is a finite number above zero.

    Args:
        name: what messages call it.
        value: the value.

    Raises:
        PimError: otherwise.
    """
    real(name, value)
    if value == 0 or math.isinf(value):
        raise PimError(f"{name} must be a finite number above 0. Received: {value!r}")


def one_of(name: str, value: Any, choices: Iterable[str]) -> None:
    """Raises unless ``value`` is one of ``choices``.

    Args:
        name: what messages call it.
        value: the value.
        choices: what it may be.

    Raises:
        PimError: otherwise.
    """
    choices = tuple(choices)
    if value not in choices:
        raise PimError(f"{name} must be one of {', '.join(choices)}. Received: {value!r}")


def flag(name: str, value: Any) -> None:
    """Raises unless ``value`` is true or false.

    Args:
        name: what messages call it.
        value: the value.

    Raises:
        PimError: otherwise.
    """
    if not isinstance(value, bool):
        raise PimError(f"{name} must be true or false. Received: {value!r}")
