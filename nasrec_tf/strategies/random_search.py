"""Random search, what evolution is measured against."""

import dataclasses

from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.draws import Draws
from nasrec_tf.strategies.oracle.history import Candidate, History
from nasrec_tf.strategies.search_settings import MAX_TRIALS, check_positive


@dataclasses.dataclass(frozen=True)
class RandomSearch:
    """Candidates drawn uniformly from the space, each one once.

    Args:
        trials: how many.
    """

    trials: int

    def __post_init__(self):
        check_positive(trials=self.trials)
        if self.trials > MAX_TRIALS:
            raise UserError(f"`trials` must be at most {MAX_TRIALS:,}. Received: {self.trials:,}")

    def generation_of(self, number: int) -> int:
        """Always 0: nothing follows from anything."""
        return 0

    def ready(self, number: int, history: History) -> bool:
        """Always: no candidate waits for another one."""
        return True

    def propose(self, number: int, history: History, draws: Draws, seed: int) -> Candidate:
        """Draws candidate ``number``.

        Raises:
            SpaceExhausted: if there is none.
        """
        design, costs = draws.initial(history, seed)
        return Candidate(number, 0, None, design.architecture, costs, design.hardware)
