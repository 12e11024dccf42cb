"""Two parts of the training rows: one for weights, one for what is chosen by how they do.

A search that learns choices beside weights learns them on rows that the weights never see.
"""

from typing import Any

import numpy as np
import tensorflow as tf

PARTS = 5
"""One row of so many is for the choices, the others for the weights: DNAS's 80 and 20 %."""


def rows_of_choices(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Which rows of a batch are for the choices, (batch,); the others are for the weights.

    It follows from what a row holds, so that no row is ever in both parts, whatever the epoch.
    Where that would be all or none, as of rows that are all alike, every other row is.

    Args:
        inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, fields).
    """
    dense = tf.cast(tf.bitcast(tf.cast(inputs["dense"], tf.float32), tf.int32), tf.int64)
    values = tf.concat([tf.cast(inputs["sparse"], tf.int64), dense], axis=1)
    odd = np.random.default_rng(0).integers(2**62, size=values.shape[1]) * 2 + 1
    mixed = tf.reduce_sum((values + 1) * odd, axis=1)
    # The low bits of such a sum are poor; those from the middle are not.
    mixed = tf.bitwise.bitwise_and(tf.bitwise.right_shift(mixed, 31), 2**31 - 1)
    of_choices = mixed % PARTS == 0
    both = tf.reduce_any(of_choices) & ~tf.reduce_all(of_choices)
    return tf.where(both, of_choices, tf.range(tf.shape(of_choices)[0]) % 2 == 1)


def of_rows(mask: tf.Tensor, inputs: dict[str, tf.Tensor], *beside: Any) -> tuple:
    """Some rows of a batch.

    Args:
        mask: which, bool (batch,).
        inputs: by name.
        *beside: labels, and weights if there are any.
    """
    chosen = {name: tf.boolean_mask(value, mask) for name, value in inputs.items()}
    return chosen, *(tf.boolean_mask(value, mask) for value in beside)


def log_loss_of_rows(logits: tf.Tensor, labels: tf.Tensor, weights: Any = None) -> tf.Tensor:
    """What choices are compared by: the mean log loss of rows, each times its weight if any.

    Args:
        logits: (batch, 1).
        labels: (batch, 1).
        weights: (batch,); ``None`` where rows have none.
    """
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    if weights is not None:
        losses *= weights[:, None]
    return tf.reduce_mean(losses)
