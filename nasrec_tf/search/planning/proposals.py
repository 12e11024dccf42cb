"""Times what a strategy takes to draw a candidate, which for those that learn is most of a score.

A supernet scores a candidate of a small log in hundredths of a second; a strategy that chooses it
by a model, among a hundred others, takes tenths.
"""

import time

import numpy as np

from nasrec_tf.search.planning.meter import Clock, middle
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.search_plan import search_strategy
from nasrec_tf.search.stages.evolution import search_budgets
from nasrec_tf.strategies.draws import Draws, NothingToDraw
from nasrec_tf.strategies.history import COMPLETED, LOG_LOSS, History, Outcome
from nasrec_tf.strategies.strategy import Generations, Strategy

MOST_PROPOSALS = 3
"""Candidates that are drawn at a time to be timed."""


def proposal_seconds(pilot: Pilot, clock: Clock = time.perf_counter) -> float:
    """Seconds to draw a candidate that follows from scores.

    Args:
        pilot: the run.
        clock: tells the time.

    Returns:
        As after the first generation, whose scores are drawn; 0 where no candidate follows from
        scores, or none can be drawn, which the run says itself.
    """
    strategy = search_strategy(pilot.config, pilot.settings, pilot.rows["train"])
    if not isinstance(strategy, Generations):
        return 0.0
    draws, history = Draws(pilot.space, tuple(search_budgets(pilot))), History()
    rng = np.random.default_rng(pilot.config.seed)
    try:
        for number in range(strategy.first_size):
            history.add(strategy.propose(number, history, draws, pilot.config.seed))
            history.end(number, Outcome(COMPLETED, {LOG_LOSS: float(rng.random())}, 0.0))

        def propose(count: int) -> None:
            for seed in range(count):
                strategy.propose(strategy.first_size, history, draws, seed)

        return middle(propose, MOST_PROPOSALS, clock)
    except NothingToDraw:
        return 0.0


def candidates_of_scores(strategy: Strategy) -> int:
    """How many candidates of a search follow from scores of others.

    Args:
        strategy: of the search.

    Example:
        >>> from nasrec_tf.strategies.predicted import PredictedSearch
        >>> candidates_of_scores(PredictedSearch(trials=48, start=16))
        32
    """
    return strategy.trials - strategy.first_size if isinstance(strategy, Generations) else 0
