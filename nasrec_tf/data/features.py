"""What a network reads: how many dense columns, and a table for each sparse field."""

import dataclasses
from collections.abc import Sequence


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
        object.__setattr__(self, "table_rows", tuple(int(rows) for rows in self.table_rows))
        if not isinstance(self.dense, int) or self.dense < 0:
            raise ValueError(f"`dense` must be an integer of at least 0. Received: {self.dense!r}")
        if not self.table_rows:
            raise ValueError("`table_rows` must name at least one sparse field.")
        if min(self.table_rows) < 1:
            raise ValueError(f"`table_rows` must be positive. Received: {self.table_rows}")

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
    if max_rows < 3:
        raise ValueError(f"`max_rows` must be at least 3. Received: {max_rows}")
    return tuple(min(rows, max_rows) for rows in table_rows)
