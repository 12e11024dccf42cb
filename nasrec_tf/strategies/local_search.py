"""Hill climbing over single mutations, with restarts (White et al. 2020)."""

import dataclasses

from nasrec_tf.strategies.draws import CHILD, random_stream
from nasrec_tf.strategies.history import History
from nasrec_tf.strategies.neighbours import neighbours
from nasrec_tf.strategies.search_settings import check_positive
from nasrec_tf.strategies.strategy import Generations, check_trials


@dataclasses.dataclass(frozen=True)
class LocalSearch(Generations):
    """Climbs by single mutations of the best candidate of a climb; begins anew where it is stuck.

    Every generation draws ``neighbours`` candidates. The first of a climb draws them at random,
    each later one among the single mutations of the best candidate that the climb has scored. A
    climb ends after ``patience`` generations in a row that were no better. Where nothing is left
    to draw around its best, candidates are drawn at random.

    Unlike the local search of White et al., which scores all neighbours of a point, it scores some
    of them at a time and moves on at once: a network of NASRec's spaces has hundreds.

    Args:
        trials: candidates of the search.
        neighbours: candidates of a generation.
        patience: generations without a better candidate that end a climb.

    Raises:
        UserError: if a number is not a positive whole one, or a generation is all of the search.

    Example:
        >>> strategy = LocalSearch(trials=100)
        >>> [strategy.generation_of(number) for number in (0, 7, 8, 99)]
        [0, 0, 1, 12]

    Reference: White, Nolen, Savani, Exploring the Loss Landscape in Neural Architecture Search,
    2020.
    """

    may_restart = True
    sizes = ("neighbours", "neighbours")

    trials: int
    neighbours: int = 8
    patience: int = 3

    def __post_init__(self):
        check_positive(neighbours=self.neighbours, patience=self.patience)
        check_trials(self.trials, self.neighbours, named="neighbours")

    def child(self, number, history, draws, seed):
        """Draws a neighbour of the climb's best, if it has one."""
        centre = self.centre(self.generation_of(number), history)
        if centre is None:
            return None
        rng = random_stream(seed, CHILD, number)
        found = neighbours(history.candidates[centre].design, 1, history, draws, rng)
        return (centre, found[0]) if found else None

    def centre(self, generation: int, history: History) -> int | None:
        """Number of the candidate that a generation mutates; ``None`` where it begins a climb.

        Args:
            generation: from 1.
            history: with all earlier generations scored.

        Raises:
            NothingScored: if no candidate of them has a score.
        """
        self.scored_before(self.first_of(generation), history)
        best: int | None = None
        idle = 0
        for earlier in range(generation):
            found = self._best_of(earlier, history)
            if found is not None and (best is None or history.score(found) < history.score(best)):
                best, idle = found, 0
            else:
                idle += 1
            if idle == self.patience:
                best, idle = None, 0
        return best

    def _best_of(self, generation: int, history: History) -> int | None:
        first = self.first_of(generation)
        scored = filter(history.scored, range(first, first + self.size))
        return min(scored, key=lambda number: (history.score(number), number), default=None)
