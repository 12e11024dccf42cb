"""What a search has tried so far, with no framework loaded."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.strategies.design import Design

LOG_LOSS = "log_loss"
"""The metric that a search minimises."""

COMPLETED = "completed"
DIVERGED = "diverged"
FAILED = "failed"
RUNNING = "running"


def is_scored(status: str, metrics: Mapping[str, float]) -> bool:
    """Whether a candidate may win anything: lead a front, be a parent, stand in a final list.

    Args:
        status: how its scoring ended.
        metrics: its metrics and costs by name.

    Returns:
        Whether its scoring was completed, with a log loss, and all its numbers are finite.

    Example:
        >>> is_scored("completed", {"log_loss": 0.45, "mflops": 2.0})
        True
        >>> is_scored("completed", {"log_loss": 0.45, "mflops": math.nan})
        False
        >>> is_scored("diverged", {"mflops": 2.0})
        False
    """
    return status == COMPLETED and LOG_LOSS in metrics and all(map(math.isfinite, metrics.values()))


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An architecture that a search has drawn.

    Args:
        number: its place in the order of creation, from 0, which is also its age.
        generation: 0 for the initial population, then from 1.
        parent: number of the candidate that it was mutated from, if any.
        architecture: what is to be scored.
        costs: cost by metric, for every budget of the search.
        hardware: hardware settings by dotted name, in a co-design search.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> candidate = Candidate(12, 1, 3, NASREC_SMALL.widest, {"mflops": 2.5})
        >>> Candidate.from_json(candidate.to_json()) == candidate
        True
    """

    number: int
    generation: int
    parent: int | None
    architecture: Architecture
    costs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    hardware: Mapping[str, int] | None = None

    @property
    def design(self) -> Design:
        """The architecture with its hardware."""
        return Design(self.architecture, self.hardware)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; ``hardware`` is left out where there is none."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields |= {"architecture": self.architecture.to_json(), "costs": dict(self.costs)}
        if self.hardware is None:
            del fields["hardware"]
        return fields

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Candidate":
        """The candidate of ``to_json``.

        Args:
            value: what the journal holds.

        Raises:
            ArchitectureError: if the architecture is not valid.
        """
        return cls(**{**value, "architecture": Architecture.from_json(value["architecture"])})


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How the scoring of a candidate ended.

    Metrics that are not finite are left out, and a candidate is diverged if its log loss is.

    Args:
        status: ``"completed"``, ``"diverged"`` (its log loss is not finite) or ``"failed"`` (its
            scoring raised).
        metrics: metrics by name, ``log_loss`` among them if the candidate completed.
        seconds: wall time from hand-out to end.
        message: what went wrong, if anything did.

    Example:
        >>> Outcome("completed", {"log_loss": 0.45, "auc": math.nan}, seconds=1.5).metrics
        {'log_loss': 0.45}
        >>> Outcome("completed", {"log_loss": math.nan}, seconds=1.5).status
        'diverged'
    """

    status: str
    metrics: Mapping[str, float]
    seconds: float
    message: str | None = None

    def __post_init__(self):
        finite = {name: value for name, value in self.metrics.items() if math.isfinite(value)}
        if self.status == COMPLETED and LOG_LOSS not in finite:
            object.__setattr__(self, "status", DIVERGED)
            object.__setattr__(self, "message", self.message or "The log loss is not finite.")
        if self.status != COMPLETED:
            finite.pop(LOG_LOSS, None)
        object.__setattr__(self, "metrics", finite)

    @property
    def score(self) -> float:
        """The log loss; infinity where there is none."""
        return self.metrics.get(LOG_LOSS, math.inf)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return dataclasses.asdict(self) | {"metrics": dict(self.metrics)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Outcome":
        """The outcome of ``to_json``.

        Args:
            value: what the journal holds.
        """
        return cls(**value)


class History:
    """Candidates in the order of their creation, with their outcomes.

    Attributes:
        candidates: every candidate; its number is its index.
        outcomes: outcome by number, of those that ended.
        open: numbers of the others.
        best: number of the scored candidate (see ``scored``) with the lowest score, the older of
            two equal ones.
        longest: seconds that the longest scoring took.
        end_order: numbers in the order in which they ended.
        last_failures: numbers that failed since the last one that did not, in that order.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> history = History()
        >>> history.add(Candidate(0, 0, None, NASREC_SMALL.widest))
        >>> history.end(0, Outcome("completed", {"log_loss": 0.45}, seconds=1.5))
        >>> history.best, history.score(0), history.scored(0), history.open
        (0, 0.45, True, set())
    """

    def __init__(self):
        self.candidates: list[Candidate] = []
        self.outcomes: dict[int, Outcome] = {}
        self.open: set[int] = set()
        self.best: int | None = None
        self.longest = 0.0
        self.end_order: list[int] = []
        self.last_failures: list[int] = []
        self._identities: set[tuple] = set()

    def __len__(self) -> int:
        return len(self.candidates)

    def knows(self, design: Design) -> bool:
        """Whether a design that computes the same function on the same hardware was drawn.

        Args:
            design: the design: an architecture, and hardware settings in a co-design search.
        """
        return design.identity in self._identities

    def add(self, candidate: Candidate) -> None:
        """Appends the next candidate.

        Args:
            candidate: the candidate.

        Raises:
            ValueError: if its number is not the next one, or its parent comes after it.
        """
        if candidate.number != len(self.candidates):
            raise ValueError(
                f"Candidate {candidate.number} does not follow {len(self.candidates) - 1}."
            )
        if candidate.parent is not None and candidate.parent >= candidate.number:
            raise ValueError(f"Candidate {candidate.number} is older than its parent.")
        self.candidates.append(candidate)
        self.open.add(candidate.number)
        self._identities.add(candidate.design.identity)

    def end(self, number: int, outcome: Outcome) -> None:
        """Records the outcome of an open candidate.

        Args:
            number: of the candidate.
            outcome: how it ended.

        Raises:
            ValueError: if the candidate is not open.
        """
        if number not in self.open:
            raise ValueError(f"Candidate {number} is not open.")
        self.open.remove(number)
        self.outcomes[number] = outcome
        self.end_order.append(number)
        self.longest = max(self.longest, outcome.seconds)
        self.last_failures = [*self.last_failures, number] if outcome.status == FAILED else []
        if self.scored(number) and self._key(number) < self._key(self.best):
            self.best = number

    def reopen(self, number: int) -> None:
        """Forgets the outcome of one of the last failures, so that it is scored again.

        Args:
            number: of the candidate.

        Raises:
            ValueError: if it is none of them.
        """
        if number not in self.last_failures:
            raise ValueError(f"Candidate {number} is not among the last failures.")
        self.last_failures.remove(number)
        self.end_order.remove(number)
        del self.outcomes[number]
        self.open.add(number)

    def score(self, number: int) -> float:
        """Score of a candidate that ended: lower is better, infinity stands for none.

        Args:
            number: of the candidate.

        Raises:
            KeyError: if it has not ended.
        """
        return self.outcomes[number].score

    def scored(self, number: int) -> bool:
        """Whether a candidate ended with a score and finite costs.

        Only such a candidate is ever a parent or a result.

        Args:
            number: of the candidate.
        """
        outcome = self.outcomes.get(number)
        if outcome is None:
            return False
        return is_scored(outcome.status, {**outcome.metrics, **self.candidates[number].costs})

    def _key(self, number: int | None) -> tuple[float, int]:
        return (math.inf, 0) if number is None else (self.score(number), number)
