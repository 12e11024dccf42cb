"""How well scores rank architectures, beside how well one training ranks another's.

Of N architectures there are scores, lower for better ones, and log losses of trainings from scratch
with one or several seeds. Against their mean stand the figures that a paper reports. Trainings with
other seeds do not rank architectures alike either: so every figure is also taken against each seed
alone, and compared with the same figure of one seed's losses against another's, the ceiling.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

ROUNDS = 1000
"""Resamples of the architectures behind an interval."""

TOP = (5, 15)
"""How many of the best ranked a regret is taken over; 15 are retrained in the paper (5.1)."""

LEAST = 4
"""Architectures of which there are figures at all: two in the better half."""

Figure = Callable[[np.ndarray, np.ndarray], float]
"""Of scores and log losses, (architectures,) each."""


def pearson(scores: np.ndarray, losses: np.ndarray) -> float:
    """Linear correlation; not a number where one of both is constant."""
    if np.ptp(scores) == 0 or np.ptp(losses) == 0:
        return math.nan
    return float(np.corrcoef(scores, losses)[0, 1])


def spearman(scores: np.ndarray, losses: np.ndarray) -> float:
    """Correlation of the ranks."""
    return pearson(stats.rankdata(scores), stats.rankdata(losses))


def kendall(scores: np.ndarray, losses: np.ndarray) -> float:
    """Kendall's tau-b: pairs in the same order less pairs in the other, over all but ties.

    Example:
        >>> round(kendall(np.array([1.0, 2.0, 3.0]), np.array([0.4, 0.6, 0.5])), 3)
        0.333
    """
    ones, others = (
        np.sign(np.subtract.outer(values, values))[np.triu_indices(len(values), 1)]
        for values in (scores, losses)
    )
    pairs = math.sqrt(float(np.abs(ones).sum()) * float(np.abs(others).sum()))
    return float((ones * others).sum()) / pairs if pairs else math.nan


def better_half(scores: np.ndarray, losses: np.ndarray) -> float:
    """Kendall's tau among the half with the lower log losses (paper 6.3)."""
    half = np.argsort(losses, kind="stable")[: (len(losses) + 1) // 2]
    return kendall(scores[half], losses[half])


def regret(count: int, scores: np.ndarray, losses: np.ndarray) -> float:
    """How much worse the best of those ranked best is than the best of all, in nats.

    Args:
        count: how many of those ranked best are looked at.
        scores: (architectures,).
        losses: (architectures,).

    Example:
        >>> round(regret(2, np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.45, 0.4])), 3)
        0.05
    """
    best = np.argsort(scores, kind="stable")[:count]
    return float(losses[best].min() - losses.min())


FIGURES: dict[str, Figure] = {
    "pearson": pearson,
    "spearman": spearman,
    "kendall": kendall,
    "better half": better_half,
    **{f"regret of {count}": functools.partial(regret, count) for count in TOP},
}
"""Every figure by name: correlations, for which more is better, and regrets, in nats."""


@dataclasses.dataclass(frozen=True)
class RankFigure:
    """A figure of a ranking.

    Args:
        value: against the mean over seeds.
        interval: 95 %, over resamples of the architectures.
        of_a_seed: the mean of the same against one seed at a time.
        ceiling: that of one seed's losses against another's; ``None`` with a single seed.
    """

    value: float
    interval: tuple[float, float]
    of_a_seed: float
    ceiling: float | None

    @property
    def share(self) -> float | None:
        """Share of the ceiling, like with like; ``None`` where there is none above 0."""
        if self.ceiling is None or not self.ceiling > 0:
            return None
        return self.of_a_seed / self.ceiling


def rank_figures(
    scores: np.ndarray, losses: np.ndarray, seed: int = 0
) -> Mapping[str, RankFigure] | None:
    """All figures of a ranking.

    Args:
        scores: (architectures,), lower for what is ranked better; finite.
        losses: (architectures, seeds), finite.
        seed: of the resamples.

    Returns:
        By name; ``None`` of fewer than ``LEAST`` architectures.

    Example:
        >>> losses = np.array([[0.5, 0.5], [0.4, 0.41], [0.3, 0.3], [0.2, 0.2]])
        >>> found = rank_figures(losses.mean(axis=1), losses)["kendall"]
        >>> found.value, found.of_a_seed, found.ceiling
        (1.0, 1.0, 1.0)
    """
    if len(scores) < LEAST:
        return None
    means = losses.mean(axis=1)
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(scores), size=len(scores)) for _ in range(ROUNDS)]
    seeds = range(losses.shape[1])
    found = {}
    for name, figure in FIGURES.items():
        resampled = [figure(scores[rows], means[rows]) for rows in draws]
        found[name] = RankFigure(
            figure(scores, means),
            _middle(resampled),
            float(np.mean([figure(scores, losses[:, one]) for one in seeds])),
            _one_against_another(figure, losses, losses) if len(seeds) > 1 else None,
        )
    return found


@dataclasses.dataclass(frozen=True)
class Ceiling:
    """How well one training ranks what another one with another seed measures.

    Args:
        value: mean over all pairs of seeds.
        interval: 95 %, over resamples of the architectures.
    """

    value: float
    interval: tuple[float, float]


def ceilings(losses: np.ndarray, seed: int = 0) -> Mapping[str, Ceiling] | None:
    """Every figure of one seed's losses against another's.

    Args:
        losses: (architectures, seeds), finite.
        seed: of the resamples.

    Returns:
        By name; ``None`` of fewer than ``LEAST`` architectures, or of a single seed.

    Example:
        >>> losses = np.array([[0.5, 0.5], [0.4, 0.41], [0.3, 0.3], [0.2, 0.2]])
        >>> ceilings(losses)["kendall"].value
        1.0
    """
    return shorter_ceilings(losses, losses, seed)


def shorter_ceilings(
    early: np.ndarray, losses: np.ndarray, seed: int = 0
) -> Mapping[str, Ceiling] | None:
    """Every figure of what one seed's training had come to earlier against another's losses.

    Args:
        early: (architectures, seeds), what scores an architecture by a part of its training;
            finite.
        losses: (architectures, seeds), of the whole trainings; finite.
        seed: of the resamples.

    Returns:
        By name; ``None`` of fewer than ``LEAST`` architectures, or of a single seed.

    Example:
        >>> losses = np.array([[0.5, 0.5], [0.4, 0.41], [0.3, 0.3], [0.2, 0.2]])
        >>> shorter_ceilings(-losses, losses)["kendall"].value
        -1.0
    """
    if len(losses) < LEAST or losses.shape[1] < 2:
        return None
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(losses), size=len(losses)) for _ in range(ROUNDS)]
    found = {}
    for name, figure in FIGURES.items():
        resampled = [_one_against_another(figure, early[rows], losses[rows]) for rows in draws]
        found[name] = Ceiling(_one_against_another(figure, early, losses), _middle(resampled))
    return found


def _middle(resampled: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the resamples that have a figure; not numbers where none has."""
    known = [value for value in resampled if not math.isnan(value)]
    if not known:
        return math.nan, math.nan
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def _one_against_another(figure: Figure, scores: np.ndarray, losses: np.ndarray) -> float:
    """Mean of a figure over all pairs of seeds; not a number of a single one."""
    seeds = range(losses.shape[1])
    found = [figure(scores[:, one], losses[:, two]) for one in seeds for two in seeds if one != two]
    return float(np.mean(found)) if found else math.nan


def log_cost(mflops: Sequence[float]) -> np.ndarray:
    """Logarithms of multiply-accumulates, (architectures,); 0 where there are none.

    Args:
        mflops: millions of them, (architectures,).

    Example:
        >>> log_cost([0.0, 0.5]).round(2).tolist()
        [0.0, 13.12]
    """
    return np.log1p(np.array(mflops) * 1e6)


def corrected_for_cost(
    scores: np.ndarray, losses: np.ndarray, mflops: Sequence[float], folds: int = 5
) -> np.ndarray:
    """Scores with what cost explains of their errors, learnt on other architectures.

    A linear model of score and logarithm of multiply-accumulates, least squares: each fold is
    predicted by what the others say, so that no architecture's own log loss is looked at. Scores
    that are not finite stay as they are, and nothing is learnt of them: a model of the others'
    thousandths would be one of those few.

    Args:
        scores: (architectures,).
        losses: mean over seeds, (architectures,).
        mflops: millions of multiply-accumulates, (architectures,).
        folds: parts.

    Returns:
        Predicted log losses, (architectures,).
    """
    known = np.column_stack([np.ones(len(scores)), scores, log_cost(mflops)])
    finite = np.isfinite(scores)
    part = np.random.default_rng(0).permutation(len(scores)) % min(folds, len(scores))
    predicted = scores.astype(np.float64)
    for fold in np.unique(part):
        left, others = finite & (part == fold), finite & (part != fold)
        weights = np.linalg.lstsq(known[others], losses[others], rcond=None)[0]
        predicted[left] = known[left] @ weights
    return predicted
