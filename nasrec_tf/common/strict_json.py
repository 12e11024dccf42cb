"""JSON that a person or a program may have got wrong: read strictly, and told in one line."""

import json
import pathlib
import reprlib
from typing import Any, NoReturn

MOST_BYTES = 1 << 20
"""Size of a file that is read whole; the largest architecture takes a twentieth of it."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3
_SHORT.maxstring = _SHORT.maxother = 60


def parse_json(text: str) -> Any:
    """The value that a JSON text stands for.

    Stricter than ``json.loads``: a name may stand once in an object, and numbers are JSON's own.

    Args:
        text: the JSON text.

    Raises:
        ValueError: if it is none; the message is one line with the place, where that is known.

    Example:
        >>> parse_json('{"fc": 8}')
        {'fc': 8}
        >>> parse_json('{"fc": 8, "fc": 16}')
        Traceback (most recent call last):
        ValueError: Not JSON that can be read: the name 'fc' stands twice in an object.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"Not JSON: {error.msg} at {place}.") from error
    except RecursionError as error:
        raise ValueError("Not JSON that can be read: nested too deeply.") from error
    except ValueError as error:
        # Thousands of digits, or one of the two below.
        raise ValueError(f"Not JSON that can be read: {error}.") from error


def read_short_text(path: str | pathlib.Path) -> str:
    """The text (UTF-8, with its mark or without) of a file of at most ``MOST_BYTES``.

    Args:
        path: the file, or a pipe.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is larger, or not UTF-8.
    """
    with pathlib.Path(path).open("rb") as file:  # A number would be an open file of the process.
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    return content.decode("utf-8-sig")


def names_a_file(path: str) -> bool:
    """Whether something is there that could be read: a file or a pipe.

    A name that no file can have, such as one that is too long or empty, names none.

    Args:
        path: what the user gave where a file or another name may stand.
    """
    try:
        return path != "" and pathlib.Path(path).exists()
    except (OSError, ValueError):
        return False


def shown(value: Any) -> str:
    """A value for a message: its ``repr``, cut where it is long.

    Args:
        value: anything that JSON gives.

    Example:
        >>> shown([1, 2.5, "fc"])
        "[1, 2.5, 'fc']"
        >>> shown(10**400)
        '100000000000000000...0000000000000000000'
    """
    text = " ".join(_SHORT.repr(value).split("\n"))  # Of an array it has several lines.
    return text if len(text) <= 200 else f"{text[:197]}..."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {shown(twice)} stands twice in an object")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
