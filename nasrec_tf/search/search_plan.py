"""What a run asks of its search: strategy, size, and the rows that it takes."""

from collections.abc import Mapping

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.options import flag
from nasrec_tf.search.scaling import Settings
from nasrec_tf.search.search_size import (
    PILOTS,
    asked_candidates,
    drawn_validation_rows,
    score_rows,
)
from nasrec_tf.strategies.choice_distribution import ChoiceDistribution
from nasrec_tf.strategies.known_strategies import strategy_of_run
from nasrec_tf.strategies.mutation import MUTATIONS
from nasrec_tf.strategies.strategy import SearchPlan, Strategy

SEARCH_PROJECT = "search"
"""KerasTuner's project in the directory of the evolution stage."""

MFLOPS = "mflops"
"""Million multiply-accumulates, the cost that every search records."""


def search_strategy(
    config: SearchConfig,
    settings: Settings,
    training_rows: int,
    objectives: tuple[str, ...] | None = None,
    distribution: ChoiceDistribution | None = None,
) -> Strategy:
    """The strategy of a run.

    Args:
        config: the options.
        settings: what follows from them and the size of the data.
        training_rows: rows of the training split.
        objectives: what a Pareto search lowers at once; ``None`` for the log loss alone.
        distribution: what logits were learnt to draw, once they have been.

    Raises:
        UserError: if options do not fit together; the message names one.
    """
    of_evolution = settings.population + settings.children * settings.generations
    trials = asked_candidates(config, training_rows) or of_evolution
    if config.strategy == "evolution" and of_evolution > trials:
        raise UserError(
            f"{trials} candidates are fewer than a population of {settings.population} and one "
            f"generation of {settings.children}; lower --population or --children."
        )
    plan = SearchPlan(
        trials=trials,
        population=settings.population,
        tournament=settings.tournament,
        children=settings.children,
        generations=settings.generations,
        mutation=MUTATIONS[config.mutation](),
        objectives=objectives,
        costs=cost_metrics(config),
        distribution=distribution,
    )
    return strategy_of_run(config.strategy, plan, config.strategy_options, flag)


def cost_metrics(config: SearchConfig) -> tuple[str, ...]:
    """Costs that the search records of every candidate.

    Args:
        config: the options.
    """
    if not config.codesign:
        return (MFLOPS,)
    from nasrec_tf.codesign.costs import COSTS

    return (MFLOPS, *COSTS)


def search_rows(config: SearchConfig, settings: Settings, rows: Mapping[str, int]) -> int:
    """Rows that a search takes: those trained on, and those looked at to score.

    Args:
        config: the options.
        settings: what follows from them and the size of the data.
        rows: of each split.

    Example:
        >>> from nasrec_tf.search.scaling import scale
        >>> rows = {"train": 36_672_493, "validation": 4_584_062}
        >>> found = search_rows(SearchConfig(), scale(SearchConfig(), rows["train"]), rows)
        >>> found == 36_672_493 + 2048 * (500 * 512 + 100 * 8192)
        True
    """
    training_rows = rows["train"]
    trials = search_strategy(config, settings, training_rows).trials
    trained, scored = candidate_rows(config, settings, rows)
    epoch = min(training_rows, config.supernet_rows or training_rows)
    passes = 0 if config.trains_candidates else settings.supernet_epochs * epoch
    again = rescored(config, trials) * sum(rescored_rows(settings, rows))
    scores = trials * (trained + scored) + row_choice(config, settings, rows)
    return passes + scores + again


def candidate_rows(
    config: SearchConfig, settings: Settings, rows: Mapping[str, int]
) -> tuple[int, int]:
    """Rows that a candidate is tuned or trained on, and those that its score is taken over.

    Args:
        config: the options.
        settings: what follows from them and the size of the data.
        rows: of each split.
    """
    whole = min(settings.validation_rows, rows["validation"])
    if config.trains_candidates:
        return score_rows(config, rows["train"]), whole
    tuned = settings.fine_tune_steps * settings.batch_size
    return tuned, drawn_validation_rows(config, whole) or whole


def rescored(config: SearchConfig, trials: int) -> int:
    """Candidates that are scored again.

    Args:
        config: the options.
        trials: candidates of the search.
    """
    return min(config.rescore or 0, trials)


def rescored_rows(settings: Settings, rows: Mapping[str, int]) -> tuple[int, int]:
    """Rows that a candidate is tuned on and judged by when it is scored again.

    Args:
        settings: what follows from the options and the size of the data.
        rows: of each split.
    """
    tuned = settings.rescore_steps * settings.batch_size
    return tuned, min(settings.rescore_rows, rows["validation"])


def row_choice(config: SearchConfig, settings: Settings, rows: Mapping[str, int]) -> int:
    """Rows that the choice of rows to score by takes: whole scores of a few architectures.

    Args:
        config: the options.
        settings: what follows from them and the size of the data.
        rows: of each split.
    """
    whole = min(settings.validation_rows, rows["validation"])
    if drawn_validation_rows(config, whole) is None:
        return 0
    return PILOTS * (settings.fine_tune_steps * settings.batch_size + whole)
