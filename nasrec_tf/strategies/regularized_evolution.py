"""Regularized evolution (paper 4.4 and 5.1; Real et al., AAAI 2019)."""

import dataclasses
from collections.abc import Mapping, Sequence, Set
from typing import Any

from nasrec_tf.strategies.draws import CHILD, TOURNAMENT, NothingScored, random_stream
from nasrec_tf.strategies.history import History
from nasrec_tf.strategies.mutation import BlockMutation, Mutation
from nasrec_tf.strategies.search_settings import check_settings
from nasrec_tf.strategies.strategy import Generations, SearchPlan


@dataclasses.dataclass(frozen=True)
class RegularizedEvolution(Generations):
    """A population that ages: whoever is oldest leaves, however good.

    A generation draws a tournament from the population without replacement; the best of it is
    the one parent of all the generation's children, which take the places of the oldest.
    Candidates are numbered in the order of creation, so that the population is always the last
    ``population`` numbers, whichever order they were scored in.

    A candidate without a score, or with a cost that is not finite, is never a parent. Where a
    tournament draws no other, the whole population competes; a population in which none has a
    score ends the search.

    A generation begins when all earlier candidates have been scored: the authors' code does so
    as well, and the search does not depend on how many workers score or how fast they are.

    Args:
        population: architectures alive (paper 5.1: 128).
        tournament: how many of them compete to be the parent (64).
        children: architectures added by each generation (8).
        generations: how many generations follow the initial population (240).
        mutation: how a child is made.

    Raises:
        UserError: if a number is not a positive integer, or ``tournament`` exceeds
            ``population``.

    Example:
        >>> strategy = RegularizedEvolution()
        >>> strategy.trials, strategy.generation_of(127), strategy.generation_of(128)
        (2048, 0, 1)

    Reference: Zhang et al., NASRec, section 4.4 and 5.1; Real et al., Regularized Evolution for
    Image Classifier Architecture Search, AAAI 2019.
    """

    journal_name = "RegularizedEvolutionOracle"
    sizes = ("population", "children")

    population: int = 128
    tournament: int = 64
    children: int = 8
    generations: int = 240
    mutation: Mutation = BlockMutation()

    def __post_init__(self):
        check_settings(
            population=self.population,
            tournament=self.tournament,
            children=self.children,
            generations=self.generations,
        )

    @property
    def trials(self) -> int:
        """All candidates of a search."""
        return self.population + self.children * self.generations

    @classmethod
    def options(cls) -> dict[str, type]:
        """None: a run's plan says all."""
        return {}

    @classmethod
    def for_run(cls, plan: SearchPlan, options: Mapping[str, Any]) -> "RegularizedEvolution":
        """Takes all of the run's plan."""
        return cls(plan.population, plan.tournament, plan.children, plan.generations, plan.mutation)

    def child(self, number, history, draws, seed):
        """Mutates the parent of the generation.

        A child that was tried before is mutated further, as in the authors' code; one that
        breaks a budget is mutated from the parent again.
        """
        generation = self.generation_of(number)
        parent = self.parent(generation, history, seed)
        rng = random_stream(seed, CHILD, number)

        def mutate(design):
            return draws.mutated(design, self.mutation, rng, generation - 1, self.generations)

        return parent, draws.new(
            history,
            afresh=lambda: mutate(history.candidates[parent].design),
            onwards=mutate,
        )

    def parent(self, generation: int, history: History, seed: int) -> int:
        """Number of the tournament's winner; the older of two equal ones.

        Args:
            generation: of the children, from 1.
            history: with all earlier generations scored.
            seed: of the search.

        Raises:
            NothingScored: if no candidate alive has a score.
        """
        end = self.first_of(generation)
        alive = range(end - self.population, end)
        scored = [number for number in alive if history.scored(number)]
        if not scored:
            raise NothingScored(self.population)
        rng = random_stream(seed, TOURNAMENT, generation)
        drawn = rng.choice(self.population, size=self.tournament, replace=False)
        competing = {alive[int(index)] for index in drawn} & set(scored)
        return self._winner(history, scored, competing or set(scored))

    def _winner(self, history: History, scored: Sequence[int], competing: Set[int]) -> int:
        """The best of those that compete, all of them scored."""
        return min(competing, key=lambda number: (history.score(number), number))
