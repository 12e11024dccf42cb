"""Gradients of which those of embedding tables name rows: summed by row, and clipped together."""

from typing import Any

import tensorflow as tf


def sum_duplicate_rows(gradient: Any) -> Any:
    """A sparse gradient in which every row stands once; a dense one as it is.

    Args:
        gradient: a tensor, or ``tf.IndexedSlices``.

    Example:
        >>> twice = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([4, 4]))
        >>> once = sum_duplicate_rows(twice)
        >>> once.indices.numpy(), once.values.numpy()
        (array([4], dtype=int32), array([[3.]], dtype=float32))
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, positions = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, positions, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def global_norm(grads: Any) -> Any:
    """L2 norm over all gradients.

    Args:
        grads: tensors, or ``tf.IndexedSlices`` that name each row once.

    Example:
        >>> float(global_norm([tf.constant([3.0]), tf.constant([[0.0, 4.0]])]))
        5.0
    """
    return tf.sqrt(2.0 * tf.add_n([tf.nn.l2_loss(values_of(gradient)) for gradient in grads]))


def clip_by_global_norm(grads: Any, clip_norm: float) -> list[Any]:
    """Gradients scaled down together so that their global norm is at most ``clip_norm``.

    Args:
        grads: tensors, or ``tf.IndexedSlices`` that name each row once.
        clip_norm: the largest norm, above 0.

    Example:
        >>> [gradient.numpy() for gradient in clip_by_global_norm([tf.constant([3.0, 4.0])], 1.0)]
        [array([0.6, 0.8], dtype=float32)]
    """
    scale = clip_norm / tf.maximum(global_norm(grads), clip_norm)
    clipped = []
    for gradient in grads:
        values = values_of(gradient) * scale
        if isinstance(gradient, tf.IndexedSlices):
            values = tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
        clipped.append(values)
    return clipped


def values_of(gradient: Any) -> Any:
    """The numbers of a gradient: those of its rows if it is sparse.

    Args:
        gradient: a tensor, or ``tf.IndexedSlices``.
    """
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
