"""The mean of what rows come to, such as a difference of losses, and how sure it is."""

import functools

import numpy as np

from nasrec_tf.training.ensembles import PAIRED
from nasrec_tf.training.evaluation import bootstrap, percentile_interval
from nasrec_tf.training.ranked_rows import drawn_weights, weighted_mean


def mean_with_interval(
    values: np.ndarray, seed: int, weights: np.ndarray | None = None
) -> tuple[float, tuple[float, float] | None]:
    """The mean, and its 95 % interval over the resamples that paired models are judged on.

    Args:
        values: of each row, (rows,).
        seed: of the draws.
        weights: how much each row counts, (rows,), not all 0; alike unless given.

    Returns:
        The mean, and the ends of its interval; ``None`` where a value is not finite.

    Example:
        >>> mean, (low, high) = mean_with_interval(np.arange(1000) % 2, seed=0)
        >>> mean, 0.45 < low < 0.5 < high < 0.55
        (0.5, True)
    """
    mean = float(np.average(values, weights=weights))
    if not np.isfinite(values).all():
        return mean, None
    return mean, percentile_interval(
        bootstrap(functools.partial(_resampled_mean, values, weights), seed, PAIRED)
    )


def _resampled_mean(values, of_rows, rng) -> float | None:
    return weighted_mean(drawn_weights(rng, len(values), of_rows), values)
