"""A model's quality on resamples of the test rows, which are the same for every model.

So that models can be judged one after the other, none of them in memory with another: the
difference of two models on a resample is that of what each of them came to on it.
"""

import dataclasses
import functools

import numpy as np

from nasrec_tf.training.ensembles import PAIRED
from nasrec_tf.training.evaluation import auc, bootstrap, log_losses, mean_log_loss
from nasrec_tf.training.ranked_rows import RankedRows, drawn_weights, weighted_mean


@dataclasses.dataclass(frozen=True)
class ResampledQuality:
    """Log loss and AUC of a model on the test split, and on resamples of its rows.

    Args:
        log_loss: in nats.
        auc: area under the curve; ``None`` where it is not defined.
        log_losses: on each resample; ``None`` where no row counts.
        aucs: likewise.
    """

    log_loss: float
    auc: float | None
    log_losses: tuple[float | None, ...]
    aucs: tuple[float | None, ...]


def resampled_quality(
    labels: np.ndarray, logits: np.ndarray, seed: int = 0, weights: np.ndarray | None = None
) -> ResampledQuality:
    """Judges a model on the resamples that all models with this seed are judged on.

    Takes 50 to 90 bytes a row, by the number of threads, and nothing of other models.

    Args:
        labels: 0 or 1, (rows,).
        logits: finite, (rows,).
        seed: seed of the draws.
        weights: how much each row counts, (rows,); alike unless given.

    Example:
        >>> labels = np.arange(1000) % 2
        >>> weak = np.sin(np.arange(1000))
        >>> found, other = (resampled_quality(labels, one) for one in (labels - 0.5 + weak, weak))
        >>> all(one < two for one, two in zip(found.log_losses, other.log_losses))
        True
    """
    losses, ranked = log_losses(labels, logits), RankedRows(labels, logits)
    draws = bootstrap(functools.partial(_figures, losses, ranked, weights), seed, PAIRED)
    return ResampledQuality(
        mean_log_loss(labels, logits, weights),
        auc(labels, logits, weights),
        tuple(loss for loss, _ in draws),
        tuple(area for _, area in draws),
    )


def _figures(losses, ranked, of_rows, rng) -> tuple[float | None, float | None]:
    weights = drawn_weights(rng, len(losses), of_rows)
    return weighted_mean(weights, losses), ranked.auc(weights)
