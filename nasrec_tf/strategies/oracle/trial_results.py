"""What a search found, read from its project directory without a framework."""

import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.strategies.history import LOG_LOSS, RUNNING, History, is_scored
from nasrec_tf.strategies.oracle.ledger import read_history


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """One candidate of a search.

    Args:
        number: its place in the order of creation, from 0; the number in KerasTuner's trial id.
        generation: 0 for the initial population.
        parent: number of the candidate that it was mutated from, if any.
        architecture: what was scored.
        status: ``"completed"``, ``"diverged"``, ``"failed"`` or ``"running"``.
        metrics: finite metrics and costs by name.
        seconds: wall time of its scoring, if it ended.
        message: what went wrong, if anything did.
        hardware: hardware settings by dotted name, in a co-design search.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> TrialResult(0, 0, None, NASREC_SMALL.widest, "completed", {"log_loss": 0.45}).scored
        True
    """

    number: int
    generation: int
    parent: int | None
    architecture: Architecture
    status: str
    metrics: Mapping[str, float]
    seconds: float | None = None
    message: str | None = None
    hardware: Mapping[str, int] | None = None

    @property
    def scored(self) -> bool:
        """Whether it has a score and all its numbers are finite; no other one is ever a winner."""
        return is_scored(self.status, self.metrics)


def read_results(directory: str | pathlib.Path) -> list[TrialResult]:
    """Every candidate of the search in a project directory, in the order of creation.

    The search may still be running.

    Args:
        directory: the project directory, in a run ``evolution/search``.

    Raises:
        RunError: if the directory holds no search, or a damaged one.
    """
    return from_history(read_history(directory)[1])


def from_history(history: History) -> list[TrialResult]:
    """Every candidate of a history, in the order of creation.

    Args:
        history: what was scored so far.
    """
    found = []
    for candidate in history.candidates:
        outcome = history.outcomes.get(candidate.number)
        found.append(
            TrialResult(
                number=candidate.number,
                generation=candidate.generation,
                parent=candidate.parent,
                architecture=candidate.architecture,
                status=outcome.status if outcome else RUNNING,
                metrics={**(outcome.metrics if outcome else {}), **candidate.costs},
                seconds=outcome.seconds if outcome else None,
                message=outcome.message if outcome else None,
                hardware=candidate.hardware,
            )
        )
    return found


def best(results: Iterable[TrialResult], k: int) -> list[TrialResult]:
    """The ``k`` results of lowest log loss, no two of which compute the same function.

    Of equal ones the older comes first; candidates without a score are left out.

    Args:
        results: those of ``read_results``.
        k: how many at most.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> import numpy as np
        >>> widest = NASREC_SMALL.widest
        >>> smaller = NASREC_SMALL.sample(np.random.default_rng(0))
        >>> results = [
        ...     TrialResult(0, 0, None, widest, "completed", {"log_loss": 0.46}),
        ...     TrialResult(1, 0, None, smaller, "completed", {"log_loss": 0.45}),
        ...     TrialResult(2, 0, None, widest, "diverged", {}),
        ... ]
        >>> [result.number for result in best(results, 2)]
        [1, 0]
    """
    scored = (result for result in results if result.scored)
    ranked: dict[str, TrialResult] = {}
    for result in sorted(scored, key=lambda r: (r.metrics[LOG_LOSS], r.number)):
        if len(ranked) >= k:
            break
        ranked.setdefault(result.architecture.identity, result)
    return list(ranked.values())


def write_leaderboard(path: str | pathlib.Path, results: Iterable[TrialResult]) -> None:
    """Writes the scored results as CSV, the best first, whole or not at all.

    Columns: rank, identity, trial, generation, parent, log_loss, the other metrics and costs,
    seconds, the architecture as JSON, and the hardware settings as JSON where there are some.

    Args:
        path: the file, in a directory that exists.
        results: those of ``read_results``.

    Raises:
        UserError: if the file cannot be written.
    """
    results = list(results)
    ranked = best(results, len(results))
    others = sorted({name for result in ranked for name in result.metrics} - {LOG_LOSS})
    with atomic_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(
            ["rank", "identity", "trial", "generation", "parent", LOG_LOSS, *others]
            + ["seconds", "architecture", "hardware"]
        )
        writer.writerows(_row(rank, r, others) for rank, r in enumerate(ranked, start=1))


def _row(rank: int, result: TrialResult, others: list[str]) -> list:
    return [
        rank,
        result.architecture.identity,
        result.number,
        result.generation,
        "" if result.parent is None else result.parent,
        repr(result.metrics[LOG_LOSS]),
        *(repr(result.metrics[name]) if name in result.metrics else "" for name in others),
        f"{result.seconds:.3f}",
        json.dumps(result.architecture.to_json()),
        "" if result.hardware is None else json.dumps(result.hardware),
    ]
