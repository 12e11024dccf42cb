"""Random search, what evolution is measured against."""

import dataclasses

from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.draws import Draws, NothingScored, Priced
from nasrec_tf.strategies.history import Candidate, History
from nasrec_tf.strategies.search_settings import MAX_TRIALS, check_positive
from nasrec_tf.strategies.strategy import Strategy

BATCH = 64
"""Candidates in a row without a score that end a search."""


@dataclasses.dataclass(frozen=True)
class RandomSearch(Strategy):
    """Candidates drawn uniformly from the space, each one once.

    Candidates come in batches of ``BATCH``. A batch waits for the end of the one before the last,
    and if none of that one got a score the search ends: hardly a wait, and the same end however
    many workers score.

    Args:
        trials: how many candidates the search has.

    Raises:
        UserError: if that is not a positive integer of at most ``MAX_TRIALS``.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> candidate = RandomSearch(10).propose(0, History(), Draws(NASREC_SMALL), seed=0)
        >>> candidate.number, candidate.generation, candidate.parent
        (0, 0, None)
    """

    journal_name = "RandomSearchOracle"

    trials: int

    def __post_init__(self):
        check_positive(trials=self.trials)
        if self.trials > MAX_TRIALS:
            raise UserError(f"`trials` must be at most {MAX_TRIALS:,}. Received: {self.trials:,}")

    def ready(self, number: int, history: History) -> bool:
        """Whether the batch before the last one has ended."""
        checked = self._checked(number)
        return min(history.open, default=checked.stop) >= checked.stop

    def propose(self, number: int, history: History, draws: Draws, seed: int) -> Candidate:
        """Draws a candidate by ``draw``, if one of the batch before the last one has a score."""
        checked = self._checked(number)
        if checked and not any(map(history.scored, checked)):
            raise NothingScored(BATCH)
        design, costs = self.draw(number, history, draws, seed)
        return Candidate(number, 0, None, design.architecture, costs, design.hardware)

    def draw(self, number: int, history: History, draws: Draws, seed: int) -> Priced:
        """Draws a design.

        Args:
            number: of the candidate.
            history: what was tried before.
            draws: the rules that every candidate keeps.
            seed: of the search.

        Raises:
            SpaceExhausted: if there is none.
        """
        return draws.initial(history, seed)

    def _checked(self, number: int) -> range:
        """The batch before the last one, as seen from candidate ``number``; empty at first."""
        end = max(0, number // BATCH - 1) * BATCH
        return range(max(0, end - BATCH), end)
