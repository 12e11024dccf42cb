"""Drawing candidates that are new and within the budgets."""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.space import SearchSpace
from nasrec_tf.strategies.architecture_vector import architecture_vector
from nasrec_tf.strategies.budget import Budget
from nasrec_tf.strategies.design import Design
from nasrec_tf.strategies.hardware_space import HardwareSpace
from nasrec_tf.strategies.history import History
from nasrec_tf.strategies.mutation import FieldMutation, Mutation
from nasrec_tf.strategies.search_settings import check_positive

Priced = tuple[Design, dict[str, float]]
"""A design with its cost by metric."""

INITIAL, TOURNAMENT, CHILD, REFINEMENT = range(4)
"""What random numbers are for; each purpose has its own stream."""


class NothingToDraw(Exception):
    """A search ends before its last candidate; the message says why and what to change."""


class SpaceExhausted(NothingToDraw):
    """No draw gave an architecture that is new and within the budgets."""


class NothingScored(NothingToDraw):
    """So many candidates in a row got no score that none is left to go on from.

    Args:
        count: how many.
    """

    def __init__(self, count: int):
        super().__init__(
            f"none of {count} candidates in a row got a finite log loss: train the supernet longer "
            f"or with a lower learning rate, or fine-tune with a lower one"
        )


def random_stream(seed: int, purpose: int, number: int) -> np.random.Generator:
    """A generator that depends on its three arguments alone.

    Nothing is carried over from one draw to the next, so that an interruption cannot change it.

    Args:
        seed: of the search.
        purpose: ``INITIAL``, ``TOURNAMENT``, ``CHILD`` or ``REFINEMENT``.
        number: of the candidate or the generation that is drawn for.

    Example:
        >>> draws = [random_stream(0, CHILD, 7).integers(100) for _ in range(2)]
        >>> bool(draws[0] == draws[1])
        True
    """
    return np.random.default_rng([seed, purpose, number])


@dataclasses.dataclass(frozen=True)
class Draws:
    """The rules that every candidate keeps.

    Args:
        space: where architectures are drawn from.
        budgets: costs to record, and limits to keep.
        max_redraws: draws after which no new candidate within the budgets is expected.
        hardware: where hardware is drawn from, in a co-design search.

    Raises:
        ValueError: if two budgets name one metric, or ``max_redraws`` is not positive.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> draws = Draws(NASREC_SMALL, (Budget("blocks", lambda a: len(a.blocks)),))
        >>> design, costs = draws.initial(History(), seed=0)
        >>> costs
        {'blocks': 7.0}
    """

    space: SearchSpace
    budgets: tuple[Budget, ...] = ()
    max_redraws: int = 1000
    hardware: HardwareSpace | None = None

    def __post_init__(self):
        check_positive(max_redraws=self.max_redraws)
        object.__setattr__(self, "budgets", tuple(self.budgets))
        metrics = [budget.metric for budget in self.budgets]
        if len(set(metrics)) < len(metrics):
            raise ValueError(f"`budgets` names a metric twice. Received: {metrics}")

    def initial(self, history: History, seed: int) -> Priced:
        """Draws the next candidate uniformly from the space, as ``new`` does.

        Args:
            history: what was tried before; its length is the candidate's number.
            seed: of the search.

        Returns:
            The design and its cost by metric.

        Raises:
            SpaceExhausted: after ``max_redraws`` draws.
        """
        return self.at_random(history, random_stream(seed, INITIAL, len(history)))

    def at_random(self, history: History, rng: np.random.Generator) -> Priced:
        """Draws a design uniformly from the space, as ``new`` does.

        Args:
            history: what was tried before.
            rng: the only source of randomness.

        Returns:
            The design and its cost by metric.

        Raises:
            SpaceExhausted: after ``max_redraws`` draws.
        """
        return self.new(
            history,
            afresh=lambda: self._sample(rng),
            onwards=lambda _: self._sample(rng),
        )

    def _sample(self, rng: np.random.Generator) -> Design:
        architecture = self.space.sample(rng)
        return Design(architecture, self.hardware.sample(rng) if self.hardware else None)

    def new(
        self,
        history: History,
        afresh: Callable[[], Design],
        onwards: Callable[[Design], Design],
    ) -> Priced:
        """Draws until a design is new and within the budgets.

        Args:
            history: what was tried before.
            afresh: makes the first draw, and another one after a draw above a budget.
            onwards: makes another draw from one that was tried before.

        Returns:
            The design and its cost by metric.

        Raises:
            SpaceExhausted: after ``max_redraws`` draws.
        """
        duplicates = 0
        lowest = dict.fromkeys((budget.metric for budget in self.budgets), math.inf)
        design = afresh()
        for _ in range(self.max_redraws):
            if history.knows(design):
                duplicates += 1
                design = onwards(design)
                continue
            costs = self.costs(design)
            if self.allow(costs):
                return design, costs
            lowest = {metric: min(lowest[metric], cost) for metric, cost in costs.items()}
            design = afresh()
        raise SpaceExhausted(self._reason(duplicates, lowest))

    def costs(self, design: Design) -> dict[str, float]:
        """What a design costs, by metric.

        Args:
            design: the design.
        """
        return {budget.metric: budget.of(design) for budget in self.budgets}

    def allow(self, costs: Mapping[str, float]) -> bool:
        """Whether costs keep all budgets.

        Args:
            costs: of a design, by metric.
        """
        return all(budget.allows(costs[budget.metric]) for budget in self.budgets)

    def mutated(
        self,
        design: Design,
        mutation: Mutation,
        rng: np.random.Generator,
        generation: int = 0,
        generations: int = 0,
    ) -> Design:
        """A child of a design, and in co-design of its hardware, of which one setting is redrawn.

        Args:
            design: the parent.
            mutation: of its architecture.
            rng: the only source of randomness.
            generation: the child's, from 0.
            generations: of the whole search.
        """
        architecture = mutation(design.architecture, self.space, rng, generation, generations)
        if self.hardware is None:
            return Design(architecture)
        return Design(architecture, self.hardware.mutate(design.hardware, rng))

    def single_mutation(self, design: Design, rng: np.random.Generator) -> Design:
        """A design of which one field is drawn anew, and in co-design one setting of the hardware.

        Args:
            design: the design.
            rng: the only source of randomness.
        """
        return self.mutated(design, FieldMutation(), rng)

    def written(self, design: Design) -> tuple:
        """Equal for designs of which every field is equal, be it dead or not.

        Args:
            design: the design.
        """
        architecture, hardware = design
        settings = None if hardware is None else tuple(sorted(hardware.items()))
        return architecture.blocks, architecture.dense_embeddings, settings

    def vector(self, architecture: Architecture) -> np.ndarray:
        """An architecture as numbers, for models that learn from scores.

        Args:
            architecture: one of the space.

        Returns:
            (numbers,) float64, as many for every architecture of the space.
        """
        return architecture_vector(architecture, self.space)

    def _reason(self, duplicates: int, lowest: Mapping[str, float]) -> str:
        reason = f"of {self.max_redraws} draws in a row {duplicates} were tried before"
        if duplicates < self.max_redraws:
            budgets = " and ".join(
                f"{budget.metric} <= {budget.limit:g} (lowest drawn: {lowest[budget.metric]:g})"
                for budget in self.budgets
            )
            reason += f" and {self.max_redraws - duplicates} broke a budget: {budgets}"
        return reason
