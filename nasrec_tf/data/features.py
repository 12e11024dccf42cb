"""What a network reads: how many dense columns, and a table for each sparse field."""

import dataclasses
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from nasrec_tf.common.strict_json import shown

LARGEST = 2**40
"""Rows of a table, and columns: beyond any log, and far below where sums leave 64 bits."""


@dataclasses.dataclass(frozen=True)
class Features:
    """Inputs of a network.

    Args:
        dense: number of dense columns; 0 for a data set without any.
        table_rows: rows of the embedding table of each sparse field. Row 0 stands for a missing
            value, row 1 for a value never seen in training.

    Raises:
        ValueError: if a number is not an integer in range, or there is no sparse field.

    Example:
        >>> features = Features(dense=13, table_rows=(1000, 40, 2_000_000))
        >>> features.sparse, features.capped(500_000).table_rows
        (3, (1000, 40, 500000))
    """

    dense: int
    table_rows: tuple[int, ...]

    def __post_init__(self):
        rows = self.table_rows
        if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
            raise ValueError(f"`table_rows` must be a list of integers. Received: {shown(rows)}")
        object.__setattr__(self, "dense", _whole("dense", self.dense, 0))
        object.__setattr__(self, "table_rows", tuple(_whole("table_rows", n, 1) for n in rows))
        if not self.table_rows:
            raise ValueError("`table_rows` must name at least one sparse field.")

    @property
    def sparse(self) -> int:
        """Number of sparse fields."""
        return len(self.table_rows)

    def capped(self, max_rows: int | None) -> "Features":
        """The same inputs with no table above ``max_rows`` rows (paper 5.1: 0.5 M in search).

        Args:
            max_rows: of a table, at least 3; ``None`` for no cap.

        Raises:
            ValueError: if it is less than 3.
        """
        if max_rows is None:
            return self
        return Features(self.dense, cap_rows(self.table_rows, max_rows))


def _whole(name: str, value: Any, least: int) -> int:
    """The value as an ``int``, which NumPy's whole numbers are not; true and false are none."""
    try:
        whole = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        whole = None
    if whole is None or not least <= whole <= LARGEST:
        raise ValueError(
            f"`{name}` must be an integer from {least} to {LARGEST}. Received: {shown(value)}"
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
