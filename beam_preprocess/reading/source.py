"""Raw rows of any input file, block by block."""

from __future__ import annotations

from collections.abc import Iterator

from beam_preprocess.job import Job
from beam_preprocess.reading.parquet_blocks import read_parquet_blocks
from beam_preprocess.reading.parse import RawRows, parse_block
from beam_preprocess.reading.side_tables import load_tables
from beam_preprocess.reading.text_blocks import InputFile, read_blocks


def read_raw(
    job: Job, file: InputFile, first: int, last: int | None, stage: str
) -> Iterator[tuple[int, RawRows]]:
    """Yields (block, its raw rows with the side tables joined), and reports progress."""
    config = job.config
    tables = load_tables(config.description.side_tables, job.side_files, config.max_row_bytes)
    for block, rows, size in _read_blocks(job, file, first, last):
        for table in tables:
            rows.columns.update(table.join(rows.columns[table.key]))
        job.report_progress(stage, size)
        yield block, rows


def _read_blocks(
    job: Job, file: InputFile, first: int, last: int | None
) -> Iterator[tuple[int, RawRows, int]]:
    description, max_row_bytes = job.config.description, job.config.max_row_bytes
    if description.file_format == "parquet":
        size = file.size // file.block_count
        for block, rows in read_parquet_blocks(file, first, last, description):
            yield block, rows, size
        return
    for block in read_blocks(file, first, last, max_row_bytes):
        rows = parse_block(block.data, block.offset, description, max_row_bytes)
        yield block.index, rows, len(block.data)
