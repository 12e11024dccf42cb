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
    Finite32,
    Name,
    PositiveCount,
    TableRows,
    check_choice,
    check_fields,
    shown,
)
from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.dataset.schema import (
    DENSE_DERIVATIONS,
    DENSE_TRANSFORMS,
    DERIVATIONS,
    MOST_ITEMS,
    POOLINGS,
    RADICES,
    RawKey,
    dense_key,
)
from beam_preprocess.dataset.time_formats import DERIVED_CATEGORIES, YYMMDDHH, time_format
from beam_preprocess.errors import DataError
from beam_preprocess.reading.quotes import Quotes

_SHOWN_CHARACTERS = 60

FILE_FORMATS = ("text", "parquet")
LABEL_RULES = ("binary", "positive")
NUMBER = "number"
"""Form of a time column whose numbers only have to follow each other."""

UTF_8 = "utf-8"

DEFAULT_LONGEST = 32
"""Items of a list that are kept where nobody names a number: ten genres and more, and a row of ids
that still fits beside the others."""

UNIT_SEPARATOR = "\x1f"
"""ASCII's own character between values: what a delimiter of several characters becomes."""


@dataclasses.dataclass(frozen=True)
class _Column:
    """A feature to make of the raw column ``source``; called like it unless it has a name."""

    source: Name
    name: Name | None = None

    def _check(self, what: str) -> str:
        """Settles the name and checks all fields; returns what messages call the column."""
        if self.name is None:
            object.__setattr__(self, "name", self.source)
        check_fields(self, f"{what} {shown(self.source)}")
        return f"{what} {self.source!r}"


@dataclasses.dataclass(frozen=True)
class DenseColumn(_Column):
    """A dense feature to make of a raw column.

    Attributes:
      source: The raw column.
      name: Of the feature; that of the column unless given.
      transform: One of ``DENSE_TRANSFORMS``, whose formulas schema.py has.
      missing: Raw value that stands for a missing one (before the transform), within the range of
        32-bit floats; None for the mean with ``standardize``, else 0.
      derive: ``age``, in days, of a column of times, or None for the number itself.
      until: What an age ends at: another column of times, or a time of ISO 8601.

    Raises:
      DataError: A value cannot be used.

    >>> DenseColumn("price").name
    'price'
    >>> DenseColumn("price", transform="log")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
      ...
    beam_preprocess.errors.DataError: dense column 'price': transform must be one of log1p, ...
    """

    transform: str = "log1p"
    missing: Finite32 | None = None
    derive: str | None = None
    until: Name | None = None

    def __post_init__(self) -> None:
        what = self._check("dense column")
        check_choice(f"{what}: transform", self.transform, DENSE_TRANSFORMS)
        if self.derive is not None:
            check_choice(f"{what}: derive", self.derive, DENSE_DERIVATIONS)
        if (self.derive is None) != (self.until is None):
            raise DataError(
                f'{what}: derive = "age" and until = "..." go together; until is another column of '
                "times, or a time such as 2024-12-31"
            )

    @property
    def key(self) -> str:
        """What its numbers are known by; several features may be made of the same."""
        return dense_key(self.source, self.derive, self.until)

    @property
    def until_column(self) -> str | None:
        """The other column that an age is counted to."""
        if self.until is None:
            return None
        # Brings PyArrow, which what only shows its options does without.
        from beam_preprocess.reading.moments import is_time

        return None if is_time(self.until) else self.until


@dataclasses.dataclass(frozen=True)
class SparseColumn(_Column):
    """A sparse feature to make of a raw column.

    Attributes:
      source: The raw column.
      name: Of the feature; that of the column unless given.
      derive: One of ``DERIVATIONS``, of a column of times, or None for the value itself.
      rows: Table rows for the encodings ``modulo`` and ``hash``; None where none are known.
      radix: How the encoding ``modulo`` reads a value as a number; see schema.py.
      fold: What ``modulo`` takes the number modulo first; None for nothing.
      multi: What stands between the items of a multi-valued column; True where the column holds
        lists itself, as Parquet's do; None for single values.
      longest: Items of a list that are kept, the first ones; ``DEFAULT_LONGEST`` unless given.
      pooling: How a network makes one embedding of a list's: ``mean`` (unless given), ``sum`` or
        ``attention``.

    Raises:
      DataError: A value cannot be used.

    >>> SparseColumn("genres", multi="|").is_list
    True
    """

    derive: str | None = None
    rows: TableRows | None = None
    radix: str = "hex"
    fold: PositiveCount | None = None
    multi: str | bool | None = None
    longest: Annotated[int, pydantic.Field(ge=1, le=MOST_ITEMS)] | None = None
    pooling: str | None = None

    def __post_init__(self) -> None:
        what = self._check("sparse column")
        if self.derive is not None:
            check_choice(f"{what}: derive", self.derive, DERIVATIONS)
        check_choice(f"{what}: radix", self.radix, RADICES)
        if self.multi is False:
            object.__setattr__(self, "multi", None)
        if self.pooling is not None:
            check_choice(f"{what}: pooling", self.pooling, POOLINGS)
        if isinstance(self.multi, str) and (not self.multi or set(self.multi) & set("\r\n\0")):
            raise DataError(
                f"{what}: multi must be what stands between two items, such as '|', or true for a "
                f"column of lists, not {shown(self.multi)}"
            )
        if self.multi is not None and self.derive is not None:
            raise DataError(f"{what}: derive goes with single values, and multi with several")

    @property
    def is_list(self) -> bool:
        """Whether it is multi-valued."""
        return self.multi is not None

    @property
    def most_items(self) -> int:
        """Items of a list that are kept."""
        return self.longest or DEFAULT_LONGEST

    @property
    def raw_key(self) -> RawKey:
        """What its values are made of."""
        return self.source, self.derive, self.multi


_AnyColumn = TypeVar("_AnyColumn", bound=_Column)


@dataclasses.dataclass(frozen=True)
class TimeColumn:
    """A raw column of times, and features to derive of it.

    Attributes:
      source: The raw column.
      format: How its times are written; see time_formats.py.
      derive: Categories that become sparse features, called ``SOURCE_CATEGORY``.
      age_until: What its age, a dense feature ``SOURCE_age``, ends at; as ``DenseColumn.until``.

    Raises:
      DataError: A value cannot be used.

    >>> [column.name for column in TimeColumn("seen", "%d/%m/%Y", ("weekday", "month")).sparse]
    ['seen_weekday', 'seen_month']
    """

    source: Name
    format: str
    derive: tuple[str, ...] = ()
    age_until: Name | None = None

    def __post_init__(self) -> None:
        what = f"time column {shown(self.source)}"
        check_fields(self, what)
        try:
            time_format(self.format)
        except DataError as error:
            raise DataError(f"{what}: {error}") from None
        for derivation in self.derive:
            check_choice(f"{what}: derive", derivation, DERIVATIONS)

    @property
    def sparse(self) -> tuple[SparseColumn, ...]:
        return tuple(SparseColumn(self.source, f"{self.source}_{of}", of) for of in self.derive)

    @property
    def dense(self) -> tuple[DenseColumn, ...]:
        if self.age_until is None:
            return ()
        return (DenseColumn(self.source, f"{self.source}_age", derive="age", until=self.age_until),)


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
                    f"{_shorten(self.columns)}"
                )
        self.as_log()  # Checks how it is written.

    def as_log(self) -> Description:
        """The table as a log of its own: the key is its label, since a log has one."""
        names = ("tokens",) if self.tokens else self.columns
        return Description(
            name=f"side table {self.name}",
            label=self.key,
            columns=(self.key, *names),
            sparse=tuple(SparseColumn(name) for name in names),
            delimiter="\t" if self.delimiter is None else self.delimiter,
            header=self.header,
            quoting=self.quoting,
            file_encoding=self.file_encoding or UTF_8,
        )


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
    partitions: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        self._check_dialect()
        for field, choices in (
            ("file_format", FILE_FORMATS),
            ("label_rule", LABEL_RULES),
        ):
            check_choice(f"{self.name}: {field}", getattr(self, field), choices)
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
                self._check_sources()  # with a header, `resolve` checks and can name the file

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

    def _check_dialect(self) -> None:
        delimiter, escape = self.delimiter, self.escape
        if not delimiter or not delimiter.isascii() or set(delimiter) & set('\r\n\0"'):
            raise DataError(f"{self.name}: delimiter must be ASCII characters, not {delimiter!r}")
        if len(delimiter) > 1 and (self.quoting or escape or self.skip_blanks):
            raise DataError(
                f"{self.name}: delimiter {delimiter!r} of several characters goes with quoting = "
                "false, and without escape and skip_blanks"
            )
        if escape is not None and (
            len(escape) != 1 or not escape.isascii() or escape in delimiter + '\r\n\0" '
        ):
            raise DataError(
                f"{self.name}: escape must be one ASCII character other than delimiter and quote, "
                f"not {escape!r}"
            )
        if self.skip_blanks and delimiter == " ":
            raise DataError(f"{self.name}: skip_blanks goes with another delimiter than a blank")
        try:
            is_text = codecs.lookup(self.file_encoding)._is_text_encoding
        except (LookupError, ValueError):
            is_text = False
        if not is_text:
            raise DataError(
                f"{self.name}: file_encoding {shown(self.file_encoding)} is not known; usual ones "
                "are utf-8, latin-1, cp1252 and utf-16"
            )

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
        check_columns(columns, where)
        if self.file_format == "parquet" and self.columns and set(self.columns) == set(columns):
            columns = self.columns  # Parquet finds columns by name, in whatever order they stand.
        if self.columns is not None and self.columns != columns:
            raise DataError(
                f"{where}: header {_shorten(columns)} differs from the columns of {self.name}, "
                f"{_shorten(self.columns)}; name another --dataset or mend the header"
            )
        partitions = tuple(name for name in partitions if name not in columns)
        check_columns(partitions, where)
        if self.partitions not in (None, partitions):
            raise DataError(
                f"{where}: its directories name the columns {_shorten(partitions)}, those of the "
                f"files before {_shorten(self.partitions)}; give files of one layout"
            )
        sparse = self.sparse
        if sparse is None:
            used = {self.label, self.weight, self.time_column, *self.ignore}
            used.update(column.source for column in self.times)
            used.update(column.source for column in self.dense)
            there = (*columns, *partitions)
            names = [name for name in there if name and name not in used]
            sparse = self._with_lists(_sparse_columns(names, where), there, where)
            sparse = (*sparse, *_joined_sparse(self.side_tables))
        try:
            resolved = dataclasses.replace(
                self, columns=columns, sparse=sparse, lists=(), partitions=partitions
            )
        except DataError as error:
            message = str(error).removeprefix(f"{self.name}: ")
            raise DataError(f"{where}: {message}") from None
        resolved._check_sources(where)
        return resolved

    def _with_lists(
        self, columns: tuple[SparseColumn, ...], there: tuple[str, ...], where: str
    ) -> tuple[SparseColumn, ...]:
        lists = {column.source: column for column in self.lists}
        for name in lists:
            if name not in there:
                raise DataError(
                    f"{where}: no column {name!r}{suggestion(name, there)}, which is named as "
                    f"multi-valued; there are {_shorten(there)}"
                )
            if name not in [column.source for column in columns]:
                raise DataError(
                    f"{where}: column {name!r} is named as multi-valued, and as label, dense, time "
                    "or ignored column as well"
                )
        return tuple(lists.get(column.source, column) for column in columns)

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
            sparse=None if self.sparse is None else (*self.sparse, *_joined_sparse(tables)),
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

    def _check_sources(self, where: str = "") -> None:
        joined = {name for table in self.side_tables for name in table.columns}
        joined.update(self.partitions or ())
        keys = {table.key for table in self.side_tables}
        for source in (*self.sources, *sorted(keys)):
            if source not in self.columns and source not in joined:
                there = (*self.columns, *sorted(joined))
                raise DataError(
                    f"{where or self.name}: no column {source!r}{suggestion(source, there)}; "
                    f"there are {_shorten(there)}"
                )
        sources = [column.source for column in self.dense]
        sources += [column.until_column for column in self.dense if column.until_column]
        sources += [column.source for column in self.sparse]
        if not sources:
            raise DataError(
                f"{where or self.name}: no dense or sparse column is left to learn from"
            )
        for column in self.times:
            there = (*self.columns, *sorted(joined))
            if column.source not in there:
                raise DataError(
                    f"{where or self.name}: times: no column {column.source!r}"
                    f"{suggestion(column.source, there)}; there are {_shorten(there)}"
                )
        for name in self.ignore:
            self._check_ignored(name, sources, where)
        for what, name in (("label", self.label), ("weight", self.weight)):
            if name in sources:
                raise DataError(
                    f"{where or self.name}: {what} {name!r} cannot be a feature as well"
                )
        if self.label in (self.weight, self.group):
            raise DataError(f"{where or self.name}: the label cannot be weight or group as well")

    def _check_ignored(self, name: str, sources: list[str], where: str) -> None:
        there = (*self.columns, *(self.partitions or ()))
        why = None
        if name in (self.label, self.weight):
            why = f"is the {'label' if name == self.label else 'weight'}"
        elif name in sources:
            why = "is named as a feature as well"
        elif name not in there:
            why = f"there is no such column{suggestion(name, there)}"
        if why is not None:
            raise DataError(
                f"{where or self.name}: {name!r} cannot be ignored: {why}; there are "
                f"{_shorten(there)}"
            )


def _joined_sparse(tables: Iterable[SideTable]) -> tuple[SparseColumn, ...]:
    return tuple(column for table in tables for column in table.sparse)


def _with_derived(
    columns: Iterable[_AnyColumn], derived: Iterable[_AnyColumn]
) -> tuple[_AnyColumn, ...]:
    """The columns, and those derived ones that are not listed under their name."""
    listed = list(columns)
    names = {column.name for column in listed}
    return tuple(listed + [column for column in derived if column.name not in names])


def _sparse_columns(names: list[str], where: str) -> tuple[SparseColumn, ...]:
    try:
        return tuple(SparseColumn(name) for name in names)
    except DataError as error:
        raise DataError(f"{where}: {error}; rename the column or leave it out") from None


def check_columns(columns: tuple[str, ...], where: str) -> None:
    """Checks that no column name is repeated.

    Args:
      columns: In file order.
      where: What they were read from, for the message.

    Raises:
      DataError: One is.
    """
    repeated = sorted(name for name, count in Counter(columns).items() if count > 1)
    if repeated:
        raise DataError(
            f"{where}: column name {shown(repeated[0])} is repeated in the header; "
            "give every column its own name"
        )


def _shorten(columns: tuple[str, ...], limit: int = 12) -> str:
    names = ", ".join(name[:_SHOWN_CHARACTERS] for name in columns[:limit])
    return f"[{names}{', ...' if len(columns) > limit else ''}]"
