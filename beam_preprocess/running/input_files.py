"""Finding the input files, and what their first lines say."""

from __future__ import annotations

import codecs
import csv
import dataclasses
from collections.abc import Callable, Collection, Mapping

import pyarrow as pa

from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.schema import SPLIT_NAMES
from beam_preprocess.errors import DataError
from beam_preprocess.reading.absent_columns import of_file
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.foreign_files import check_delimited
from beam_preprocess.reading.parquet_blocks import (
    BLOCK_ROWS,
    check_column_types,
    open_parquet,
    with_types,
)
from beam_preprocess.reading.side_table import SideTable
from beam_preprocess.reading.side_tables import as_log
from beam_preprocess.reading.text_blocks import InputFile, check_readable, open_text, read_blocks
from beam_preprocess.running.file_patterns import find_files, place_of
from beam_preprocess.running.header_lines import check_no_header, comma_hint, values_hint
from beam_preprocess.running.joined_headers import absent_hint, all_columns


def find_inputs(config: PreprocessConfig) -> tuple[PreprocessConfig, tuple[InputFile, ...]]:
    """The input files, and the configuration with the columns that they have.

    Args:
      config: The run; its patterns are local paths or of any file system that Beam knows.

    Raises:
      DataError: A pattern matches nothing, a file is empty, or headers differ.
    """
    if config.split == "given":
        groups = {name: config.split_inputs[name] for name in SPLIT_NAMES}
    else:
        groups = {None: config.inputs}
    description = config.description
    # Whether a day is named itself or found by a glob beside it, its name is a column or is none.
    columns = {name for patterns in groups.values() for name in _partition_names(patterns)}
    files = tuple(
        file
        for split, patterns in groups.items()
        for file in _input_files(patterns, description, split, config.max_row_bytes, columns)
    )
    _check_apart(files)
    description, files = _resolve_all(description, files, config.max_row_bytes, absent_hint)
    config = dataclasses.replace(config, description=description)
    if config.max_rows is not None:
        files = _limit_rows(files, config)
    return config, files


def find_further_inputs(
    patterns: tuple[str, ...],
    description: Description,
    constants: tuple[tuple[str, str], ...],
    known: tuple[str, ...],
    max_row_bytes: int,
) -> tuple[Description, tuple[InputFile, ...]]:
    """The files of a log that no data set is made of, and the description with their columns.

    Args:
      patterns: Files, globs or directories; read in this order.
      description: Of the log.
      constants: Columns that no file has, and the value of each in every row.
      known: Columns of the log, whether or not a file has them, where absent ones are empty.
      max_row_bytes: Longest accepted row.

    Raises:
      DataError: A pattern matches nothing, a file is empty or given twice, headers differ, or a
        column is missing.
    """
    files = tuple(
        dataclasses.replace(file, partitions=(*file.partitions, *constants))
        for pattern in patterns
        for file in _input_files((pattern,), description, None, max_row_bytes)
    )
    _check_once(files)
    return _resolve_all(description, files, max_row_bytes, known=known)


def _check_once(files: tuple[InputFile, ...]) -> None:
    """Rows that count twice make figures look surer than they are."""
    known: dict[str, str] = {}
    for file in files:
        place = place_of(file.path)
        if place in known:
            also = "" if known[place] == file.path else f", as {known[place]}"
            raise DataError(f"{file.path}: is given twice{also}; name each file once")
        known[place] = file.path


def _check_apart(files: tuple[InputFile, ...]) -> None:
    """What is learned from may not be tested on."""
    splits: dict[str, str | None] = {}
    for file in files:
        split = splits.setdefault(place_of(file.path), file.split)
        if split != file.split:
            raise DataError(
                f"{file.path}: is given for {split} and for {file.split}; a row may stand in one "
                "split only"
            )


def find_side_files(config: PreprocessConfig) -> tuple[tuple[InputFile, ...], ...]:
    """The files of each side table of the description, in its order.

    Args:
      config: The run, its description with the side tables that are given.

    Raises:
      DataError: A pattern matches nothing, or a file is empty.
    """
    return side_files(config.description, config.side_tables, config.max_row_bytes)


def side_files(
    description: Description, patterns: Mapping[str, str], max_row_bytes: int
) -> tuple[tuple[InputFile, ...], ...]:
    """The files of each side table of a description, in its order.

    Args:
      description: With the side tables that are given.
      patterns: From the name of each to its file or glob.
      max_row_bytes: Longest accepted row.

    Raises:
      DataError: A pattern matches nothing, or a file is empty.
    """
    return tuple(
        _side_table_files(table, patterns[table.name], max_row_bytes)
        for table in description.side_tables
    )


def _side_table_files(table: SideTable, pattern: str, max_row_bytes: int) -> tuple[InputFile, ...]:
    described = as_log(table)
    files = tuple(_input_files((pattern,), described, None, max_row_bytes))
    for file in files if table.header else ():
        key, *columns = _header(described, file, max_row_bytes)
        if tuple(columns) != described.columns[1:]:
            raise DataError(
                f"{file.path} line 1: has the columns {', '.join((key, *columns))}, where side "
                f"table {table.name} says {', '.join(described.columns)}"
            )
    return files


def _partition_names(patterns: tuple[str, ...]) -> set[str]:
    return {name for found in find_files(patterns) for name, _ in found.partitions}


def _input_files(
    patterns: tuple[str, ...],
    description: Description,
    split: str | None,
    max_row_bytes: int,
    partitions: Collection[str] = (),
) -> list[InputFile]:
    """The files of a split group, without those that hold nothing.

    Names of directories that are ``partitions`` elsewhere are so for all of them.
    """
    files: list[InputFile] = []
    asked_for = {*description.sources, *description.ignore, *partitions}
    asked_for.update(column.source for column in description.times)
    asked_for.update(table.key for table in description.side_tables)
    for found in find_files(patterns):
        check_readable(found.path)
        above = tuple(column for column in found.above if column[0] in asked_for)
        file = InputFile(
            len(files),
            found.path,
            found.size,
            split,
            partitions=(*above, *found.partitions),
            encoding=None if description.is_utf8 else description.file_encoding,
        )
        if description.file_format == "parquet":
            file = _with_row_groups(file)
            is_empty = not sum(file.row_groups)
        else:
            with open_text(file) as stream:
                begin = stream.read(max_row_bytes + 1)
            is_empty = not begin.removeprefix(codecs.BOM_UTF8).strip(b"\r\n")
            check_delimited(begin, file.path)
            returns = b"\r" in begin and b"\n" not in begin
            file = dataclasses.replace(file, ends_with_returns=returns)
        if not is_empty:
            files.append(file)
        elif found.named:
            raise DataError(f"{file.path}: the file has no rows; leave it out or fetch it again")
    if not files:
        raise DataError(f"{patterns[0]}: its files have no rows; leave it out or fetch it again")
    return files


def _with_row_groups(file: InputFile) -> InputFile:
    with open_parquet(file.path) as opened:
        metadata = opened.metadata
        rows = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        return dataclasses.replace(
            file, encoding=None, row_groups=tuple(rows), block_rows=BLOCK_ROWS
        )


def _resolve_all(
    description: Description,
    files: tuple[InputFile, ...],
    max_row_bytes: int,
    mend: Callable[[Description, tuple[str, ...]], str] = lambda description, header: "",
    known: tuple[str, ...] = (),
) -> tuple[Description, tuple[InputFile, ...]]:
    """The description with the columns of all files, and what each file has of them."""
    if description.file_format != "parquet" and not description.header:
        for file in files:
            check_no_header(description, file, max_row_bytes)
            names = tuple(name for name, _ in file.partitions)
            description = description.resolve(description.columns, description.name, names)
        return description, files
    schemas = [_schema(description, file) for file in files]
    headers = [
        _header(description, file, max_row_bytes) if schema is None else tuple(schema.names)
        for file, schema in zip(files, schemas, strict=True)
    ]
    whole = all_columns(description, files, headers, known)
    for file, header, schema in zip(files, headers, schemas, strict=True):
        try:
            names = tuple(name for name, _ in file.partitions)
            description = description.resolve(whole or header, file.path, names)
        except DataError as error:
            hint = values_hint(header, description) or comma_hint(header, description)
            hint = hint or mend(description, header)
            raise DataError(f"{error}{hint}") from None
        if schema is not None:
            description = with_types(schema, description)
    files = tuple(
        dataclasses.replace(file, columns=None if header == description.columns else header)
        for file, header in zip(files, headers, strict=True)
    )
    # Only now: a later file may be the first one whose types tell of a list.
    for file, schema in zip(files, schemas, strict=True):
        if schema is not None:
            check_column_types(schema, of_file(description, file), file.path)
    return description, files


def _schema(description: Description, file: InputFile) -> pa.Schema | None:
    if description.file_format != "parquet":
        return None
    with open_parquet(file.path) as opened:
        return opened.schema_arrow


def _header(description: Description, file: InputFile, max_row_bytes: int) -> tuple[str, ...]:
    with open_text(file) as stream:
        line = stream.readline(max_row_bytes + 1)
    try:
        text = line.decode("utf-8-sig").lstrip("\ufeff").rstrip("\r\n")
    except UnicodeDecodeError:
        raise DataError(
            f"{file.path} line 1: the header is not valid {description.file_encoding}; name its "
            "encoding with --file-encoding, such as latin-1 (or file_encoding in the TOML file)"
        ) from None
    if not text or len(line) > max_row_bytes:
        raise DataError(f"{file.path} line 1: no header line")
    try:
        return tuple(description.values_of(text))
    except csv.Error as error:
        raise DataError(
            f"{file.path} line 1: the header cannot be read ({error}); it has to be one line of "
            "names"
        ) from None


def _limit_rows(files: tuple[InputFile, ...], config: PreprocessConfig) -> tuple[InputFile, ...]:
    """Cuts each split group behind its first ``max_rows`` lines."""
    left = dict.fromkeys((file.split for file in files), config.max_rows)
    kept = []
    for file in files:
        if left[file.split] <= 0:
            continue
        header = config.description.header and not file.block_rows
        wanted = left[file.split] + header
        limit, lines = _offset_of_line(file, wanted, config.max_row_bytes)
        left[file.split] -= lines - header
        kept.append(dataclasses.replace(file, limit=limit))
    return tuple(kept)


def _offset_of_line(file: InputFile, wanted: int, max_row_bytes: int) -> tuple[int | None, int]:
    """The offset behind the first ``wanted`` lines (None: the file ends before), and the lines."""
    if file.block_rows:
        rows = min(wanted, sum(file.row_groups))
        return rows, rows
    lines = 0
    for block in read_blocks(file, 0, None, max_row_bytes):
        count = block.data.count(b"\n")
        if lines + count < wanted:
            lines += count
            continue
        at = 0
        for _ in range(wanted - lines):
            at = block.data.index(b"\n", at) + 1
        return block.offset + at, wanted
    return None, lines
