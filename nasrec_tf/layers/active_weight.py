"""Active slices of shared weights, which training reads, differentiates and updates."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf


class ActiveWeight(NamedTuple):
    """The active slice of one weight; gradients are taken with respect to ``value``.

    Args:
        variables: the Keras variables that hold the weight, groups of columns side by side.
        rows: indices of the active rows; ``None`` if all are active on every path.
        value: the slice: these rows, and the first columns of the weight.
        rows_repeat: whether a row may be named more than once.
    """

    variables: tuple
    rows: Any
    value: Any
    rows_repeat: bool = False


def gather_rows(variable: Any, rows: Any) -> ActiveWeight:
    """Some rows of one variable, or all of it where ``rows`` is ``None``."""
    value = variable.value
    value = tf.identity(value) if rows is None else tf.gather(value, rows)
    return ActiveWeight((variable,), rows, value)


def read_slice(library: Any, variables: Sequence[Any], rows: Any, columns: Any) -> ActiveWeight:
    """Rows and first columns of a weight, by one kernel; of vectors no columns are asked.

    No gradient reaches the variables but by ``Adagrad.apply_to_slices``.
    """
    rank = len(variables[0].shape)
    value = library.nasrec_read_slice(
        variables=[variable.value.handle for variable in variables],
        rows=tf.range(variables[0].shape[0]) if rows is None else rows,
        columns=columns if rank == 2 else 1,
        rank=rank,
    )
    return ActiveWeight(tuple(variables), rows, value)
