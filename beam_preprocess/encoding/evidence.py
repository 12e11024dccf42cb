"""What a scan gathers of rows, beside statistics, to warn of what spoils a model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa

from beam_preprocess.common.packed_strings import hash_strings
from beam_preprocess.common.splitmix import mix, splitmix64
from beam_preprocess.encoding.equal_rows import EqualRows
from beam_preprocess.encoding.label_rates import RatesOverTime
from beam_preprocess.encoding.row_sample import RowSample
from beam_preprocess.encoding.splits import TRAIN
from beam_preprocess.reading.decode import Rows
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.lists import joined_items

# Stream of the sample's keys; the split and the row order have 0, 1 and 2 in this place.
_STREAM = 3


@dataclasses.dataclass
class Evidence:
    """Bounded in memory whatever the log, and the same in whatever order its parts come.

    Attributes:
      sample: Training rows.
      equal: Contents that stand in several splits.
      over_time: Label rates by the time column, where there is one.
    """

    sample: RowSample
    equal: EqualRows
    over_time: RatesOverTime

    @classmethod
    def empty(cls, description: Description) -> Evidence:
        """Of no rows.

        Args:
          description: Of the data set, its columns known.
        """
        dense = dense_keys(description)
        sample = RowSample.empty(len(dense), len(description.sparse or ()))
        return cls(sample, EqualRows(), RatesOverTime())

    def add(self, other: Evidence) -> None:
        """Adds what was gathered elsewhere.

        Args:
          other: Of other rows of the same run.
        """
        self.sample.add(other.sample)
        self.equal.add(other.equal)
        self.over_time.add(other.over_time)

    def add_block(
        self, rows: Rows, splits: np.ndarray, description: Description, place: tuple[int, int, int]
    ) -> None:
        """Gathers what the rows of a block tell.

        Args:
          rows: The rows.
          splits: [rows], 0, 1 or 2.
          description: Of the data set.
          place: Where the block stands in the log: seed, file and block, told apart by split group.
        """
        if not len(rows):
            return
        dense = [rows.dense[name] for name in dense_keys(description)]
        hashed = {key: hash_strings(_texts(values)) for key, values in rows.sparse.items()}
        sparse = [hashed[column.raw_key] for column in description.sparse or ()]
        content = splitmix64(rows.label.astype(np.uint64))
        for column in (*(_bits(values) for values in dense), *hashed.values()):
            content = splitmix64(content ^ column)
        self.equal.add_rows(content, splits)
        if rows.time is not None:
            self.over_time.add_rows(rows.time, rows.label)
        keys = splitmix64(
            mix(np.array([*place, _STREAM], np.uint64)) + rows.lines.astype(np.uint64)
        )
        training = splits == TRAIN
        block = RowSample(
            keys,
            rows.label,
            np.stack(dense, axis=1) if dense else np.zeros((len(rows), 0)),
            np.stack(sparse, axis=1) if sparse else np.zeros((len(rows), 0), np.uint64),
        )
        self.sample.add(block.of_rows(np.flatnonzero(training)))


def dense_keys(description: Description) -> tuple[str, ...]:
    """What the numbers of dense features are known by, each once.

    Args:
      description: Of the data set.
    """
    return tuple(dict.fromkeys(column.key for column in description.dense))


def _texts(values: pa.Array) -> pa.Array:
    return joined_items(values) if pa.types.is_list(values.type) else values


def _bits(values: np.ndarray) -> np.ndarray:
    """The bits of numbers; alike for both zeros, and for whatever stands for a missing one."""
    plain = np.where(np.isnan(values), np.nan, values) + 0.0
    return plain.view(np.uint64)
