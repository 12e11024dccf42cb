"""The rows of further logs, encoded as those that a data set was made of.

For a model in use: the same reading, the same checks and the same ids as in training, row for row
and in the order of the log. Memory is that of a block, however long the log is.
"""

from __future__ import annotations

import csv
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from beam_preprocess.config import MAX_ROW_BYTES
from beam_preprocess.dataset.feature_schema import FIRST_VOCABULARY_ID, RawKey
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.dataset.time_formats import ISO_8601
from beam_preprocess.encoding.encode import RowEncoder
from beam_preprocess.encoding.vocabulary import read_vocabulary
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.decode import decode_rows
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.lists import whole_texts
from beam_preprocess.reading.parquet_blocks import BLOCK_ROWS, check_column_types, raw_rows
from beam_preprocess.reading.parse import RawRows, Reject, raw_columns
from beam_preprocess.reading.quotes import INSIDE
from beam_preprocess.reading.side_tables import forget_tables
from beam_preprocess.reading.source import read_raw
from beam_preprocess.reading.text_blocks import InputFile, open_text
from beam_preprocess.running.file_patterns import find_files
from beam_preprocess.running.input_files import find_further_inputs, side_files
from beam_preprocess.running.typed_values import as_written, may_be_written_otherwise
from beam_preprocess.running.unlike_training import UnlikeTraining

_NO_LABEL = "(no label)"
_NO_LABELS = ((_NO_LABEL, "0"),)


@dataclasses.dataclass(frozen=True)
class EncodedRows:
    """The rows of one block.

    Attributes:
      path: Of the file; empty for a table in memory.
      first_line: Number of the block's first line (of Parquet: row), from 1.
      readable: bool [rows], which of all its rows could be read; the arrays have these alone.
      label: uint8 [readable rows]; 0 where the rows are read without their labels.
      dense: float32 [readable rows, dense features].
      sparse: int64 [readable rows, sparse features].
      further: Raw values of further columns, Arrow binary [readable rows], empty where missing.
      items: Of those of them that the model reads as lists, list<binary>, null where there is none.
      rejects: The rows that could not be read, by line; one that goes over several lines is one.
      weight: float32 [readable rows], how much each counts; None where all count alike.
    """

    path: str
    first_line: int
    readable: np.ndarray
    label: np.ndarray
    dense: np.ndarray
    sparse: np.ndarray
    further: dict[str, pa.Array]
    items: dict[str, pa.Array]
    rejects: tuple[Reject, ...]
    weight: np.ndarray | None = None

    def told(self, reject: Reject) -> str:
        """Where a row that could not be read stands, and why, in words.

        Args:
          reject: One of ``rejects``.
        """
        where = f"{self.path} line" if self.path else "row"
        return f"{where} {self.first_line + reject.line}: {reject.reason}"


class RowReplay:
    """Reads further rows as the rows of a data set were read.

    Args:
      description: Of the log that the data set was made of, its columns known.
      schema: Of the data set.
      vocabularies: As ``read_vocabularies`` gives them.
      further: Columns whose raw values are wanted as well.
      weighted: Whether the log's column of weights is read, if it has one.

    Attributes:
      unlike: What of the rows that were read is unlike the training.
    """

    def __init__(
        self,
        description: Description,
        schema: Schema,
        vocabularies: Mapping[str, pa.Array],
        further: Sequence[str] = (),
        weighted: bool = False,
    ):
        # Only a headerless text has its columns from the description.
        named = description.header or description.file_format == "parquet"
        self._description = dataclasses.replace(
            description,
            columns=None if named else description.columns,
            partitions=None if named else description.partitions or (),
            time_column=None,
            weight=description.weight if weighted else None,
            group=None,
            ignore=(),
        )
        self._decimal = description.decimal
        known = {
            feature.source: vocabularies[feature.name].cast(pa.binary())
            for feature in schema.sparse
            if feature.name in vocabularies and feature.derive is None and not feature.is_list
        }
        self._written: dict[str, pa.Array | None] = {
            name: entries
            for name, entries in known.items()
            if may_be_written_otherwise(entries, description.decimal)
        }
        # Forms of times have a point, whatever the log's numbers have.
        self._times = {column.source for column in description.times}
        self._keys = [feature.raw_key for feature in schema.sparse]
        self._encoder = RowEncoder(schema.dense, schema.sparse, dict(vocabularies))
        self.unlike = UnlikeTraining(schema, vocabularies)
        self._numeric_ids = any(feature.encoding == "modulo" for feature in schema.sparse)
        self._further = tuple(dict.fromkeys(further))
        joined = {name for table in description.side_tables for name in table.columns}
        elsewhere = {*_of_rows(description), *joined, *(description.partitions or ())}
        self._known = tuple(name for name in description.sources if name not in elsewhere)

    def labelled(
        self, patterns: Sequence[str], side_tables: Mapping[str, str] | None = None
    ) -> Iterator[EncodedRows]:
        """The rows of a log with their labels; a label that cannot be read makes a reject.

        Args:
          patterns: Files, globs or directories, read in this order.
          side_tables: From side table name to its file or glob.

        Raises:
          DataError: A file cannot be read, or a column is missing; before the first block where
            that can be known.
        """
        return self._blocks(self._description, (), tuple(patterns), side_tables or {})

    def unlabelled(
        self, patterns: Sequence[str], side_tables: Mapping[str, str] | None = None
    ) -> Iterator[EncodedRows]:
        """The rows of a log whatever their label column holds, and whether or not there is one.

        Args:
          patterns: Files, globs or directories, read in this order.
          side_tables: From side table name to its file or glob.

        Raises:
          DataError: A file cannot be read, or a column is missing.
        """
        patterns = tuple(patterns)
        description = _without_label(self._description, patterns)
        return self._blocks(description, _NO_LABELS, patterns, side_tables or {})

    def of_table(self, table: pa.Table) -> Iterator[EncodedRows]:
        """The rows of a table in memory, without labels.

        Args:
          table: With the columns of the features.

        Raises:
          DataError: A column is missing, or of a type that cannot be read.
        """
        where = "the table"
        names = tuple(name for name in table.column_names if name is not None)
        if len(names) != len(set(names)):
            raise DataError(f"{where}: a column name is repeated; give every column its own name")
        description = dataclasses.replace(
            _of_no_label(self._description),
            columns=None,
            partitions=None,
            side_tables=(),
            file_format="parquet",
        ).resolve(names, where, (_NO_LABEL,))
        reading = _with_further(description, self._further)
        check_column_types(table.schema, reading, where)
        table = table.select(raw_columns(reading))
        for first in range(0, table.num_rows, BLOCK_ROWS):
            raw = raw_rows(table.slice(first, BLOCK_ROWS), first, reading)
            raw.columns[_NO_LABEL] = pa.array([b"0"] * len(raw.lines), pa.binary())
            yield self._encoded(raw, description, "", first)

    def _blocks(
        self,
        description: Description,
        constants: tuple[tuple[str, str], ...],
        patterns: tuple[str, ...],
        side_tables: Mapping[str, str],
    ) -> Iterator[EncodedRows]:
        forget_tables()
        # Not in the generator: what can be known at the start is told at the start.
        missing = [t.name for t in description.side_tables if t.name not in side_tables]
        if missing:
            raise DataError(
                f"--side-table {missing[0]}=PATH: the model was trained with this side table; "
                "name its file"
            )
        known = [table.name for table in description.side_tables]
        strange = [name for name in side_tables if name not in known]
        if strange:
            raise DataError(
                f"--side-table {strange[0]}: the model was trained with "
                f"{', '.join(known) or 'no side tables'}; leave it out"
            )
        reading = _with_further(description, self._further)
        reading, files = find_further_inputs(
            patterns, reading, constants, self._known, MAX_ROW_BYTES
        )
        _check_single(description, reading, patterns[0])
        found = dataclasses.replace(reading, sparse=description.sparse)
        tables = side_files(found, side_tables, MAX_ROW_BYTES)

        def blocks() -> Iterator[EncodedRows]:
            for file in files:
                lines = 0
                for _, raw, _ in read_raw(file, 0, None, reading, tables, MAX_ROW_BYTES):
                    yield self._encoded(raw, found, file.path, lines)
                    lines += raw.line_count

        return blocks()

    def _encoded(
        self, raw: RawRows, description: Description, path: str, lines: int
    ) -> EncodedRows:
        for name in raw.types.keys() - self._times:
            if name in self._written or self._decimal != ".":
                values, kind = raw.columns[name], raw.types[name]
                if pa.types.is_binary(values.type):  # Others are numbers, which have no sign.
                    known = self._written.get(name)
                    raw.columns[name] = as_written(values, kind, known, self._decimal)
        reading = _with_typed_times(description, raw.types)
        rows, malformed = decode_rows(raw, reading, numeric_ids=self._numeric_ids)
        # Whoever reads answers beside the log has one row there, not as many as it has lines.
        rejects = [reject for reject in malformed if reject.reason != INSIDE]
        rows = dataclasses.replace(rows, sparse=self._as_trained(rows.sparse))
        label, dense, sparse = self._encoder.encode(rows)
        self.unlike.add(rows, sparse, self._encoder.starts)
        kept = pa.array(np.isin(raw.lines, rows.lines))
        places = np.concatenate([rows.lines, [reject.line for reject in rejects]])
        order = np.argsort(places, kind="stable")
        return EncodedRows(
            path=path,
            first_line=lines + 1,
            readable=order < len(rows),
            label=label,
            dense=dense,
            sparse=sparse,
            further={name: whole_texts(raw.columns[name].filter(kept)) for name in self._further},
            items={
                source: values
                for (source, derivation, multi), values in rows.sparse.items()
                if source in self._further and multi and not derivation
            },
            rejects=tuple(rejects),
            weight=rows.weight,
        )

    def _as_trained(self, sparse: Mapping[RawKey, pa.Array]) -> dict[RawKey, pa.Array]:
        """Columns by what the training's log had between the items of a list, if anything."""
        keys = {(*key[:2], key[2] is None): key for key in self._keys}
        return {keys.get((*key[:2], key[2] is None), key): found for key, found in sparse.items()}


def read_vocabularies(schema: Schema, directory: str | pathlib.Path) -> dict[str, pa.Array]:
    """The entries of each vocabulary in id order, Arrow binary, by the name of its feature.

    Args:
      schema: Of the data set.
      directory: Where the vocabulary files lie, by their paths in the schema.

    Raises:
      DataError: A vocabulary cannot be read or has another number of entries.
    """
    found = {}
    for feature in schema.sparse:
        if feature.vocabulary is None:
            continue
        path, wanted = pathlib.Path(directory) / feature.vocabulary, feature.rows
        wanted -= FIRST_VOCABULARY_ID
        try:
            # An export has no file of a vocabulary without entries.
            entries = read_vocabulary(path.read_bytes() if wanted or path.exists() else b"")
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); restore it") from None
        if len(entries) != wanted:
            raise DataError(
                f"{path}: {len(entries)} entries where the schema says {wanted}; restore it"
            )
        found[feature.name] = entries
    return found


def _of_rows(description: Description) -> tuple[str | None, ...]:
    """Columns that are no features, and that files are not taken to have."""
    return description.label, description.weight, description.time_column, description.group


def _check_single(trained: Description, found: Description, path: str) -> None:
    """Refuses lists of Parquet in a column of whose lists the model knows nothing."""
    lists = {column.source for column in found.sparse or () if column.multi is True}
    for column in trained.sparse or ():
        if column.source in lists and not column.is_list:
            raise DataError(
                f"{path}: column {column.source!r} holds lists, where the model was trained on "
                "single values; write one value a row"
            )


def _with_typed_times(description: Description, types: Mapping[str, pa.DataType]) -> Description:
    """The description where times that a type tells need not be in the form of the training's."""
    typed = {name for name, kind in types.items() if pa.types.is_temporal(kind)}
    if not typed:
        return description
    times = tuple(
        dataclasses.replace(time, format=ISO_8601) if time.source in typed else time
        for time in description.times
    )
    return dataclasses.replace(description, times=times)


def _of_no_label(description: Description) -> Description:
    """The description of the same log with nothing asked of its labels."""
    known = description.partitions
    return dataclasses.replace(
        description,
        label=_NO_LABEL,
        label_rule="binary",
        label_positive=(),
        label_above=None,
        partitions=None if known is None else (*known, _NO_LABEL),
    )


def _without_label(description: Description, patterns: tuple[str, ...]) -> Description:
    """The description of a log whose label column may be missing."""
    found = _of_no_label(description)
    columns = description.columns
    if columns is None or _values_in_first_line(description, patterns) != len(columns) - 1:
        return found
    columns = tuple(name for name in columns if name != description.label)
    return dataclasses.replace(found, columns=columns)


def _values_in_first_line(description: Description, patterns: tuple[str, ...]) -> int | None:
    """How many values the first line of a headerless log has; None where its quotes are broken."""
    path = find_files(patterns[:1])[0].path
    encoding = None if description.is_utf8 else description.file_encoding
    with open_text(InputFile(0, path, 0, encoding=encoding)) as stream:
        line = stream.readline(MAX_ROW_BYTES)
    try:
        return len(description.values_of(line.decode("utf-8-sig").rstrip("\r\n")))
    except (csv.Error, UnicodeDecodeError):
        return None


def _with_further(description: Description, further: tuple[str, ...]) -> Description:
    """The description, reading further columns as text."""
    there = {column.source for column in description.sparse or ()}
    columns = [
        SparseColumn(name, name=f"(further) {name}") for name in further if name not in there
    ]
    return dataclasses.replace(description, sparse=(*(description.sparse or ()), *columns))
