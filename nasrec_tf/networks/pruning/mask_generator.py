"""The MLP that makes a mask of a weight matrix (paper 6.2, Eq. 5)."""

import math
from typing import Any

import keras
import tensorflow as tf

from nasrec_tf.networks.layers.feature_embedding import weight_initializer
from nasrec_tf.networks.pruning.prune_settings import BY_ROW, PruneSettings


class MaskGenerator(keras.layers.Layer):
    """M = sigmoid(W2 . relu(W1 . W) + b): each column of W gives the mask of its elements.

    The bias is not in Eq. 5; it lets masks begin near 1, as ``M(0) = 1`` asks for.

    Args:
        shape: of the matrix, (inputs, outputs).
        settings: width of the MLP, what it reads, and whether gradients pass through that.
        seed: of the initial values; ``None`` for zeros.

    Example:
        >>> mask = MaskGenerator((3, 2), PruneSettings())(tf.zeros((3, 2)))
        >>> mask.shape, float(tf.reduce_min(mask)) > 0.98
        (TensorShape([3, 2]), True)
    """

    def __init__(
        self, shape: tuple[int, int], settings: PruneSettings, seed: int | None = 0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self._settings = settings
        self.variables_by_name: dict[str, keras.Variable] = {}
        self._add("inner", inner_shape(shape, settings), "glorot_uniform", seed)
        self._add("outer", inner_shape(shape, settings)[::-1], "glorot_uniform", seed)
        self._add("bias", (inner_shape(shape, settings)[1], 1), float(settings.bias), seed)
        self.built = True

    def _add(self, name, shape, initializer, seed):
        initializer = weight_initializer(initializer, seed, f"{self.name}/{name}")
        self.variables_by_name[name] = self.add_weight(
            name=name, shape=shape, initializer=initializer
        )

    def call(self, matrix: Any) -> Any:
        """The mask of a matrix, of its shape, from 0 to 1.

        Args:
            matrix: (inputs, outputs).
        """
        inner, outer, bias = (each.value for each in self.variables_by_name.values())
        read = matrix if self._settings.through else tf.stop_gradient(matrix)
        by_row = self._settings.direction == BY_ROW
        hidden = tf.nn.relu(tf.matmul(inner, read, transpose_b=by_row))
        mask = tf.sigmoid(tf.matmul(outer, hidden) + bias)
        return tf.transpose(mask) if by_row else mask


def inner_shape(shape: tuple[int, int], settings: PruneSettings) -> tuple[int, int]:
    """Shape of the MLP's first layer.

    Args:
        shape: of the matrix.
        settings: width of the MLP, and what it reads.
    """
    read = shape[1] if settings.direction == BY_ROW else shape[0]
    return max(1, math.ceil(settings.hidden * read)), read


def generator_weights(shape: tuple[int, int], settings: PruneSettings) -> int:
    """Weights of the MLP of a matrix.

    Args:
        shape: of the matrix.
        settings: width of the MLP, and what it reads.
    """
    hidden, read = inner_shape(shape, settings)
    return 2 * hidden * read + read
