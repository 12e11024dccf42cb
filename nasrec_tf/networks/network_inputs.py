"""What a network is given: dense columns and ids, checked before anything is computed of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from nasrec_tf.data.features import Features


def logits_shape(features: Features, shapes: Mapping[str, Any]) -> tuple[int | None, int]:
    """The shape of a network's logits.

    Args:
        features: what the network reads.
        shapes: of its inputs, by name.

    Raises:
        ValueError: if an input is missing or of another width; the message names it.

    Example:
        >>> logits_shape(Features(3, (5, 9)), {"dense": (None, 3), "sparse": (None, 2)})
        (None, 1)
    """
    wanted = {"dense": features.dense, "sparse": features.id_columns}
    for name, width in wanted.items():
        shape = shapes.get(name, (None, 0) if name == "dense" else None)
        if shape is None or len(shape) != 2 or shape[1] not in (width, None):
            raise ValueError(
                f"`inputs` must hold {name!r} of shape (batch, {width}). Received: {name}={shape}"
            )
    return (shapes["sparse"][0], 1)


def check_inputs(features: Features, inputs: Any) -> None:
    """Checks a batch before anything is computed of it.

    A column of ids too few would be spread over all tables instead of failing.

    Args:
        features: what the network reads.
        inputs: the batch; widths that are not known while a graph is traced are not checked.

    Raises:
        ValueError: if it is no mapping, or an input is missing or of another width; the message
            names it.

    Example:
        >>> check_inputs(Features(3, (5, 9)), {"dense": np.ones((4, 3)), "sparse": np.ones((4, 1))})
        Traceback (most recent call last):
        ValueError: `inputs` must hold 'sparse' of shape (batch, 2). Received: sparse=(4, 1)
    """
    if not isinstance(inputs, Mapping):
        raise ValueError(
            "`inputs` must be a mapping of 'dense' and 'sparse' to arrays. "
            f"Received: {type(inputs).__name__}"
        )
    shapes = {name: getattr(value, "shape", np.shape(value)) for name, value in inputs.items()}
    if all(getattr(shape, "rank", 0) is not None for shape in shapes.values()):
        logits_shape(features, {name: tuple(shape) for name, shape in shapes.items()})


def dense_columns(features: Features, inputs: Mapping[str, Any], dtype: Any) -> Any:
    """The dense columns of a batch: (batch, dense columns), of no width without dense features.

    Args:
        features: what the network reads.
        inputs: the batch.
        dtype: of the network's arithmetic.
    """
    if features.dense:
        return tf.cast(inputs["dense"], dtype)
    return tf.zeros([tf.shape(inputs["sparse"])[0], 0], dtype)
