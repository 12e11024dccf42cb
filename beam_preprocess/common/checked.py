"""Dataclasses whose fields are checked, strictly and by name, before anything relies on them.

Whoever makes them (a TOML description, the command line, a saved schema, a Python program), a value
of another type or out of its range ends in one line that names it. Types and ranges stand in the
annotations of the fields; Pydantic checks them without converting anything.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import pydantic

from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.errors import DataError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Checked = TypeVar("_Checked", bound="DataclassInstance")

_SHOWN_CHARACTERS = 60

LONGEST_NAME = 1000
"""Characters of a column's or a feature's name."""

Name = Annotated[
    str, pydantic.Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\r\n\x00]*$")
]
Count = Annotated[int, pydantic.Field(ge=0, le=2**63 - 1)]
PositiveCount = Annotated[int, pydantic.Field(ge=1, le=2**63 - 1)]
# Id 0 stands for missing values, so one row is no table.
TableRows = Annotated[int, pydantic.Field(ge=2, le=2**62)]
Finite = Annotated[float, pydantic.Field(allow_inf_nan=False)]
# Records hold 32-bit floats.
Finite32 = Annotated[float, pydantic.Field(allow_inf_nan=False, ge=-3.4e38, le=3.4e38)]

_WORDS = {
    "string_type": "must be text",
    "string_unicode": "must be valid Unicode text",
    "string_too_short": "must not be empty",
    "string_too_long": f"must have at most {LONGEST_NAME} characters",
    "string_pattern_mismatch": "must hold no line break and no character of number 0",
    "int_type": "must be a whole number",
    "int_parsing_size": "must be a whole number of at most 64 bits",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
    "mapping_type": "must be a table",
    "dict_type": "must be a table",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def check_fields(instance: Any, what: str = "", *, flags: bool = False) -> None:
    """Checks every field of a dataclass against its annotation; for its ``__post_init__``.

    Args:
      instance: The dataclass.
      what: What it describes, for the message.
      flags: Whether the fields are known to the user as options of the command line.

    Raises:
      DataError: The first field that does not fit, in one line.

    >>> @dataclasses.dataclass
    ... class Table:
    ...     rows: PositiveCount
    ...     names: tuple[Name, ...] = ()
    ...     def __post_init__(self):
    ...         check_fields(self, "table")
    >>> Table("8")
    Traceback (most recent call last):
        ...
    beam_preprocess.errors.DataError: table: rows must be a whole number, not '8'
    >>> Table(8, ("a", ""))
    Traceback (most recent call last):
        ...
    beam_preprocess.errors.DataError: table: names[1] must not be empty, not ''
    """
    values = {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance)}
    kind: Any = type(instance)  # hashable, which mypy does not see of ``type[Any]``
    try:
        _model(kind).__pydantic_validator__.validate_python(values)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DataError(_message(first, what, flags)) from None


def build(kind: type[_Checked], entry: Any, what: str) -> _Checked:
    """Makes a checked dataclass of a table as TOML and JSON have them; lists become tuples.

    Args:
      kind: The dataclass.
      entry: From the names of its fields to their values.
      what: What is read, for the message.

    Raises:
      DataError: It is no such table: a key is unknown or missing, or a value does not fit.

    >>> @dataclasses.dataclass
    ... class Table:
    ...     rows: PositiveCount
    >>> build(Table, {"lines": 3}, "shop.toml")
    Traceback (most recent call last):
        ...
    beam_preprocess.errors.DataError: shop.toml: unknown key 'lines'; keys are rows
    """
    fields = dataclasses.fields(kind)
    known = [field.name for field in fields]
    if not isinstance(entry, Mapping):
        raise DataError(
            f"{what}: must be a table with the keys {', '.join(known)}, not {shown(entry)}"
        )
    for key in entry:
        if key not in known:
            raise DataError(
                f"{what}: unknown key {shown(key)}{suggestion(key, known)}; "
                f"keys are {', '.join(known)}"
            )
    for field in fields:
        required = (field.default, field.default_factory) == (dataclasses.MISSING,) * 2
        if required and field.name not in entry:
            raise DataError(f"{what}: key {field.name!r} is missing")
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    try:
        return kind(**values)
    except DataError as error:
        raise DataError(f"{what}: {error}") from None


def check_choice(what: str, value: Any, choices: Sequence[str]) -> None:
    """Checks that a value is one of a few.

    Args:
      what: What the message calls it.
      value: The value.
      choices: What it may be.

    Raises:
      DataError: It is none of them.

    >>> check_choice("--encoding", "hsh", ("vocabulary", "hash"))
    Traceback (most recent call last):
        ...
    beam_preprocess.errors.DataError: --encoding must be one of vocabulary, hash, not 'hsh', \
did you mean 'hash'?
    """
    if value not in choices:
        meant = suggestion(value, choices)
        raise DataError(f"{what} must be one of {', '.join(choices)}, not {value!r}{meant}")


def shown(value: Any) -> str:
    """A value as it is shown in a message: on one line, and short.

    >>> shown("a\\nb"), shown([0] * 99)[-6:]
    ("'a\\\\nb'", ' 0,...')
    """
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = "a number of thousands of digits"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


@functools.cache
def _model(kind: type) -> type[pydantic.BaseModel]:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields: dict[str, Any] = {
        field.name: (hints[field.name], ...) for field in dataclasses.fields(kind)
    }
    config = pydantic.ConfigDict(strict=True, arbitrary_types_allowed=True)
    return pydantic.create_model(kind.__name__, __config__=config, **fields)


def _message(error: Mapping[str, Any], what: str, flags: bool) -> str:
    name, *rest = error["loc"]
    path = f"--{name.replace('_', '-')}" if flags else str(name)
    path += "".join(f"[{part}]" for part in rest if isinstance(part, int))
    words = _WORDS.get(error["type"], error["msg"][0].lower() + error["msg"][1:])
    words = words.format(**error.get("ctx", {}))
    said = f"{path} {words}, not {shown(error['input'])}"
    return f"{what}: {said}" if what else said
