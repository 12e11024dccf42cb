"""What the numbers of a search must keep, checked before anything is spent on it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.value_checks import is_number, is_whole

MAX_TRIALS = 10_000_000
"""Candidates of a search: beyond, the history alone would take some 100 GB of memory."""


def _quoted(name: str) -> str:
    return f"`{name}`"


def check_settings(
    *,
    population: int,
    tournament: int,
    children: int,
    generations: int,
    limits: Mapping[str, float | None] | None = None,
    named: Callable[[str], str] = _quoted,
) -> None:
    """Checks all settings of a search against each other; needs no TensorFlow.

    The strategies' constructors call it. A command line calls it before its first stage, with the
    settings as they will be once those left out are filled in.

    Args:
        population: architectures alive; the first ``population`` candidates are drawn at random.
        tournament: how many of them compete to be the parent; at most ``population``.
        children: architectures that each generation adds.
        generations: how many generations follow the initial population.
        limits: highest cost by metric, in the metric's unit; ``None`` where there is no limit.
        named: how a message writes the name of a setting, such as a command line's flag.

    Raises:
        UserError: on the first setting that cannot be used; the message names it.

    Example:
        >>> check_settings(population=16, tournament=8, children=4, generations=10)
        >>> check_settings(population=16, tournament=32, children=4, generations=10)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: `tournament` must not exceed `population`. Received: \
tournament=32, population=16
        >>> check_settings(
        ...     population=16, tournament=8, children=4, generations=10,
        ...     limits={"max_latency_us": math.inf},
        ...     named=lambda name: "--" + name.replace("_", "-"),
        ... )
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: --max-latency-us must be a positive, finite number; \
leave it out for no limit. Received: inf
    """
    counts = {
        "population": population,
        "tournament": tournament,
        "children": children,
        "generations": generations,
    }
    check_positive(**counts, named=named)
    if tournament > population:
        raise UserError(
            f"{named('tournament')} must not exceed {named('population')}. Received: "
            f"tournament={tournament}, population={population}"
        )
    trials = population + children * generations
    if trials > MAX_TRIALS:
        raise UserError(
            f"{named('population')} + {named('children')} x {named('generations')} must be at "
            f"most {MAX_TRIALS:,} candidates. Received: {trials:,}"
        )
    for name, limit in (limits or {}).items():
        if limit is not None and not (is_number(limit) and math.isfinite(limit) and limit > 0):
            raise UserError(
                f"{named(name)} must be a positive, finite number; leave it out for no limit. "
                f"Received: {limit!r}"
            )


def check_positive(*, named: Callable[[str], str] = _quoted, **values: Any) -> None:
    """Checks that every value is a positive integer.

    Args:
        named: how a message writes the name of a value.
        **values: values by name.

    Raises:
        UserError: on the first that is not; the message names it.

    Example:
        >>> check_positive(trials=3)
        >>> check_positive(trials=0)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: `trials` must be a positive integer. Received: 0
    """
    for name, value in values.items():
        if not is_whole(value, 1):
            raise UserError(f"{named(name)} must be a positive integer. Received: {value!r}")
