"""What a raw click log looks like: columns, delimiter, label, features. No file is opened here."""

from __future__ import annotations

import codecs
import csv
import dataclasses
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, TypeVar

import pydantic

from beam_preprocess.common.checked import (
    Finite,
    Name,
    check_choice,
    check_fields,
    shown,
)
from beam_preprocess.dataset.time_formats import DERIVED_CATEGORIES, YYMMDDHH, time_format
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DenseColumn, RawColumn, SparseColumn, TimeColumn
from beam_preprocess.reading.column_names import check_columns
from beam_preprocess.reading.dialect import UNIT_SEPARATOR, UTF_8, check_dialect
from beam_preprocess.reading.quotes import Quotes
from beam_preprocess.reading.resolution import check_sources, joined_sparse, resolved
from beam_preprocess.reading.side_table import SideTable

FILE_FORMATS = ("text", "parquet")
LABEL_RULES = ("binary", "positive")
DECIMALS = (".", ",")
REFUSE, EMPTY = ABSENT_COLUMNS = ("refuse", "empty")
NUMBER = "number"
"""Form of a time column whose numbers only have to follow each other."""


@dataclasses.dataclass(frozen=True)
class Description:
    """A raw data set.

    Attributes:
      name: Name of the data set.
      label: Label column.
      columns: All columns in file order; None where the header (or Parquet) names them.
      dense, sparse: Features; ``sparse`` None means every column not used otherwise.
      lists: How multi-valued columns are read where ``sparse`` is None; left out of TOML files.
      delimiter: One ASCII character; several where nothing is quoted or escaped (text only).
      header: Whether every file begins with a line of column names (text only).
      quoting: Whether values may be quoted with ``"`` (text only).
      escape: Character that takes the next one as it is, such as a backslash (text only). With a
        backslash, the value ``\\N`` is missing, as MySQL and Hive write it.
      skip_blanks: Whether blanks before a value are no part of it (text only).
      file_encoding: Encoding of the characters, as Python calls it (text only).
      decimal: What stands before the decimals of a number, ``.`` or ``,``, in every column that is
        read as numbers; the other of the two stands in no number.
      missing_tokens: Raw values, beside the empty one, that mean *missing*.
      label_rule: ``binary`` (the label is 0 or 1) or ``positive`` (label 1 is a count above 0).
      label_positive: Values of the label column that are label 1, all others being label 0; empty
        where ``label_rule`` says it.
      label_above: Numbers of the label column above this are label 1; None likewise.
      time_column, time_format: What the chronological split goes by, where there is one: how its
        times are written, or ``number`` where they are numbers that only have to follow each other.
      weight: Column that says how much a row counts, in training and in all figures; None for 1.
      group: Column, such as a user's id, that figures are taken by; it stays a feature as well
        unless it is ignored.
      times: Columns of times, and what is derived of them; a feature that is listed itself under
        the same name is taken as it stands there.
      ignore: Columns left out when ``sparse`` is None.
      side_tables: Tables that can be joined.
      file_format: ``text`` or ``parquet``.
      absent_columns: What a file gives that lacks columns of others: ``refuse`` (files have to be
        alike), or ``empty`` (as if it had them, without a value in any row).
      partitions: Columns that the names of directories give (``day=3/``); None until files are
        known.

    Raises:
      DataError: A value is of another type or range; the message names it.
    """

    name: Name
    label: Name
    columns: Annotated[tuple[str, ...], pydantic.Field(min_length=1)] | None
    dense: tuple[DenseColumn, ...] = ()
    sparse: tuple[SparseColumn, ...] | None = None
    lists: tuple[SparseColumn, ...] = ()
    delimiter: str = "\t"
    header: bool = False
    quoting: bool = False
    escape: str | None = None
    skip_blanks: bool = False
    file_encoding: str = UTF_8
    decimal: str = "."
    missing_tokens: tuple[str, ...] = ()
    label_rule: str = "binary"
    label_positive: tuple[str, ...] = ()
    label_above: Finite | None = None
    weight: Name | None = None
    group: Name | None = None
    time_column: Name | None = None
    time_format: str = NUMBER
    times: tuple[TimeColumn, ...] = ()
    ignore: tuple[str, ...] = ()
    side_tables: tuple[SideTable, ...] = ()
    file_format: str = "text"
    absent_columns: str = REFUSE
    partitions: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        check_dialect(
            self.name,
            self.delimiter,
            quoting=self.quoting,
            escape=self.escape,
            skip_blanks=self.skip_blanks,
            file_encoding=self.file_encoding,
        )
        for field, choices in (
            ("file_format", FILE_FORMATS),
            ("label_rule", LABEL_RULES),
            ("decimal", DECIMALS),
            ("absent_columns", ABSENT_COLUMNS),
        ):
            check_choice(f"{self.name}: {field}", getattr(self, field), choices)
        if self.decimal == self.delimiter and self.file_format == "text" and not self.quoting:
            raise DataError(
                f"{self.name}: decimal {self.decimal!r} is the delimiter as well, which needs "
                "quoting = true"
            )
        for table in self.side_tables:
            table.check_numbers(self.decimal, self.missing_tokens)
        if self.columns is None and self.file_format == "text" and not self.header:
            raise DataError(f"{self.name}: files without a header need their columns listed")
        rules = (self.label_rule != "binary", self.label_positive, self.label_above is not None)
        if sum(map(bool, rules)) > 1:
            raise DataError(
                f"{self.name}: label_rule, label_positive and label_above say different things of "
                "the label; give one of them"
            )
        self._settle_times()
        self._check_feature_names(self.name)
        if self.file_format == "text":
            self._check_text_lists()
        if self.columns is not None:
            check_columns(self.columns, self.name)
            if self.sparse is not None and not self.header:
                check_sources(self)  # with a header, `resolve` checks and can name the file

    def _settle_times(self) -> None:
        """Adds what is derived of times, and checks that their forms say what is needed."""
        forms = {column.source: column.format for column in self.times}
        if len(forms) < len(self.times):
            repeated = Counter(column.source for column in self.times).most_common(1)[0][0]
            raise DataError(f"{self.name}: the times of column {repeated!r} are described twice")
        if self.time_format == NUMBER and self.time_column in forms:
            object.__setattr__(self, "time_format", forms[self.time_column])
        if self.time_format != NUMBER:
            time_format(self.time_format)
            if forms.get(self.time_column or "", self.time_format) != self.time_format:
                raise DataError(
                    f"{self.name}: time_format and times say different things of column "
                    f"{self.time_column!r}; leave time_format out"
                )
        derived = [column for time in self.times for column in time.dense]
        object.__setattr__(self, "dense", _with_derived(self.dense, derived))
        if self.sparse is not None:
            categories = [column for time in self.times for column in time.sparse]
            object.__setattr__(self, "sparse", _with_derived(self.sparse, categories))
        categories = [column for time in self.times for column in time.sparse]
        for column in (*(self.sparse or ()), *categories):
            if column.derive is not None:
                hour = DERIVED_CATEGORIES[column.derive].needs_hour
                self._check_time(column.source, column.derive, forms.get(column.source), hour=hour)
        for number in self.dense:
            if number.derive is not None:
                for source in filter(None, (number.source, number.until_column)):
                    self._check_time(source, "age", forms.get(source, ""), hour=False)

    def _check_time(self, source: str, what: str, form: str | None, *, hour: bool) -> None:
        if form == "":
            raise DataError(
                f"{self.name}: {what} is derived of column {source!r}, so say how its times are "
                f'written, times = {{{source} = "iso8601"}}'
            )
        found = time_format(form or YYMMDDHH)
        if not (found.has_hour if hour else found.has_date):
            raise DataError(
                f"{self.name}: {what} cannot be derived of column {source!r}, whose form "
                f"{found.text} has no {'hour' if hour else 'date'}"
            )

    def form_of(self, source: str) -> str:
        """How the times of a raw column are written; see time_formats.py.

        Args:
          source: The column.
        """
        forms = {column.source: column.format for column in self.times}
        return forms.get(source, YYMMDDHH)

    def _check_text_lists(self) -> None:
        for column in (*(self.sparse or ()), *self.lists):
            if column.multi is True:
                raise DataError(
                    f"{self.name}: sparse column {column.source!r}: multi = true goes with lists "
                    "of Parquet; name what stands between two items, such as multi = '|'"
                )
            if not column.is_list and (column.longest or column.pooling):
                raise DataError(
                    f"{self.name}: sparse column {column.source!r}: longest and pooling go with a "
                    "multi-valued column; name what stands between two items, such as multi = '|'"
                )

    @property
    def is_utf8(self) -> bool:
        """Whether the bytes of a text file are those of the values."""
        return codecs.lookup(self.file_encoding).name in (UTF_8, "utf-8-sig", "ascii")

    @property
    def field_delimiter(self) -> str:
        """The one character between values, once a delimiter of several has become one."""
        return self.delimiter if len(self.delimiter) == 1 else UNIT_SEPARATOR

    def quotes(self, max_row_bytes: int) -> Quotes | None:
        """How values are quoted; None where a line is a row whatever stands in it.

        Args:
          max_row_bytes: Longest accepted row.
        """
        if self.file_format != "text" or not (self.quoting or self.escape):
            return None
        return Quotes(
            delimiter=self.delimiter.encode(),
            quoting=self.quoting,
            escape=(self.escape or "").encode(),
            skip_blanks=self.skip_blanks,
            longest=max_row_bytes,
        )

    def resolve(
        self, columns: tuple[str, ...], where: str, partitions: tuple[str, ...] = ()
    ) -> Description:
        """This description with the columns that the files turned out to have.

        Args:
          columns: Columns of the header (or of the Parquet file) in order.
          where: The file they come from, for errors.
          partitions: Columns that the file's directories name; those that the file has itself
            are read there.

        Raises:
          DataError: A column is repeated, or one that is needed is not there.
        """
        return resolved(self, columns, where, partitions)

    def with_side_tables(self, names: tuple[str, ...]) -> Description:
        """This description with the features of the named side tables added.

        Args:
          names: The tables that are given.

        Raises:
          DataError: The data set knows no table of that name.
        """
        known = {table.name: table for table in self.side_tables}
        for name in names:
            if name not in known:
                raise DataError(
                    f"--side-table {name}: data set {self.name} knows "
                    f"{', '.join(known) or 'no side tables'}"
                )
        for table in self.side_tables:
            if table.required and table.name not in names:
                raise DataError(
                    f"--side-table {table.name}=PATH: the description of {self.name} has this side "
                    "table; name its file"
                )
        if not names:
            return dataclasses.replace(self, side_tables=())
        tables = tuple(known[name] for name in names)
        return dataclasses.replace(
            self,
            side_tables=tables,
            dense=(*self.dense, *(column for table in tables for column in table.dense)),
            sparse=None if self.sparse is None else (*self.sparse, *joined_sparse(tables)),
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Raw columns that are read from the log, label first."""
        wanted = [self.label]
        wanted.extend(filter(None, (self.weight, self.group, self.time_column)))
        wanted.extend(column.source for column in self.dense)
        wanted.extend(column.until_column for column in self.dense if column.until_column)
        wanted.extend(column.source for column in self.sparse or ())
        return tuple(dict.fromkeys(wanted))

    def values_of(self, line: str) -> list[str]:
        """The values of one line.

        Args:
          line: Without its line break.

        Raises:
          csv.Error: Its quotes are malformed.
        """
        reader = csv.reader(
            [line.replace(self.delimiter, self.field_delimiter)],
            delimiter=self.field_delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE,
            escapechar=self.escape,
            skipinitialspace=self.skip_blanks,
            strict=True,
        )
        return next(reader)

    def _check_feature_names(self, where: str) -> None:
        names = [column.name for column in self.dense]
        names += [column.name for column in self.sparse or ()]
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise DataError(
                f"{where}: two features are called {shown(repeated[0])}; leave one out, or give it "
                "another name"
            )


_AnyColumn = TypeVar("_AnyColumn", bound=RawColumn)


def _with_derived(
    columns: Iterable[_AnyColumn], derived: Iterable[_AnyColumn]
) -> tuple[_AnyColumn, ...]:
    """The columns, and those derived ones that are not listed under their name."""
    listed = list(columns)
    names = {column.name for column in listed}
    return tuple(listed + [column for column in derived if column.name not in names])
