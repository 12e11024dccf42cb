"""Candidates that are given, to be scored once more."""

import dataclasses

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.strategies.design import Design
from nasrec_tf.strategies.draws import Draws
from nasrec_tf.strategies.history import Candidate, History
from nasrec_tf.strategies.strategy import Strategy


@dataclasses.dataclass(frozen=True)
class GivenCandidates(Strategy):
    """Architectures in a given order, whatever the scores of those before.

    It proposes nothing of its own and so is none of ``STRATEGIES``: it lets a list be scored with
    all that a search has, its journal and its workers.

    Args:
        architectures: at least one.

    Raises:
        ValueError: if there is none.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> given = GivenCandidates((NASREC_SMALL.widest,))
        >>> given.trials
        1
        >>> candidate = given.propose(0, History(), Draws(NASREC_SMALL), seed=0)
        >>> candidate.architecture == NASREC_SMALL.widest
        True
    """

    # By its digest a journal tells the list from another one.
    architectures: tuple[Architecture, ...] = dataclasses.field(repr=False)
    digest: str = dataclasses.field(init=False)

    def __post_init__(self):
        if not self.architectures:
            raise ValueError("`architectures` must hold at least one. Received: ()")
        written = [architecture.to_json() for architecture in self.architectures]
        object.__setattr__(self, "digest", json_digest(written))

    @property
    def trials(self) -> int:
        """How many are given."""
        return len(self.architectures)

    def part_of(self, number: int) -> str:
        """Not a generation."""
        return "the best again"

    def propose(self, number: int, history: History, draws: Draws, seed: int) -> Candidate:
        """The architecture of a place, with what it costs."""
        architecture = self.architectures[number]
        return Candidate(number, 0, None, architecture, draws.costs(Design(architecture)))
