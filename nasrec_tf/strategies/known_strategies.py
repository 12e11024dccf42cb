"""Search strategies by name; the registry is where a new one is added."""

from collections.abc import Callable

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.option_values import option_values
from nasrec_tf.common.own_modules import OR_ONES_OWN
from nasrec_tf.common.strict_json import shown
from nasrec_tf.strategies.autoctr import AutoCTR, AutoCTRHybrid
from nasrec_tf.strategies.dnas import LogitSearch, ProgressiveSearch
from nasrec_tf.strategies.local_search import LocalSearch
from nasrec_tf.strategies.pareto import ParetoEvolution
from nasrec_tf.strategies.predicted import PredictedSearch
from nasrec_tf.strategies.random_search import RandomSearch
from nasrec_tf.strategies.strategy import SearchPlan, Strategy

STRATEGIES: dict[str, type[Strategy]] = {}
"""Every known strategy by name, the default first."""


def register_strategy(name: str, kind: type[Strategy]) -> None:
    """Makes a strategy known by name.

    Args:
        name: as command lines give it.
        kind: the strategy.

    Raises:
        ValueError: if the name is taken.
    """
    if name in STRATEGIES:
        raise ValueError(f"a strategy {name!r} is registered already")
    STRATEGIES[name] = kind


register_strategy("evolution", ParetoEvolution)
register_strategy("random", RandomSearch)
register_strategy("local", LocalSearch)
register_strategy("predicted", PredictedSearch)
register_strategy("autoctr", AutoCTR)
register_strategy("autoctr-hybrid", AutoCTRHybrid)
register_strategy("dnas", LogitSearch)
register_strategy("progressive", ProgressiveSearch)


def strategy_of_run(
    name: str,
    plan: SearchPlan,
    options: str | None = None,
    named: Callable[[str], str] = lambda option: f"`{option}`",
) -> Strategy:
    """The strategy of a name, as a run asks for it.

    Args:
        name: a name in ``STRATEGIES``.
        plan: what the run asks for.
        options: settings of its own, such as ``"start=32,pool=200"``.
        named: how a message writes the name of a setting of the run, such as a command line's flag.

    Raises:
        UserError: if there is no such strategy or setting, or a value cannot be used.

    Example:
        >>> strategy_of_run("local", SearchPlan(trials=100), "patience=5").patience
        5
        >>> strategy_of_run("local", SearchPlan(trials=100), "luck=5")
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: `strategy_options`: local has no 'luck'; it has \
neighbours, patience.
    """
    if name not in STRATEGIES:
        raise UserError(
            f"No strategy {shown(name)}; there are {', '.join(STRATEGIES)}; {OR_ONES_OWN}."
        )
    kind = STRATEGIES[name]
    where = named("strategy_options")
    values = (
        {}
        if options is None
        else option_values(name, kind.options(), options, where, "start=32,pool=200")
    )
    try:
        return kind.for_run(plan, values)
    except UserError as error:
        its_own = next((o for o in kind.options() if str(error).startswith(f"`{o}`")), None)
        if its_own is None:
            raise
        raise UserError(f"{where}: {name}: {error}") from None
