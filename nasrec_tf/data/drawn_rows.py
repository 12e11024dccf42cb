"""Some rows of a split, drawn by a seed and held in memory: for what looks at rows many times."""

import dataclasses

import numpy as np

from nasrec_tf.data.records import PARSE_BATCH, Records


@dataclasses.dataclass(frozen=True)
class RowSample:
    """Rows of a split in file order.

    Args:
        numbers: of the rows in the split, from 0, rising, (rows,).
        dense: float32 (rows, dense columns).
        sparse: int32 (rows, columns of ids).
    """

    numbers: np.ndarray
    dense: np.ndarray
    sparse: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """What a network reads, by kind."""
        return {"dense": self.dense, "sparse": self.sparse}

    def some(self, count: int, seed: int) -> "RowSample":
        """Some of the rows, drawn by a seed.

        Args:
            count: how many; all if there are no more.
            seed: of the draw.
        """
        drawn = drawn_rows(len(self), count, seed)
        return RowSample(self.numbers[drawn], self.dense[drawn], self.sparse[drawn])


def drawn_rows(rows: int, count: int, seed: int) -> np.ndarray:
    """Numbers of some rows, rising; every row is as likely as another.

    Args:
        rows: how many there are.
        count: how many are drawn; all if there are no more.
        seed: of the draw.

    Example:
        >>> len(drawn_rows(1000, 10, seed=0)), drawn_rows(3, 10, seed=0).tolist()
        (10, [0, 1, 2])
    """
    if count >= rows:
        return np.arange(rows)
    # Without a permutation of all rows, of which there may be tens of millions.
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False, shuffle=False))


def row_sample(records: Records, split: str, count: int, seed: int) -> RowSample:
    """Draws rows of a split in one pass over it; memory is that of the rows drawn.

    Args:
        records: the data set.
        split: name of the split.
        count: how many rows; all of them if there are no more.
        seed: of the draw.
    """
    numbers = drawn_rows(records.rows(split), count, seed)
    found = rows_by_number(records, split, numbers)
    return RowSample(numbers, found["dense"], found["sparse"])


def rows_by_number(records: Records, split: str, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of a split, read in one pass over it; memory is that of these rows.

    Args:
        records: the data set.
        split: name of the split.
        numbers: of the rows in the split, from 0, rising, (rows,).

    Returns:
        The parts of ``HeldRows`` by name, ``weights`` where rows are weighted.
    """
    features, rows = records.features, len(numbers)
    parts: dict[str, np.ndarray] = {
        "dense": np.empty((rows, features.dense), np.float32),
        "sparse": np.empty((rows, features.id_columns), np.int32),
        "labels": np.empty((rows, 1), np.float32),
    }
    if records.weighted:
        parts["weights"] = np.empty(rows, np.float32)
    first = filled = 0
    for inputs, *beside in records.batches(split, PARSE_BATCH):
        last = first + beside[0].shape[0]
        upto = int(np.searchsorted(numbers, last))
        if upto > filled:
            places = numbers[filled:upto] - first
            for name, values in (*inputs.items(), *zip(("labels", "weights"), beside)):
                parts[name][filled:upto] = values.numpy()[places]
        first, filled = last, upto
        if filled == rows:
            break
    return parts
