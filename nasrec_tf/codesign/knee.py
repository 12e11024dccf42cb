"""Which designs of a Pareto front to build."""

from collections.abc import Sequence

import numpy as np

from nasrec_tf.strategies.history import LOG_LOSS
from nasrec_tf.strategies.oracle.trial_results import TrialResult
from nasrec_tf.strategies.pareto import pareto_results


def nearest_to_ideal(
    results: Sequence[TrialResult], objectives: Sequence[str], k: int
) -> list[TrialResult]:
    """The ``k`` members of the front nearest to the ideal point, no two of one architecture.

    The ideal point has the best value of each objective. Every objective is scaled to its span
    over the front, costs on a logarithmic scale, so that halving a cost counts the same
    everywhere.

    Args:
        results: those of ``read_results``.
        objectives: metrics, all to be small, the log loss among them.
        k: how many.

    Returns:
        Nearest first; fewer than ``k`` if the front has fewer architectures.
    """
    front = pareto_results(results, objectives)
    if not front:
        return []
    values = np.array([[_scaled(r.metrics[name], name) for name in objectives] for r in front])
    span = values.max(axis=0) - values.min(axis=0)
    distance = np.linalg.norm((values - values.min(axis=0)) / np.where(span > 0, span, 1), axis=1)
    kept: dict[str, TrialResult] = {}
    for index in np.argsort(distance, kind="stable"):
        if len(kept) >= k:
            break
        kept.setdefault(front[index].architecture.identity, front[index])
    return list(kept.values())


def _scaled(value: float, name: str) -> float:
    return value if name == LOG_LOSS else float(np.log(value))
