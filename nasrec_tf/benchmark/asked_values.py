"""What a caller asks a table with: values of the right kinds, or one line that names the other."""

import numbers
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.strict_json import shown

KINDS = {"Real": "number"}
"""What people call a class."""


def check_asked(argument: str, value: Any, *kinds: type) -> None:
    """Checks the class of what a caller gave; true and false are no numbers.

    Args:
        argument: what it is called.
        value: what was given.
        kinds: what it may be an instance of.

    Raises:
        UserError: if it is none of them.

    Example:
        >>> check_asked("dataset", 5, str)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: `dataset` must be a str. Received: 5
    """
    if not isinstance(value, kinds) or isinstance(value, bool):
        told = " or ".join(KINDS.get(kind.__name__, kind.__name__) for kind in kinds)
        raise UserError(f"`{argument}` must be a {told}. Received: {shown(value)}")


def check_whole(argument: str, value: Any, least: int, most: int | None = None) -> None:
    """Checks that what a caller gave is a whole number, NumPy's among them.

    Args:
        argument: what it is called.
        value: what was given.
        least: the least that it may be.
        most: the most that it may be; anything unless given.

    Raises:
        UserError: if it is none, or out of range.

    Example:
        >>> check_whole("budget", 10**6, 1, 1000)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: `budget` must be a whole number from 1 to 1000. \
Received: 1000000
    """
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or value < least or (most is not None and value > most):
        reach = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise UserError(f"`{argument}` must be a whole number {reach}. Received: {shown(value)}")
