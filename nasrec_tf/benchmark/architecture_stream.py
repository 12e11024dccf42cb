"""The n-th architecture of a table: half at random, half near good ones.

Numbers come in generations of 32. In generations 0, 2, 4, ... architectures are drawn uniformly
from the space, by the stream's seed and the number alone: they are the same for every data set and
on every machine. In generations 1, 3, 5, ... each is one to three fields away from one of the eight
best that were trained before with the first seed; so it follows from their figures. Where a table
holds a row of a number already, the row's architecture is that of the number: whoever goes on from
a published table trains the same ones.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.space import SearchSpace
from nasrec_tf.benchmark.measured_rows import MeasuredRow, architecture_of
from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.mutation import FieldMutation

GENERATION = 32
PARENTS = 8
MOST_CHANGES = 3
MAX_DRAWS = 1000
"""Draws in a row of which none is new: the space has hardly any more."""

AT_RANDOM, NEAR = range(2)
"""What random numbers are for; each purpose has its own."""


def is_random(number: int) -> bool:
    """Whether an architecture is drawn from the space, and not near a good one.

    Args:
        number: of the architecture, from 0.

    Example:
        >>> [is_random(number) for number in (0, 31, 32, 64)]
        [True, True, False, True]
    """
    return number // GENERATION % 2 == 0


def random_numbers(count: int) -> list[int]:
    """The numbers of the first architectures that are drawn from the space.

    Args:
        count: how many.

    Example:
        >>> random_numbers(34)[-3:]
        [31, 64, 65]
    """
    return [2 * GENERATION * (n // GENERATION) + n % GENERATION for n in range(count)]


class ArchitectureStream:
    """The architectures of a seed, one after the other.

    Args:
        space: where they are drawn from.
        seed: of the stream.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> first, second = (ArchitectureStream(NASREC_SMALL, 0) for _ in range(2))
        >>> first.at_random(5) == second.at_random(5) != first.at_random(6)
        True
    """

    def __init__(self, space: SearchSpace, seed: int):
        self.space = space
        self.seed = seed
        self._drawn: list[Architecture] = []
        self._identities: set[str] = set()

    def at_random(self, number: int) -> Architecture:
        """An architecture of a generation of even number.

        Args:
            number: of the architecture.

        Raises:
            UserError: if the space has no further one.
        """
        place = number // GENERATION // 2 * GENERATION + number % GENERATION
        while len(self._drawn) <= place:
            self._draw()
        return self._drawn[place]

    def _draw(self) -> None:
        rng = np.random.default_rng([self.seed, AT_RANDOM, len(self._drawn)])
        for _ in range(MAX_DRAWS):
            architecture = self.space.sample(rng)
            if architecture.identity not in self._identities:
                self._identities.add(architecture.identity)
                self._drawn.append(architecture)
                return
        raise self._exhausted()

    def near(self, number: int, trained: Mapping[int, MeasuredRow]) -> Architecture:
        """An architecture of a generation of odd number.

        Args:
            number: of the architecture.
            trained: rows of the first seed by number, all of the generations before among them,
                and those of this generation's earlier numbers.

        Raises:
            UserError: if no new one was found near the best.
        """
        first = number // GENERATION * GENERATION
        parents = best_rows((n, trained[n]) for n in trained if n < first)
        if not parents:
            raise UserError(
                "The training of every architecture so far diverged, so that there is none to go "
                "on from; use a lower --learning-rate."
            )
        self.at_random(first - 1)
        drawn = self._drawn[: (first // GENERATION + 1) // 2 * GENERATION]
        known = {architecture.identity for architecture in drawn}
        known |= {row.identity for n, row in trained.items() if n < number}
        rng = np.random.default_rng([self.seed, NEAR, number])
        for _ in range(MAX_DRAWS):
            child = architecture_of(parents[int(rng.integers(len(parents)))].architecture)
            for _ in range(1 + int(rng.integers(MOST_CHANGES))):
                child = FieldMutation()(child, self.space, rng, 0, 1)
            if child.identity not in known:
                return child
        raise self._exhausted()

    def _exhausted(self) -> UserError:
        return UserError(
            f"{MAX_DRAWS:,} draws in a row gave no new architecture of {self.space.name!r} after "
            f"{len(self._drawn)} at random: the space has hardly any more; ask for fewer "
            "architectures, or use a larger --space."
        )


def best_rows(rows: Iterable[tuple[int, MeasuredRow]]) -> list[MeasuredRow]:
    """The rows that others are drawn near: those of the lowest log loss.

    Args:
        rows: with their numbers.
    """
    known = [(row.log_loss, number, row) for number, row in rows if math.isfinite(row.log_loss)]
    return [row for _, _, row in sorted(known, key=lambda found: found[:2])[:PARENTS]]
