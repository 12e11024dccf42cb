"""Which network is best where a training's outcome is partly chance: by the mean of several.

The best of many trainings is so by its seed as well as by its network, and is not as good when it
is trained once more. So the network of the lowest mean so far is trained with another seed, until
the one of the lowest mean has as many as asked for: those that are clearly worse cost one training
each, as in the racing of challengers of Hutter et al. 2011 (SMAC), 4.1.
"""

import dataclasses
import math
import pathlib
import statistics
from collections.abc import Sequence

from nasrec_tf.search.attempt import Attempt
from nasrec_tf.search.results import AttemptFigures

LEADING = 3
"""Networks whose weights are kept until one is chosen by its mean: any other that wins after all is
trained once more."""

TAKEN_FOR_BEST, TAKEN_FOR_BETTER = 1.5, 0.2
"""Networks of those trained together, and share of those made from the best, that get all further
seeds or as many trainings in all: simulated, where networks differ by as much as their seeds
(tests/search/test_finalist_seeds.py)."""


@dataclasses.dataclass(frozen=True)
class Network:
    """What the trainings of one network by one recipe came to.

    Args:
        numbers: which trainings they are, by seed.
        mean: validation log loss in nats; infinity if one diverged or was given up.
        best: the lowest of them by its standing.
    """

    numbers: tuple[int, ...]
    mean: float
    best: int


def networks(attempts: Sequence[Attempt], results: Sequence[AttemptFigures]) -> list[Network]:
    """All networks that were trained, the lowest mean first, the first of equal ones first.

    Where nothing came to its end, those that were given up last come first.

    Args:
        attempts: the trainings.
        results: what they came to, in the same order.
    """
    found: dict[object, list[int]] = {}
    for number, attempt in enumerate(attempts[: len(results)]):
        found.setdefault(attempt.first_directory, []).append(number)
    ranked = []
    for numbers in found.values():
        mean = statistics.fmean(results[number].score for number in numbers)
        best = min(numbers, key=lambda number: (results[number].standing, number))
        ranked.append(Network(tuple(numbers), mean, best))
    return sorted(ranked, key=lambda one: (one.mean, results[one.best].standing, one.numbers))


def means(
    attempts: Sequence[Attempt], results: Sequence[AttemptFigures]
) -> dict[pathlib.Path, float]:
    """Mean validation log loss of each network that was trained several times.

    Args:
        attempts: the trainings.
        results: what they came to, in the same order.

    Returns:
        In nats, by ``Attempt.first_directory``; infinity where one diverged.
    """
    return {
        attempts[one.numbers[0]].directory: one.mean
        for one in networks(attempts, results)
        if len(one.numbers) > 1
    }


def expected_seeds(seeds: int, together: int, refined: int) -> float:
    """Further trainings that the choice takes, about, as plans count them.

    Args:
        seeds: of a network that may be taken for the best.
        together: networks that are trained before any of them is compared.
        refined: networks that are made from the best, one after the other.

    Example:
        >>> expected_seeds(1, 5, 10), round(expected_seeds(3, 5, 10), 1)
        (0.0, 7.0)
    """
    return (seeds - 1) * (TAKEN_FOR_BEST * (together > 0) + TAKEN_FOR_BETTER * refined)


def next_seed(
    attempts: Sequence[Attempt], results: Sequence[AttemptFigures], seeds: int
) -> Attempt | None:
    """What is trained next, until it is known which network is best.

    Args:
        attempts: the trainings so far.
        results: what they came to.
        seeds: of a network that may be taken for the best.

    Returns:
        ``None`` if the best network has as many, or none has come to its end.
    """
    best = networks(attempts, results)[0]
    if len(best.numbers) >= seeds or math.isinf(best.mean):
        return None
    return attempts[best.numbers[0]].with_seed(len(best.numbers) + 1)


def kept_trainings(seeds: int, trainings: int) -> int:
    """Trainings whose weights are kept until one is chosen, at most.

    Args:
        seeds: of a network that may be taken for the best.
        trainings: in all.

    Example:
        >>> kept_trainings(1, 20), kept_trainings(3, 20)
        (1, 9)
    """
    return 1 if seeds == 1 else min(trainings, LEADING * seeds)


def leading(attempts: Sequence[Attempt], results: Sequence[AttemptFigures], seeds: int) -> set[int]:
    """The trainings whose weights are kept: the best, or all of the networks that may win.

    Args:
        attempts: the trainings so far.
        results: what they came to.
        seeds: of a network that may be taken for the best.
    """
    ranked = networks(attempts, results)[: 1 if seeds == 1 else LEADING]
    return {number for network in ranked for number in network.numbers}


def best_network(attempts: Sequence[Attempt], results: Sequence[AttemptFigures]) -> Network:
    """The network of the lowest mean; where time was over, of those with the most seeds.

    Args:
        attempts: the trainings.
        results: what they came to.
    """
    ranked = networks(attempts, results)
    finite = [one for one in ranked if math.isfinite(one.mean)]
    most = max((len(one.numbers) for one in finite), default=0)
    return next((one for one in finite if len(one.numbers) == most), ranked[0])
