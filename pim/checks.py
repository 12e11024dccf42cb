"""Range checks that the dataclasses share."""

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any

from pim.errors import PimError

LARGEST = 1e30
"""Of any figure in any unit here: far above all that circuits have, and products stay finite."""

SMALLEST = 1e-30
"""Of figures that are divided by."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3
_SHORT.maxstring = _SHORT.maxother = 60


def shown(value: Any) -> str:
    """A wrong value as messages show it: its ``repr`` in one line, cut where it is long.

    Args:
        value: anything.

    Example:
        >>> len(shown("8" * 100_000))
        60
    """
    try:
        text = _SHORT.repr(value)
    except ValueError:  # Whole numbers of thousands of digits have no repr.
        return f"a very large {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:197]}..."


def suggestion(name: Any, known: Iterable[str]) -> str:
    """What was meant by a name that is not known, in words; nothing where that is not clear.

    Args:
        name: as it was given.
        known: what there is.

    Example:
        >>> suggestion("mnsim-rran", ["mnsim-rram", "ideal"])
        ", did you mean 'mnsim-rram'?"
    """
    near = difflib.get_close_matches(name, list(known), n=1) if isinstance(name, str) else ()
    return f", did you mean {near[0]!r}?" if near else ""


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
        raise PimError(
            f"{name} must be a whole number from {low} to {high}. Received: {shown(value)}"
        )


def real(name: str, value: Any, low: float = 0.0, high: float = LARGEST) -> None:
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
    if not good or not low <= value <= high:
        raise PimError(
            f"{name} must be a number from {low:g} to {high:g}. Received: {shown(value)}"
        )


def positive(name: str, value: Any) -> None:
    """Raises unless ``value`` is a number above zero that can be divided by.

    Args:
        name: what messages call it.
        value: the value.

    Raises:
        PimError: otherwise.
    """
    real(name, value)
    if value < SMALLEST:
        raise PimError(f"{name} must be a number above 0. Received: {shown(value)}")


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
        raise PimError(f"{name} must be one of {', '.join(choices)}. Received: {shown(value)}")


def flag(name: str, value: Any) -> None:
    """Raises unless ``value`` is true or false.

    Args:
        name: what messages call it.
        value: the value.

    Raises:
        PimError: otherwise.
    """
    if not isinstance(value, bool):
        raise PimError(f"{name} must be true or false. Received: {shown(value)}")
