"""Strategies tried on a table: what they find for a budget, in seconds instead of days."""

import dataclasses
import math
import numbers
import time
from collections.abc import Callable, Sequence

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.benchmark.asked_values import check_asked, check_whole
from nasrec_tf.benchmark.measured_rows import DataSetCard
from nasrec_tf.benchmark.surrogate import Surrogate
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.strict_json import shown
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.search_plan import MFLOPS, search_strategy
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.strategies.budget import Budget
from nasrec_tf.strategies.dnas import LogitSearch
from nasrec_tf.strategies.draws import Draws, NothingToDraw
from nasrec_tf.strategies.history import COMPLETED, LOG_LOSS, History, Outcome
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.strategies.strategy import Strategy

LEAST_BUDGET = 48
"""Candidates that every strategy's own rule for its parts is made for (``search/scaling.py``)."""

MOST_BUDGET = 100_000
"""Architectures of a trial, which keeps all of them; whole searches train a few thousand."""


class BudgetSpent(BaseException):
    """A strategy has asked for all that its budget allows; ends it.

    No ``Exception``, so that a strategy that guards its scores by ``except Exception`` ends too.
    """


class Trial:
    """What a strategy that is a plain function sees.

    Attributes:
        space: where architectures are drawn from.
        rng: randomness that follows from the trial's seed.
        seed: of the trial.

    Args:
        card: of the data set.
        surrogate: what architectures are worth.
        budget: how many may be asked for.
        seed: of the trial.
        noise: deviation of a score about what an architecture is worth.
    """

    def __init__(
        self, card: DataSetCard, surrogate: Surrogate, budget: int, seed: int, noise: float
    ):
        self.space = card.space
        self.card = card
        self.seed = seed
        self.rng = np.random.default_rng([seed, 1])
        self._surrogate, self._budget, self._noise = surrogate, budget, noise
        self.asked: list[tuple[Architecture, float, float]] = []

    @property
    def left(self) -> int:
        """Architectures that may still be asked for."""
        return self._budget - len(self.asked)

    def score(self, architecture: Architecture) -> float:
        """The validation log loss that a training came to; each call counts.

        The same architecture gets the same score within a trial.

        Args:
            architecture: of the space.

        Raises:
            BudgetSpent: if the budget is spent, which ends the trial; to be left uncaught.
            UserError: if it is none, or not of the space.
        """
        if not self.left:
            raise BudgetSpent
        if not isinstance(architecture, Architecture):
            raise UserError(f"`score` takes an architecture. Received: {architecture!r}")
        worth = float(self._surrogate([architecture])[0])
        draw = np.random.default_rng([self.seed, int(architecture.identity[:12], 16)])
        score = worth + self._noise * float(draw.standard_normal())
        self.asked.append((architecture, score, worth))
        return score


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """What a strategy found.

    Args:
        scores: what it was told of each architecture, in order.
        worths: what each is worth without noise.
        incumbent: the architecture that it thinks best.
        reference: the lowest worth of an architecture of the table.
        seconds: wall time.
    """

    scores: tuple[float, ...]
    worths: tuple[float, ...]
    incumbent: Architecture
    reference: float
    seconds: float

    @property
    def regrets(self) -> tuple[float, ...]:
        """Of what seemed best after each architecture, how much worse it is than the reference.

        Below 0 where the strategy has found what is predicted to be better than all in the table.
        """
        regrets, best = [], math.inf
        for score, worth in zip(self.scores, self.worths):
            if score < best:
                best, incumbent = score, worth
            regrets.append(incumbent - self.reference)
        return tuple(regrets)


def run_trial(trial: Trial, strategy: str | Strategy | Callable[[Trial], None]) -> None:
    """Lets a strategy spend a trial's budget.

    Args:
        trial: a new one.
        strategy: a name of ``STRATEGIES``, a strategy, or a function that scores by the trial.

    Raises:
        UserError: if there is no such strategy, or it cannot be tried without a supernet.
    """
    if callable(strategy) and not isinstance(strategy, Strategy | type):
        try:
            strategy(trial)
        except BudgetSpent:
            pass
        return
    if isinstance(strategy, str):
        strategy = named_strategy(strategy, trial)
    if not isinstance(strategy, Strategy):
        raise UserError(
            f"`strategy` must be a name, a strategy or a function. Received: {shown(strategy)}"
        )
    _propose_all(trial, strategy)


def named_strategy(name: str, trial: Trial) -> Strategy:
    """A strategy as a run of the search with as many candidates sets it up.

    Args:
        name: of ``STRATEGIES``.
        trial: that it is for.

    Raises:
        UserError: if there is none, or the budget is too small for it.
    """
    if name not in STRATEGIES:
        raise UserError(f"No strategy {name!r}; there are {', '.join(STRATEGIES)}.")
    if trial.left < LEAST_BUDGET:
        raise UserError(
            f"The budget of a strategy by name must be at least {LEAST_BUDGET} candidates. "
            f"Received: {trial.left}"
        )
    config = SearchConfig(
        strategy=name, candidates=trial.left, score_by=STRATEGIES[name].scored_by[0]
    )
    rows = trial.card.rows["train"]
    return search_strategy(config, scale(config, rows), rows)


def _propose_all(trial: Trial, strategy: Strategy) -> None:
    if isinstance(strategy, LogitSearch):
        raise UserError(
            "This strategy learns what it draws while a supernet trains, so a table cannot try it."
        )
    card = trial.card

    def mflops(architecture):
        model = SpaceModel(architecture)
        return model.complexity(card.features, card.recipe, card.operator_balancing).mflops

    draws = Draws(trial.space, (Budget(MFLOPS, mflops),))
    history = History()
    for number in range(min(trial.left, strategy.trials)):
        try:
            candidate = strategy.propose(number, history, draws, trial.seed)
        except NothingToDraw:
            return
        history.add(candidate)
        score = trial.score(candidate.architecture)
        history.end(number, Outcome(COMPLETED, {LOG_LOSS: score}, seconds=0.0))


def strategy_trial(
    card: DataSetCard,
    surrogate: Surrogate,
    strategy: str | Strategy | Callable[[Trial], None],
    budget: int,
    seed: int,
    noise: float | None = None,
) -> TrialResult:
    """Tries a strategy.

    Args:
        card: of the data set.
        surrogate: what architectures are worth.
        strategy: as ``run_trial`` takes it.
        budget: architectures that it may ask for.
        seed: of its randomness and of the noise.
        noise: deviation of a score; that between seeds of the table unless given.

    Raises:
        UserError: if an argument cannot be used, or the strategy asked for nothing.
    """
    check_whole("budget", budget, 1, MOST_BUDGET)
    check_whole("seed", seed, 0)
    if noise is not None:
        check_asked("noise", noise, numbers.Real)
        if not 0 <= noise < math.inf:
            raise UserError(f"`noise` must be a number of at least 0. Received: {noise!r}")
    started = time.monotonic()
    deviation = surrogate.noise if noise is None else float(noise)
    trial = Trial(card, surrogate, budget, seed, deviation)
    run_trial(trial, strategy)
    if not trial.asked:
        raise UserError("The strategy has scored no architecture.")
    scores = tuple(score for _, score, _ in trial.asked)
    return TrialResult(
        scores,
        tuple(worth for _, _, worth in trial.asked),
        trial.asked[scores.index(min(scores))][0],
        surrogate.lowest,
        time.monotonic() - started,
    )


def mean_and_reach(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval by Student's t.

    Args:
        values: at least two.

    Example:
        >>> mean, reach = mean_and_reach([1.0, 2.0, 3.0])
        >>> mean, round(reach, 3)
        (2.0, 2.484)
    """
    from scipy import stats

    found = np.array(values)
    reach = stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / math.sqrt(len(found))
    return float(found.mean()), float(reach)
