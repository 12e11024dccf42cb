"""Whether the search's scores rank networks as training them from scratch does."""

import dataclasses
import math
from collections.abc import Sequence

from nasrec_tf.common.normal_distribution import NORMAL_95
from nasrec_tf.report.summary import CandidateSummary, TrialSummary

LEAST = 4
"""Candidates below which a correlation of ranks says nothing."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How the ranks of candidates by score and by training from scratch agree.

    Args:
        correlation: Spearman's, from -1 to 1.
        candidates: that have both.
        interval: 95 % of the correlation (see ``correlation_interval``).
    """

    correlation: float
    candidates: int
    interval: tuple[float, float]


def search_agreement(
    trials: Sequence[TrialSummary], candidates: Sequence[CandidateSummary]
) -> Agreement | None:
    """The rank correlation of search and retraining; ``None`` where there is none to tell.

    Of a candidate that was trained with several recipes the first training counts: later ones
    were granted to the best alone. What the search never scored does not count.

    Args:
        trials: of the search, with their scores.
        candidates: trained from scratch, in the order of training.

    Example:
        >>> losses = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
        >>> trials = [TrialSummary(0, 0, "completed", loss, identity=name)
        ...           for name, loss in losses.items()]
        >>> trained = [CandidateSummary(1, name, validation_log_loss=loss)
        ...            for name, loss in zip("bacd", (0.5, 0.6, 0.7, 0.8))]
        >>> found = search_agreement(trials, trained)
        >>> found.correlation, found.candidates
        (0.8, 4)
    """
    scores: dict[str, float] = {}
    for trial in trials:
        if trial.identity is not None and _is_finite(trial.log_loss):
            scores.setdefault(trial.identity, trial.log_loss)
    trained: dict[str, float] = {}
    for candidate in candidates:
        if candidate.identity in scores and _is_finite(candidate.validation_log_loss):
            trained.setdefault(candidate.identity, candidate.validation_log_loss)
    pairs = [(scores[name], loss) for name, loss in trained.items()]
    if len(pairs) < LEAST or any(len(set(column)) < 2 for column in zip(*pairs)):
        return None
    from scipy import stats

    correlation = round(float(stats.spearmanr(*zip(*pairs)).statistic), 12)
    return Agreement(correlation, len(pairs), correlation_interval(correlation, len(pairs)))


def correlation_interval(correlation: float, count: int) -> tuple[float, float]:
    """The 95 % interval of Spearman's correlation (Bonett and Wright, Psychometrika 65, 2000).

    By Fisher's transform, whose variance is (1 + correlation² / 2) / (count - 3). Beyond what two
    neighbours exchanged would leave of a perfect correlation, which has no transform, one end is
    the perfect one, and the other that of the two exchanged.

    Args:
        correlation: from -1 to 1.
        count: of pairs, at least 4.

    Example:
        >>> [round(end, 2) for end in correlation_interval(0.8, 15)]
        [0.42, 0.94]
    """
    nearest = 1 - 12 / (count * (count**2 - 1))
    inner = max(-nearest, min(nearest, correlation))
    reach = NORMAL_95 * math.sqrt((1 + inner**2 / 2) / (count - 3))
    low, high = (math.tanh(math.atanh(inner) + sign * reach) for sign in (-1, 1))
    return (-1.0 if correlation < -nearest else low), (1.0 if correlation > nearest else high)


def _is_finite(value: float | None) -> bool:
    return value is not None and value - value == 0
