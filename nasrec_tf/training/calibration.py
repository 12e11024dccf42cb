"""Probabilities that mean what they say: a scale and an offset of the logits, fitted afterwards.

Networks that were trained on until they know rare values by heart are too sure of themselves: their
ranking is good, their probabilities are not. Two numbers fitted on rows that the training has not
seen mend most of that and leave every ranking as it is (Platt, "Probabilistic Outputs for Support
Vector Machines", 1999; with the scale alone Guo et al., "On Calibration of Modern Neural Networks",
ICML 2017).
"""

import dataclasses
import math
from typing import Annotated, NamedTuple

import numpy as np
import pydantic

from nasrec_tf.common.saved_state import SAVED

CHUNK = 1 << 19
"""Rows whose derivatives are summed at a time."""

MOST_ROUNDS = 100
"""Newton's method takes some ten on logits of networks."""

SMALLEST_DECREMENT = 1e-18
"""Newton decrement of the mean loss at which a fit is done: what is left is float64's rounding."""

SMALLEST_DAMPING = 1e-15
"""What second derivatives are uncertain by through rounding, by their sum."""

SMALLEST_SECOND_DERIVATIVE = 1e-30
"""Added to second derivatives that are all 0; line search shortens the long step."""


@dataclasses.dataclass(frozen=True)
class Calibration:
    """``scale * logit + offset``; nothing is changed unless given.

    Args:
        scale: above 0, so that no ranking changes; the inverse of a temperature.
        offset: added to the scaled logit.

    Raises:
        ValueError: if the scale is not above 0, or one of them is not finite.

    Example:
        >>> Calibration(0.5, 1.0).applied(np.array([2.0, -2.0]))
        array([2., 0.])
    """

    __pydantic_config__ = SAVED

    scale: Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)] = 1.0
    offset: Annotated[float, pydantic.Field(allow_inf_nan=False)] = 0.0

    def __post_init__(self):
        if not (0 < self.scale < math.inf and math.isfinite(self.offset)):
            raise ValueError(
                "`scale` must be a finite number above 0 and `offset` a finite number. Received: "
                f"scale={self.scale}, offset={self.offset}"
            )

    def applied(self, logits: np.ndarray) -> np.ndarray:
        """The calibrated logits, in double precision.

        Args:
            logits: of any shape.
        """
        calibrated = logits.astype(np.float64)
        calibrated *= self.scale
        calibrated += self.offset
        return calibrated

    def of_sampled_log(self, rate: float) -> "Calibration":
        """The same with the click rate put right that a down-sampled log has too high.

        Of probability p in the log as it is, q = p / (p + (1 - p) / rate) is meant (He et al.,
        "Practical Lessons from Predicting Clicks on Ads at Facebook", 2014, section 6.3): the odds
        times ``rate``.

        Args:
            rate: share of the rows without a click that were kept, above 0 and at most 1.

        Raises:
            ValueError: if it is another.

        Example:
            >>> Calibration().of_sampled_log(0.1).offset
            -2.3025850929940455
        """
        if not 0 < rate <= 1:
            raise ValueError(f"`rate` must lie in (0, 1]. Received: {rate}")
        return dataclasses.replace(self, offset=self.offset + math.log(rate))


class CalibrationFit(NamedTuple):
    """What a fit has found.

    Args:
        calibration: fitted on all rows; the identity where it is refused.
        refused: why there is nothing to be applied; ``None`` if there is.
        held_out: logits of all rows (float64), each calibrated by what was fitted on the half of
            the rows that it is not in; the raw ones where no fit was possible.
    """

    calibration: Calibration
    refused: str | None
    held_out: np.ndarray


def fit_calibration(
    labels: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None
) -> CalibrationFit:
    """The scale and offset of the lowest log loss, if they are of use on rows not fitted on.

    They are the maximum of the likelihood, without penalty. Whether they are of use is tried first:
    fitted on the even rows and applied to the odd ones, and the other way round, they have to lower
    the mean log loss by more than the standard error of what they lower it by (the rule of Breiman
    et al., "Classification and Regression Trees", 1984).

    Args:
        labels: 0 or 1, (rows,).
        logits: (rows,).
        weights: how much each row counts, (rows,); alike unless given. Rows of weight 0 are left
            out.

    Raises:
        ValueError: if the shapes differ or a label is neither 0 nor 1.

    Example:
        >>> random = np.random.default_rng(0)
        >>> sure = random.normal(size=4000)
        >>> labels = (random.random(4000) < 1 / (1 + np.exp(-sure))).astype(np.float32)
        >>> found = fit_calibration(labels, 3 * sure + 1)
        >>> round(found.calibration.scale, 2), round(found.calibration.offset, 2)
        (0.33, -0.34)
        >>> fit_calibration(labels, sure).refused
        'what it gains on rows that it was not fitted on may be chance'
    """
    check_labels(labels, logits)
    raw = logits.astype(np.float64)
    if weights is not None and not weights.all():
        counted = np.flatnonzero(weights)
        fit = fit_calibration(labels[counted], logits[counted], weights[counted])
        held_out = raw if fit.refused else fit.calibration.applied(raw)
        held_out[counted] = fit.held_out
        return fit._replace(held_out=held_out)
    reason = _undefined(labels, logits)
    if reason is not None:
        return CalibrationFit(Calibration(), reason, raw)
    held_out = np.empty_like(raw)
    for mine, other in ((0, 1), (1, 0)):
        half = slice(mine, None, 2)
        reason = _undefined(labels[half], logits[half])
        weight = None if weights is None else weights[half]
        found = None if reason else _most_likely(labels[half], logits[half], weight)
        if found is None:
            return CalibrationFit(Calibration(), f"in half the rows {reason or _NOT_RISING}", raw)
        held_out[other::2] = found.applied(logits[other::2])
    whole = _most_likely(labels, logits, weights)
    if whole is None:
        return CalibrationFit(Calibration(), _NOT_RISING, raw)
    if not _is_lower(labels, raw, held_out, weights):
        return CalibrationFit(Calibration(), _OF_NO_USE, held_out)
    return CalibrationFit(whole, None, held_out)


_NOT_RISING = "clicks do not grow more frequent with the logits"
_OF_NO_USE = "what it gains on rows that it was not fitted on may be chance"


def check_labels(labels: np.ndarray, logits: np.ndarray) -> None:
    """Checks labels beside what a model makes of their rows.

    Args:
        labels: 0 or 1, (rows,).
        logits: of the same shape.

    Raises:
        ValueError: if the shapes differ or a label is neither 0 nor 1.
    """
    if labels.ndim != 1 or labels.shape != logits.shape:
        raise ValueError(
            "`labels` and `logits` must be of one shape (rows,). Received: "
            f"{labels.shape} and {logits.shape}"
        )
    wrong = np.flatnonzero((labels != 0) & (labels != 1))
    if len(wrong):
        raise ValueError(f"`labels` must be 0 or 1. Received: {labels[wrong[0]]} in row {wrong[0]}")


def _undefined(labels: np.ndarray, logits: np.ndarray) -> str | None:
    """Why the likelihood has no maximum, if it has none (Albert and Anderson, 1984)."""
    if not np.isfinite(logits).all():
        return "the logits are not all finite"
    clicked = labels == 1
    mine, others = logits[clicked], logits[~clicked]
    if not len(mine) or not len(others):
        return "not both labels are there"
    if logits.min() == logits.max():
        return "the logits are all alike"
    if mine.min() >= others.max() or others.min() >= mine.max():
        return "the logits tell the labels apart without an error"
    return None


def _most_likely(
    labels: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None
) -> Calibration | None:
    """Scale and offset of the highest likelihood by Newton's method; ``None`` if they fall.

    The likelihood must have a maximum: it is then the only one, and steps that are halved until
    they lower the loss reach it from anywhere (Boyd and Vandenberghe, "Convex Optimization", 9.5).
    """
    # Where the steps begin and how they are scaled; the maximum does not depend on it.
    mean = float(logits.mean(dtype=np.float64))
    deviation = float(logits.std(dtype=np.float64))
    rate = float(np.average(labels.astype(np.float64), weights=weights))
    # Slope and level of standardized logits, so that the two directions are of one size; from the
    # best constant on, where no second derivative is 0 however large the logits are.
    place = np.array([0.0, math.log(rate / (1 - rate))])
    total = float(len(labels) if weights is None else weights.sum(dtype=np.float64))
    rows = labels, logits, weights, total
    loss, gradient, hessian = _derivatives(*rows, mean, deviation, place)
    for _ in range(MOST_ROUNDS):
        step = _downhill(hessian, gradient)
        if gradient @ step < SMALLEST_DECREMENT:
            break
        length = 1.0
        while length > 1e-9:
            tried = _derivatives(*rows, mean, deviation, place - length * step)
            if tried[0] < loss:
                break
            length /= 2
        else:
            break  # Rounding is all that is left.
        place = place - length * step
        loss, gradient, hessian = tried
    slope, level = (float(value) for value in place)
    scale, offset = slope / deviation, level - slope * mean / deviation
    return Calibration(scale, offset) if scale > 0 else None


def _downhill(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Newton's step, whose negative lowers the loss for some length of it.

    Where probabilities have rounded to 0 and 1, second derivatives vanish or round to what is not
    positive definite; a multiple of the unit matrix at the size of their rounding mends that.
    """
    size = float(np.trace(hessian))
    damping = 0.0
    while True:
        try:
            lower = np.linalg.cholesky(hessian + damping * np.eye(2))
        except np.linalg.LinAlgError:
            damping = max(10 * damping, SMALLEST_DAMPING * size, SMALLEST_SECOND_DERIVATIVE)
            continue
        return np.linalg.solve(lower.T, np.linalg.solve(lower, gradient))


def _derivatives(
    labels, logits, weights, total, mean, deviation, place
) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean log loss with its gradient and its second derivatives by slope and level."""
    loss, gradient, hessian = 0.0, np.zeros(2), np.zeros((2, 2))
    for first in range(0, len(labels), CHUNK):
        x = logits[first : first + CHUNK].astype(np.float64)
        x -= mean
        x /= deviation
        y = labels[first : first + CHUNK]
        z = place[0] * x + place[1]
        probability = np.exp(-np.logaddexp(0.0, -z))
        error, weight = probability - y, probability * (1.0 - probability)
        losses = np.logaddexp(0.0, z) - y * z
        if weights is not None:
            counts = weights[first : first + CHUNK].astype(np.float64)
            error, weight, losses = error * counts, weight * counts, losses * counts
        loss += float(losses.sum())
        # Not by BLAS, whose sums depend on the number of threads.
        gradient += (np.einsum("i,i->", error, x), error.sum())
        cross = np.einsum("i,i->", weight, x)
        hessian += ((np.einsum("i,i,i->", weight, x, x), cross), (cross, weight.sum()))
    return loss / total, gradient / total, hessian / total


def _is_lower(
    labels: np.ndarray, raw: np.ndarray, held_out: np.ndarray, weights: np.ndarray | None
) -> bool:
    """Whether the mean gain exceeds its standard error, of a ratio where rows are weighted."""
    if weights is not None:
        gain = np.logaddexp(0.0, raw) - np.logaddexp(0.0, held_out) - labels * (raw - held_out)
        shares = weights / weights.sum(dtype=np.float64)
        mean = float(np.einsum("i,i->", shares, gain))
        return mean > math.sqrt(float(np.square(shares * (gain - mean)).sum()))
    total = squares = 0.0
    for first in range(0, len(labels), CHUNK):
        part = slice(first, first + CHUNK)
        gain = np.logaddexp(0.0, raw[part]) - np.logaddexp(0.0, held_out[part])
        gain -= labels[part] * (raw[part] - held_out[part])
        total += float(gain.sum())
        squares += float(np.einsum("i,i->", gain, gain))
    mean = total / len(labels)
    variance = max(0.0, squares / len(labels) - mean**2)
    return mean > math.sqrt(variance / len(labels))
