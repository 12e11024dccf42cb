"""Features to make of raw columns: numbers, categories, and what is derived of times."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import pydantic

from beam_preprocess.common.checked import (
    Finite32,
    Name,
    PositiveCount,
    TableRows,
    check_choice,
    check_fields,
    shown,
)
from beam_preprocess.dataset.feature_schema import (
    DENSE_DERIVATIONS,
    DENSE_TRANSFORMS,
    DERIVATIONS,
    MOST_ITEMS,
    POOLINGS,
    RADICES,
    RawKey,
    dense_key,
)
from beam_preprocess.dataset.time_formats import time_format
from beam_preprocess.errors import DataError

DEFAULT_LONGEST = 32
"""Items of a list that are kept where nobody names a number: ten genres and more, and a row of ids
that still fits beside the others."""


@dataclasses.dataclass(frozen=True)
class RawColumn:
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
class DenseColumn(RawColumn):
    """A dense feature to make of a raw column.

    Attributes:
      source: The raw column.
      name: Of the feature; that of the column unless given.
      transform: One of ``DENSE_TRANSFORMS``, whose formulas feature_schema.py has.
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
class SparseColumn(RawColumn):
    """A sparse feature to make of a raw column.

    Attributes:
      source: The raw column.
      name: Of the feature; that of the column unless given.
      derive: One of ``DERIVATIONS``, of a column of times, or None for the value itself.
      rows: Table rows for the encodings ``modulo`` and ``hash``; None where none are known.
      radix: How the encoding ``modulo`` reads a value as a number; see feature_schema.py.
      fold: What ``modulo`` takes the number modulo first; None for nothing.
      multi: What stands between the items of a multi-valued column, or ``json`` for lists of JSON;
        True where the column holds lists itself, as Parquet's do; None for single values.
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
