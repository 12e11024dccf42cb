"""What every JSON form here has in common: a format and a version, and dataclasses as objects."""

import dataclasses
import json
import os
import pathlib
import types
import typing
from collections.abc import Mapping
from typing import Any, NoReturn

from pim.checks import shown, suggestion
from pim.errors import PimError

MOST_BYTES = 1 << 26
"""Size of a file that is read whole; the workload of a large network takes a thousandth of it."""


def names_a_file(path: str | pathlib.Path) -> bool:
    """Whether something is there that could be read; a name that no file can have names none.

    Args:
        path: what the user gave.
    """
    return os.path.exists(path)


def read_json(path: pathlib.Path) -> Any:
    """The JSON value in a file; a name may stand once in an object, and numbers are JSON's own.

    Args:
        path: the file.

    Raises:
        PimError: if the file cannot be read, or does not hold JSON; the message names it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise PimError(f"{path}: cannot be read: larger than {MOST_BYTES >> 20} MiB")
        text = content.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except OSError as error:
        raise PimError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PimError(f"{path}: cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise PimError(f"{path}: not JSON: {error.msg} at {place}") from error
    except (ValueError, RecursionError) as error:
        # Thousands of digits or of brackets, or one of the two below.
        raise PimError(f"{path}: not JSON that can be read: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {shown(twice)} stands twice in an object")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def save_text(path: str | pathlib.Path, text: str) -> None:
    """Writes a text file whole: it has its old content or all of the new one, whatever happens.

    Args:
        path: the file, which is replaced.
        text: its content.

    Raises:
        OSError: if it cannot be written.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "design.json")
        >>> save_text(path, "{}")
        >>> path.read_text(), len(list(path.parent.iterdir()))
        ('{}', 1)
    """
    save_bytes(path, text.encode("utf-8"))


def save_bytes(path: str | pathlib.Path, content: bytes) -> None:
    """As ``save_text``, of a file that is no text.

    Args:
        path: the file, which is replaced.
        content: all of it.

    Raises:
        OSError: if it cannot be written.
    """
    path = pathlib.Path(path)
    draft = path.with_name(f".{path.name[:64]}.{os.getpid()}.draft")
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def body_of(value: Any, what: str, form: str, version: int) -> dict[str, Any]:
    """The fields of a JSON form, once its format and version are the expected ones.

    Args:
        value: the JSON value.
        what: what it should be, for the message, such as ``"a hardware description"``.
        form: the expected ``"format"``.
        version: the expected ``"version"``.

    Raises:
        PimError: if it is something else, or of another version.
    """
    if not isinstance(value, dict) or value.get("format") != form:
        raise PimError(f'not {what}: no "format": "{form}" in it')
    found = value.get("version")
    if isinstance(found, bool) or found != version:
        raise PimError(f"{what} of version {shown(found)}; this reads {version}")
    return {key: part for key, part in value.items() if key not in ("format", "version")}


def from_object(cls: type, value: Any, where: str, kind_field: str = "kind") -> Any:
    """A dataclass from an object of its fields, parts that are dataclasses themselves included.

    Args:
        cls: the dataclass; it checks its own values.
        value: the JSON value.
        where: what messages call it.
        kind_field: names the class of an object that may be of several classes.

    Raises:
        PimError: if a field is unknown, missing or not valid; the message names it.
    """
    if not isinstance(value, dict):
        raise PimError(f"{where}: must be an object. Received: {shown(value)}")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in value:
        if key not in fields:
            raise PimError(
                f"{where}: unknown field {shown(key)}{suggestion(key, fields)}; the fields are "
                f"{', '.join(fields)}"
            )
    arguments = {}
    for name, field in fields.items():
        if name in value:
            arguments[name] = _part(hints[name], value[name], f"{where}.{name}", kind_field)
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise PimError(f"{where}: field {name!r} is missing")
    return cls(**arguments)


def of_kind(kinds: Mapping[str, type], value: Any, where: str, kind_field: str = "kind") -> Any:
    """As ``from_object``, of the class that the object's ``kind_field`` names.

    Args:
        kinds: the classes by name.
        value: the JSON value.
        where: what messages call it.
        kind_field: the field that names the class.

    Raises:
        PimError: if it names none of them, or a field is not valid.
    """
    kind = value.get(kind_field) if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise PimError(f"{where}: {kind_field!r} must be one of {', '.join(kinds)}")
    fields = {name: part for name, part in value.items() if name != kind_field}
    return from_object(kinds[kind], fields, where, kind_field)


def dataclasses_of(hint: Any) -> list[type]:
    """The dataclasses among the types that a hint allows.

    Args:
        hint: as ``typing.get_type_hints`` gives it.
    """
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return [o for o in options if isinstance(o, type) and dataclasses.is_dataclass(o)]


def _part(hint: Any, value: Any, where: str, kind_field: str) -> Any:
    classes = dataclasses_of(hint)
    if not classes or (value is None and type(None) in typing.get_args(hint)):
        return value
    if len(classes) == 1:
        return from_object(classes[0], value, where, kind_field)
    return of_kind({cls.__name__: cls for cls in classes}, value, where, kind_field)
