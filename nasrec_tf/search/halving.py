"""Which of several trainings go on: comparisons at shares of them (successive halving).

Karnin et al. 2013, Jamieson and Talwalkar 2016: all are trained for a share of the steps of one
schedule, the better half goes on from where it stopped, and so on. Shares and margin are those
that docs/recipes.md measures on recorded curves.
"""

import math
from collections.abc import Sequence

from nasrec_tf.search.results import Look

SHARES = (1 / 8, 1 / 4, 1 / 2)
"""Of a training's steps, after which it is compared with others."""

MARGINS = (0.10, 0.06, 0.03)
"""Of the reference's log loss at the same step, by which a training must be worse to be given up
beside one that has ended: what is worse by less may still catch up."""


def rung_steps(steps: int) -> tuple[int, ...]:
    """The steps after which trainings are compared; none of trainings of a handful.

    Args:
        steps: of a whole training.

    Example:
        >>> rung_steps(1000), rung_steps(7)
        ((125, 250, 500), ())
    """
    if steps * SHARES[0] < 1:
        return ()
    return tuple(math.floor(steps * share) for share in SHARES)


def numbers_left(count: int, keep: int) -> tuple[int, ...]:
    """How many trainings go on after each rung; where few need to be given up, that is done late.

    Args:
        count: trainings.
        keep: that have to go to their end.

    Example:
        >>> numbers_left(15, keep=1), numbers_left(3, keep=1), numbers_left(7, keep=5)
        ((8, 4, 2), (3, 2, 1), (7, 7, 5))
    """
    halved = [count]
    while len(halved) <= len(SHARES) and halved[-1] > keep:
        halved.append(max(keep, -(-halved[-1] // 2)))
    return (*[count] * (len(SHARES) + 1 - len(halved)), *halved[1:])


def trained_share(count: int, keep: int) -> float:
    """How many whole trainings all the steps of several make, of which the weaker are given up.

    Args:
        count: trainings.
        keep: that have to go to their end.

    Example:
        >>> trained_share(15, keep=1), trained_share(3, keep=3)
        (4.875, 3.0)
    """
    return further_share(0.0, count, list(zip(SHARES, numbers_left(count, keep))))


def further_share(before: float, going: int, rungs: Sequence[tuple[float, int]]) -> float:
    """How many whole trainings the steps make that several still have before them.

    Args:
        before: share of their steps that all of them have made.
        going: how many they are.
        rungs: that are to come: the share of the steps, and how many go on after it at most.

    Example:
        >>> further_share(0.25, 4, [(0.5, 2)])
        2.0
    """
    total = 0.0
    for share, left in rungs:
        total += going * (share - before)
        before, going = share, min(going, left)
    return total + going * (1 - before)


def clearly_worse(looks: Sequence[Look], reference: Sequence[Look]) -> bool:
    """Whether a training is given up beside one of the same schedule that has ended.

    Args:
        looks: of the training so far, one a rung.
        reference: of the one that has ended; of fewer rungs if it ended early.
    """
    return any(
        look.log_loss > (1 + margin) * other.log_loss
        for look, other, margin in zip(looks, reference, MARGINS)
    )
