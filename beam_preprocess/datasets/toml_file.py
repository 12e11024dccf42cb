r"""Reads the TOML description of a data set.

Example::

    name = "shop"
    label = "click"            # or {column = "income", positive = [">50K"]}, {..., above = 3}
    delimiter = ","            # default ","
    header = true              # default true; false needs `columns`
    quoting = true             # default true
    escape = "\\"              # default none
    skip_blanks = true         # default false
    file_encoding = "latin-1"  # default utf-8
    decimal = ","              # default "."
    missing_tokens = ["NA"]    # beside the empty value
    weight = "importance"      # how much a row counts; default: all alike
    group = "user"             # for AUC by group
    ignore = ["row_id"]        # when `sparse` is left out: every other column is sparse
    time_column = "timestamp"  # for the chronological split
    time_format = "iso8601"    # or "number", or any other form of times

    [times]                    # columns of times, and what is derived of them
    hour = "YYMMDDHH"
    signed_up = {format = "%d/%m/%Y", derive = ["weekday"], age_until = "clicked"}
    clicked = {format = "seconds", derive = ["hour_of_day", "weekday"]}

    [[dense]]
    source = "price"
    transform = "standardize"  # log1p (default), standardize, identity, missing_indicator

    [[sparse]]
    source = "hour"
    name = "weekday"
    derive = "weekday"

    [[sparse]]
    source = "genres"
    multi = "|"                # what stands between items; true for a list column of Parquet
    longest = 16               # items that are kept, the first ones (default 32)
    pooling = "attention"      # mean (default), sum, attention

    [[side_tables]]            # --side-table films=movies.dat joins it
    name = "films"
    key = "film"               # column of the log; the table's first column
    columns = ["title", "genres"]
    delimiter = "::"           # default a tab; header, quoting and file_encoding as above
    sparse = [{source = "genres", multi = "|"}]  # default: all columns

``dense = ["price", "age"]`` and ``sparse = ["user", "item"]`` are the short forms.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Any, TypeVar

from beam_preprocess.common.checked import build, shown
from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn, TimeColumn
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.side_table import SideTable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_Column = TypeVar("_Column", DenseColumn, SparseColumn)

_KEYS = tuple(
    field.name
    for field in dataclasses.fields(Description)
    if field.name not in ("partitions", "lists")
)


def read_toml(path: pathlib.Path) -> Description:
    """The description in a TOML file.

    Args:
      path: The file.

    Raises:
      DataError: It cannot be read or describes no data set; the line names the file and the key.
    """
    return parse_toml(_read(path), path)


def parse_toml(text: str, path: pathlib.Path) -> Description:
    """The description that a text is.

    Args:
      text: TOML.
      path: What messages call it; it gives the name where the text has none.

    Raises:
      DataError: As for ``read_toml``.

    >>> parse_toml('label = "click"', pathlib.Path("shop.toml")).name
    'shop'
    """
    body = _parsed(text, path)
    for key in body:
        if key not in _KEYS:
            raise DataError(
                f"{path}: unknown key {shown(key)}{suggestion(key, _KEYS)}; "
                f"keys are {', '.join(_KEYS)}"
            )
    if isinstance(body.get("label"), dict):
        body = {**body, **_label(path, body["label"])}
    if "label" not in body:
        raise DataError(f'{path}: name the label column, label = "..."')
    fields: dict[str, Any] = {"delimiter": ",", "header": True, "quoting": True, "columns": None}
    fields.update({"name": path.stem, **body})
    if len(str(fields["delimiter"])) > 1 and "quoting" not in body:
        fields["quoting"] = False
    for key, kind in (("dense", DenseColumn), ("sparse", SparseColumn)):
        if key in body:
            fields[key] = _columns(path, key, body[key], kind)
    if "side_tables" in body:
        fields["side_tables"] = _side_tables(path, body["side_tables"])
    if "times" in body:
        fields["times"] = _times(path, body["times"])
    return build(Description, fields, str(path))


def _side_tables(path: pathlib.Path, entries: Any) -> tuple[SideTable, ...]:
    """What ``[[side_tables]]`` say; all columns are sparse features where none is named."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{path}: side_tables must be tables, [[side_tables]]")
    tables = []
    for number, entry in enumerate(entries, 1):
        where = f"{path}: side_tables entry {number}"
        fields = {"required": True, **entry}
        if not entry.keys() & {"dense", "sparse"}:
            fields["sparse"] = entry.get("columns", [])
        for key, kind in (("dense", DenseColumn), ("sparse", SparseColumn)):
            if key in fields:
                fields[key] = _columns(path, f"side_tables {key}", fields[key], kind)
        tables.append(build(SideTable, fields, where))
    return tuple(tables)


def _times(path: pathlib.Path, table: Any) -> tuple[TimeColumn, ...]:
    """What ``times = {clicked = "seconds", seen = {format = "iso8601", derive = [...]}}`` says."""
    if not isinstance(table, dict):
        raise DataError(
            f'{path}: times must be a table such as {{hour = "YYMMDDHH"}}, not {shown(table)}'
        )
    return tuple(
        build(
            TimeColumn,
            {"source": name, **(entry if isinstance(entry, dict) else {"format": entry})},
            f"{path}: times",
        )
        for name, entry in table.items()
    )


def _label(path: pathlib.Path, table: dict[str, Any]) -> dict[str, Any]:
    """What ``label = {column = "income", positive = [">50K"]}`` says, as keys of their own."""
    keys = {"column": "label", "positive": "label_positive", "above": "label_above"}
    for key in table:
        if key not in keys:
            raise DataError(
                f"{path}: label: unknown key {shown(key)}{suggestion(key, keys)}; "
                f"keys are {', '.join(keys)}"
            )
    if "column" not in table:
        raise DataError(f'{path}: label: name the column, label = {{column = "...", ...}}')
    return {keys[key]: value for key, value in table.items()}


def _read(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # with the mark of editors or without
    except FileNotFoundError:
        raise DataError(f"{path}: no such description file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not valid TOML ({error})") from None


def _parsed(text: str, path: pathlib.Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise DataError(f"{path}: not valid TOML (nested too deeply)") from None
    except ValueError as error:  # TOMLDecodeError, integers of any length
        raise DataError(f"{path}: not valid TOML ({error})") from None


def _columns(
    path: pathlib.Path, key: str, entries: Any, kind: type[_Column]
) -> tuple[_Column, ...]:
    if not isinstance(entries, list):
        raise DataError(f"{path}: {key} must be a list of names or of tables, not {shown(entries)}")
    return tuple(
        build(
            kind,
            {"source": entry} if isinstance(entry, str) else entry,
            f"{path}: {key} entry {index + 1}",
        )
        for index, entry in enumerate(entries)
    )
