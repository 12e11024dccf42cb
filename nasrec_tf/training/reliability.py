"""How often there are clicks where so many are predicted, and how far the two lie apart."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from nasrec_tf.common.normal_distribution import NORMAL_95
from nasrec_tf.training.calibration import check_labels

BINS = 15
"""Bins of the expected calibration error (Guo et al. 2017, section 4)."""


@dataclasses.dataclass(frozen=True)
class ReliabilityPoint:
    """The rows of one bin.

    Args:
        predicted: mean of their probabilities.
        observed: share of them with a click.
        low: lower end of the 95 % interval of that share (Wilson, 1927).
        high: upper end.
        rows: how many they are.
    """

    predicted: float
    observed: float
    low: float
    high: float
    rows: int


def reliability(
    labels: np.ndarray,
    logits: np.ndarray,
    bins: int = BINS,
    weights: np.ndarray | None = None,
) -> tuple[ReliabilityPoint, ...]:
    """How often there are clicks where so many are predicted.

    Args:
        labels: 0 or 1, (rows,).
        logits: finite, (rows,).
        bins: see ``expected_calibration_error``.
        weights: how much each row counts, (rows,); alike unless given.

    Returns:
        The bins, by rising probability; none without rows.

    Raises:
        ValueError: if a logit is not finite, or labels or bins are wrong.

    Example:
        >>> point, = reliability(np.array([0.0, 1.0, 0.0, 0.0]), np.zeros(4), bins=1)
        >>> point.predicted, point.observed, round(point.low, 3), round(point.high, 3), point.rows
        (0.5, 0.25, 0.046, 0.699, 4)
    """
    # exp of what is at most 0: no overflow, whatever the logit.
    probabilities = np.exp(-np.logaddexp(0.0, -logits.astype(np.float64)))
    return tuple(
        ReliabilityPoint(p, c, *_wilson(c, effective), rows)
        for p, c, _, effective, rows in _binned(labels, probabilities, bins, weights)
    )


def expected_calibration_error(
    labels: np.ndarray,
    probabilities: np.ndarray,
    bins: int = BINS,
    weights: np.ndarray | None = None,
) -> float | None:
    """How far predicted and observed shares lie apart, on average over the rows.

    Rows are put into bins of equal numbers of rows by their probability, equal ones into one bin;
    the error is the mean over bins of |mean probability - share of clicks|, each weighed by its
    rows (Guo et al. 2017, Eq. 3, with the bins of Nguyen and O'Connor, EMNLP 2015).

    Args:
        labels: 0 or 1, (rows,).
        probabilities: of a click, from 0 to 1, (rows,).
        bins: at most so many; fewer where probabilities are equal or rows few.
        weights: how much each row counts, (rows,), in bins and means; alike unless given.

    Returns:
        From 0 to 1; ``None`` without rows.

    Raises:
        ValueError: if a label is neither 0 nor 1, a probability does not lie in [0, 1], or ``bins``
            is below 1.

    Example:
        >>> labels = np.array([0, 0, 1, 1])
        >>> expected_calibration_error(labels, np.array([0.0, 0.5, 0.5, 1.0]), bins=2)
        0.0
        >>> expected_calibration_error(labels, np.array([0.2, 0.2, 0.2, 0.2]))
        0.3
    """
    found = _binned(labels, probabilities, bins, weights)
    if not found:
        return None
    apart = sum(weight * abs(predicted - observed) for predicted, observed, weight, *_ in found)
    return apart / (len(labels) if weights is None else float(weights.sum(dtype=np.float64)))


class _Bin(NamedTuple):
    """Means and weight of the rows of a bin, and how many there are.

    ``effective`` is the number of rows that weigh alike and tell as much (Kish, 1965).
    """

    predicted: float
    observed: float
    weight: float
    effective: float
    rows: int


def _binned(
    labels: np.ndarray, probabilities: np.ndarray, bins: int, weights: np.ndarray | None
) -> tuple[_Bin, ...]:
    check_labels(labels, probabilities)
    if bins < 1:
        raise ValueError(f"`bins` must be at least 1. Received: {bins}")
    if not len(labels):
        return ()
    if not (0 <= probabilities.min() and probabilities.max() <= 1):  # NaN is refused as well.
        raise ValueError(
            "probabilities must lie in [0, 1], and logits be finite. Received: "
            f"{probabilities.min()} to {probabilities.max()}"
        )
    if weights is not None:
        return _weighted_bins(labels, probabilities, bins, weights)
    which = bins_of_equal_rows(probabilities, bins)
    count = int(which.max()) + 1
    rows = np.bincount(which, minlength=count)
    predicted = np.bincount(which, probabilities, count)
    clicks = np.bincount(which, labels, count)
    return tuple(
        _Bin(float(p / n), float(c / n), int(n), int(n), int(n))
        for p, c, n in zip(predicted, clicks, rows)
        if n
    )


def bins_of_equal_rows(probabilities: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each row, from 0: bins of equal numbers of rows, equal values in one bin.

    Args:
        probabilities: (rows,), at least one.
        bins: at most so many.

    Example:
        >>> bins_of_equal_rows(np.array([0.1, 0.9, 0.5, 0.5]), 2)
        array([0, 1, 1, 1])
    """
    places = np.unique(np.arange(1, bins) * len(probabilities) // bins)
    edges = np.unique(np.partition(probabilities, places)[places]) if len(places) else places
    return np.searchsorted(edges, probabilities, side="right")


def bins_of_equal_weight(probabilities: np.ndarray, bins: int, weights: np.ndarray) -> np.ndarray:
    """The bin of each row, from 0, as if rows were repeated as often as they count.

    Args:
        probabilities: (rows,), at least one.
        bins: at most so many.
        weights: how much each row counts, float64 (rows,).

    Example:
        >>> bins_of_equal_weight(np.array([0.1, 0.9, 0.5, 0.5]), 2, np.array([3.0, 1, 1, 1]))
        array([0, 1, 1, 1])
    """
    order = np.argsort(probabilities, kind="stable")
    until = np.cumsum(weights[order])
    inner = np.arange(1, bins) * until[-1] / bins
    places = np.minimum(np.searchsorted(until, inner, side="right"), len(order) - 1)
    edges = np.unique(probabilities[order[places]])
    return np.searchsorted(edges, probabilities, side="right")


def _weighted_bins(labels, probabilities, bins, weights) -> tuple[_Bin, ...]:
    weights = weights.astype(np.float64)
    which = bins_of_equal_weight(probabilities, bins, weights)
    count = int(which.max()) + 1
    rows = np.bincount(which, minlength=count)
    sums, squares, predicted, clicks = (
        np.bincount(which, values, count)
        for values in (weights, weights**2, weights * probabilities, weights * labels)
    )
    return tuple(
        _Bin(float(p / w), min(1.0, float(c / w)), float(w), float(w**2 / s), int(n))
        for p, c, w, s, n in zip(predicted, clicks, sums, squares, rows)
        if w > 0
    )


def _wilson(share: float, rows: float) -> tuple[float, float]:
    """The 95 % interval of a share; unlike the usual one it is right for shares near 0 as well."""
    square = NORMAL_95**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    reach = NORMAL_95 * math.sqrt(share * (1 - share) / rows + square / (4 * rows**2))
    reach /= 1 + square / rows
    # Rounding must not leave the share itself outside.
    return min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach))
