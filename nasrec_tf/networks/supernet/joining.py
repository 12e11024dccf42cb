"""Joining what a path reads and sums, in few steps of the graph.

A supernet's graph holds these steps for every source of every block, whatever the path. Their
gradients are stated here in closed form, since those by the chain rule work out again all shapes
that the path has already fixed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class Joins:
    """The steps with TensorFlow's own operations."""

    def aliases(self, value: Any, count: int) -> list:
        """A value as ``count`` values, one for each that reads it, whole or not at all.

        Args:
            value: the value.
            count: how many read it.
        """
        return [value] * count

    def concat(self, values: Sequence[Any], counts: Sequence[Any]) -> Any:
        """Concatenates values along their last axis.

        Args:
            values: tensors of one rank, alike but for their last axis.
            counts: entries of each along that axis, or 0 to leave it out; scalar tensors.
        """
        return concat_first(values, counts)

    def present(self, value: Any, on: Any, batch: Any, width: Any) -> Any:
        """The value if it is on; otherwise nothing of its first and of its last axis.

        Args:
            value: (batch, ..., width).
            on: 0 or 1, a scalar tensor.
            batch: samples of the value, a scalar tensor.
            width: entries of the last axis if it is on and else 0, a scalar tensor.
        """
        return value[: batch * on, ..., :width]

    def sum(self, outputs: Sequence[Any], batch: Any, width: Any) -> Any:
        """Sums what operators yield, narrower outputs being padded with zeros (Eq. 3 and 4).

        Args:
            outputs: tensors (batch, ..., units), or of no sample where an operator is not active.
            batch: samples, a scalar tensor.
            width: units of the sum.
        """
        return sum_of_active(outputs, batch, width)


class NativeJoins(Joins):
    """The steps with our own kernels.

    Gradients of what a path leaves out are empty instead of zero, so that they cost nothing to
    make and to add; ``aliases`` stands where they come together, and knows the shape.

    Args:
        library: the kernels.
    """

    def __init__(self, library: Any):
        self._library = library

    def aliases(self, value, count):
        return self._library.nasrec_aliases(value, N=count)

    def concat(self, values, counts):
        return self._library.nasrec_join(values, tf.stack(counts))

    def present(self, value, on, batch, width):
        return self._library.nasrec_present(value, on)

    def sum(self, outputs, batch, width):
        return self._library.nasrec_sum_active(batch, width, outputs)


def joins(library: Any | None) -> Joins:
    """The steps with the given kernels, or without any.

    Args:
        library: the kernels, or ``None``.
    """
    return Joins() if library is None else NativeJoins(library)


def concat_first(values: Sequence[Any], sizes: Sequence[Any]) -> Any:
    """Concatenates the first entries of each value along the last axis.

    Args:
        values: tensors of one rank, alike but for their last axis.
        sizes: how many entries to take of each, scalar ``int32`` tensors.
    """

    @tf.custom_gradient
    def concat(*values):
        counts = tf.stack(sizes)
        rank = values[0].shape.rank
        whole = tf.zeros([len(values), rank - 1], tf.int32)
        ends = tf.unstack(tf.concat([whole, counts[:, None]], axis=1), num=len(values))
        bounds = _Bounds(rank)
        taken = [bounds.take(value, end) for value, end in zip(values, ends)]

        def gradient(*upstream):
            parts = tf.split(upstream[0], counts, axis=-1, num=len(values))
            return [bounds.put(part, end, like) for part, end, like in zip(parts, ends, values)]

        return tf.concat(taken, axis=-1), gradient

    return concat(*values)


def sum_of_active(outputs: Sequence[Any], batch: Any, width: Any) -> Any:
    """Sums what operators yield, narrower outputs being padded with zeros (Eq. 3 and 4).

    Args:
        outputs: tensors (batch, ..., units), or of no sample where an operator is not active.
        batch: samples, a scalar tensor.
        width: units of the sum.
    """

    @tf.custom_gradient
    def add(*outputs):
        stacked = tf.concat([_padded(output, width) for output in outputs], axis=0)
        rest = tf.shape(stacked)[1:]
        parts = tf.shape(stacked)[0] // tf.maximum(batch, 1)
        summed = tf.reduce_sum(tf.reshape(stacked, tf.concat([[parts, batch], rest], 0)), axis=0)

        def gradient(upstream):
            begin = tf.zeros([upstream.shape.rank], tf.int32)
            return [tf.slice(upstream, begin, tf.shape(output)) for output in outputs]

        return summed, gradient

    return add(*outputs)


def _padded(output, width):
    rank = output.shape.rank
    at_the_end = np.zeros([rank, 2], np.int32)
    at_the_end[-1, 1] = 1
    missing = width - tf.unstack(tf.shape(output), num=rank)[-1]
    return tf.pad(output, at_the_end * missing)


class _Bounds:
    """Takes the first entries of the last axis, and puts them back among zeros."""

    def __init__(self, rank: int):
        self._options = {
            "begin": tf.zeros([rank], tf.int32),
            "strides": tf.ones([rank], tf.int32),
            # The ends of all axes but the last are not looked at.
            "end_mask": int(np.sum(2 ** np.arange(rank - 1))),
        }

    def take(self, value, end):
        return tf.raw_ops.StridedSlice(input=value, end=end, **self._options)

    def put(self, part, end, like):
        return tf.raw_ops.StridedSliceGrad(shape=tf.shape(like), end=end, dy=part, **self._options)
