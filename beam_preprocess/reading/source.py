"""Raw rows of any input file, block by block."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from beam_preprocess.reading.absent_columns import fill_absent, of_file
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.parquet_blocks import read_parquet_blocks
from beam_preprocess.reading.parse import RawRows, parse_block
from beam_preprocess.reading.side_tables import load_tables
from beam_preprocess.reading.text_blocks import InputFile, read_blocks


def read_raw(
    file: InputFile,
    first: int,
    last: int | None,
    description: Description,
    side_files: tuple[tuple[InputFile, ...], ...],
    max_row_bytes: int,
) -> Iterator[tuple[int, RawRows, int]]:
    """Reads blocks of a file.

    Args:
      file: The input file.
      first: First block.
      last: The block to stop before; None for the end of the file.
      description: The data set, its columns known.
      side_files: Files of each of its side tables.
      max_row_bytes: Longest accepted row.

    Yields:
      The block's index, its raw rows with the columns of directories and side tables joined, and
      its size in bytes.

    Raises:
      DataError: The file or a side table cannot be read.
    """
    own = of_file(description, file).columns or ()
    tables = load_tables(description.side_tables, side_files, max_row_bytes)
    for index, rows, size in _read_blocks(file, first, last, description, max_row_bytes):
        for name, value in file.partitions:
            # Another file may have it itself, so that it is a column of the log.
            is_lacking = name in rows.columns and name not in own
            if is_lacking or name in (description.partitions or ()):
                rows.columns[name] = pa.array([value.encode()] * len(rows.lines), pa.binary())
        for table in tables:
            rows.columns.update(table.join(rows.columns[table.key]))
        yield index, rows, size


def _read_blocks(
    file: InputFile, first: int, last: int | None, description: Description, max_row_bytes: int
) -> Iterator[tuple[int, RawRows, int]]:
    if description.file_format == "parquet":
        size = file.size // file.block_count
        for index, rows in read_parquet_blocks(file, first, last, description):
            yield index, rows, size
        return
    quotes, own = description.quotes(max_row_bytes), of_file(description, file)
    for block in read_blocks(file, first, last, max_row_bytes, quotes):
        rows = parse_block(block.data, block.offset, own, max_row_bytes)
        fill_absent(rows, description)
        yield block.index, rows, len(block.data)
