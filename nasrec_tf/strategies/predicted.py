"""Search by a model that predicts which of many candidates are good (Wen et al. 2020)."""

import dataclasses

import numpy as np

from nasrec_tf.strategies.draws import (
    CHILD,
    TOURNAMENT,
    Draws,
    Priced,
    SpaceExhausted,
    random_stream,
)
from nasrec_tf.strategies.history import History
from nasrec_tf.strategies.neighbours import neighbours
from nasrec_tf.strategies.rank_models import best_by, fit_forest
from nasrec_tf.strategies.search_settings import check_positive
from nasrec_tf.strategies.strategy import Generations, check_trials


@dataclasses.dataclass(frozen=True)
class PredictedSearch(Generations):
    """Scores what a model, learnt from all scores so far, predicts to be the best of many.

    The first ``start`` candidates are drawn at random. Each later one is the best predicted of
    ``pool`` that have not been tried: half of them single mutations of the ``parents`` best
    scored, the others drawn at random from the space. The model is learnt anew for every
    generation of ``batch`` candidates, each of which has a pool of its own.

    The model is a small forest over ``architecture_vector`` where Wen et al. train a graph network
    once, on random networks alone, and rank the whole space by it.

    Args:
        trials: candidates of the search.
        start: how many are drawn at random.
        batch: candidates that follow from the same scores.
        pool: architectures of which the model chooses one.
        parents: scored candidates that are mutated.

    Raises:
        UserError: if a number is not a positive whole one, or ``start`` is all of the search.

    Reference: Wen, Liu, Chen, Li, Bender, Kindermans, Neural Predictor for Neural Architecture
    Search, ECCV 2020.
    """

    may_restart = True
    sizes = ("start", "batch")

    trials: int
    start: int = 16
    batch: int = 8
    pool: int = 100
    parents: int = 8

    def __post_init__(self):
        check_positive(batch=self.batch, pool=self.pool, parents=self.parents)
        check_trials(self.trials, self.start)

    def child(self, number, history, draws, seed):
        """Chooses the best predicted of a pool of its own."""
        scored = self.scored_before(number, history)
        pool = self._pool(scored, history, draws, random_stream(seed, CHILD, number))
        asked = [design.architecture for _, (design, _) in pool]
        # The same model for all of a generation: its candidates differ by their pools alone.
        stream = (seed, TOURNAMENT, self.generation_of(number))
        return pool[best_by(fit_forest, scored, history, asked, draws.vector, stream)]

    def _pool(
        self, scored: list[int], history: History, draws: Draws, rng: np.random.Generator
    ) -> list[tuple[int | None, Priced]]:
        """What the model chooses among, each with its parent; nothing twice."""
        best = sorted(scored, key=lambda number: (history.score(number), number))[: self.parents]
        pool: dict[tuple, tuple[int | None, Priced]] = {}
        for place, parent in enumerate(best):
            centre = history.candidates[parent].design
            # Halves that do not divide evenly: the better parents have one more.
            count = (self.pool // 2 + len(best) - 1 - place) // len(best)
            for priced in neighbours(centre, count, history, draws, rng):
                pool.setdefault(priced[0].identity, (parent, priced))
        for _ in range(self.pool - len(pool)):
            try:
                priced = draws.at_random(history, rng)
            except SpaceExhausted:
                if pool:
                    break
                raise
            pool.setdefault(priced[0].identity, (None, priced))
        return list(pool.values())
