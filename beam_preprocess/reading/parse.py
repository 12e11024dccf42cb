"""One text block to raw columns: PyArrow's CSV reader with every bad line found and named."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from beam_preprocess.reading.description import Description
from beam_preprocess.reading.dialect import UNIT_SEPARATOR
from beam_preprocess.reading.lines import Lines

_SHOWN_BYTES = 40
_RETURN = "carriage return inside a row"
_BOM_BYTES = 3  # the header begins at offset 0, or behind a byte order mark


@dataclasses.dataclass(frozen=True)
class Reject:
    """A malformed row.

    Attributes:
      line: Its line within the block, from 0.
      reason: Why, in words.
      row: Its bytes, cut where it is longer than a row may be.
    """

    line: int
    reason: str
    row: bytes


def column_reason(column: str, what: str, value: object) -> str:
    """Why a row is rejected for a value of it.

    Args:
      column: The column.
      what: What is wrong.
      value: The value, bytes or a number.

    >>> column_reason("price", "not a number", b"abc")
    "column price: not a number: 'abc'"
    """
    text = value if isinstance(value, bytes) else str(value).encode()
    shown = text[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return f"column {column}: {what}: {shown!r}"


class SupportsTexts(Protocol):
    """Gives the bytes of a row by its line within the block."""

    def __getitem__(self, line: int) -> bytes: ...


@dataclasses.dataclass(frozen=True)
class RawRows:
    """Raw columns of one block.

    Attributes:
      columns: From column name to its raw values (Arrow binary, no nulls); where every value of a
        purely dense column is a number or missing, its numbers (float64, null where missing).
      lines: int64 [rows], line within the block, from 0.
      offsets: int64 [rows], where each row begins (uncompressed bytes of the file; row number for
        Parquet).
      texts: Gives the bytes of a row, for the rejects file.
      rejects: The malformed lines.
      line_count: Lines in the block, blank ones and the header included.
      numbers: Where a column of numbers of Parquet is read as text, its numbers (float64, null
        where missing): that text has a point before its decimals, whatever the log's texts have.
      types: Of the columns of Parquet that hold single values, which are text here.
    """

    columns: dict[str, pa.Array]
    lines: np.ndarray
    offsets: np.ndarray
    texts: SupportsTexts
    rejects: list[Reject]
    line_count: int
    numbers: Mapping[str, pa.Array] = dataclasses.field(default_factory=dict)
    types: Mapping[str, pa.DataType] = dataclasses.field(default_factory=dict)


def parse_block(data: bytes, offset: int, description: Description, max_row_bytes: int) -> RawRows:
    """Parses the lines of a block. Blank lines are no rows.

    Args:
      data: Whole lines.
      offset: Where ``data`` begins in its file; the header, if any, is at the file's beginning.
      description: With its columns known.
      max_row_bytes: Longer rows are rejects.
    """
    lines = Lines(data)
    lengths = lines.lengths()
    good = lengths > 0
    if description.header and offset <= _BOM_BYTES and len(good):
        good[0] = False
    rejects = []
    for line, reason in _find_bad_lines(lines, lengths, max_row_bytes, description):
        if good[line]:
            good[line] = False
            text = lines[line][:max_row_bytes]
            rejects += _rows_of_returns(line, text, description) or [Reject(line, reason, text)]
    kept = np.flatnonzero(good)
    text = data if len(kept) == len(lines) else b"\n".join(lines[line] for line in kept)
    columns, skipped = _parse_lines(text, description, lines, kept)
    for row, reason in skipped:
        rejects.append(Reject(int(kept[row]), reason, lines[kept[row]]))
    if skipped:
        kept = np.delete(kept, [row for row, _ in skipped])
    return RawRows(columns, kept, lines.starts[kept] + offset, lines, rejects, len(lines))


def _rows_of_returns(line: int, text: bytes, description: Description) -> list[Reject]:
    """The rows of a line that are rows but for carriage returns between them, each for itself.

    Counted as one, half a log might be lost without a word.
    """
    pieces = [piece for piece in text.split(b"\r") if piece]
    values = len(description.columns or ())
    whole = sum(piece.count(description.delimiter.encode()) == values - 1 for piece in pieces)
    return [Reject(line, _RETURN, piece) for piece in pieces] if whole > 1 else []


def _parse_lines(
    text: bytes, description: Description, lines: Lines, kept: np.ndarray
) -> tuple[dict[str, pa.Array], list[tuple[int, str]]]:
    """Columns and bad rows of ``text``, by the fastest way that can read it."""
    quoted = description.quoting and b'"' in text
    if quoted and description.skip_blanks:  # PyArrow knows no blanks before a quote
        return _parse_by_line(lines, kept, description)
    text = _in_one_dialect(text, description)
    # Numbers straight from the text first; a value that is none sends the block through again.
    for numeric in (numeric_columns(description), []):
        try:
            columns, skipped = _parse_arrow(text, description, quoted, numeric)
        except pa.ArrowInvalid:
            continue
        if _row_count(columns) + len(skipped) == len(kept):
            return columns, skipped
    return _parse_by_line(lines, kept, description)


def _in_one_dialect(text: bytes, description: Description) -> bytes:
    """The text as PyArrow reads it, line by line as it was."""
    if len(description.delimiter) > 1:
        return text.replace(description.delimiter.encode(), UNIT_SEPARATOR.encode())
    if description.skip_blanks and b" " in text:
        delimiter = re.escape(description.delimiter.encode())
        text = re.sub(rb"(^|%b) +" % delimiter, rb"\1", text, flags=re.MULTILINE)
    return _without_escaped_nulls(text, description)


def _without_escaped_nulls(text: bytes, description: Description) -> bytes:
    r"""The text with nothing in place of ``\N``, which is how MySQL and Hive write a null."""
    if description.escape != "\\" or b"\\N" not in text:
        return text
    delimiter = re.escape(description.delimiter.encode())
    pattern = rb"(^|%b)\\N(?=%b|\r?$)" % (delimiter, delimiter)
    return re.sub(pattern, rb"\1", text, flags=re.MULTILINE)


def numeric_columns(description: Description) -> list[str]:
    """Columns that serve dense features and nothing else: they can be read as numbers.

    Args:
      description: With its columns known.
    """
    other = {description.label, description.weight, description.group, description.time_column}
    for column in description.dense:
        if column.derive is not None:
            other.update((column.source, column.until_column))
    other.update(column.source for column in description.sparse)
    other.update(table.key for table in description.side_tables)
    sources = dict.fromkeys(column.source for column in description.dense)
    return [name for name in sources if name in description.columns and name not in other]


def _find_bad_lines(
    lines: Lines, lengths: np.ndarray, max_row_bytes: int, description: Description
) -> list[tuple[int, str]]:
    """Lines that PyArrow must not see; the usual block has none and is checked as a whole."""
    bad = [
        (int(line), f"row longer than {max_row_bytes} bytes")
        for line in np.flatnonzero(lengths > max_row_bytes)
    ]
    data = lines.data
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        bad += [(line, "invalid UTF-8") for line in range(len(lines)) if not is_utf8(lines[line])]
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n") + data.endswith(b"\r"):
        bad += [(line, _RETURN) for line in range(len(lines)) if b"\r" in lines[line]]
    if len(description.delimiter) > 1 and UNIT_SEPARATOR.encode() in data:
        reason = "control character 31 inside a row"
        separator = UNIT_SEPARATOR.encode()
        bad += [(line, reason) for line in range(len(lines)) if separator in lines[line]]
    quotes = description.quotes(max_row_bytes)
    return bad if quotes is None else bad + quotes.faults(lines)


def is_utf8(line: bytes) -> bool:
    """Whether the bytes are text in UTF-8."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _column_count_reason(found: int, expected: int) -> str:
    return f"{found} columns instead of {expected}"


def _row_count(columns: dict[str, pa.Array]) -> int:
    return len(next(iter(columns.values())))


def _parse_arrow(
    text: bytes, description: Description, quoted: bool, numeric: list[str]
) -> tuple[dict[str, pa.Array], list[tuple[int, str]]]:
    """Columns of the rows with the right number of values, and the rows that have another."""
    wanted = raw_columns(description)
    types = dict.fromkeys(wanted, pa.binary())
    types.update(dict.fromkeys(numeric, pa.float64()))
    skipped: list[tuple[int, str]] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        reason = _column_count_reason(row.actual_columns, row.expected_columns)
        skipped.append((row.number - 1, reason))
        return "skip"

    if not text:
        return {name: pa.array([], types[name]) for name in wanted}, []
    table = arrow_csv.read_csv(
        pa.BufferReader(text),
        read_options=arrow_csv.ReadOptions(
            column_names=description.columns, use_threads=False, block_size=len(text) + 1
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=description.field_delimiter,
            quote_char='"' if quoted else False,
            escape_char=description.escape or False,
            invalid_row_handler=skip,
        ),
        convert_options=arrow_csv.ConvertOptions(
            check_utf8=False,
            strings_can_be_null=False,
            include_columns=wanted,
            column_types=types,
            null_values=["", *description.missing_tokens],
            decimal_point=description.decimal,
        ),
    )
    return {name: table.column(name).combine_chunks() for name in wanted}, skipped


def _parse_by_line(
    lines: Lines, kept: np.ndarray, description: Description
) -> tuple[dict[str, pa.Array], list[tuple[int, str]]]:
    """The same by single lines, for blocks whose quotes lead PyArrow across line ends."""
    expected = len(description.columns)
    rows, skipped = [], []
    for row, line in enumerate(kept):
        text = _without_escaped_nulls(lines[line], description)
        try:
            values = description.values_of(text.decode("utf-8"))
        except csv.Error as error:
            skipped.append((row, f"malformed quotes ({error})"))
            continue
        if len(values) != expected:
            skipped.append((row, _column_count_reason(len(values), expected)))
            continue
        rows.append(values)
    columns = {}
    for name in raw_columns(description):
        index = description.columns.index(name)
        columns[name] = pa.array([values[index].encode() for values in rows], pa.binary())
    return columns, skipped


def raw_columns(description: Description) -> list[str]:
    """Columns to read from the files: the sources, and the keys of side tables.

    Args:
      description: With its columns known.
    """
    wanted = [*description.sources, *(table.key for table in description.side_tables)]
    return [name for name in dict.fromkeys(wanted) if name in description.columns]
