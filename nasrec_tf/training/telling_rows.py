"""Validation rows that tell candidates apart, in the place of all of them.

Two candidates differ in log loss by little but on rows whose label they do not expect: the loss of
a row changes with its logit by the distance between prediction and label. So rows are drawn with a
chance that goes with that distance, for a few architectures drawn from the space, and count the
more the smaller their chance was. The same rows judge every candidate.
"""

import hashlib

import numpy as np
import tensorflow as tf

from nasrec_tf.data.drawn_rows import rows_by_number
from nasrec_tf.data.held_rows import HeldRows
from nasrec_tf.data.weighted_draw import chances, systematic_draw
from nasrec_tf.training.scoring import SupernetScorer


def telling_rows(scorer: SupernetScorer, count: int, pilots: int, seed: int) -> HeldRows:
    """Draws the rows that scores are taken over.

    Args:
        scorer: of all validation rows of its plan, of which there are more than ``count``.
        count: how many rows.
        pilots: architectures that are asked.
        seed: of the draw, and of these architectures.

    Returns:
        The rows, as many as ``count`` or by rounding a few less, and how much each counts.
    """
    space = scorer.supernet.space
    rng = np.random.default_rng(seed)
    losses = [scorer.row_losses(space.sample(rng))[0] for _ in range(pilots)]
    drawn_with = chances(rows_worth(np.stack(losses)), count)
    numbers = systematic_draw(drawn_with, seed)
    parts = rows_by_number(scorer.records, "validation", numbers)
    parts["weights"] = (parts.get("weights", 1) / drawn_with[numbers]).astype(np.float32)
    with tf.device("CPU:0"):
        return HeldRows(**{name: tf.constant(part) for name, part in parts.items()})


def digest_of_rows(rows: HeldRows) -> str:
    """A digest of rows and of how much they count.

    Args:
        rows: the rows.

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in (rows.dense, rows.sparse, rows.labels, rows.weights):
        digest.update(part.numpy().tobytes() if part is not None else b"")
    return digest.hexdigest()[:16]


def rows_worth(losses: np.ndarray) -> np.ndarray:
    """How much each row is worth: the mean distance between predictions and its label, (rows,).

    Args:
        losses: log losses of some architectures, (architectures, rows); one that is not finite on
            every row has no say.

    Example:
        >>> losses = [[-np.log(0.9), -np.log(0.2)], [-np.log(0.7), -np.log(0.4)], [np.inf, 0.0]]
        >>> rows_worth(np.array(losses)).round(3).tolist()
        [0.2, 0.7]
    """
    finite = losses[np.isfinite(losses).all(axis=1)].astype(np.float64)
    if not len(finite):
        return np.ones(losses.shape[1])
    # The probability that was given to the label is exp(-loss).
    return -np.expm1(-finite).mean(axis=0)
