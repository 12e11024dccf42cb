"""Whether the search's scores rank networks as training them from scratch does."""

import dataclasses
from collections.abc import Sequence

from nasrec_tf.report.summary import CandidateSummary, TrialSummary

LEAST = 4
"""Candidates below which a correlation of ranks says nothing."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How the ranks of candidates by score and by training from scratch agree.

    Args:
        correlation: Spearman's, from -1 to 1.
        candidates: that have both.
    """

    correlation: float
    candidates: int


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
        >>> search_agreement(trials, trained)
        Agreement(correlation=0.8, candidates=4)
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

    correlation = float(stats.spearmanr(*zip(*pairs)).statistic)
    return Agreement(round(correlation, 12), len(pairs))


def _is_finite(value: float | None) -> bool:
    return value is not None and value - value == 0
