"""State that a later process goes on from: JSON with a checksum, read through a checked type.

A file that was cut, emptied, filled with zeros, or in which one bit or digit differs is told in one
line. Files written before there were checksums are read too, by their type alone.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping
from typing import Any, TypeVar

import pydantic

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import RunError
from nasrec_tf.common.json_digest import json_digest

CHECKSUM = "checksum"
VALUE = "value"

SAVED = pydantic.ConfigDict(extra="forbid", strict=True)
"""``__pydantic_config__`` of a dataclass whose saved form may have no other field."""

T = TypeVar("T")


def write_state(path: str | pathlib.Path, value: Any) -> None:
    """Writes a value so that ``read_state`` gives it back; the file is there whole or not at all.

    Args:
        path: the file.
        value: anything of JSON, dataclasses, and objects with a ``to_json`` method; lists and
            plain values are kept under ``"value"``.

    Raises:
        UserError: if the file cannot be written.
    """
    plain = _plain(value)
    if not isinstance(plain, dict) or set(plain) == {VALUE}:
        plain = {VALUE: plain}
    # Read back first, so that the digest is of what a reader will see: keys as text, tuples as
    # lists.
    plain = json.loads(json.dumps(plain))
    with atomic_file(path) as file:
        json.dump({**plain, CHECKSUM: json_digest(plain)}, file, indent=2)
        file.write("\n")


def read_state(path: str | pathlib.Path, kind: type[T], mend: str) -> T | None:
    """Reads what ``write_state`` wrote, or the same value written without a checksum.

    Args:
        path: the file.
        kind: type of the value: a dataclass, ``list[float]`` and the like; taken strictly.
        mend: what the user can do about a damaged file, such as ``"delete it to run the supernet
            stage again"``.

    Returns:
        The value, or ``None`` if there is no such file.

    Raises:
        RunError: if the file cannot be read or is damaged: one line with file, damage and mend.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "losses.json"
        >>> write_state(path, [0.5, 0.25])
        >>> read_state(path, list[float], "delete it")
        [0.5, 0.25]
        >>> _ = path.write_text(path.read_text().replace("0.25", "0.26"))
        >>> read_state(path, list[float], "delete it")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nasrec_tf.common.errors.RunError: ...losses.json: damaged: its checksum is not that of ...
    """
    path = pathlib.Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}; {mend}.") from error
    value = _checked(path, _parsed(path, content, mend), mend)
    form: Any = kind  # hashable, which mypy does not see of ``type[T]``
    try:
        return _adapter(form).validate_json(json.dumps(value), strict=True)
    except pydantic.ValidationError as error:
        raise RunError(f"{path}: damaged: {first_fault(error)}; {mend}.") from error


def first_fault(error: pydantic.ValidationError) -> str:
    """The first fault that pydantic found, in one line: place, rule and what is there.

    Args:
        error: what pydantic raised.
    """
    fault = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    received = repr(fault["input"])
    if len(received) > 80:
        received = received[:77] + "..."
    message = fault["msg"][0].lower() + fault["msg"][1:]
    return f"{place + ': ' if place else ''}{message} (received: {received})"


def _plain(value: Any) -> Any:
    """The value as JSON knows it."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


@functools.cache
def _adapter(kind: Any) -> pydantic.TypeAdapter:
    return pydantic.TypeAdapter(kind)


def _parsed(path: pathlib.Path, content: bytes, mend: str) -> Any:
    if not content.strip(b"\0 \t\r\n"):
        what = "holds nothing but zero bytes" if b"\0" in content else "is empty"
        raise RunError(f"{path}: damaged: {what}; {mend}.")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: damaged: not JSON ({error}); {mend}.") from error


def _checked(path: pathlib.Path, value: Any, mend: str) -> Any:
    """The value without its checksum, if it has one and that is right."""
    if not isinstance(value, dict) or CHECKSUM not in value:
        return value
    value = dict(value)
    if value.pop(CHECKSUM) != json_digest(value):
        raise RunError(f"{path}: damaged: its checksum is not that of its content; {mend}.")
    return value[VALUE] if set(value) == {VALUE} else value
