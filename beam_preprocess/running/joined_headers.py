"""The columns of a log whose files need not have the same ones."""

from __future__ import annotations

from collections.abc import Sequence

from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_names import check_columns, shorten
from beam_preprocess.reading.description import EMPTY, Description
from beam_preprocess.reading.resolution import read_otherwise
from beam_preprocess.reading.text_blocks import InputFile
from beam_preprocess.running.header_lines import values_hint


def all_columns(
    description: Description,
    files: Sequence[InputFile],
    headers: Sequence[tuple[str, ...]],
    known: Sequence[str] = (),
) -> tuple[str, ...] | None:
    """The columns of all files, in the order in which they come.

    Args:
      description: Of the log.
      files: Its files.
      headers: The columns of each.
      known: Of the log, whether or not a file has them.

    Returns:
      None where files have to be alike: columns that are read are not there, or all of them are.

    Raises:
      DataError: A file lacks a column that no row can do without.
    """
    if description.absent_columns == EMPTY:
        for file, header in zip(files, headers, strict=True):
            check_columns(header, file.path)
            _check_needed(description, file, header)
        headers = [*headers, tuple(known)]
    elif not all(map(_has_all_that_is_read, [description] * len(files), files, headers)):
        return None
    return tuple(dict.fromkeys(name for header in headers for name in header))


def _check_needed(description: Description, file: InputFile, header: tuple[str, ...]) -> None:
    above = [name for name, _ in file.partitions]
    for name in (description.label, description.weight, description.time_column):
        if name is not None and name not in (*header, *above):
            raise DataError(
                f"{file.path}: no column {name!r}, which every file needs; there are "
                f"{shorten(header)}{values_hint(header, description)}"
                f"{read_otherwise(description, header, name)}"
            )


def _has_all_that_is_read(
    description: Description, file: InputFile, header: tuple[str, ...]
) -> bool:
    """Whether the columns that are read are named and there, so that no others matter."""
    if description.sparse is None or description.columns is not None:
        return False
    joined = {name for table in description.side_tables for name in table.columns}
    joined.update(name for name, _ in file.partitions)
    read = {*description.sources, *(table.key for table in description.side_tables)}
    return read - joined <= {*header} and len({*header}) == len(header)


def absent_hint(description: Description, header: tuple[str, ...]) -> str:
    """What to do where the files of a log are alike but for some columns.

    Args:
      description: Of the log, with the columns of the files before.
      header: The columns of one that was refused.
    """
    known = {*(description.columns or ())}
    if {*header} == known or not {description.label} < {*header} & known:
        return ""
    return (
        ", or, where columns came or went, have them read as empty where they are not there "
        '(--absent-columns empty, or absent_columns = "empty" in the TOML file)'
    )
