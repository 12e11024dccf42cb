"""What lies one mutation away from a design, new and within the budgets."""

import numpy as np

from nasrec_tf.strategies.design import Design
from nasrec_tf.strategies.draws import Draws, Priced
from nasrec_tf.strategies.history import History

FEW = 20
"""Draws in a row without a new one that say little, however few are wanted."""


def neighbours(
    centre: Design, count: int, history: History, draws: Draws, rng: np.random.Generator
) -> list[Priced]:
    """Draws single mutations of a design, no two of which compute the same function.

    In co-design one setting of the hardware is drawn anew as well.

    Args:
        centre: the design.
        count: how many are wanted.
        history: what was tried before, which is left out.
        draws: the rules that every candidate keeps.
        rng: the only source of randomness.

    Returns:
        As many, or fewer: few of a network's mutations may be left that are new and do not only
        change what is dead. It ends after ``count`` draws in a row without a new one, or ``FEW`` if
        that is more, but goes on to ``draws.max_redraws`` where there would be none at all.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> centre = Design(NASREC_SMALL.sample(np.random.default_rng(0)))
        >>> found = neighbours(centre, 5, History(), Draws(NASREC_SMALL), np.random.default_rng(1))
        >>> len({design.identity for design, _ in found} - {centre.identity})
        5
    """
    found: list[Priced] = []
    drawn, seen = set(), {centre.identity}
    failures = 0
    while len(found) < count and failures < (max(FEW, count) if found else draws.max_redraws):
        failures += 1
        design = draws.single_mutation(centre, rng)
        # Cheaper to compare than identities, which most draws have been asked for before.
        written = draws.written(design)
        if written in drawn:
            continue
        drawn.add(written)
        if design.identity in seen or history.knows(design):
            continue
        costs = draws.costs(design)
        if draws.allow(costs):
            seen.add(design.identity)
            found.append((design, costs))
            failures = 0
    return found
