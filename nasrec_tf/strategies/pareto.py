"""Regularized evolution towards several objectives at once."""

import dataclasses
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.history import LOG_LOSS, History
from nasrec_tf.strategies.regularized_evolution import RegularizedEvolution
from nasrec_tf.strategies.strategy import SearchPlan


@dataclasses.dataclass(frozen=True)
class ParetoEvolution(RegularizedEvolution):
    """An ageing population whose tournaments compare by Pareto dominance.

    As ``RegularizedEvolution``, but a tournament is won by the candidate of the lowest front among
    those alive and, within a front, of the largest crowding distance.

    Args:
        objectives: the log loss and metrics of budgets, all to be small.

    Raises:
        UserError: as ``RegularizedEvolution``, or if the log loss is missing or a metric is named
            twice.

    Example:
        >>> ParetoEvolution(objectives=("log_loss", "latency_us")).trials
        2048

    Reference: Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002.
    """

    journal_name = "ParetoEvolutionOracle"

    objectives: tuple[str, ...] = (LOG_LOSS,)

    @classmethod
    def for_run(cls, plan: SearchPlan, options: Mapping[str, Any]) -> RegularizedEvolution:
        """The evolution of a run, which is towards one objective where it asks for one.

        Args:
            plan: what the run asks for.
            options: none.

        Raises:
            UserError: if a value cannot be used.
        """
        one = RegularizedEvolution.for_run(plan, options)
        if plan.objectives is None:
            return one
        return cls(
            one.population, one.tournament, one.children, one.generations, one.mutation,
            plan.objectives,
        )  # fmt: skip

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "objectives", tuple(self.objectives))
        if LOG_LOSS not in self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise UserError(
                f"`objectives` must hold {LOG_LOSS!r} and name none twice. "
                f"Received: {self.objectives!r}"
            )

    def _winner(self, history: History, scored: Sequence[int], competing: Set[int]) -> int:
        values = np.array([self._values(history, number) for number in scored])
        fronts, distances = fronts_of(values), crowding_distances(values)
        places = (place for place, number in enumerate(scored) if number in competing)
        return scored[min(places, key=lambda place: (fronts[place], -distances[place], place))]

    def _values(self, history: History, number: int) -> list[float]:
        costs = {LOG_LOSS: history.score(number), **history.candidates[number].costs}
        return [costs[name] for name in self.objectives]


def fronts_of(values: np.ndarray) -> np.ndarray:
    """The front of each point, from 0: that of the points which nothing left dominates.

    A point dominates another one if it is nowhere larger and somewhere smaller. A point with a
    value that is not finite dominates nothing: such points share one front behind all others.

    Args:
        values: (points, objectives), all to be small.

    Returns:
        (points,) integers.

    Example:
        >>> fronts_of(np.array([[1.0, 5.0], [2.0, 4.0], [2.0, 6.0], [np.nan, 0.0]])).tolist()
        [0, 0, 1, 2]

    Reference: Deb et al., NSGA-II, 2002, section III-A.
    """
    left = np.flatnonzero(np.isfinite(values).all(axis=1))
    fronts = np.full(len(values), -1)
    front = 0
    while len(left):
        best = first_front(values[left])
        fronts[left[best]] = front
        left = np.delete(left, best)
        front += 1
    return np.where(fronts < 0, max(front, 1), fronts)


BLOCK_POINTS = 256
"""Points compared with all of a front at once: keeps memory small however many points there are."""


def first_front(values: np.ndarray) -> np.ndarray:
    """Indices of the points that no other point dominates, in rising order.

    Takes memory for the points and for ``BLOCK_POINTS`` times the front, so that it serves the
    results of long searches too.

    Args:
        values: (points, objectives), all finite and to be small.

    Returns:
        (members,) integers; of equal points all are members.

    Example:
        >>> first_front(np.array([[3.0, 4.0], [1.0, 5.0], [2.0, 4.0], [1.0, 5.0]])).tolist()
        [1, 2, 3]
    """
    # In this order no point is dominated by one behind it.
    order = np.lexsort(values.T[::-1])
    members = np.empty(0, int)
    for start in range(0, len(order), BLOCK_POINTS):
        block = order[start : start + BLOCK_POINTS]
        block = block[~_dominated(values[block], values[members])]
        block = block[~_dominated(values[block], values[block])]
        members = np.concatenate([members, block])
    return np.sort(members)


def _dominated(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the points one of the others dominates."""
    no_worse = np.ones((len(others), len(points)), bool)
    better = np.zeros_like(no_worse)
    for mine, theirs in zip(points.T, others.T, strict=True):
        no_worse &= theirs[:, None] <= mine
        better |= theirs[:, None] < mine
    return np.any(no_worse & better, axis=0)


def crowding_distances(values: np.ndarray) -> np.ndarray:
    """How far from its neighbours in its front each point lies; infinite at a front's ends.

    Each objective is scaled to its span over the front.

    Args:
        values: (points, objectives).

    Returns:
        (points,) distances, 0 for points with a value that is not finite.

    Example:
        >>> crowding_distances(np.array([[0.0, 4.0], [1.0, 2.0], [4.0, 0.0]])).tolist()
        [inf, 2.0, inf]

    Reference: Deb et al., NSGA-II, 2002, section III-B.
    """
    finite = np.isfinite(values).all(axis=1)
    fronts = np.where(finite, fronts_of(values), -1)
    distances = np.zeros(len(values))
    for front in np.unique(fronts[finite]):
        members = np.flatnonzero(fronts == front)
        for column in values[members].T:
            order = members[np.argsort(column, kind="stable")]
            ordered = np.sort(column, kind="stable")
            distances[order[[0, -1]]] = np.inf
            span = ordered[-1] - ordered[0]
            if np.isfinite(span) and span > 0:
                distances[order[1:-1]] += (ordered[2:] - ordered[:-2]) / span
    return distances


def pareto_results(results: Sequence, objectives: Sequence[str]) -> list:
    """The scored results that no other one dominates, by rising log loss.

    Of results with equal objectives the older one stays.

    Args:
        results: those of ``read_results``.
        objectives: metrics, all to be small, the log loss among them.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> from nasrec_tf.strategies.oracle.trial_results import TrialResult
        >>> results = [
        ...     TrialResult(number, 0, None, NASREC_SMALL.widest, "completed",
        ...                 {"log_loss": loss, "mflops": cost})
        ...     for number, (loss, cost) in enumerate([(0.46, 1.0), (0.45, 2.0), (0.47, 3.0)])
        ... ]
        >>> [result.number for result in pareto_results(results, ("log_loss", "mflops"))]
        [1, 0]
    """
    complete = [r for r in results if r.scored and all(name in r.metrics for name in objectives)]
    if not complete:
        return []
    values = np.array([[r.metrics[name] for name in objectives] for r in complete])
    _, first = np.unique(values, axis=0, return_index=True)
    kept = [complete[index] for index in sorted(first[first_front(values[first])])]
    return sorted(kept, key=lambda r: (r.metrics[LOG_LOSS], r.number))
