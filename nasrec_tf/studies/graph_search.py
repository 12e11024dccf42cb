"""AutoCTR in its own space: graphs of blocks, each trained from scratch on a share of a log.

Strategies are those of the main job, asked one candidate after the other; what each came to is kept
in a file of its own, so that a stopped search goes on with the very same candidates.
"""

import dataclasses
import math
import pathlib
import time
from typing import Any

from nasrec_tf.benchmark.table_build import TimeIsUp
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.saved_state import SAVED, read_state, write_state
from nasrec_tf.networks.baselines.block_graph import MOST_BLOCKS, BlockGraph
from nasrec_tf.networks.baselines.graph_space import BLOCKS, GraphDraws, GraphSpace
from nasrec_tf.search.options import flag
from nasrec_tf.search.run import Run
from nasrec_tf.search.scorers import short_training_scores
from nasrec_tf.search.search_plan import MFLOPS
from nasrec_tf.search.search_size import SCORE_ROWS
from nasrec_tf.search.trainable import HandMade
from nasrec_tf.strategies.budget import Budget
from nasrec_tf.strategies.draws import NothingToDraw
from nasrec_tf.strategies.history import COMPLETED, LOG_LOSS, Candidate, History, Outcome
from nasrec_tf.strategies.known_strategies import STRATEGIES, strategy_of_run
from nasrec_tf.strategies.strategy import SearchPlan, Strategy
from nasrec_tf.studies.own_directory import own_directory

STRATEGIES_OF_GRAPHS = ("autoctr", "random", "local", "predicted")
"""Strategies that draw at random and by single mutations alone, so that any space will do."""

SETTINGS_FILE, FOUND_FILE = "graphs.json", "found.json"


@dataclasses.dataclass(frozen=True)
class GraphOptions:
    """What a search for a graph is told.

    Args:
        strategy: what proposes candidates.
        strategy_options: its own settings.
        candidates: graphs that are trained; more may be asked for later.
        score_rows: rows that each is trained on; 100,000, or the split if it is smaller, unless
            given.
        blocks: of a graph.
        seed: of the search.

    Raises:
        UserError: if a value cannot be used; the message names the option.

    Example:
        >>> GraphOptions(seed=-1)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: --seed must be at least 0. Received: -1
    """

    strategy: str = "autoctr"
    strategy_options: str | None = None
    candidates: int = 100
    score_rows: int | None = None
    blocks: int = BLOCKS
    seed: int = 0

    def __post_init__(self):
        if self.strategy in STRATEGIES and self.strategy not in STRATEGIES_OF_GRAPHS:
            raise UserError(
                f"--strategy: {self.strategy} is made for NASRec's space; graphs take "
                f"{', '.join(STRATEGIES_OF_GRAPHS)}."
            )
        for name, least in (("candidates", 1), ("score_rows", 1), ("blocks", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"{flag(name)} must be at least {least}. Received: {value}")
        if self.blocks > MOST_BLOCKS:
            raise UserError(f"--blocks must be at most {MOST_BLOCKS}. Received: {self.blocks}")
        self.made_strategy()

    def made_strategy(self) -> Strategy:
        """The strategy, as the main job makes it."""
        plan = SearchPlan(trials=self.candidates, costs=(MFLOPS,))
        return strategy_of_run(self.strategy, plan, self.strategy_options, flag)


@dataclasses.dataclass(frozen=True)
class GraphScore:
    """What a candidate came to.

    Args:
        blocks: of the graph, as written.
        log_loss: on validation rows; ``None`` if its training diverged.
        mflops: million multiply-accumulates of a sample.
        seconds: wall time.
    """

    __pydantic_config__ = SAVED

    blocks: list[str]
    log_loss: float | None
    mflops: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class GraphSearch:
    """A search for a graph.

    Args:
        run: a finished run of the data, whose recipe trains all candidates.
        directory: where scores are kept.
        options: what it is told.
        ends_at: time by ``time.monotonic`` after which no training begins.
    """

    run: Run
    directory: pathlib.Path
    options: GraphOptions
    ends_at: float = math.inf

    def check(self) -> None:
        """Finds out whether candidates can be trained.

        Raises:
            UserError: if the run's recipe does not suit them, or follows evaluations.
        """
        HandMade(BlockGraph()).check(self.run.recipe)
        self.run.recipe.check_unwatched("a search of graphs")

    def __call__(self) -> list[GraphScore]:
        """Goes on from what is there; what every candidate came to, in the order of drawing.

        Raises:
            TimeIsUp: if there was no time for all.
            RunError: if what is there is of another search, or damaged.
            UserError: if no candidate has a score.
        """
        train = self.run.records.rows("train")
        rows = self.options.score_rows or min(SCORE_ROWS, train)
        scores = short_training_scores(self.run, HandMade, rows, self.options.seed)
        names = ("blocks", "strategy", "strategy_options", "seed")
        own = {flag(name): getattr(self.options, name) for name in names}
        with own_directory(self.directory, SETTINGS_FILE, {**scores.settings, **own}):
            return self._found(scores.scorer)

    def _found(self, scorer: Any) -> list[GraphScore]:
        space = GraphSpace(self.run.records.features, self.options.blocks)
        draws = GraphDraws(space, (Budget(MFLOPS, self._mflops),))
        strategy, history = self.options.made_strategy(), History()
        found: list[GraphScore] = []
        for number in range(strategy.trials):
            try:
                candidate = strategy.propose(number, history, draws, self.options.seed)
            except NothingToDraw as reason:
                self.run.say(f"the search ends early: {reason}")
                break
            score = self._scored(candidate, scorer)
            metrics = {} if score.log_loss is None else {LOG_LOSS: score.log_loss}
            history.add(candidate)
            history.end(number, Outcome(COMPLETED, metrics, score.seconds))
            found.append(score)
        if history.best is None:
            raise UserError(
                "no candidate has a score: all trainings diverged with the recipe of --run-dir."
            )
        BlockGraph(blocks=tuple(found[history.best].blocks)).save(self.directory / FOUND_FILE)
        return found

    def _mflops(self, graph: Any) -> float:
        return HandMade(graph).complexity(self.run.records.features, self.run.recipe).mflops

    def _scored(self, candidate: Candidate, scorer: Any) -> GraphScore:
        graph: Any = candidate.architecture
        path = self.directory / f"candidate-{candidate.number:04d}.json"
        score = read_state(path, GraphScore, "delete it to train this candidate again")
        if score is not None:
            if tuple(score.blocks) != graph.blocks:
                raise RunError(
                    f"{path}: is of another graph than this search draws; delete "
                    f"{self.directory} to search again."
                )
            return score
        if time.monotonic() >= self.ends_at:
            raise TimeIsUp
        started = time.monotonic()
        loss = scorer(graph)[LOG_LOSS]
        told, seconds = (loss if math.isfinite(loss) else None), time.monotonic() - started
        score = GraphScore(list(graph.blocks), told, candidate.costs[MFLOPS], seconds)
        write_state(path, score)
        self.run.say(f"{candidate.number}: validation log loss {loss:.5f}: {graph.identity}")
        return score
