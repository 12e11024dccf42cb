"""How far probabilities are off, with what chance leaves open."""

import dataclasses

import numpy as np

from nasrec_tf.training.evaluation import bootstrap, percentile_interval
from nasrec_tf.training.ranked_rows import CHUNK, poisson_weights
from nasrec_tf.training.reliability import (
    BINS,
    bins_of_equal_rows,
    bins_of_equal_weight,
    expected_calibration_error,
)


@dataclasses.dataclass(frozen=True)
class CalibrationError:
    """The expected calibration error, and predicted beside observed clicks.

    Args:
        error: see ``expected_calibration_error``.
        interval: its 95 % bootstrap interval.
        ratio: predicted clicks over clicks; ``None`` without a click.
        ratio_interval: likewise.
    """

    error: float
    interval: tuple[float, float]
    ratio: float | None
    ratio_interval: tuple[float, float] | None


def calibration_error(
    labels: np.ndarray,
    probabilities: np.ndarray,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> CalibrationError:
    """The error of all rows, with intervals of the Poisson bootstrap over rows.

    Absolute values make the error of few rows too high, and that of a resample higher still by as
    much; its interval is the basic one, which puts that right (Davison and Hinkley, "Bootstrap
    Methods and their Application", 1997, section 5.2.1), and may lie below the error itself.

    Args:
        labels: 0 or 1, (rows,), at least one row.
        probabilities: of a click, (rows,).
        seed: seed of the draws.
        weights: how much each row counts, above 0, (rows,); alike unless given. In a resample a
            row counts so much as often as it was drawn.

    Example:
        >>> random = np.random.default_rng(0)
        >>> meant = 0.9 * random.random(4000)
        >>> found = calibration_error(random.random(4000) < meant, meant + 0.1)
        >>> found.interval[0] < 0.1 < found.interval[1]
        True
    """
    labels = labels.astype(np.float64)
    error = expected_calibration_error(labels, probabilities, BINS, weights) or 0.0
    if weights is None:
        bins = bins_of_equal_rows(probabilities, BINS).astype(np.int8)
    else:
        weights = weights.astype(np.float64)
        bins = bins_of_equal_weight(probabilities, BINS, weights).astype(np.int8)
    apart = probabilities - labels

    def figure(random: np.random.Generator) -> tuple[float | None, float | None]:
        sums, clicks, count = np.zeros(BINS), 0.0, 0.0
        for first in range(0, len(labels), CHUNK):
            part = slice(first, first + CHUNK)
            drawn = poisson_weights(random, len(labels[part]))
            if weights is not None:
                drawn = drawn * weights[part]
            sums += np.bincount(bins[part], drawn * apart[part], BINS)
            clicks += float(np.einsum("i,i->", drawn, labels[part]))
            count += float(drawn.sum(dtype=np.float64))
        ratio = 1.0 + float(sums.sum()) / clicks if clicks else None
        return (float(np.abs(sums).sum()) / count if count else None), ratio

    drawn = bootstrap(figure, seed, "calibration")
    low, high = percentile_interval([value for value, _ in drawn]) or (error, error)
    clicks, more = _total(labels, weights), _total(apart, weights)
    return CalibrationError(
        error=error,
        interval=(max(0.0, 2 * error - high), max(0.0, 2 * error - low)),
        ratio=1.0 + more / clicks if clicks else None,
        ratio_interval=percentile_interval([ratio for _, ratio in drawn]) if clicks else None,
    )


def _total(values: np.ndarray, weights: np.ndarray | None) -> float:
    return float(values.sum() if weights is None else np.einsum("i,i->", weights, values))
