"""A split that is held in memory."""

import dataclasses

import tensorflow as tf

from nasrec_tf.data.pipelines import untuned
from nasrec_tf.data.row_parser import widened


@dataclasses.dataclass(frozen=True, eq=False)
class HeldRows:
    """The rows of a split; ids take half the memory that they have in batches.

    Args:
        dense: float32 (rows, dense features).
        sparse: int32 (rows, columns of ids).
        labels: float32 (rows, 1).
        weights: float32 (rows,), where rows have such.
    """

    dense: tf.Tensor
    sparse: tf.Tensor
    labels: tf.Tensor
    weights: tf.Tensor | None = None

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(self.labels.shape[0])

    def take(self, index: tf.Tensor) -> tuple:
        """Some of the rows, as a batch.

        Args:
            index: their places, (batch,).
        """
        parts = (self.dense, self.sparse, self.labels, self.weights)
        dense, sparse, *beside = (tf.gather(part, index) for part in parts if part is not None)
        return widened({"dense": dense, "sparse": sparse}, *beside)

    def batches(self, batch_size: int, limit: int | None = None) -> tf.data.Dataset:
        """The rows in their order, the last batch as small as it is.

        Args:
            batch_size: rows of a batch.
            limit: the first rows only.
        """
        count = min(limit or self.count, self.count)
        first = tf.data.Dataset.range(0, count, batch_size)
        index = first.map(lambda row: tf.range(row, tf.minimum(row + batch_size, count)))
        return self.batches_of(index)

    def batches_of(self, index: tf.data.Dataset) -> tf.data.Dataset:
        """Some of the rows, a batch after the other.

        Args:
            index: the places of each batch's rows, (batch,).
        """
        return untuned(index.map(self.take, num_parallel_calls=1).prefetch(2))

    def gather(self, index: tf.Tensor) -> "HeldRows":
        """Some of the rows, held as these are.

        Args:
            index: their places, (rows,).
        """
        parts = (self.dense, self.sparse, self.labels, self.weights)
        with tf.init_scope(), tf.device("CPU:0"):
            return HeldRows(*(None if part is None else tf.gather(part, index) for part in parts))
