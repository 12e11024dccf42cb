"""Search strategies by name; the registry is where a new one is added."""

from collections.abc import Callable, Mapping
from typing import Any

from nasrec_tf.common.errors import UserError
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
        raise UserError(f"No strategy {shown(name)}; there are {', '.join(STRATEGIES)}.")
    kind = STRATEGIES[name]
    where = named("strategy_options")
    values = {} if options is None else _values(name, kind.options(), options, where)
    try:
        return kind.for_run(plan, values)
    except UserError as error:
        its_own = next((o for o in kind.options() if str(error).startswith(f"`{o}`")), None)
        if its_own is None:
            raise
        raise UserError(f"{where}: {name}: {error}") from None


def _values(name: str, known: Mapping[str, type], text: str, where: str) -> dict[str, Any]:
    """Values by option, read from ``option=value,option=value``."""
    values: dict[str, Any] = {}
    for part in text.split(","):
        option, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise UserError(
                f"{where} must be settings separated by commas, such as start=32,pool=200. "
                f"Received: {shown(text)}"
            )
        if option not in known:
            has = f"it has {', '.join(known)}" if known else "it has none of its own"
            raise UserError(f"{where}: {name} has no {shown(option)}; {has}.")
        if option in values:
            raise UserError(f"{where} gives {option} twice; once is enough.")
        values[option] = _value(option, known[option], value, where)
    return values


def _value(option: str, kind: type, text: str, where: str) -> Any:
    truths = {"true": True, "false": False}
    wanted = {int: "a whole number", float: "a number", bool: "true or false"}
    try:
        return truths[text] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise UserError(
            f"{where}: {option} must be {wanted[kind]}. Received: {shown(text)}"
        ) from None
