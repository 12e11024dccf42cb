"""Averages of a network's weights over the steps of its training, at a cost that is told apart."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

PIECE = 1 << 22
"""Numbers that are worked on at a time, so that no copy of a whole table is made."""


class WeightAverage:
    """Exponentially weighted mean of the weights after every n-th step (Polyak and Juditsky 1992).

    With the weights w_k after step k * every, the first average is a_1 = w_1, and

        a_k = d a_{k-1} + (1 - d) w_k,  d = decay^every

    so that ``decay`` is per step whatever ``every`` is. Taking an average passes over all weights,
    tables among them, whose decayed rows catch up first (``settle``); at every step that would cost
    more than the step, so it is done at each ``every``-th one. The averages take as much memory
    as the weights. Statistics of batch norm, being weights, are averaged like the others.

    Args:
        model: the compiled model, built.
        decay: how much of the average is kept per step, 0 to below 1.
        every: steps from one average to the next.

    Attributes:
        variables: what is kept, in the order of the weights, then the number of averages taken; to
            be a part of the checkpoint.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> import numpy as np
        >>> model = keras.Sequential([keras.layers.Dense(1, use_bias=False)])
        >>> model.build((None, 1))
        >>> average = WeightAverage(model, decay=0.5, every=1)
        >>> for step in (1, 2):
        ...     model.set_weights([np.array([[2.0 * step - 1.0]])])
        ...     average.after_step(step)
        >>> with average.applied():
        ...     float(model.get_weights()[0][0, 0])
        2.0
        >>> float(model.get_weights()[0][0, 0])
        3.0
    """

    def __init__(self, model: keras.Model, decay: float, every: int):
        if not 0 <= decay < 1:
            raise ValueError(f"`decay` must lie in 0 to below 1. Received: {decay}")
        if every < 1:
            raise ValueError(f"`every` must be at least 1. Received: {every}")
        self._model = model
        self._kept = decay**every
        self._every = every
        weights = [each.value for each in model.weights if each.value.dtype.is_floating]
        averages = [tf.Variable(tf.zeros(each.shape, each.dtype), False) for each in weights]
        self._pairs = list(zip(weights, averages))
        self._taken = tf.Variable(0, False, dtype=tf.int64)
        self.variables = [*averages, self._taken]

    def after_step(self, step: int) -> None:
        """Takes the weights into the average, if it is the turn of that step.

        Args:
            step: number of the step that was made last, from 1.
        """
        if step % self._every:
            return
        self._settle()
        share = 1.0 - self._kept if int(self._taken) else 1.0
        for weight, average in self._pairs:
            for rows in _pieces(weight):
                mean = _read(average, rows)
                _write(average, rows, mean + share * (_read(weight, rows) - mean))
        self._taken.assign_add(1)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within it the model has the averages as its weights; nothing before the first one."""
        self._settle()
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def apply(self) -> None:
        """Gives the model the averages for good; nothing before the first one."""
        self._settle()
        self._swap()

    def steps_until_next(self, step: int) -> int:
        """Steps from one step to the next average, at least one.

        Args:
            step: number of steps made.
        """
        return self._every - step % self._every

    def _settle(self):
        settle = getattr(getattr(self._model, "optimizer", None), "settle", None)
        if settle is not None:
            settle()

    def _swap(self):
        if not int(self._taken):
            return
        for weight, average in self._pairs:
            for rows in _pieces(weight):
                value, mean = _read(weight, rows), _read(average, rows)
                _write(weight, rows, mean)
                _write(average, rows, value)


def _pieces(variable: Any) -> Iterator[tuple[int, int]]:
    """Ranges of rows of some ``PIECE`` numbers, which cover a variable."""
    count = variable.shape[0]
    step = max(1, PIECE * count // max(1, variable.shape.num_elements()))
    for first in range(0, count, step):
        yield first, min(first + step, count)


def _read(variable, rows):
    return tf.gather(variable, tf.range(*rows))


def _write(variable, rows, value):
    variable[rows[0] : rows[1]].assign(value)
