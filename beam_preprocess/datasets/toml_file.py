"""Reads the TOML description of a data set.

Example::

    name = "shop"
    label = "click"
    delimiter = ","            # default ","
    header = true              # default true; false needs `columns`
    quoting = true             # default true
    missing_tokens = ["NA"]    # beside the empty value
    ignore = ["row_id"]        # when `sparse` is left out: every other column is sparse
    time_column = "timestamp"  # for the chronological split
    time_format = "iso8601"    # or "number"

    [[dense]]
    source = "price"
    transform = "standardize"  # log1p (default), standardize, identity, missing_indicator

    [[sparse]]
    source = "hour"
    name = "weekday"
    derive = "weekday"

``dense = ["price", "age"]`` and ``sparse = ["user", "item"]`` are the short forms.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Any

from beam_preprocess.errors import DataError
from beam_preprocess.reading.description import DenseColumn, Description, SparseColumn

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KEYS = tuple(
    field.name for field in dataclasses.fields(Description) if field.name != "side_tables"
)
_LISTS = ("columns", "missing_tokens", "ignore")


def read_toml(path: pathlib.Path) -> Description:
    """The description in the TOML file at ``path``; every error names the file and the key."""
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such description file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not valid TOML ({error})") from None
    for key in body:
        if key not in _KEYS:
            raise DataError(f"{path}: unknown key {key!r}; known are {', '.join(_KEYS)}")
    if "label" not in body:
        raise DataError(f'{path}: name the label column, label = "..."')
    fields: dict[str, Any] = {"delimiter": ",", "header": True, "quoting": True, "columns": None}
    fields.update({"name": path.stem, **body})
    for key in _LISTS:
        if fields.get(key) is not None:
            fields[key] = _strings(path, key, fields[key])
    fields["dense"] = _columns(path, "dense", body.get("dense", ()), DenseColumn)
    if "sparse" in body:
        fields["sparse"] = _columns(path, "sparse", body["sparse"], SparseColumn)
    _check_scalars(path, fields)
    try:
        return Description(**fields)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _check_scalars(path: pathlib.Path, fields: dict[str, Any]) -> None:
    for key in ("name", "label", "delimiter", "label_rule", "time_column", "time_format"):
        if key in fields and not isinstance(fields[key], str):
            raise DataError(f"{path}: {key} must be a string, not {fields[key]!r}")
    for key in ("header", "quoting"):
        if not isinstance(fields[key], bool):
            raise DataError(f"{path}: {key} must be true or false, not {fields[key]!r}")


def _strings(path: pathlib.Path, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DataError(f"{path}: {key} must be a list of strings, not {value!r}")
    return tuple(value)


def _columns(path: pathlib.Path, key: str, entries: Any, kind: type) -> tuple[Any, ...]:
    if not isinstance(entries, (list, tuple)):
        raise DataError(f"{path}: {key} must be a list of names or of tables, not {entries!r}")
    columns = []
    for entry in entries:
        try:
            columns.append(kind(entry) if isinstance(entry, str) else kind(**entry))
        except TypeError as error:
            known = ", ".join(field.name for field in dataclasses.fields(kind))
            raise DataError(f"{path}: {key} entry {entry!r}: keys are {known} ({error})") from None
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
    return tuple(columns)
