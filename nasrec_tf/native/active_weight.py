"""Active slices of shared weights, which training reads, differentiates and updates."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf


class ActiveWeight(NamedTuple):
    """The active slice of one weight; gradients are taken with respect to ``value``.

    Args:
        variables: the Keras variables that hold the weight, groups of columns side by side.
        rows: indices of the active rows, or how many first ones are active; ``None`` if all are
            active on every path.
        value: the slice: these rows, and the first columns of the weight.
        rows_repeat: whether a row may be named more than once.
    """

    variables: tuple
    rows: Any
    value: Any
    rows_repeat: bool = False


def gather_rows(variable: Any, rows: Any) -> ActiveWeight:
    """Some rows of one variable, or all of it.

    Args:
        variable: of Keras.
        rows: int [rows], rising; ``None`` for all.
    """
    value = variable.value
    value = tf.identity(value) if rows is None else tf.gather(value, rows)
    return ActiveWeight((variable,), rows, value)


class SliceReader:
    """Reads slices by one kernel each.

    No gradient reaches the variables but by ``Adagrad.apply_to_slices``.

    Args:
        library: the kernels.
    """

    def __init__(self, library: Any):
        self._library = library
        self._one = tf.constant(1)

    def __call__(self, variables: Sequence[Any], rows: Any, columns: Any = None) -> ActiveWeight:
        """Rows, as in ``ActiveWeight``, and first columns of a weight; a vector has no columns."""
        rows = variables[0].shape[0] if rows is None else rows
        value = self._library.nasrec_read_slice(
            variables=[variable.value.handle for variable in variables],
            rows=rows,
            columns=self._one if columns is None else columns,
            rank=1 if columns is None else 2,
        )
        return ActiveWeight(tuple(variables), rows, value)
