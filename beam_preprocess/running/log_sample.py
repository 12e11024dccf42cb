"""The first rows of a log, and how its text is written as far as they tell."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

from beam_preprocess.errors import DataError
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.dialect import USUAL_DELIMITERS, UTF_8
from beam_preprocess.reading.foreign_files import check_delimited, utf_16
from beam_preprocess.reading.lists import is_list_type
from beam_preprocess.reading.parquet_blocks import open_parquet
from beam_preprocess.reading.parquet_values import is_readable, plain_values, text_of
from beam_preprocess.reading.text_blocks import InputFile, check_readable, open_text
from beam_preprocess.running.file_patterns import FoundFile, find_files

MOST_ROWS = 5000
_MOST_BYTES = 1 << 20
_PARQUET = b"PAR1"
_WESTERN = "cp1252"
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_MOSTLY = 0.9
"""Share of a column's values that are numbers, where some mean missing."""


@dataclasses.dataclass(frozen=True)
class LogSample:
    """What the first rows of a log are.

    Attributes:
      names: Of the columns, in order.
      columns: The values of each, as text.
      settings: Keys of a description that say how the files are read, with the reason of each.
      decimal: What stands before the decimals of its numbers.
      lists: Columns of Parquet that hold lists, and their types.
      unreadable: Columns of Parquet that hold neither lists nor single values, and their types.
    """

    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    settings: tuple[tuple[str, object, str], ...]
    decimal: str = "."
    lists: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()


def sample_log(patterns: Sequence[str]) -> LogSample:
    """Reads the first rows of the first file.

    Args:
      patterns: Paths, globs or directories.

    Raises:
      DataError: There is no such file, or it is no table.
    """
    files = find_files(patterns)
    found = files[0]
    check_readable(found.path)
    with open_text(InputFile(0, found.path, found.size)) as stream:
        begin = stream.read(_MOST_BYTES)
    if begin[:4] == _PARQUET:
        sample = _of_parquet(found)
    else:
        sample = _of_text(found, begin)
    if not sample.columns or not sample.columns[0]:
        raise DataError(f"{found.path}: has no rows to look at")
    rows = len(sample.columns[0])
    return dataclasses.replace(
        sample,
        names=(*sample.names, *(name for name, _ in found.partitions)),
        columns=(*sample.columns, *_partitions(files, rows)),
    )


def _partitions(files: Sequence[FoundFile], rows: int) -> list[tuple[str, ...]]:
    """The columns that directories name, with the values of all files in turn."""
    columns = []
    for name, _ in files[0].partitions:
        values = [dict(file.partitions).get(name, "") for file in files]
        columns.append(tuple(values[row % len(values)] for row in range(rows)))
    return columns


def _of_parquet(found: FoundFile) -> LogSample:
    with open_parquet(found.path) as opened:
        schema = opened.schema_arrow
        readable = [field.name for field in schema if is_readable(field.type)]
        batch = next(opened.iter_batches(MOST_ROWS, columns=readable), None)
    columns = [] if batch is None else [text_of(plain_values(part)) for part in batch.columns]
    return LogSample(
        tuple(readable),
        tuple(tuple(_text(value.as_py()) for value in column) for column in columns),
        (("file_format", "parquet", "the file begins with PAR1"),),
        lists=tuple((f.name, str(f.type)) for f in schema if is_list_type(f.type)),
        unreadable=tuple(
            (f.name, str(f.type))
            for f in schema
            if f.name not in readable and not is_list_type(f.type)
        ),
    )


def _of_text(found: FoundFile, begin: bytes) -> LogSample:
    encoding, reason = _encoding(begin)
    if encoding in (UTF_8, _WESTERN):
        check_delimited(begin, found.path)
    text = begin.decode(encoding, "replace").lstrip("\ufeff")
    whole = len(begin) < _MOST_BYTES
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
    lines = lines[: MOST_ROWS + 1] if whole else lines[:-1][: MOST_ROWS + 1]
    settings: list[tuple[str, object, str]] = []
    if encoding != UTF_8:
        settings.append(("file_encoding", encoding, reason))
    description, reasons = _dialect(lines)
    settings += reasons
    rows = [row for line in lines if (row := _values(description, line)) is not None]
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    if width < 2:
        raise DataError(f"{found.path}: no delimiter is known that makes columns of its lines")
    if len(rows[0]) != width:
        raise DataError(
            f"{found.path} line 1: has another number of columns ({len(rows[0])}) than most lines "
            f"({width}); take out what stands before the table"
        )
    rows = [row for row in rows if len(row) == width]
    names, header, why = _header(rows)
    settings.append(("header", header, why))
    if not header:
        settings.append(("columns", names, "made up: give them their own names"))
    body = rows[1:] if header else rows
    columns = tuple(tuple(row[at] for row in body) for at in range(width))
    example = _decimal_comma(columns)
    if example is None:
        return LogSample(names, columns, tuple(settings))
    settings.append(("decimal", ",", f"numbers such as {example}, and none with a point"))
    return LogSample(names, columns, tuple(settings), ",")


def _decimal_comma(columns: Sequence[Sequence[str]]) -> str | None:
    """A number with a comma, if a column holds such alone and none holds numbers with a point."""
    found = None
    for values in columns:
        present = [value for value in values if value]
        if any(is_number(value) and "." in value for value in present):
            return None
        commas = [value for value in present if _COMMA_NUMBER.fullmatch(value)]
        others = sum(is_number(value) for value in present)
        if all(map(_THOUSANDS.fullmatch, commas)):  # 1,234 may be a thousand and more
            continue
        if len(commas) > len(present) / 2 and len(commas) + others > _MOSTLY * len(present):
            found = found or commas[0]
    return found


def _encoding(begin: bytes) -> tuple[str, str]:
    if (found := utf_16(begin)) is not None:
        marked = found == "utf-16"
        why = "begins with the mark of UTF-16" if marked else "has a zero beside each character"
        return found, f"the file {why}"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError as error:
        return _WESTERN, f"byte {error.start} is not UTF-8; of Western Europe?"
    return UTF_8, ""


def _dialect(lines: list[str]) -> tuple[Description, list[tuple[str, object, str]]]:
    """The description whose delimiter gives the most lines the same number of columns."""
    best: tuple[float, int] = (0.0, 0)
    chosen = _description(",")
    for delimiter in USUAL_DELIMITERS:
        description = _description(delimiter, lines)
        counts = Counter(len(_values(description, line) or ()) for line in lines)
        width, rows = max(counts.items(), key=lambda pair: (pair[0] > 1, pair[1]))
        if width > 1 and (rows / len(lines), -USUAL_DELIMITERS.index(delimiter)) > best:
            best = rows / len(lines), -USUAL_DELIMITERS.index(delimiter)
            chosen = description
    share = f"{best[0]:.0%} of the first {len(lines):,} lines have the same number of columns"
    settings: list[tuple[str, object, str]] = [("delimiter", chosen.delimiter, share)]
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
        if not is_number(name) and body and sum(is_number(row[at]) for row in body) > len(body) / 2
    ]
    names_only = len(set(first)) == len(first) and not any(map(is_number, first))
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


def with_point(text: str) -> str:
    """A number with a comma as one with a point; any other text as it is.

    >>> with_point("-1,5"), with_point("1,5,2"), with_point("a,b")
    ('-1.5', '1,5,2', 'a,b')
    """
    return text.replace(",", ".") if _COMMA_NUMBER.fullmatch(text) else text


def is_number(text: str) -> bool:
    """Whether a value is a number as dense columns take them.

    >>> is_number("-1.5"), is_number("1_000"), is_number("")
    (True, False, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
