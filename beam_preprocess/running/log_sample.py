"""The first rows of a log, and how its text is written as far as they tell."""

from __future__ import annotations

import codecs
import csv
import dataclasses
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from beam_preprocess.errors import DataError
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.dialect import USUAL_DELIMITERS, UTF_8
from beam_preprocess.reading.foreign_files import check_delimited, wide_encoding
from beam_preprocess.reading.lists import is_list_type
from beam_preprocess.reading.parquet_blocks import open_parquet
from beam_preprocess.reading.parquet_values import is_number as is_number_type
from beam_preprocess.reading.parquet_values import (
    is_readable_column,
    kind_of,
    plain_values,
    text_of,
)
from beam_preprocess.reading.text_blocks import InputFile, check_readable, open_text
from beam_preprocess.running.comma_readings import decimal_sign
from beam_preprocess.running.file_patterns import FoundFile, find_files
from beam_preprocess.running.number_forms import NumberReader

MOST_ROWS = 5000
MOST_FILES = 50
"""Files that rows are taken of, where the first ones are short; a remote one takes its time."""

_MOST_BYTES = 1 << 23
"""Some 5,000 rows of 300 columns."""

_is_number = NumberReader().is_number
_PARQUET = b"PAR1"
_WESTERN = "cp1252"
_ENOUGH = 0.5
"""Share of the lines that have as many columns, from which on they are a table."""

_BY_PREFERENCE = tuple(sorted(USUAL_DELIMITERS, key=lambda delimiter: delimiter not in "\t;"))
"""Where semicolons make as good a table as commas do, commas stand in its numbers."""


@dataclasses.dataclass(frozen=True)
class LogSample:
    """What the first rows of a log are.

    Attributes:
      names: Of the columns, in order.
      columns: The values of each, as text.
      settings: Keys of a description that say how the files are read, with the reason of each.
      decimal: What stands before the decimals of its numbers; None where they do not tell.
      lists: Columns of Parquet that hold lists, and their types.
      vectors: Those of them whose items are floating-point numbers.
      unreadable: Columns of Parquet that hold neither lists nor single values, and their types.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    settings: tuple[tuple[str, object, str], ...]
    decimal: str | None = None
    lists: tuple[tuple[str, str], ...] = ()
    vectors: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()

    def setting(self, key: str) -> object:
        """What a key of ``settings`` says; None where it is left out.

        Args:
          key: Such as ``header``.
        """
        return next((value for name, value, _ in self.settings if name == key), None)


def sample_log(patterns: Sequence[str]) -> LogSample:
    """Reads the first rows: of the first file that has any, and of those behind it if it is short.

    Args:
      patterns: Paths, globs or directories.

    Raises:
      DataError: There is no such file, or the first one with rows is no table.
    """
    files = find_files(patterns)
    for at, found in enumerate(files):
        sample = _of_files(found, files[at + 1 : at + MOST_FILES])
        if sample.columns and (rows := len(sample.columns[0])):
            return dataclasses.replace(
                sample,
                names=(*sample.names, *(name for name, _ in found.partitions)),
                columns=(*sample.columns, *_partitions(files, rows)),
            )
    raise DataError(f"{files[0].path}: has no rows to look at")


def _of_files(found: FoundFile, others: Sequence[FoundFile]) -> LogSample:
    """The sample of a file, with rows of others that are like it as long as it has few."""
    begin = _beginning(found)
    if begin[:4] == _PARQUET:
        return _of_parquet(found, others)
    sample = _of_text(found, begin)
    if not sample.columns or wide_encoding(begin) is not None:
        return sample
    joined, rows = begin, len(sample.columns[0])
    header = first_line(begin).strip() if sample.setting("header") else None
    for other in others:
        if rows >= MOST_ROWS or len(joined) >= _MOST_BYTES:
            break
        more = _beginning(other).removeprefix(codecs.BOM_UTF8)
        if header is not None and first_line(more).strip() != header:
            continue
        own = _part(other, more)
        alike = own is not None and len(own.names) == len(sample.names) and own.columns
        # A part in another encoding would spoil the rest: what reads it is told by first_fault.
        encoding = "file_encoding"
        if alike and (own.setting(encoding) == sample.setting(encoding) or joined.isascii()):
            rows += len(own.columns[0])
            body = more if header is None else more.removeprefix(first_line(more))
            joined = joined.rstrip(b"\r\n") + b"\n" + body.lstrip(b"\r\n")
    return sample if joined is begin else _of_text(found, joined[:_MOST_BYTES])


def _beginning(found: FoundFile) -> bytes:
    check_readable(found.path)
    with open_text(InputFile(0, found.path, found.size)) as stream:
        return stream.read(_MOST_BYTES)


def _part(other: FoundFile, begin: bytes) -> LogSample | None:
    """The sample of a further file; None where it is no table."""
    if begin[:4] == _PARQUET or wide_encoding(begin) is not None:
        return None
    try:
        return _of_text(other, begin)
    except DataError:
        return None


def first_line(begin: bytes) -> bytes:
    """The first line of a text, with its end and without a mark of UTF-8.

    Args:
      begin: Bytes that the text begins with.

    Example:
      >>> first_line(b"a,b\\r\\n1,2"), first_line(b"a,b\\r1,2")
      (b'a,b\\r\\n', b'a,b\\r')
    """
    return begin.removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)[0] if begin else b""


def _partitions(files: Sequence[FoundFile], rows: int) -> list[tuple[str, ...]]:
    """The columns that directories name, with the values of all files in turn."""
    columns = []
    for name, _ in files[0].partitions:
        values = [dict(file.partitions).get(name, "") for file in files]
        columns.append(tuple(values[row % len(values)] for row in range(rows)))
    return columns


def _of_parquet(found: FoundFile, others: Sequence[FoundFile]) -> LogSample:
    with open_parquet(found.path) as opened:
        schema = opened.schema_arrow
        readable = [field.name for field in schema if is_readable_column(field)]
        batches = _batches(opened, readable, MOST_ROWS)
    for other in others:
        rows = sum(batch.num_rows for batch in batches)
        if not 0 < rows < MOST_ROWS:
            break
        with open_text(InputFile(0, other.path, other.size)) as stream:
            if stream.read(len(_PARQUET)) != _PARQUET:
                continue
        with open_parquet(other.path) as opened:
            alike = set(opened.schema_arrow.names) == set(schema.names) and all(
                is_readable_column(opened.schema_arrow.field(name)) for name in readable
            )
            if alike:
                batches += _batches(opened, readable, MOST_ROWS - rows)
    wanted = readable if batches else []
    parts = [[plain_values(batch.column(name)) for batch in batches] for name in wanted]
    columns = [
        tuple(_text(value.as_py()) for part in of_column for value in text_of(part))
        for of_column in parts
    ]
    settings: list[tuple[str, object, str]] = [
        ("file_format", "parquet", "the file begins with PAR1")
    ]
    typed = [all(is_number_type(part.type) for part in of_column) for of_column in parts]
    sign = decimal_sign([c for c, of_type in zip(columns, typed, strict=True) if not of_type])
    decimal, example = sign or (None, "")
    if decimal == ",":
        settings.append(("decimal", decimal, f"texts of numbers such as {example}"))
        # Those of a type have no sign that could be another.
        columns = [
            tuple(value.replace(".", ",") for value in column) if of_type else column
            for column, of_type in zip(columns, typed, strict=True)
        ]
    return LogSample(
        tuple(readable),
        tuple(columns),
        tuple(settings),
        decimal,
        lists=tuple((f.name, str(f.type)) for f in schema if is_list_type(f.type)),
        vectors=tuple(
            f.name
            for f in schema
            if is_list_type(f.type) and pa.types.is_floating(f.type.value_type)
        ),
        unreadable=tuple(
            (f.name, kind_of(f))
            for f in schema
            if f.name not in readable and not is_list_type(f.type)
        ),
    )


def _batches(opened: pq.ParquetFile, readable: Sequence[str], most: int) -> list[pa.RecordBatch]:
    """The first rows of a file, as far as it has them."""
    batches: list[pa.RecordBatch] = []
    for batch in opened.iter_batches(most, columns=readable):
        left = most - sum(each.num_rows for each in batches)
        batches.append(batch.slice(0, left))
        if batch.num_rows >= left:
            break
    return [batch for batch in batches if batch.num_rows]


def _of_text(found: FoundFile, begin: bytes) -> LogSample:
    encoding, reason = _encoding(begin)
    if encoding in (UTF_8, _WESTERN):
        check_delimited(begin, found.path)
    text = begin.decode(encoding, "replace").lstrip("\ufeff")
    whole = len(begin) < _MOST_BYTES
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
    if not whole:
        lines = lines[:-1]
        if not lines:
            raise DataError(f"{found.path} line 1: is longer than a row may be; is it a table?")
    if not lines:
        return LogSample((), (), ())
    lines = lines[: MOST_ROWS + 1]
    settings: list[tuple[str, object, str]] = []
    if encoding != UTF_8:
        settings.append(("file_encoding", encoding, reason))
    description, reasons = _dialect(lines)
    settings += reasons
    parsed = [_values(description, line) for line in lines]
    rows = [row for row in parsed if row is not None]
    width, most = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
    if width < 2 or most < _ENOUGH * len(lines):
        raise DataError(f"{found.path}: {_no_table(lines)}")
    _check_first_line(parsed[0] or [], width, f"{found.path} line 1")
    rows = [row for row in rows if len(row) == width]
    names, header, why = _header(rows)
    settings.append(("header", header, why))
    if not header:
        settings.append(("columns", names, "made up: give them their own names"))
    body = rows[1:] if header else rows
    columns = tuple(tuple(row[at] for row in body) for at in range(width))
    decimal, example = decimal_sign(columns) or (None, "")
    if decimal == ",":
        settings.append(("decimal", decimal, f"numbers such as {example}, and none with a point"))
    return LogSample(names, columns, tuple(settings), decimal)


def _no_table(lines: Sequence[str]) -> str:
    """Why no delimiter makes a table of lines."""
    if sum(line.count('"') % 2 for line in lines) > len(lines) / 10:
        return (
            "values hold line breaks between quotes, and a row has to be one line; write the log "
            "with blanks in place of them"
        )
    known = ", ".join(map(repr, USUAL_DELIMITERS))
    return (
        f"no delimiter is known that makes columns of its lines ({known}); write the log with one "
        "of them, or describe it by hand, with delimiter = ..."
    )


def _check_first_line(first: list[str], width: int, where: str) -> None:
    """Refuses what is neither a header nor a row as the others."""
    if 1 < len(first) == width - 1:
        raise DataError(
            f"{where}: has {len(first)} columns, one less than most lines; if it is a header, give "
            "it the name that it lacks (or its last delimiter, where rows end with one)"
        )
    filled = sum(map(bool, first))
    if len(first) != width or (filled < 2 <= width - filled):
        raise DataError(
            f"{where}: has another number of columns ({min(filled, len(first))}) than most lines "
            f"({width}); take out what stands before the table"
        )


def _encoding(begin: bytes) -> tuple[str, str]:
    if (found := wide_encoding(begin)) is not None:
        marked = found in ("utf-16", "utf-32")
        why = f"begins with the mark of {found.upper()}" if marked else "has a zero beside each"
        return found, f"the file {why}{'' if marked else ' character'}"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError as error:
        return _WESTERN, f"byte {error.start} is not UTF-8; of Western Europe?"
    return UTF_8, ""


def _dialect(lines: list[str]) -> tuple[Description, list[tuple[str, object, str]]]:
    """The description whose delimiter gives the most lines the same number of columns.

    One that gives it to the first line as well is better: a header has no decimal commas.
    """
    best: tuple[bool, float] = (False, 0.0)
    chosen = _description(",")
    for delimiter in _BY_PREFERENCE:
        if not any(delimiter in line for line in lines):
            continue
        description = _description(delimiter, lines)
        widths = [len(_values(description, line) or ()) for line in lines]
        width, rows = max(Counter(widths).items(), key=lambda pair: (pair[0] > 1, pair[1]))
        share = rows / len(lines)
        fit = (share >= _ENOUGH and widths[0] == width, share)
        if width > 1 and fit > best:
            best, chosen = fit, description
    told = f"{best[1]:.0%} of the first {len(lines):,} lines have the same number of columns"
    settings: list[tuple[str, object, str]] = [("delimiter", chosen.delimiter, told)]
    if not chosen.quoting:
        settings.append(("quoting", False, "no value is quoted"))
    if chosen.escape is not None:
        settings.append(("escape", chosen.escape, 'quoted values hold \\"'))
    if chosen.skip_blanks:
        settings.append(("skip_blanks", True, "blanks stand behind most delimiters"))
    return chosen, settings


def _description(delimiter: str, lines: Sequence[str] = ()) -> Description:
    single = len(delimiter) == 1
    quoted = [line for line in lines if '"' in line]
    escaped = single and sum('\\"' in line for line in quoted) > len(quoted) / 10
    blank = sum(line.count(f"{delimiter} ") for line in lines)
    return Description(
        name="sample",
        label="label",
        columns=None,
        delimiter=delimiter,
        header=True,
        quoting=single and (bool(quoted) or delimiter != "\t"),
        escape="\\" if escaped else None,
        skip_blanks=single
        and delimiter != " "
        and blank > 0.8 * sum(line.count(delimiter) for line in lines) > 0,
    )


def _values(description: Description, line: str) -> list[str] | None:
    try:
        return description.values_of(line)
    except csv.Error:
        return None


def _header(rows: list[list[str]]) -> tuple[tuple[str, ...], bool, str]:
    """The names of the columns, and whether the first line has them."""
    first, body = rows[0], rows[1:]
    unlike = [
        name
        for at, name in enumerate(first)
        if not _is_number(name)
        and body
        and sum(_is_number(row[at]) for row in body) > len(body) / 2
    ]
    names_only = len(set(first)) == len(first) and not any(map(_is_number, first))
    if unlike:
        return tuple(first), True, f"{unlike[0]!r} stands above numbers"
    if (
        names_only
        and all(first)
        and not any(value in {row[at] for row in body} for at, value in enumerate(first))
    ):
        return tuple(first), True, "no value of the first line stands in its column again"
    return (
        tuple(f"c{at + 1}" for at in range(len(first))),
        False,
        "the first line is like the others",
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
