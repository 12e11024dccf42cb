"""Which trained networks to average (Caruana et al., "Ensemble Selection from Libraries of Models",
ICML 2004), and how sure it is that the average is better than one of them."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from nasrec_tf.training.evaluation import bootstrap, log_losses, percentile_interval
from nasrec_tf.training.ranked_rows import RankedRows, drawn_weights, weighted_mean, weighted_sum

PAIRED = "paired bootstrap"
"""What resamples are drawn for that several models are judged on."""

CHUNK = 1 << 18
"""Rows of all members that are looked at together."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which members are averaged, and how often each counts.

    Args:
        counts: of each member; 0 for one that is left out.
        log_loss: of the averaged logits, in nats.
        log_losses: after each pick, those that were taken back in the end included.
    """

    counts: tuple[int, ...]
    log_loss: float
    log_losses: tuple[float, ...]

    @property
    def members(self) -> tuple[int, ...]:
        """Numbers of the members that count, from 0.

        Example:
            >>> Selection((0, 2, 1), 0.5, (0.6, 0.55, 0.5)).members
            (1, 2)
        """
        return tuple(number for number, count in enumerate(self.counts) if count)


def select(
    labels: np.ndarray,
    logits: Sequence[np.ndarray],
    picks: int,
    weights: np.ndarray | None = None,
) -> Selection:
    """Greedy forward selection with replacement by the log loss of averaged logits.

    Begins with the best member, and adds the one, possibly one that is there already, with which
    the average is best; of equal ones the first. In the end the picks up to the best average count,
    the fewest of equally good ones. A member with a logit that is not finite is never picked.

    Takes 8 bytes a row, and some MB, beside what is given, which may be mapped from files; a pass
    over all members for every pick.

    Args:
        labels: 0 or 1, (rows,).
        logits: of each member, (rows,).
        picks: how many at most, at least 1.
        weights: how much each row counts, (rows,); alike unless given.

    Raises:
        ValueError: if there is no member with finite logits, shapes differ, there are no rows, or
            ``picks`` is below 1.

    Example:
        >>> labels = np.array([1.0, 0.0, 1.0, 0.0])
        >>> one, other = np.array([3.0, 1.0, 2.0, -3.0]), np.array([-1.0, -3.0, 2.0, -3.0])
        >>> found = select(labels, [other, one], picks=3)
        >>> found.counts, round(found.log_loss, 3)
        ((1, 1), 0.201)
    """
    if picks < 1 or not len(labels):
        raise ValueError(f"`picks` must be at least 1, of some rows. Received: {picks}")
    for number, member in enumerate(logits):
        if member.shape != labels.shape:
            raise ValueError(f"member {number} is of shape {member.shape}, not {labels.shape}")
    usable = [number for number, member in enumerate(logits) if np.isfinite(member).all()]
    if not usable:
        raise ValueError("`logits` must hold a member whose logits are finite.")
    total = np.zeros(len(labels))
    picked: list[int] = []
    losses: list[float] = []
    for _ in range(picks):
        members = [logits[number] for number in usable]
        found = _with_each(labels, members, total, len(picked) + 1, weights)
        best = min(range(len(usable)), key=lambda index: (found[index], index))
        picked.append(usable[best])
        losses.append(found[best])
        total += logits[usable[best]]
    last = min(range(picks), key=lambda index: (losses[index], index))
    counts = [picked[: last + 1].count(number) for number in range(len(logits))]
    return Selection(tuple(counts), losses[last], tuple(losses))


def _with_each(labels, members, total, count, weights) -> list[float]:
    """Mean log loss of the average with each of the members added."""
    sums = np.zeros(len(members))
    for first in range(0, len(labels), CHUNK):
        part = slice(first, first + CHUNK)
        for index, member in enumerate(members):
            averaged = total[part] + member[part]
            averaged /= count
            losses = log_losses(labels[part], averaged)
            sums[index] += losses.sum() if weights is None else weighted_sum(weights[part], losses)
    whole = len(labels) if weights is None else weights.sum(dtype=np.float64)
    return (sums / whole).tolist()


def averaged(logits: Sequence[np.ndarray], counts: Sequence[int]) -> np.ndarray:
    """The mean of logits, each as often as it counts, (rows,) in double precision.

    Args:
        logits: of each member, (rows,).
        counts: of each member, not all 0.

    Example:
        >>> averaged([np.array([1.0, 0.0]), np.array([4.0, 3.0])], [2, 1])
        array([2., 1.])
    """
    total = np.zeros(len(logits[0]))
    for member, count in zip(logits, counts):
        if count:
            total += count * member.astype(np.float64)
    total /= sum(counts)
    return total


@dataclasses.dataclass(frozen=True)
class Difference:
    """What one model's quality is less another one's on the same rows.

    Args:
        log_loss: difference of the log losses, in nats; below 0 where the first is better.
        log_loss_interval: 95 % bootstrap interval of it.
        auc: difference of the areas; above 0 where the first is better; ``None`` with a single
            class.
        auc_interval: likewise.
    """

    log_loss: float
    log_loss_interval: tuple[float, float] | None
    auc: float | None
    auc_interval: tuple[float, float] | None


def paired_difference(
    labels: np.ndarray,
    logits: np.ndarray,
    others: np.ndarray,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> Difference:
    """How much better one model is than another, and how sure that is.

    Both are judged on the same 200 Poisson resamples of the rows
    (``nasrec_tf.training.evaluation.quality_with_intervals``), so that what is hard about the rows
    cancels. The figures depend on the seed and not on the number of threads. Takes some 60 bytes a
    row.

    Args:
        labels: 0 or 1, (rows,).
        logits: of the one, finite, (rows,).
        others: of the other, finite, (rows,).
        seed: seed of the draws.
        weights: how much each row counts, (rows,); alike unless given.

    Example:
        >>> labels = np.arange(1000) % 2
        >>> weak = np.sin(np.arange(1000))
        >>> found = paired_difference(labels, labels - 0.5 + weak, weak)
        >>> found.log_loss_interval[1] < 0 < found.auc_interval[0]
        True
    """
    gain = log_losses(labels, logits)
    gain -= log_losses(labels, others)
    ranked = RankedRows(labels, logits), RankedRows(labels, others)
    draws = bootstrap(functools.partial(_resampled, gain, ranked, weights), seed, PAIRED)
    one, other = (rows.auc(weights) for rows in ranked)
    return Difference(
        float(gain.mean() if weights is None else np.average(gain, weights=weights)),
        percentile_interval([mean for mean, _ in draws]),
        None if one is None or other is None else one - other,
        percentile_interval([area for _, area in draws]),
    )


def _resampled(gain, ranked, of_rows, rng) -> tuple[float | None, float | None]:
    weights = drawn_weights(rng, len(gain), of_rows)
    mean = weighted_mean(weights, gain)
    one, other = (rows.auc(weights) for rows in ranked)
    return mean, None if one is None or other is None else one - other
