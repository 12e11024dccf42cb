"""The features of a data set, as dataclasses, and how raw values become their numbers.

From a raw value to a record
----------------------------
A raw value is the bytes between the delimiters (after CSV unquoting); nothing is stripped. The
empty value and every value in ``missing_tokens`` is *missing*; for a dense feature every number, in
32 bits, that one of these is, however it is written.

Dense, ``x`` being the raw number and a missing one replaced by ``missing`` first:

* ``log1p``: ``ln(max(x, 0) + 1)`` (paper Section 5.1, after AutoCTR)
* ``standardize``: ``(x - mean) / std``
* ``identity``: ``x``
* ``missing_indicator``: 1.0 where the raw value is missing, else 0.0

Sparse; id 0 is the missing value, ids lie in ``[0, rows)``:

* ``vocabulary``: line ``k`` (from 0) of the vocabulary file has id ``k + 2``; any other value has
  id 1, out of vocabulary. Entries are ordered by falling frequency in training, ties by value.
* ``hash``: ``2 + Fingerprint64(value) mod (rows - 2)`` (FarmHash), which is
  ``2 + tf.strings.to_hash_bucket_fast(value, rows - 2)``; id 1 stays unused.
* ``modulo``: ``int(value) mod (rows - 1) + 1``, the authors' scheme. ``radix`` says how ``int``
  reads the value: ``hex``, or ``decimal_or_hex`` (as decimal if it is one, else as hexadecimal; a
  leading minus sign is read in both). Where ``fold`` is set the number is first reduced
  ``mod fold`` (the result is never negative). A value that is not a number is rejected here.

A multi-valued feature has a list of values, *items*, each of which is encoded like a single value.
``separator`` stands between the items of a text, or is ``json`` for texts such as ``["a", "b"]``;
without one the raw column holds lists. An item
that is empty or in ``missing_tokens`` is none; of the others the first ``longest`` are kept, in
their order and as often as they stand there. A list without items is missing: its one id is 0.

``derive`` names a derivation applied to the raw value, a time, before the encoding or transform;
a missing raw value stays missing. ``time_format`` says how the time is written (time_formats.py
has all forms; ``YYMMDDHH`` of a sparse feature unless given). Sparse:

* ``hour_of_day``: two digits, ``00`` to ``23``, as they stand in the time
* ``weekday``: one digit, ``0`` (Monday) to ``6`` (Sunday)
* ``day_of_month``, ``month``: two digits, from ``01`` on

Dense: ``age``, the days, in parts of one, from the time to that of the column ``until`` in the same
row (whose form is ``until_format``), or to ``until`` itself, a time of ISO 8601, where
``until_format`` is None; missing where either is.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import pydantic

from beam_preprocess.common.checked import (
    Count,
    Finite,
    Name,
    PositiveCount,
    check_choice,
    check_fields,
    shown,
)
from beam_preprocess.dataset.time_formats import (
    DERIVED_CATEGORIES,
    ISO_8601,
    YYMMDDHH,
    TimeFormat,
    time_format,
)
from beam_preprocess.errors import DataError

DENSE_TRANSFORMS = ("log1p", "standardize", "identity", "missing_indicator")
SPARSE_ENCODINGS = ("vocabulary", "modulo", "hash")
DERIVATIONS = tuple(DERIVED_CATEGORIES)
DENSE_DERIVATIONS = ("age",)
POOLINGS = ("mean", "sum", "attention")
RADICES = ("hex", "decimal_or_hex")

MISSING_ID = 0
OUT_OF_VOCABULARY_ID = 1
FIRST_VOCABULARY_ID = 2

PADDING_ID = -1
"""Fills rows of an array of ids behind a list's last item; records do not hold it."""

JSON_LISTS = "json"
"""In place of a separator: texts are lists of JSON."""

MOST_ITEMS = 1000
"""Of a list: more would make every row as wide."""

RawKey = tuple[str, str | None, str | bool | None]
"""What values of a sparse feature are made of: raw column, derivation, and how it holds lists."""


def dense_key(source: str, derive: str | None, until: str | None) -> str:
    """What the numbers of a dense feature are known by; several features may be made of the same.

    Args:
      source: Raw column.
      derive: What is derived of it, or None.
      until: What an age ends at.

    >>> dense_key("price", None, None)
    'price'
    """
    # No name of a column holds a line break.
    return source if derive is None else f"{derive}\n{source}\n{until}"


@dataclasses.dataclass(frozen=True)
class DenseFeature:
    """One column of the ``dense`` feature.

    Attributes:
      name: Unique feature name.
      source: Raw column that it is computed from.
      transform: One of :data:`DENSE_TRANSFORMS`.
      missing: Raw value that stands for a missing one (before the transform).
      mean, std: Moments of the present raw values in the training split; ``std`` is 1 where they
        are all equal, so that ``standardize`` stays finite.
      minimum, maximum: Extremes of the present raw values in the training split (0 if none).
      missing_count: Training rows whose raw value is missing.
      derive: One of :data:`DENSE_DERIVATIONS`, or None for the raw number itself.
      time_format: How the raw time is written (with ``derive`` only).
      until: What an age ends at: a column, or a time of ISO 8601.
      until_format: How that column's times are written; None if ``until`` is a time itself.

    Raises:
      DataError: A value is of another type or range; the message names it.
    """

    name: Name
    source: Name
    transform: str
    missing: Finite = 0.0
    mean: Finite = 0.0
    std: Finite = 1.0
    minimum: Finite = 0.0
    maximum: Finite = 0.0
    missing_count: Count = 0
    derive: str | None = None
    time_format: str | None = None
    until: Name | None = None
    until_format: str | None = None

    def __post_init__(self) -> None:
        check_fields(self, f"dense feature {shown(self.name)}")
        if self.derive is not None:
            check_choice(f"dense feature {self.name!r}: derive", self.derive, DENSE_DERIVATIONS)
            if self.time_format is None or self.until is None:
                raise DataError(f"dense feature {self.name!r}: an age needs time_format and until")
            time_format(self.time_format)
            time_format(self.until_format or ISO_8601)
        check_choice(f"dense feature {self.name!r}: transform", self.transform, DENSE_TRANSFORMS)
        if not self.std > 0:
            raise DataError(f"dense feature {self.name!r}: std must be positive, not {self.std}")

    @property
    def key(self) -> str:
        """What the numbers are known by that the feature is made of."""
        return dense_key(self.source, self.derive, self.until)


@dataclasses.dataclass(frozen=True)
class SparseFeature:
    """One column of the ``sparse`` feature.

    Attributes:
      name: Unique feature name.
      source: Raw column that it is computed from.
      encoding: One of :data:`SPARSE_ENCODINGS`.
      rows: Rows of its embedding table; ids lie in ``[0, rows)``.
      vocabulary: Path of the vocabulary file relative to the data set (``vocabulary`` only).
      derive: One of :data:`DERIVATIONS`, or None for the raw value itself.
      radix: One of :data:`RADICES` (``modulo`` only).
      fold: Modulus applied before the table's own (``modulo`` only), or None.
      min_count: Training rows a value needs to enter the vocabulary (``vocabulary`` only).
      distinct: Distinct present values in the training split (None where they were not counted).
      missing_count: Training rows whose value is missing.
      out_of_vocabulary_count: Training rows with id 1; of a multi-valued feature, items.
      longest: Most items of a list, in all splits; None for a feature of single values.
      separator: What stands between the items, or ``JSON_LISTS``; None where the column holds
        lists, or single values.
      pooling: How a network makes one embedding of a list's, one of :data:`POOLINGS`.
      item_count: Items in the training split, those that are kept.
      cut_count: Training rows with more items than are kept.
      time_format: How the raw time is written (with ``derive`` only; ``YYMMDDHH`` unless given).

    Raises:
      DataError: A value is of another type or range; the message names it.
    """

    name: Name
    source: Name
    encoding: str
    rows: Annotated[int, pydantic.Field(le=2**63 - 1)]
    vocabulary: Name | None = None
    derive: str | None = None
    radix: str | None = None
    fold: PositiveCount | None = None
    min_count: PositiveCount | None = None
    distinct: Count | None = None
    missing_count: Count = 0
    out_of_vocabulary_count: Count = 0
    time_format: str | None = None
    longest: Annotated[int, pydantic.Field(ge=1, le=MOST_ITEMS)] | None = None
    separator: Name | None = None
    pooling: str | None = None
    item_count: Count = 0
    cut_count: Count = 0

    def __post_init__(self) -> None:
        check_fields(self, f"sparse feature {shown(self.name)}")
        if self.longest is not None:
            check_choice(f"sparse feature {self.name!r}: pooling", self.pooling, POOLINGS)
        check_choice(f"sparse feature {self.name!r}: encoding", self.encoding, SPARSE_ENCODINGS)
        if self.derive is not None:
            check_choice(f"sparse feature {self.name!r}: derive", self.derive, DERIVATIONS)
            form = self.time_format or YYMMDDHH  # Not told before there were other forms.
            time_format(form)
            object.__setattr__(self, "time_format", form)
        least = 2 if self.encoding in ("modulo", "vocabulary") else 3
        if self.rows < least:
            raise DataError(
                f"sparse feature {self.name!r}: rows must be at least {least}, not {self.rows}"
            )
        if self.encoding == "modulo":
            check_choice(f"sparse feature {self.name!r}: radix", self.radix, RADICES)
        if (self.encoding == "vocabulary") != (self.vocabulary is not None):
            raise DataError(
                f"sparse feature {self.name!r}: a vocabulary file goes with the encoding "
                f"'vocabulary' and no other, not with {self.encoding!r}"
            )

    @property
    def form(self) -> TimeFormat:
        """How the raw times are written that the feature is derived of."""
        return time_format(self.time_format or YYMMDDHH)

    @property
    def is_list(self) -> bool:
        """Whether it is multi-valued."""
        return self.longest is not None

    @property
    def width(self) -> int:
        """Ids of a row, padding included."""
        return self.longest or 1

    @property
    def raw_key(self) -> RawKey:
        """What its values are made of."""
        multi = (self.separator or True) if self.is_list else None
        return self.source, self.derive, multi

    def to_json(self) -> dict[str, Any]:
        """Its fields; those of lists only where it is one, as versions before had none."""
        fields = dataclasses.asdict(self)
        return fields if self.is_list else {k: v for k, v in fields.items() if k not in _OF_LISTS}


_OF_LISTS = ("longest", "separator", "pooling", "item_count", "cut_count")


def column_told(feature: DenseFeature | SparseFeature) -> str:
    """The raw column of a feature for messages, and what of it the feature is.

    Args:
      feature: Of a data set.

    Example:
      >>> column_told(SparseFeature("day", "at", "hash", 9, derive="hour_of_day"))
      "'at' (hour of day)"
    """
    told = repr(feature.source)
    return told if feature.derive is None else f"{told} ({feature.derive.replace('_', ' ')})"
