"""AutoCTR's search: aged evolution by several objectives, guided by a ranker (Song et al. 2020)."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.draws import CHILD, TOURNAMENT, random_stream
from nasrec_tf.strategies.history import History
from nasrec_tf.strategies.neighbours import neighbours
from nasrec_tf.strategies.rank_models import (
    best_by,
    fit_lambdarank,
    fit_pairwise,
    require_lightgbm,
)
from nasrec_tf.strategies.search_settings import check_positive
from nasrec_tf.strategies.strategy import (
    SUPERNET,
    TRAINING,
    Generations,
    SearchPlan,
    Strategy,
    check_trials,
)

LOSS_WEIGHT, AGE_WEIGHT, COST_WEIGHT = 0.1, 1.0, 0.1
"""What decides who survives: AutoCTR's own weights."""

LOGISTIC, LAMBDARANK = "logistic", "lambdarank"
RANKERS = {LOGISTIC: fit_pairwise, LAMBDARANK: fit_lambdarank}
"""What ranks the children of which one is scored."""


@dataclasses.dataclass(frozen=True)
class AutoCTR(Generations):
    """A population by age, log loss and cost; the child that a ranker likes best of many.

    The first ``population`` candidates are drawn at random. Who survives is decided anew whenever
    a generation of ``children`` has been scored: of the youngest 2 x ``population``, those of the
    lowest .1 r_loss + 1 age + .1 r_cost, r being ranks among them over their number and age the
    place from the youngest over the number of all candidates. A parent is drawn by its rank r
    among the survivors, with probability C(P - r + c, c) / C(P + c, c + 1) of P survivors and
    ``pressure`` c: as if c + 1 of them had competed. Its child is, of ``guided`` single mutations
    that have not been tried, the one that a model learnt from all scores ranks first.

    As AutoCTR does it but for these: the model is pairwise logistic regression unless LightGBM's
    LambdaRank is asked for, which has to be installed; all of a generation follow from the same
    scores, so that results do not depend on the workers; candidates without a score are left out;
    and the space is that of the draws: NASRec's in a run of the search, AutoCTR's own in
    ``nasrec_tf.studies.graph_search``.

    Args:
        trials: candidates of the search.
        population: survivors.
        children: candidates that follow from the same scores; AutoCTR trained 6 at a time.
        guided: single mutations of which the model chooses one.
        pressure: how strongly the best are favoured as parents.
        cost: the metric that counts beside the log loss, of those with a budget.
        ranker: the model, one of ``RANKERS``; ``lambdarank`` is AutoCTR's own.

    Raises:
        UserError: if a number is not a positive whole one, the population is all of the search, or
            there is no such ranker or what it needs is not installed.

    Example:
        >>> AutoCTR(trials=100).parent_weights(20).round(3)[:3].tolist()
        [0.367, 0.24, 0.154]

    Reference: Song et al., Towards Automated Neural Interaction Discovery for Click-Through Rate
    Prediction, KDD 2020; facebookresearch/AutoCTR, the settings of its Criteo search.
    """

    scored_by = (TRAINING,)
    may_restart = True
    sizes = ("population", "children")

    trials: int
    population: int = 20
    children: int = 6
    guided: int = 100
    pressure: int = 10
    cost: str = "mflops"
    ranker: str = LOGISTIC

    def __post_init__(self):
        if self.ranker not in RANKERS:
            raise UserError(
                f"`ranker` must be one of {', '.join(RANKERS)}. Received: {self.ranker!r:.80}"
            )
        if self.ranker == LAMBDARANK:
            require_lightgbm("ranker=lambdarank")
        check_positive(children=self.children, guided=self.guided, pressure=self.pressure)
        check_trials(self.trials, self.population, named="population")

    @classmethod
    def for_run(cls, plan: SearchPlan, options: Mapping[str, Any]) -> Strategy:
        """Takes a cost that the run counts, and no other."""
        made = cls(trials=plan.trials, **options)
        if made.cost not in plan.costs:
            raise UserError(
                f"`cost` must be one of {', '.join(plan.costs)}. Received: {made.cost!r:.80}"
            )
        return made

    def child(self, number, history, draws, seed):
        """Chooses the single mutation of a parent that the model ranks first."""
        scored = self.scored_before(number, history)
        rng = random_stream(seed, CHILD, number)
        parent = self.parent(scored, history, rng)
        centre = history.candidates[parent].design
        pool = neighbours(centre, self.guided, history, draws, rng)
        if not pool:
            return None
        asked = [design.architecture for design, _ in pool]
        fit = RANKERS[self.ranker]
        # The same model for all of a generation.
        stream = (seed, TOURNAMENT, self.generation_of(number))
        return parent, pool[best_by(fit, scored, history, asked, draws.vector, stream)]

    def parent(self, scored: Sequence[int], history: History, rng: np.random.Generator) -> int:
        """Number of a survivor, drawn by its rank.

        Args:
            scored: numbers of the scored candidates of earlier generations, the oldest first.
            history: with their scores.
            rng: the only source of randomness.
        """
        alive = sorted(
            self.survivors(scored, history), key=lambda number: (history.score(number), number)
        )
        return alive[int(rng.choice(len(alive), p=self.parent_weights(len(alive))))]

    def parent_weights(self, count: int) -> np.ndarray:
        """Probability of each rank, the best first.

        Args:
            count: survivors.
        """
        pressure = self.pressure
        ways = [math.comb(count - rank + pressure, pressure) for rank in range(1, count + 1)]
        return np.array([way / math.comb(count + pressure, pressure + 1) for way in ways])

    def survivors(self, scored: Sequence[int], history: History) -> list[int]:
        """Numbers of the candidates that are alive, in no particular order.

        Args:
            scored: numbers of the scored candidates of earlier generations, the oldest first.
            history: with their scores.
        """
        # The first population is of one age: those of it that have a score.
        ages = np.arange(len(scored), 0, -1)
        first = sum(number < self.population for number in scored)
        ages[:first] = ages[first - 1]
        youngest = np.argsort(ages, kind="stable")[: 2 * self.population]
        losses = np.array([history.score(scored[place]) for place in youngest])
        costs = np.array([history.candidates[scored[place]].costs[self.cost] for place in youngest])
        weights = (
            LOSS_WEIGHT * _ranks(losses) / len(youngest)
            + AGE_WEIGHT * ages[youngest] / len(scored)
            + COST_WEIGHT * _ranks(costs) / len(youngest)
        )
        kept = np.argsort(weights, kind="stable")[: self.population]
        return [scored[place] for place in youngest[kept]]


class AutoCTRHybrid(AutoCTR):
    """``AutoCTR`` with the supernet's scores in place of trainings from scratch: not AutoCTR's own.

    Args:
        trials: candidates of the search, and the other fields, as of ``AutoCTR``.
    """

    scored_by = (SUPERNET,)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, the mean of theirs for equal values."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]
