"""Regularized evolution towards several objectives at once."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from nasrec_tf.strategies.draws import TOURNAMENT, random_stream
from nasrec_tf.strategies.oracle.history import LOG_LOSS, History
from nasrec_tf.strategies.regularized_evolution import RegularizedEvolution


@dataclasses.dataclass(frozen=True)
class ParetoEvolution(RegularizedEvolution):
    """An ageing population whose tournaments compare by Pareto dominance.

    As ``RegularizedEvolution``, but a tournament is won by the candidate of the lowest front among
    those alive and, within a front, of the largest crowding distance.

    Args:
        objectives: the log loss and costs, all to be small.

    Reference: Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002.
    """

    objectives: tuple[str, ...] = (LOG_LOSS,)

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "objectives", tuple(self.objectives))
        if LOG_LOSS not in self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise ValueError(
                f"`objectives` must hold {LOG_LOSS!r} and name none twice. "
                f"Received: {self.objectives!r}"
            )

    def parent(self, generation: int, history: History, seed: int) -> int:
        """Number of the tournament's winner; the older of two equal ones."""
        end = self._first_of(generation)
        alive = range(end - self.population, end)
        values = np.array([self._values(history, number) for number in alive])
        fronts, distances = fronts_of(values), crowding_distances(values)
        rng = random_stream(seed, TOURNAMENT, generation)
        aged = rng.choice(self.population, size=self.tournament, replace=False)
        winner = min(aged, key=lambda index: (fronts[index], -distances[index], index))
        return alive[int(winner)]

    def _values(self, history: History, number: int) -> list[float]:
        costs = {LOG_LOSS: history.score(number), **history.candidates[number].costs}
        return [costs[name] for name in self.objectives]


def fronts_of(values: np.ndarray) -> np.ndarray:
    """The front of each point, from 0: that of the points which nothing left dominates.

    Args:
        values: (points, objectives), all to be small; infinity is the worst.
    """
    no_worse = (values[:, None, :] <= values[None, :, :]).all(axis=2)
    dominates = no_worse & ~no_worse.T
    fronts = np.full(len(values), -1)
    left = np.ones(len(values), bool)
    front = 0
    while left.any():
        best = left & ~(dominates & left[:, None]).any(axis=0)
        fronts[best] = front
        left &= ~best
        front += 1
    return fronts


def crowding_distances(values: np.ndarray) -> np.ndarray:
    """How far from its neighbours in its front each point lies; infinite at a front's ends.

    Args:
        values: (points, objectives).
    """
    fronts = fronts_of(values)
    distances = np.zeros(len(values))
    for front in np.unique(fronts):
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
    """The completed results that no other one dominates, by rising log loss.

    Of results with equal objectives the older one stays.

    Args:
        results: those of ``read_results``.
        objectives: metrics, all to be small.
    """
    complete = [r for r in results if all(name in r.metrics for name in objectives)]
    if not complete:
        return []
    values = np.array([[r.metrics[name] for name in objectives] for r in complete])
    _, first = np.unique(values, axis=0, return_index=True)
    fronts = fronts_of(values)
    kept = [complete[index] for index in sorted(first) if fronts[index] == 0]
    return sorted(kept, key=lambda r: (r.metrics[LOG_LOSS], r.number))
