"""Joining side tables to the log: each worker holds the tables and looks keys up."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.common.string_table import StringTable
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.dialect import UTF_8
from beam_preprocess.reading.other_writings import rewritten
from beam_preprocess.reading.parse import RawRows, parse_block
from beam_preprocess.reading.side_table import SideTable
from beam_preprocess.reading.text_blocks import InputFile, read_blocks

_TOKENS = "tokens"
_NOWHERE = -1
_PIECE_ROWS = 1 << 18
_TRIED_KEYS = 2000
_WRITTEN_OTHERWISE = 0.2
"""Share of the values of a key whose rows are found in another writing: no chance any more."""


class LoadedTable:
    """A side table in memory.

    Args:
      table: What it is.
      files: Where it lies.
      max_row_bytes: Longest accepted row.

    Raises:
      DataError: A row is malformed, two rows say different things of one key, or a file cannot be
        read.
    """

    def __init__(self, table: SideTable, files: tuple[InputFile, ...], max_row_bytes: int):
        self.key = table.key
        self.names = table.columns
        self._name, self._is_checked = table.name, False
        keys, columns = _read(table, files, max_row_bytes)
        self._index = StringTable(keys)
        pair = _unlike_pair(self._index, keys, columns)
        if pair is not None:
            raise DataError(_told_unlike(table, files, max_row_bytes, pair))
        self._digits = pc.max(pc.binary_length(keys)).as_py() or 0
        # The default lies behind the last row: a key without a row points there.
        self._absent = len(keys)
        default = pa.array([table.default.encode()], pa.binary())
        self._columns = [pa.concat_arrays([column, default]) for column in columns]

    def join(self, keys: pa.Array) -> dict[str, pa.Array]:
        """The table's columns for the rows of a log.

        Args:
          keys: Arrow binary [rows].

        Returns:
          Arrow binary [rows] by column name; the table's default where a key has no row.

        Raises:
          DataError: Keys of the first rows have no row of their own, but one in another writing.
        """
        if not self._is_checked and len(keys):
            self._check_writing(keys)
            self._is_checked = True
        rows = pa.array(self._index.look_up(keys, self._absent))
        return {
            name: column.take(rows) for name, column in zip(self.names, self._columns, strict=True)
        }

    def _check_writing(self, keys: pa.Array) -> None:
        """A table whose keys are written otherwise joins nothing, without a word."""
        distinct = keys.unique()
        distinct = distinct.filter(pc.greater(pc.binary_length(distinct), 0))[:_TRIED_KEYS]
        is_absent = self._index.look_up(distinct, self._absent) == self._absent
        lacking = [key.decode() for key in distinct.filter(pa.array(is_absent)).to_pylist()]
        for how, others in self._other_writings(lacking):
            found = self._index.look_up(pa.array(map(str.encode, others), pa.binary()), _NOWHERE)
            places = np.flatnonzero(found != _NOWHERE)
            if len(places) >= max(2, _WRITTEN_OTHERWISE * len(distinct)):
                text, other = lacking[places[0]], others[places[0]]
                raise DataError(
                    f"side table {self._name}: has no row for {text!r} in column {self.key!r}, but "
                    f"one for {other!r} ({how}), and so for {len(places):,} of {len(distinct):,} "
                    "values; write both alike"
                )

    def _other_writings(self, keys: list[str]) -> Iterator[tuple[str, list[str]]]:
        yield from rewritten(keys)
        yield "with leading zeros", [key.zfill(self._digits) for key in keys]
        yield "with quotes: quoting = true reads them", [f'"{key}"' for key in keys]
        yield "in capitals", [key.upper() for key in keys]


def forget_tables() -> None:
    """Drops what an earlier run in this process has loaded: its files may have changed."""
    load_tables.cache_clear()


@functools.lru_cache(maxsize=1)
def load_tables(
    tables: tuple[SideTable, ...],
    files: tuple[tuple[InputFile, ...], ...],
    max_row_bytes: int,
) -> tuple[LoadedTable, ...]:
    """Loads side tables once per process, for both passes over the log.

    Args:
      tables: The side tables.
      files: The files of each.
      max_row_bytes: Longest accepted row.
    """
    return tuple(
        LoadedTable(table, members, max_row_bytes)
        for table, members in zip(tables, files, strict=True)
    )


def as_log(table: SideTable) -> Description:
    """A side table as a log of its own: the key is its label, since a log has one.

    Args:
      table: The table.
    """
    names = (_TOKENS,) if table.tokens else table.columns
    return Description(
        name=f"side table {table.name}",
        label=table.key,
        columns=(table.key, *names),
        sparse=tuple(SparseColumn(name) for name in names),
        delimiter="\t" if table.delimiter is None else table.delimiter,
        header=table.header,
        quoting=table.quoting,
        file_encoding=table.file_encoding or UTF_8,
    )


def _read(
    table: SideTable, files: tuple[InputFile, ...], max_row_bytes: int
) -> tuple[pa.Array, list[pa.Array]]:
    """Keys and further columns of all files."""
    description = as_log(table)
    parts: dict[str, list[pa.Array]] = {name: [] for name in description.columns}
    for _, _, raw in _blocks(table, files, max_row_bytes):
        for name, values in raw.columns.items():
            parts[name].append(values)
    columns = {name: pa.concat_arrays(arrays) for name, arrays in parts.items()}
    key, *names = description.columns
    if table.tokens:
        return columns[key], _token_columns(columns[names[0]])
    return columns[key], [columns[name] for name in names]


def _blocks(
    table: SideTable, files: tuple[InputFile, ...], max_row_bytes: int
) -> Iterator[tuple[str, int, RawRows]]:
    """Path, lines before it, and rows of each block of all files."""
    description = as_log(table)
    for file in files:
        lines = 0
        for block in read_blocks(file, 0, None, max_row_bytes):
            raw = parse_block(block.data, block.offset, description, max_row_bytes)
            if raw.rejects:
                first = min(raw.rejects, key=lambda reject: reject.line)
                raise DataError(
                    f"{file.path} line {lines + first.line + 1}: {first.reason}; "
                    f"mend this row of side table {table.name}"
                )
            yield file.path, lines, raw
            lines += raw.line_count


def _unlike_pair(
    index: StringTable, keys: pa.Array, columns: list[pa.Array]
) -> tuple[int, int] | None:
    """The first row that says another thing of its key than a row before, and that row before."""
    for start in range(0, len(keys), _PIECE_ROWS):
        first = index.look_up(keys.slice(start, _PIECE_ROWS), _NOWHERE)
        again = start + np.flatnonzero(first != np.arange(start, start + len(first)))
        before = first[again - start]
        unlike = np.zeros(len(again), bool)
        for column in columns:
            unlike |= pc.not_equal(column.take(again), column.take(before)).to_numpy(False)
        if unlike.any():
            at = int(unlike.argmax())
            return int(before[at]), int(again[at])
    return None


def _told_unlike(
    table: SideTable, files: tuple[InputFile, ...], max_row_bytes: int, pair: tuple[int, int]
) -> str:
    """Where two rows stand that say different things of one key; read again, to hold no places."""
    places, rows = [], 0
    for path, lines, raw in _blocks(table, files, max_row_bytes):
        for row in pair:
            if rows <= row < rows + len(raw.lines):
                key = raw.columns[table.key][row - rows].as_py().decode()
                places.append(f"{path} line {lines + int(raw.lines[row - rows]) + 1}")
        rows += len(raw.lines)
    before, again = places
    return (
        f"{again}: says something else of {key!r} than {before}; leave one row for each "
        f"{table.key} in side table {table.name}"
    )


def _token_columns(tokens: pa.Array) -> list[pa.Array]:
    """The number of tokens and the first token, of values such as ``12|7|7``."""
    text = tokens.cast(pa.string())
    counts = pc.add(pc.count_substring(text, "|"), 1).cast(pa.string())
    first = pc.list_element(pc.split_pattern(text, "|", max_splits=1), 0)
    return [counts.cast(pa.binary()), first.cast(pa.binary())]
