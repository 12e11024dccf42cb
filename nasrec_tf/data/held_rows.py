"""A split that is held in memory."""

import dataclasses

import tensorflow as tf

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

    def gather(self, index: tf.Tensor) -> "HeldRows":
        """Some of the rows, held as these are.

        Args:
            index: their places, (rows,).
        """
        parts = (self.dense, self.sparse, self.labels, self.weights)
        with tf.init_scope(), tf.device("CPU:0"):
            return HeldRows(*(None if part is None else tf.gather(part, index) for part in parts))
