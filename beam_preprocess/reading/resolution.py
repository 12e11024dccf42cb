"""A description once the columns are known that its files have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.column_names import check_columns, has_name, shorten
from beam_preprocess.reading.dialect import USUAL_DELIMITERS
from beam_preprocess.reading.side_table import SideTable

if TYPE_CHECKING:
    from beam_preprocess.reading.description import Description


def resolved(
    description: Description,
    columns: tuple[str, ...],
    where: str,
    partitions: tuple[str, ...],
) -> Description:
    """See ``Description.resolve``."""
    check_columns(columns, where)
    known = description.columns
    if known is not None and set(known) == set(columns):
        columns = known  # Columns are found by name, in whatever order they stand.
    if known is not None and known != columns:
        raise DataError(
            f"{where}: header {shorten(columns)} differs from the columns of {description.name}, "
            f"{shorten(known)}{_unlike(columns, known)}; name another --dataset or mend the header"
        )
    partitions = tuple(name for name in partitions if name not in columns)
    check_columns(partitions, where)
    if description.partitions not in (None, partitions):
        raise DataError(
            f"{where}: its directories name the columns {shorten(partitions)}, those of the "
            f"files before {shorten(description.partitions)}; give files of one layout"
        )
    sparse = description.sparse
    if sparse is None:
        used = {description.label, description.weight, description.time_column, *description.ignore}
        used.update(column.source for column in description.times)
        used.update(column.source for column in description.dense)
        there = (*columns, *partitions)
        names = [name for name in there if has_name(name) and name not in used]
        sparse = _with_lists(description, _sparse_columns(names, where), there, where)
        sparse = (*sparse, *joined_sparse(description.side_tables))
    try:
        found = dataclasses.replace(
            description, columns=columns, sparse=sparse, lists=(), partitions=partitions
        )
    except DataError as error:
        message = str(error).removeprefix(f"{description.name}: ")
        raise DataError(f"{where}: {message}") from None
    check_sources(found, where)
    return found


def _unlike(columns: tuple[str, ...], known: tuple[str, ...]) -> str:
    """Which names the one header has and the other lacks, where they are few enough to be told."""
    lacks = [name for name in known if name not in columns]
    has = [name for name in columns if name not in known]
    told = [
        f"{what} {', '.join(map(repr, names))}"
        for what, names in (("lacks", lacks), ("has besides", has))
        if names
    ]
    return f": it {' and '.join(told)}" if len(lacks) + len(has) < len(known) else ""


def _with_lists(
    description: Description, columns: tuple[SparseColumn, ...], there: tuple[str, ...], where: str
) -> tuple[SparseColumn, ...]:
    lists = {column.source: column for column in description.lists}
    for name in lists:
        if name not in there:
            raise DataError(
                f"{where}: no column {name!r}{suggestion(name, there)}, which is named as "
                f"multi-valued; there are {shorten(there)}"
            )
        if name not in [column.source for column in columns]:
            raise DataError(
                f"{where}: column {name!r} is named as multi-valued, and as label, dense, time "
                "or ignored column as well"
            )
    return tuple(lists.get(column.source, column) for column in columns)


def read_otherwise(description: Description, columns: tuple[str, ...], wanted: str) -> str:
    """A hint where another delimiter, or blanks skipped behind it, would show the wanted column.

    Args:
      description: By which the header was read.
      columns: What it says.
      wanted: That is not among them.
    """
    if description.file_format == "text" and not description.skip_blanks:
        if wanted in [name.lstrip(" ") for name in columns]:
            return (
                "; a blank stands before it in the header: --skip-blanks (skip_blanks = true in "
                "TOML) takes those behind delimiters away"
            )
    for delimiter in USUAL_DELIMITERS if len(columns) == 1 else ():
        if wanted in (name.strip(' "') for name in columns[0].split(delimiter)):
            return f"; is the delimiter {delimiter!r}? --delimiter (delimiter in TOML) says it"
    return ""


def check_sources(description: Description, where: str = "") -> None:
    """Checks that every raw column that is named is there, and serves one purpose.

    Args:
      description: With its columns known.
      where: What they were read from, for messages; its own name unless given.

    Raises:
      DataError: One is not, or does not.
    """
    joined = {name for table in description.side_tables for name in table.columns}
    joined.update(description.partitions or ())
    keys = {table.key for table in description.side_tables}
    there = (*description.columns, *sorted(joined - {description.label}))
    for source in (*description.sources, *sorted(keys)):
        if source not in description.columns and source not in joined:
            raise DataError(
                f"{where or description.name}: no column {source!r}{suggestion(source, there)}; "
                f"there are {shorten(there)}"
                f"{read_otherwise(description, description.columns, source)}"
                + ("; write the one that tells the clicks as label" if source == "?" else "")
            )
    sources = [column.source for column in description.dense]
    sources += [column.until_column for column in description.dense if column.until_column]
    sources += [column.source for column in description.sparse]
    if not sources:
        raise DataError(
            f"{where or description.name}: no dense or sparse column is left to learn from"
        )
    for column in description.times:
        if column.source not in there:
            raise DataError(
                f"{where or description.name}: times: no column {column.source!r}"
                f"{suggestion(column.source, there)}; there are {shorten(there)}"
            )
    for name in description.ignore:
        _check_ignored(description, name, sources, where)
    for what, name in (("label", description.label), ("weight", description.weight)):
        if name in sources:
            raise DataError(
                f"{where or description.name}: {what} {name!r} cannot be a feature as well"
            )
    if description.label in (description.weight, description.group):
        raise DataError(f"{where or description.name}: the label cannot be weight or group as well")


def _check_ignored(description: Description, name: str, sources: list[str], where: str) -> None:
    there = (*description.columns, *(description.partitions or ()))
    why = None
    if name in (description.label, description.weight):
        why = f"is the {'label' if name == description.label else 'weight'}"
    elif name in sources:
        why = "is named as a feature as well"
    elif name not in there:
        why = f"there is no such column{suggestion(name, there)}"
    if why is not None:
        raise DataError(
            f"{where or description.name}: {name!r} cannot be ignored: {why}; there are "
            f"{shorten(there)}"
        )


def joined_sparse(tables: Iterable[SideTable]) -> tuple[SparseColumn, ...]:
    """The sparse features of side tables.

    Args:
      tables: The tables.
    """
    return tuple(column for table in tables for column in table.sparse)


def _sparse_columns(names: list[str], where: str) -> tuple[SparseColumn, ...]:
    try:
        return tuple(SparseColumn(name) for name in names)
    except DataError as error:
        raise DataError(f"{where}: {error}; rename the column or leave it out") from None
