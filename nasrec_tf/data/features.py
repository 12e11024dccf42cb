"""What a network reads: how many dense columns, and a table for each sparse field.

The ids of a batch are one matrix. A field of single values has one column of it; a multi-valued
field has as many as the longest list, and a row fills up with ``PADDING_ID`` behind its last item.
So whatever carries batches carries lists, and at the price of some padding no shape depends on the
data.
"""

import dataclasses
import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from beam_preprocess.dataset.feature_schema import MOST_ITEMS, POOLINGS
from beam_preprocess.dataset.schema import Schema
from nasrec_tf.common.strict_json import shown

LARGEST = 2**40
"""Rows of a table, and columns: beyond any log, and far below where sums leave 64 bits."""


MEAN, SUM, ATTENTION = POOLINGS


@dataclasses.dataclass(frozen=True)
class ListField:
    """A multi-valued sparse field: of each list's embeddings a network makes one.

    Args:
        field: its number among the sparse fields, from 0.
        longest: most items of a list.
        pooling: ``"mean"`` or ``"sum"`` of the items' embeddings, or ``"attention"``: their mean
            weighted by the softmax of their products with a query that is trained.

    Raises:
        ValueError: if a number is not an integer in range, or there is no such pooling.
    """

    field: int
    longest: int
    pooling: str = MEAN

    def __post_init__(self):
        object.__setattr__(self, "field", _whole("field", self.field, 0))
        object.__setattr__(self, "longest", _whole("longest", self.longest, 1, MOST_ITEMS))
        if self.pooling not in POOLINGS:
            raise ValueError(
                f"`pooling` must be one of {', '.join(POOLINGS)}. Received: {shown(self.pooling)}"
            )


@dataclasses.dataclass(frozen=True)
class Features:
    """Inputs of a network.

    Args:
        dense: number of dense columns; 0 for a data set without any.
        table_rows: rows of the embedding table of each sparse field. Row 0 stands for a missing
            value, row 1 for a value never seen in training.
        lists: the multi-valued ones among the sparse fields, by rising number.

    Raises:
        ValueError: if a number is not an integer in range, there is no sparse field, or lists are
            not of different fields.

    Example:
        >>> features = Features(dense=13, table_rows=(1000, 40, 2_000_000))
        >>> features.sparse, features.capped(500_000).table_rows
        (3, (1000, 40, 500000))
        >>> Features(0, (1000, 40), lists=(ListField(1, longest=10),)).widths
        (1, 10)
    """

    dense: int
    table_rows: tuple[int, ...]
    lists: tuple[ListField, ...] = ()

    def __post_init__(self):
        rows = self.table_rows
        if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
            raise ValueError(f"`table_rows` must be a list of integers. Received: {shown(rows)}")
        object.__setattr__(self, "dense", _whole("dense", self.dense, 0))
        object.__setattr__(self, "table_rows", tuple(_whole("table_rows", n, 1) for n in rows))
        if not self.table_rows:
            raise ValueError("`table_rows` must name at least one sparse field.")
        object.__setattr__(self, "lists", tuple(map(_list_field, self.lists)))
        fields = [each.field for each in self.lists]
        if fields != sorted(set(fields)) or fields and fields[-1] >= self.sparse:
            raise ValueError(
                f"`lists` must be of different ones of {self.sparse} sparse fields, by rising "
                f"number. Received: {shown(fields)}"
            )

    @property
    def sparse(self) -> int:
        """Number of sparse fields."""
        return len(self.table_rows)

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each sparse field among the ids of a batch: 1, or the longest list."""
        widths = [1] * self.sparse
        for each in self.lists:
            widths[each.field] = each.longest
        return tuple(widths)

    @property
    def field_columns(self) -> tuple[slice, ...]:
        """Where each sparse field stands among the ids of a batch.

        Example:
            >>> Features(0, (1000, 40), lists=(ListField(1, longest=10),)).field_columns
            (slice(0, 1, None), slice(1, 11, None))
        """
        ends = tuple(itertools.accumulate(self.widths))
        return tuple(slice(end - width, end) for width, end in zip(self.widths, ends))

    @property
    def id_columns(self) -> int:
        """Columns of the ids of a batch: one for each sparse field where none is multi-valued."""
        return sum(self.widths)

    @property
    def attention_fields(self) -> int:
        """Multi-valued fields that are pooled by attention."""
        return sum(each.pooling == ATTENTION for each in self.lists)

    def of_fields(self, fields: Sequence[int]) -> tuple[ListField, ...]:
        """The lists among some of the fields, numbered by their places there.

        Args:
            fields: numbers of sparse fields, rising.
        """
        places = {field: place for place, field in enumerate(fields)}
        return tuple(
            dataclasses.replace(each, field=places[each.field])
            for each in self.lists
            if each.field in places
        )

    def to_json(self) -> dict[str, Any]:
        """Its arguments as plain values; lists only where there are any, as before there were."""
        fields = dataclasses.asdict(self)
        return fields if self.lists else {k: v for k, v in fields.items() if k != "lists"}

    @classmethod
    def of_schema(cls, schema: Schema, table_rows: Sequence[int] | None = None) -> "Features":
        """What a data set gives.

        Args:
            schema: of the data set.
            table_rows: of each sparse field; the schema's unless given.
        """
        rows = schema.sparse_rows if table_rows is None else tuple(table_rows)
        lists = (
            ListField(field, feature.longest, feature.pooling or MEAN)
            for field, feature in enumerate(schema.sparse)
            if feature.longest is not None
        )
        return cls(len(schema.dense), rows, tuple(lists))

    def capped(self, max_rows: int | None) -> "Features":
        """The same inputs with no table above ``max_rows`` rows (paper 5.1: 0.5 M in search).

        Args:
            max_rows: of a table, at least 3; ``None`` for no cap.

        Raises:
            ValueError: if it is less than 3.
        """
        if max_rows is None:
            return self
        return dataclasses.replace(self, table_rows=cap_rows(self.table_rows, max_rows))


def _list_field(value: Any) -> ListField:
    """Itself, or what JSON has of it."""
    return value if isinstance(value, ListField) else ListField(**value)


def _whole(name: str, value: Any, least: int, most: int = LARGEST) -> int:
    """The value as an ``int``, which NumPy's whole numbers are not; true and false are none."""
    try:
        whole = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        whole = None
    if whole is None or not least <= whole <= most:
        raise ValueError(
            f"`{name}` must be an integer from {least} to {most}. Received: {shown(value)}"
        )
    return whole


def cap_rows(table_rows: Sequence[int], max_rows: int) -> tuple[int, ...]:
    """Table sizes with the cap applied.

    Args:
        table_rows: rows of each table.
        max_rows: of a table.

    Raises:
        ValueError: if the cap leaves no row beside those for missing and unseen values.

    Example:
        >>> cap_rows((5, 900), 100)
        (5, 100)
    """
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 3:
        raise ValueError(
            f"`max_rows` must be an integer of at least 3. Received: {shown(max_rows)}"
        )
    return tuple(min(rows, max_rows) for rows in table_rows)
