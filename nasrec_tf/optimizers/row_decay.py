"""Decay of every row of an embedding table at every step, at the cost of the rows of a batch."""

from typing import Any

import keras
import tensorflow as tf

from nasrec_tf import native

PIECE_ROWS = 1 << 18
"""Rows that ``settle`` works on at a time, so that no copy of a whole table is made."""


class RowDecay:
    """Decays a table by w *= exp(-rate * decay / (sqrt(accumulator) + epsilon)) after each step.

    Rare rows fade while the learning rate is high, and rows that gradients reach often are held
    by their accumulators; without an accumulator the denominator is 1, and all fade alike. Only the
    rows that a step reads are touched: an untouched row keeps its accumulator, so that what it has
    missed since it was last read is one factor of the *sum* of the learning rates since then.
    Reading a row after ``catch_up`` therefore gives the value that decaying the whole table at
    every step would have given, up to rounding.

    Args:
        optimizer: holds what is kept for each row: the sum of learning rates up to which it is
            decayed, in double precision, (rows,).
        table: the variable, (rows, width).
        decay: the coefficient, per unit of learning rate and of the denominator.
        accumulator: of the table's squared gradients, (rows, width); ``None`` for a denominator
            of 1.
        epsilon: added to the root of the accumulator.

    Raises:
        ValueError: if ``decay`` is negative or not finite.
    """

    def __init__(
        self, optimizer: keras.optimizers.Optimizer, table, decay, accumulator=None, epsilon=0.0
    ):
        self.table = table
        self._accumulator = accumulator
        self._decay = float(decay)
        self._epsilon = float(epsilon)
        self._settled = optimizer.add_variable(
            (table.shape[0],), initializer="zeros", dtype="float64", name="settled_rate_sum"
        )
        self._rate_sum = optimizer.add_variable(
            (), initializer="zeros", dtype="float64", name="rate_sum"
        )

    def catch_up(self, rows: Any) -> None:
        """Decays the rows that are about to be read; a row may be named more than once."""
        table, settled = self.table.value, self._settled.value
        library = native.kernels(table.dtype)
        if library is not None:
            library.nasrec_decay_rows(
                table=table.handle,
                settled=settled.handle,
                accumulators=[] if self._accumulator is None else [self._accumulator.value.handle],
                rows=tf.cast(rows, tf.int64),
                rate_sum=self._rate_sum.value,
                decay=self._decay,
                epsilon=self._epsilon,
            )
            return
        values = tf.gather(table, rows) * self._factor(rows)
        # A row that is named twice gets the same value twice.
        _update(table, rows, values)
        _update(settled, rows, tf.fill(tf.shape(rows), self._rate_sum.value))

    def after_step(self, rate: Any) -> None:
        """Takes the learning rate of the step that has just been applied."""
        self._rate_sum.assign_add(tf.cast(rate, tf.float64))

    def settle(self) -> None:
        """Decays all rows that are behind; twice is once."""
        count = int(self.table.shape[0])
        for first in range(0, count, PIECE_ROWS):
            self.catch_up(tf.range(first, min(first + PIECE_ROWS, count)))

    def _factor(self, rows):
        settled = tf.gather(self._settled.value, rows)
        missed = tf.cast(self._rate_sum.value - settled, tf.float32)[:, None]
        if self._accumulator is None:
            return tf.exp(-self._decay * missed)
        accumulator = tf.gather(self._accumulator.value, rows)
        return tf.exp(-self._decay * missed / (tf.sqrt(accumulator) + self._epsilon))


def _update(variable, rows, values):
    tf.raw_ops.ResourceScatterUpdate(resource=variable.handle, indices=rows, updates=values)
