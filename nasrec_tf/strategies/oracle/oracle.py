"""The oracles of a search, on KerasTuner's interface."""

from collections.abc import Sequence

from nasrec_tf.architecture.space import SearchSpace
from nasrec_tf.strategies.history import LOG_LOSS
from nasrec_tf.strategies.mutation import Mutation
from nasrec_tf.strategies.oracle.architecture_oracle import ArchitectureOracle
from nasrec_tf.strategies.pareto import ParetoEvolution
from nasrec_tf.strategies.random_search import RandomSearch
from nasrec_tf.strategies.regularized_evolution import RegularizedEvolution


class RegularizedEvolutionOracle(ArchitectureOracle):
    """Regularized evolution over architectures (paper 4.4 and 5.1).

    Args:
        space: where architectures are drawn from.
        population: architectures alive; the defaults are the paper's.
        tournament: how many of them compete to be the parent of a generation.
        children: architectures added by each generation.
        generations: how many generations follow the initial population.
        mutation: how a child is made.
        **options: those of ``ArchitectureOracle``.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> RegularizedEvolutionOracle(NASREC_SMALL.replace(num_blocks=2), seed=0).max_trials
        2048
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        population: int = RegularizedEvolution.population,
        tournament: int = RegularizedEvolution.tournament,
        children: int = RegularizedEvolution.children,
        generations: int = RegularizedEvolution.generations,
        mutation: Mutation = RegularizedEvolution.mutation,
        **options,
    ):
        strategy = RegularizedEvolution(population, tournament, children, generations, mutation)
        super().__init__(strategy, space, **options)


class ParetoEvolutionOracle(ArchitectureOracle):
    """Regularized evolution towards low log loss and low costs at once.

    Args:
        space: where architectures are drawn from.
        objectives: the log loss and metrics of ``budgets``, all to be small.
        population: as for ``RegularizedEvolutionOracle``, like the next four.
        tournament: likewise.
        children: likewise.
        generations: likewise.
        mutation: likewise.
        **options: those of ``ArchitectureOracle``.

    Raises:
        ValueError: if an argument is out of range, or an objective is not among the budgets.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> from nasrec_tf.strategies import Budget
        >>> oracle = ParetoEvolutionOracle(
        ...     NASREC_SMALL.replace(num_blocks=2), objectives=("log_loss", "blocks"),
        ...     budgets=[Budget("blocks", lambda architecture: len(architecture.blocks))],
        ...     generations=10,
        ... )
        >>> oracle.max_trials
        208
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        objectives: Sequence[str],
        population: int = RegularizedEvolution.population,
        tournament: int = RegularizedEvolution.tournament,
        children: int = RegularizedEvolution.children,
        generations: int = RegularizedEvolution.generations,
        mutation: Mutation = RegularizedEvolution.mutation,
        **options,
    ):
        known = {LOG_LOSS, *(budget.metric for budget in options.get("budgets", ()))}
        if not set(objectives) <= known:
            raise ValueError(
                f"`objectives` may name {', '.join(sorted(known))}. Received: {objectives!r}"
            )
        strategy = ParetoEvolution(
            population, tournament, children, generations, mutation, tuple(objectives)
        )
        super().__init__(strategy, space, **options)


class RandomSearchOracle(ArchitectureOracle):
    """Random search over architectures.

    Args:
        space: where architectures are drawn from.
        max_trials: how many to try.
        **options: those of ``ArchitectureOracle``.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> RandomSearchOracle(NASREC_SMALL.replace(num_blocks=2), max_trials=10).max_trials
        10
    """

    def __init__(self, space: SearchSpace, *, max_trials: int, **options):
        super().__init__(RandomSearch(max_trials), space, **options)
