"""An optimizer's step in two parts: kernels inside of a program that XLA compiles, tables outside.

A compiled program may not find out at run time how many rows a batch names, and a table that it
changed might be copied as a whole. So it is told the gradient of every row by itself, sums them to
one for each row that is named, and clips them together with those of the kernels; the rows of the
table are updated after it, by TensorFlow's own operations.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from nasrec_tf.optimizers.row_gradients import global_norm
from nasrec_tf.optimizers.row_sparse import RowSparseOptimizer


class NamedRows(NamedTuple):
    """Sums by row, of a size that is known before the rows are.

    Args:
        rows: (values,), the rows that are named, in their order; what follows them is void.
        sums: (values, columns), of the values of each row; zeros follow them.
        count: how many rows are named.
    """

    rows: Any
    sums: Any
    count: Any


def summed_by_row(rows: Any, values: Any) -> NamedRows:
    """Sums values that name the same row, by operations that XLA compiles.

    Args:
        rows: (values,).
        values: (values, columns).
    """
    size = tf.shape(rows)[0]
    order = tf.argsort(rows, stable=True)
    in_order = tf.gather(rows, order)
    is_first = tf.concat([[True], in_order[1:] != in_order[:-1]], axis=0)
    place = tf.cumsum(tf.cast(is_first, tf.int32)) - 1
    sums = tf.math.unsorted_segment_sum(tf.gather(values, order), place, size)
    named = tf.math.unsorted_segment_max(in_order, place, size)
    return NamedRows(named, sums, place[-1] + 1)


def update_kernels(
    optimizer: RowSparseOptimizer,
    gradients: Sequence[Any],
    kernels: Sequence[Any],
    named: NamedRows,
    rate: Any,
) -> NamedRows:
    """Updates the kernels, inside of a compiled program; the clipped gradients of the table's rows.

    Args:
        optimizer: the optimizer, without ``table_l2``.
        gradients: of the kernels.
        kernels: all trained variables but the embedding table.
        named: gradients of the rows of the table.
        rate: learning rate of the step.
    """
    if optimizer.clip_norm is not None:
        norm = global_norm([*gradients, named.sums])
        scale = optimizer.clip_norm / tf.maximum(norm, optimizer.clip_norm)
        gradients = [gradient * scale for gradient in gradients]
        named = named._replace(sums=named.sums * scale)
    optimizer.decay_kernels(kernels, rate)
    for gradient, kernel in zip(gradients, kernels):
        optimizer.update_variable(gradient, kernel, optimizer.rate_of(kernel, rate))
    return named


def finish_step(optimizer: RowSparseOptimizer, table: Any, named: NamedRows, rate: Any) -> None:
    """Updates the rows of the table, which ends the step that ``update_kernels`` began.

    Args:
        optimizer: the optimizer.
        table: the embedding table.
        named: clipped gradients of its rows.
        rate: learning rate of the step.
    """
    of_table = tf.IndexedSlices(named.sums[: named.count], named.rows[: named.count])
    optimizer.update_variable(of_table, table, optimizer.rate_of(table, rate))
    optimizer.after_step(rate)
    optimizer.iterations.assign_add(1)
