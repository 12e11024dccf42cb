"""What a value is that came from a file, an option or a caller."""

from typing import Any

from nasrec_tf.common.strict_json import shown


def is_whole(value: Any, low: float | None = None, high: float | None = None) -> bool:
    """Whether a value is a whole number; true and false are none.

    Args:
        value: the value.
        low: the least that it may be; anything unless given.
        high: the most that it may be; anything unless given.

    Example:
        >>> is_whole(3), is_whole(True), is_whole(3.0), is_whole(0, low=1), is_whole(9, 1, 8)
        (True, False, False, False, False)
    """
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return (low is None or low <= value) and (high is None or value <= high)


def is_number(value: Any) -> bool:
    """Whether a value is a number, NaN and infinities among them; true and false are none.

    Example:
        >>> is_number(2.5), is_number(True), is_number("2.5")
        (True, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_kind(argument: str, value: Any, kind: type) -> None:
    """Checks the class of what a caller gave.

    Args:
        argument: what it is called.
        value: what was given.
        kind: what it has to be an instance of.

    Raises:
        ValueError: if it is none.

    Example:
        >>> check_kind("features", (3, 9), dict)
        Traceback (most recent call last):
        ValueError: `features` must be of dict. Received: (3, 9)
    """
    if not isinstance(value, kind):
        raise ValueError(f"`{argument}` must be of {kind.__name__}. Received: {shown(value)}")
