"""Variables of a strategy of distribution, of which every replica holds a copy."""

from typing import Any

import numpy as np

from nasrec_tf.common.lazy import tf


def local_copy(variable: Any) -> Any:
    """This host's first copy of a mirrored variable, or the variable itself if it has no copies.

    Args:
        variable: a Keras variable or one of TensorFlow.

    Returns:
        A variable of TensorFlow.

    Example:
        >>> import keras
        >>> int(local_copy(keras.Variable(3)).numpy())
        3
    """
    value = getattr(variable, "value", variable)
    value = variable if callable(value) else value
    copies = getattr(value, "values", None)
    return copies[0] if copies else value


def rows_as_array(variable: Any, first: int, last: int) -> np.ndarray:
    """Rows of a variable as an array; no more than these is copied.

    Args:
        variable: a variable of TensorFlow with at least one axis.
        first: the first row.
        last: the row after the last one.
    """
    return tf.gather(variable, tf.range(first, last)).numpy()
