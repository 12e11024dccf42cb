"""A table that is joined to the log: what it looks like. Joined it is by side_tables.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from beam_preprocess.common.checked import Name, check_fields, shown
from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn
from beam_preprocess.reading.column_names import shorten
from beam_preprocess.reading.dialect import UTF_8, check_dialect


@dataclasses.dataclass(frozen=True)
class SideTable:
    """A text table joined to the log on one key column.

    Attributes:
      name: How the command line names it (``--side-table NAME=PATH``).
      key: Column of the log that holds the key; the table's first column is the key.
      columns: Names that the table's further columns get.
      default: Raw value of these columns where the key has no row.
      tokens: The table has one further column, of tokens separated by ``|``; it becomes two raw
        columns, the number of tokens and the first token, named by ``columns`` in that order.
      dense, sparse: Features that exist only where the table is given.
      delimiter: As of a log; None for a tab.
      header: Whether its files begin with a line of names: any for the key, then ``columns``.
      quoting: Whether values may be quoted.
      file_encoding: None for UTF-8.
      required: Whether a log cannot be read without it.

    Raises:
      DataError: A value is of another type or range; the message names it.
    """

    name: Name
    key: Name
    columns: tuple[Name, ...]
    default: str = ""
    tokens: bool = False
    dense: tuple[DenseColumn, ...] = ()
    sparse: tuple[SparseColumn, ...] = ()
    # None of these says anything by default: descriptions from before they were there say the same.
    delimiter: str | None = None
    header: bool = False
    quoting: bool = False
    file_encoding: str | None = None
    required: bool = False

    def __post_init__(self) -> None:
        what = f"side table {shown(self.name)}"
        check_fields(self, what)
        for column in (*self.dense, *self.sparse):
            if column.source not in self.columns:
                raise DataError(
                    f"{what}: no column {column.source!r}"
                    f"{suggestion(column.source, self.columns)}; there are "
                    f"{shorten(self.columns)}"
                )
        check_dialect(
            what,
            "\t" if self.delimiter is None else self.delimiter,
            quoting=self.quoting,
            file_encoding=self.file_encoding or UTF_8,
        )

    def check_numbers(self, decimal: str, missing: Collection[str]) -> None:
        """Refuses what leaves no dense column of it readable, which rows would tell one by one.

        Args:
          decimal: What stands before decimals, in the log and so in the table.
          missing: Values that mean missing, beside an empty one.

        Raises:
          DataError: The default is no such number, or the sign is the delimiter as well.
        """
        if not self.dense or self.tokens:
            return
        what = f"side table {shown(self.name)}"
        if decimal == self.delimiter and not self.quoting:
            raise DataError(
                f"{what}: decimal {decimal!r} is its delimiter as well, which needs quoting = true"
            )
        if self.default in ("", *missing):
            return
        wrong = "," if decimal == "." else "."
        try:
            float(self.default.replace(wrong, "?").replace(decimal, "."))
        except ValueError:
            raise DataError(
                f"{what}: default {self.default!r} is no number with the decimal sign {decimal!r}, "
                f"which column {self.dense[0].source} needs"
            ) from None
