"""Parquet files as the same blocks of raw rows that text gives.

A block is a fixed number of rows of one row group; a row's line is its place in the block. Numbers
and times become their usual text (parquet_values.py), a null (and a NaN) the empty, missing value.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from beam_preprocess.dataset.time_formats import ISO_8601
from beam_preprocess.errors import DataError
from beam_preprocess.reading.absent_columns import filled_table, of_file
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.description import NUMBER, Description
from beam_preprocess.reading.lists import (
    is_list_type,
    item_texts,
    rows_of_items,
    texts_of_lists,
)
from beam_preprocess.reading.parquet_values import (
    inexact_ids,
    is_number,
    is_readable_column,
    kind_of,
    plain_values,
    text_of,
)
from beam_preprocess.reading.parse import (
    RawRows,
    Reject,
    column_reason,
    is_utf8,
    numeric_columns,
    raw_columns,
)
from beam_preprocess.reading.text_blocks import InputFile

# As many rows as a block of text holds of Criteo, about; part of the format, as BLOCK_BYTES is.
BLOCK_ROWS = 4096

_INEXACT = "a whole number that floats do not hold exactly (write ids as whole numbers or as text)"


@contextlib.contextmanager
def open_parquet(path: str) -> Iterator[parquet.ParquetFile]:
    """Opens a Parquet file.

    Args:
      path: Local, or on any file system that Beam knows.

    Raises:
      DataError: It is none, also where reading it later shows that; the message names it.
    """
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        try:
            yield parquet.ParquetFile(stream)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            first_line = str(error).splitlines()[0]
            raise DataError(f"{path}: not readable as Parquet ({first_line})") from None


def with_types(schema: pa.Schema, description: Description) -> Description:
    """The description with what the types of columns tell: lists are multi-valued, times are times.

    Args:
      schema: Of a file.
      description: With its columns known.
    """
    form = description.time_format
    if form == NUMBER and _holds_times(schema, description.time_column):
        form = ISO_8601
    return dataclasses.replace(
        description,
        time_format=form,
        sparse=tuple(
            dataclasses.replace(column, multi=True)
            if column.multi is None and _holds_lists(schema, column.source)
            else column
            for column in description.sparse or ()
        ),
    )


def _holds_times(schema: pa.Schema, name: str | None) -> bool:
    if name not in schema.names:
        return False
    kind = schema.field(name).type
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def _holds_lists(schema: pa.Schema, name: str) -> bool:
    return name in schema.names and is_list_type(schema.field(name).type)


def check_column_types(schema: pa.Schema, description: Description, path: str) -> None:
    """Refuses columns whose values are no single ones, nor lists where lists are read.

    Args:
      schema: Of the file.
      description: With its columns known.
      path: Of the file, for the message.

    Raises:
      DataError: A column that is needed is of such a type; the message names both.
    """
    for column in description.sparse or ():
        _check_list(schema, column, path)
    lists = {column.source for column in description.sparse or () if column.is_list}
    for name in raw_columns(description):
        field = schema.field(name)
        if not is_readable_column(field) and not (name in lists and is_list_type(field.type)):
            raise DataError(
                f"{path}: column {name!r} is of type {kind_of(field)}, which is no single value; "
                "leave it out (--ignore), or write it as text or numbers"
            )


def list_columns(description: Description) -> set[str]:
    """Columns that hold lists themselves.

    Args:
      description: With its columns known.
    """
    return {column.source for column in description.sparse or () if column.multi is True}


def _check_list(schema: pa.Schema, column: SparseColumn, path: str) -> None:
    if column.source not in schema.names:
        return
    what = f"{path}: sparse column {column.source!r}"
    kind = schema.field(column.source).type
    # In a table without a single list nothing tells that there might have been one.
    is_list = is_list_type(kind) or column.multi is True and pa.types.is_null(kind)
    if column.multi is True and not is_list:
        raise DataError(
            f"{what} is of type {' '.join(str(kind).split())}, which holds no lists; name what "
            "stands between two items (multi), or write the same type in all files"
        )
    if is_list and column.multi is None:
        raise DataError(
            f"{what} holds lists, here or in another file; give it once, as multi = true"
        )
    if not column.is_list and (column.longest or column.pooling):
        raise DataError(f"{what}: longest and pooling go with a multi-valued column")


def read_parquet_blocks(
    file: InputFile, first: int, last: int | None, description: Description
) -> Iterator[tuple[int, RawRows]]:
    """Yields the number of each block and its rows, in order.

    Args:
      file: The file, its row groups known.
      first: First block.
      last: The block to stop before; None for the end of the file.
      description: Which columns to read.

    Raises:
      DataError: The file cannot be read.
    """
    block, row = 0, 0
    there = raw_columns(of_file(description, file))
    with open_parquet(file.path) as opened:
        for group, rows in enumerate(file.row_groups):
            blocks = -(-rows // BLOCK_ROWS)
            wanted = range(
                max(block, first), block + blocks if last is None else min(block + blocks, last)
            )
            if len(wanted):
                table = opened.read_row_group(group, columns=there)
                table = filled_table(table, description)
                for index in wanted:
                    start = (index - block) * BLOCK_ROWS
                    part = table.slice(start, BLOCK_ROWS)
                    if file.limit is not None:
                        part = part.slice(0, max(0, file.limit - row - start))
                    yield index, raw_rows(part, row + start, description)
            block += blocks
            row += rows


def raw_rows(table: pa.Table, first_row: int, description: Description) -> RawRows:
    """The rows of a table.

    Args:
      table: With the columns that ``parse.raw_columns`` names, at least.
      first_row: Number of its first row in its file.
      description: Which columns are read, and which of them as numbers.
    """
    numeric, lists = set(numeric_columns(description)), list_columns(description)
    separated = {c.source: c.multi for c in description.sparse or () if isinstance(c.multi, str)}
    ids = {column.source for column in description.sparse or () if column.derive is None}
    as_numbers = {c.source for c in description.dense} | {description.label, description.weight}
    columns, numbers, types = {}, {}, {}
    bad = np.zeros(table.num_rows, bool)
    rejects = []
    for name in raw_columns(description):
        values = _in_one_piece(table.column(name))
        if name in lists:
            columns[name], faults = _raw_lists(values)
        elif name in separated and is_list_type(values.type):
            _, faults = _raw_lists(values)
            columns[name] = texts_of_lists(values, separated[name])
        else:
            values = plain_values(values)
            faults = [(inexact_ids(values), _INEXACT)] if name in ids else []
            columns[name], types[name] = _raw_column(values, name in numeric), values.type
            if name in as_numbers - numeric and is_number(values.type):
                numbers[name] = _raw_column(values, numeric=True)
            faults += _faults(columns[name])
        values = columns[name]
        for rows, reason in faults:
            for row in rows[~bad[rows]]:
                value = values[row].as_py()
                text = value if isinstance(value, bytes) else str(value).encode()
                rejects.append(Reject(int(row), column_reason(name, reason, value), text))
            bad[rows] = True
    lines = np.flatnonzero(~bad)
    good = pa.array(~bad)
    kept = {name: values.filter(good) for name, values in columns.items()}
    numbers = {name: values.filter(good) for name, values in numbers.items()}
    texts = _RowTexts(columns)
    offsets = lines + first_row
    return RawRows(kept, lines, offsets, texts, rejects, table.num_rows, numbers, types)


def _in_one_piece(values: pa.ChunkedArray) -> pa.Array:
    # A table without rows has no chunk.
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _raw_column(values: pa.Array, numeric: bool) -> pa.Array:
    if numeric and is_number(values.type):
        return values.cast(pa.float64(), safe=False)
    return text_of(values)


def _raw_lists(values: pa.Array) -> tuple[pa.Array, list[tuple[np.ndarray, str]]]:
    """Lists of texts, and the rows at fault by their items."""
    if pa.types.is_null(values.type):
        values = values.cast(pa.list_(pa.string()))
    numbers = plain_values(values.flatten())
    texts = item_texts(values)
    found = [(inexact_ids(numbers), _INEXACT), *_faults(texts.flatten())]
    return texts, [(rows_of_items(texts, items), reason) for items, reason in found]


def _faults(values: pa.Array) -> Iterator[tuple[np.ndarray, str]]:
    """Rows with text that a line of a vocabulary could not hold."""
    if pa.types.is_floating(values.type):
        return
    broken = pc.or_(pc.match_substring(values, b"\n"), pc.match_substring(values, b"\r"))
    yield np.flatnonzero(broken.to_numpy(zero_copy_only=False)), "line break inside a value"
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        rows = [row for row, value in enumerate(values.to_pylist()) if not is_utf8(value)]
        yield np.array(rows), "invalid UTF-8"


class _RowTexts:
    """The text of a row for the rejects file: its raw values, tab separated."""

    def __init__(self, columns: dict[str, pa.Array]):
        self._columns = columns

    def __getitem__(self, row: int) -> bytes:
        values = (column[row].as_py() for column in self._columns.values())
        return b"\t".join(v if isinstance(v, bytes) else str(v).encode() for v in values)
