"""Whether the first line of a file is what its description says, a header or a row.

Parts of one log are not always alike: one job wrote its part with a header and another without. A
header that is read as a row becomes a category of every column, and nothing else would tell of it.
"""

from __future__ import annotations

import csv

from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_names import shorten
from beam_preprocess.reading.description import NUMBER, Description
from beam_preprocess.reading.text_blocks import InputFile, open_text
from beam_preprocess.running.number_forms import NumberReader

_LINES = 1000
_LEAST_LINES = 20
"""Rows behind the first, of which some would have its label again if it were a row."""


def check_no_header(description: Description, file: InputFile, max_row_bytes: int) -> None:
    """Refuses a file that begins with a header where none is expected.

    Args:
      description: Of a text without headers.
      file: One of its files.
      max_row_bytes: Longest accepted row.

    Raises:
      DataError: Its first line has the names of the columns, or words that stand above numbers, or
        a word for a label that no other row has.
    """
    columns = description.columns or ()
    with open_text(file) as stream:
        first = _values(description, stream.readline(max_row_bytes + 1))
        if len(first) != len(columns):
            return  # A malformed row, if it is one: the scan tells.
        why = "the names of its columns" if _folded(first) == _folded(columns) else None
        if why is None and _may_be_names(description, first):
            lines = (stream.readline(max_row_bytes + 1) for _ in range(_LINES))
            rows = [row for row in (_values(description, line) for line in lines) if row]
            why = _why_header(description, first, [row for row in rows if len(row) == len(first)])
    if why is not None:
        raise DataError(
            f"{file.path} line 1: is a header by its looks, {shorten(tuple(first))} ({why}), where "
            f"{description.name} has none; take the line out, or say header = true in the TOML "
            "file if every file begins with one"
        )


def _why_header(description: Description, first: list[str], rows: list[list[str]]) -> str | None:
    """What tells that values are names, by the rows behind them if there are any."""
    reader = NumberReader(description.decimal)
    for name, value in zip(description.columns or (), first, strict=True):
        at = (description.columns or ()).index(name)
        numbers = sum(reader.is_number(row[at]) for row in rows)
        if name in _numbers(description) and numbers >= len(rows) / 2:
            return f"{value!r} above numbers"
        if name == description.label and description.label_positive and len(rows) >= _LEAST_LINES:
            if all(row[at] != value for row in rows):
                return f"{value!r} is the label of no other row"
    return None


def _numbers(description: Description) -> set[str | None]:
    """Columns in which a row has to have a number."""
    found = {column.source for column in description.dense if column.derive is None}
    if not description.label_positive:
        found.add(description.label)
    if description.time_format == NUMBER and description.time_column is not None:
        found.add(description.time_column)
    return {*found, description.weight}


def _may_be_names(description: Description, first: list[str]) -> bool:
    """Whether values may be names of columns: words, and all different."""
    is_number = NumberReader(description.decimal).is_number
    words = all(value and not is_number(value) for value in first)
    return words and len(set(first)) == len(first) and not {*first} & {*description.missing_tokens}


def _folded(names: tuple[str, ...] | list[str]) -> list[str]:
    return [name.strip().lower() for name in names]


def _values(description: Description, line: bytes) -> list[str]:
    """The values of a line; none of one that cannot be read."""
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
        return description.values_of(text) if text else []
    except (UnicodeDecodeError, csv.Error):
        return []


def values_hint(columns: tuple[str, ...], description: Description) -> str:
    """What to do where names of columns look like the values of a row; nothing where they do not.

    Args:
      columns: What stands in the first line of a file.
      description: Of the log; names of Parquet are no values.
    """
    if description.file_format == "parquet":
        return ""
    is_number = NumberReader(description.decimal).is_number
    if not any(map(is_number, columns)):
        return ""
    return (
        "; if line 1 is a row, the file has no header: write one in front of it, or say "
        "header = false and columns = [...] in a TOML file (python -m beam_preprocess describe "
        "writes one) if no file has one"
    )


def comma_hint(columns: tuple[str, ...], description: Description) -> str:
    """How a name is written that holds a comma, where a part of one was asked for; or nothing.

    Args:
      columns: Of a file.
      description: Of the log.
    """
    asked = {*description.sources, *description.ignore} - {*columns}
    for name in columns:
        if not asked.isdisjoint(part for part in name.split(",") if part != name):
            return f"; in a list of the command line {name!r} is quoted as in CSV: '\"{name}\"'"
    return ""
