"""Files of a log that have its columns in another order, or lack some."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import pyarrow as pa

from beam_preprocess.reading.description import Description
from beam_preprocess.reading.parse import RawRows, raw_columns
from beam_preprocess.reading.text_blocks import InputFile

_NAMED_FILES = 3


def of_file(description: Description, file: InputFile) -> Description:
    """The description with the columns that a file has.

    Args:
      description: Of the log, its columns known.
      file: One of its files.
    """
    if file.columns is None:
        return description
    return dataclasses.replace(description, columns=file.columns)


def fill_absent(rows: RawRows, description: Description) -> None:
    """Adds the columns that a file of text lacks, empty in every row.

    Args:
      rows: Of the file.
      description: Of the log.
    """
    for name in raw_columns(description):
        if name not in rows.columns:
            rows.columns[name] = pa.array([b""] * len(rows.lines), pa.binary())


def filled_table(table: pa.Table, description: Description) -> pa.Table:
    """A table of Parquet with the columns that its file lacks, without a value.

    Args:
      table: With what the file has of ``parse.raw_columns``.
      description: Of the log.
    """
    for name in raw_columns(description):
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows))
    return table


def told_absent(description: Description, files: Sequence[InputFile]) -> Iterator[tuple[str, str]]:
    """The columns that are read and that some files lack, each with a line that says so.

    Args:
      description: Of the log, its columns known.
      files: Its files, each with its columns.
    """
    for name in description.columns or ():
        lacking = [
            file.path
            for file in files
            if file.columns and name not in {*file.columns, *dict(file.partitions)}
        ]
        if not lacking or name not in description.sources:
            continue
        more = f" and {len(lacking) - _NAMED_FILES} more" if len(lacking) > _NAMED_FILES else ""
        yield (
            name,
            f"column {name!r} is not in {len(lacking)} of {len(files)} files, where it is read as "
            f"empty: {', '.join(lacking[:_NAMED_FILES])}{more}",
        )
