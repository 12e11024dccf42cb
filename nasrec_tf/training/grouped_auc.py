"""AUC within groups of rows, such as the requests of one user, and its mean over them.

A ranking is used within a group, so that pairs of rows of different groups say nothing of it. Each
group counts by its rows (Zhou et al., "Deep Interest Network for Click-Through Rate Prediction",
KDD 2018, Eq. 7); one without both labels has no area and does not count.
"""

import dataclasses

import numpy as np

from nasrec_tf.training.evaluation import bootstrap, percentile_interval
from nasrec_tf.training.ranked_rows import poisson_weights

LEAST_GROUPS = 10
"""Groups with both labels from which on resamples of them tell how sure their mean is: a 95 %
interval over 2 held the true mean in 52 of 100 draws, over 5 in 79, over 10 in 92, over 50 in 95
(200 draws each, seed 0, six rows a group); one over a single group has no width at all."""


@dataclasses.dataclass(frozen=True)
class GroupedAuc:
    """Mean of the areas of groups.

    Args:
        auc: weighed by rows; ``None`` if no group has both labels.
        interval: 95 % bootstrap interval over groups; ``None`` of fewer than ``LEAST_GROUPS``.
        groups: how many have both labels.
        rows: rows of these.
    """

    auc: float | None
    interval: tuple[float, float] | None
    groups: int
    rows: int


def areas_by_group(
    labels: np.ndarray,
    logits: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The area of each group that has both labels, and its rows, in the order of the groups.

    Equal logits count half. Takes some 70 bytes a row.

    Args:
        labels: 0 or 1, (rows,).
        logits: finite, (rows,).
        groups: a whole number for each group, (rows,).
        weights: how much each row counts, (rows,), of which those of a group are summed; 1 each
            unless given.

    Example:
        >>> areas_by_group(np.array([0, 1, 0, 1, 1]), np.array([1.0, 2.0, 3.0, 3.0, 0.0]),
        ...                np.array([7, 7, 9, 9, 8]))
        (array([1. , 0.5]), array([2, 2]))
    """
    order = np.lexsort((logits, groups))
    groups, logits, clicked = groups[order], logits[order], labels[order] > 0.5
    ones = np.ones(len(order), np.int64)
    counts = ones if weights is None else weights[order].astype(np.float64)
    starts = _starts(groups[1:] != groups[:-1])
    # The others of the same group below, and no higher, than each row: ties lie side by side.
    others = np.concatenate([[0], np.cumsum(np.where(clicked, 0, counts))])
    ties = _starts((groups[1:] != groups[:-1]) | (logits[1:] != logits[:-1]))
    ends = np.append(ties[1:], len(logits))
    halves = others[ties] + others[ends]
    mine = np.where(clicked, counts, 0)
    pairs = mine * np.repeat(halves, ends - ties)
    rows, clicks = np.add.reduceat(counts, starts), np.add.reduceat(mine, starts)
    below = np.add.reduceat(pairs, starts) - 2 * clicks * others[starts]
    both = (clicks > 0) & (clicks < rows)
    return below[both] / (2 * clicks * (rows - clicks))[both], rows[both]


def mean_grouped_auc(
    labels: np.ndarray,
    logits: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray | None = None,
) -> float | None:
    """The mean area of groups, each by the weight of its rows; rows without a group are left out.

    Args:
        labels: 0 or 1, (rows,).
        logits: (rows,).
        groups: a whole number for each group, 0 for none, (rows,).
        weights: how much each row counts, (rows,); alike unless given.

    Returns:
        The area; ``None`` if no group has both labels, or a logit is not finite.

    Example:
        >>> labels, groups = np.array([1, 0, 0, 1, 0, 1]), np.array([7, 7, 7, 8, 8, 9])
        >>> mean_grouped_auc(labels, np.array([0.9, 0.1, 0.2, 0.3, 0.4, 0.5]), groups)
        0.6
    """
    known = np.flatnonzero(groups)
    if not len(known) or not np.isfinite(logits).all():
        return None
    weights = None if weights is None else weights[known]
    areas, rows = areas_by_group(labels[known], logits[known], groups[known], weights)
    return float(np.einsum("i,i->", rows, areas) / rows.sum()) if len(areas) else None


def groups_with_both(
    labels: np.ndarray, groups: np.ndarray, weights: np.ndarray | None = None
) -> int:
    """How many groups have both labels, and so an area.

    Args:
        labels: 0 or 1, (rows,).
        groups: a whole number for each group, 0 for none, (rows,).
        weights: how much each row counts, (rows,); alike unless given.

    Example:
        >>> groups_with_both(np.array([1, 0, 0, 1, 0, 1]), np.array([7, 7, 7, 8, 8, 9]))
        2
    """
    counts = groups != 0 if weights is None else (groups != 0) & (weights > 0)
    clicked = labels > 0.5
    return len(np.intersect1d(groups[counts & clicked], groups[counts & ~clicked]))


def _starts(changes: np.ndarray) -> np.ndarray:
    """Where runs begin, told by which neighbours differ."""
    return np.concatenate([[0], np.flatnonzero(changes) + 1])


def grouped_auc(
    labels: np.ndarray,
    logits: np.ndarray,
    groups: np.ndarray,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> GroupedAuc:
    """The mean area of groups with its interval, groups being drawn anew and not rows.

    Args:
        labels: 0 or 1, (rows,).
        logits: (rows,).
        groups: a whole number for each group, (rows,).
        seed: seed of the draws.
        weights: how much each row counts, (rows,), of which those of a group are summed; alike
            unless given.

    Example:
        >>> random = np.random.default_rng(0)
        >>> labels, groups = random.integers(0, 2, 6000), random.integers(0, 500, 6000)
        >>> found = grouped_auc(labels, labels + random.normal(size=6000), groups)
        >>> found.interval[0] < found.auc < found.interval[1]
        True
    """
    if not len(labels) or not np.isfinite(logits).all():
        return GroupedAuc(None, None, 0, 0)
    areas, counts = areas_by_group(labels, logits, groups, weights)
    if not len(areas):
        return GroupedAuc(None, None, 0, 0)

    def figure(random: np.random.Generator) -> float | None:
        drawn = poisson_weights(random, len(areas)) * counts
        total = float(drawn.sum())
        # Not by BLAS, whose sums depend on the number of threads.
        return float(np.einsum("i,i->", drawn, areas)) / total if total else None

    mean = float(np.einsum("i,i->", counts, areas)) / float(counts.sum())
    enough = len(areas) >= LEAST_GROUPS
    interval = percentile_interval(bootstrap(figure, seed, "groups")) if enough else None
    return GroupedAuc(mean, interval, len(areas), _rows_of_both(labels, groups))


def _rows_of_both(labels: np.ndarray, groups: np.ndarray) -> int:
    """Rows of the groups that have both labels."""
    _, which, rows = np.unique(groups, return_inverse=True, return_counts=True)
    clicks = np.bincount(which, labels > 0.5, len(rows))
    return int(rows[(clicks > 0) & (clicks < rows)].sum())
