"""How much each stage of a run has to do, as rows, steps and trainings.

Stages and ``--plan`` count by these functions and by those of ``search_plan``, so that a plan
cannot be of another run than the one that follows.
"""

import math
from collections.abc import Mapping

from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.option_groups.recipe_options import AUTO
from nasrec_tf.search.scaling import Settings
from nasrec_tf.search.search_plan import search_rows
from nasrec_tf.training.recipe_choice import FEW_TO_REPEAT
from nasrec_tf.training.recipe_questions import LARGE_ROWS

RECIPE_SHARE = 0.3
"""Share of the run's rows that the choice of a recipe may take unless ``--recipe-share`` says
otherwise."""

LEAST_ROWS, LEAST_TRAININGS = 30_000_000, 55
"""Unless told otherwise it may take the smaller of so many rows and so many trainings in any case:
a few minutes where the data set is small."""

WARMUP_SHARE = 5
"""The full supernet is trained now and then during the first fifth of the steps (paper 5.1)."""


def warmup_steps(steps: int) -> int:
    """Steps of a supernet's training in which the whole of it is trained now and then.

    Args:
        steps: of the whole training.
    """
    return steps // WARMUP_SHARE


def full_steps(steps: int) -> float:
    """How many of them train the whole supernet, on average: the chance falls from 1 to 0.

    Args:
        steps: of the whole training.

    Example:
        >>> full_steps(1000)
        100.5
    """
    warmup = warmup_steps(steps)
    return (warmup + 1) / 2 if warmup else 0.0


def finalists(config: SearchConfig, settings: Settings) -> int:
    """Trainings from scratch of what the search hands over: each with every learning rate.

    Args:
        config: the options.
        settings: what follows from them and the size of the data.
    """
    candidates = 1 if config.architecture is not None else settings.top_k
    # The network that the run starts from, unless the search finds it again.
    candidates += config.warm_start is not None and config.architecture is None
    return candidates * len(config.learning_rates() or (1,))


def repeated(config: SearchConfig, trainings: int, rows: Mapping[str, int]) -> int:
    """How many of them are trained again with other recipes, where the run chooses its recipe.

    None of a run that starts from another, whose recipe was tried on the network that it goes on
    with; and none of a small validation split, by which the best of several is so by chance.

    Args:
        config: the options.
        trainings: of what the search handed over.
        rows: of each split.

    Example:
        >>> rows = {"train": 24_000, "validation": 3_000}
        >>> repeated(SearchConfig(), 5, rows), repeated(SearchConfig(recipe="paper"), 5, rows)
        (2, 0)
    """
    if config.recipe != AUTO or config.warm_start is not None:
        return 0
    if rows["train"] >= LARGE_ROWS or rows["validation"] < FEW_TO_REPEAT:
        return 0
    return math.ceil(trainings / 3)


def final_fits(config: SearchConfig, trainings: int) -> int:
    """Trainings on the rows of train and validation, where they are asked for: of each member.

    Args:
        config: the options.
        trainings: from scratch, of which an ensemble's members are chosen; most picks are other
            ones than before.

    Example:
        >>> final_fits(SearchConfig(), 5), final_fits(SearchConfig(final_fit="train+validation"), 5)
        (0, 1)
        >>> final_fits(SearchConfig(final_fit="train+validation", ensemble=9), 5)
        5
    """
    return 0 if config.final_fit == "train" else min(config.ensemble, max(1, trainings))


def recipe_passes(config: SearchConfig, settings: Settings, rows: Mapping[str, int]) -> float:
    """Passes over the training split that the choice of a recipe may take.

    Args:
        config: the options.
        settings: what follows from them and the size of the data.
        rows: of each split.

    Returns:
        So many that they are a share of all rows that the run trains on or scores with; unless
        ``--recipe-share`` was given, at least what ``LEAST_ROWS`` and ``LEAST_TRAININGS`` allow,
        but for large logs, of which one pass takes long.
    """
    trainings, passes, training_rows = 1, 0.0, rows["train"]
    pass_rows = min(training_rows, config.epoch_rows or training_rows)
    if config.architecture is None:
        trainings = settings.top_k + settings.refine
        passes = search_rows(config, settings, rows) / pass_rows
    passes += trainings * settings.retrain_epochs
    share = config.recipe_share
    if share is None:
        return default_recipe_passes(settings, training_rows, passes, pass_rows)
    return share / (1 - share) * passes


def default_recipe_passes(
    settings: Settings, training_rows: int, passes: float, pass_rows: int | None = None
) -> float:
    """The same of a choice that nothing is said of.

    Args:
        settings: what follows from the options and the size of the data.
        training_rows: rows of the training split.
        passes: that everything else takes.
        pass_rows: after which a pass ends; all of the training split unless given.
    """
    least = min(
        LEAST_ROWS / (pass_rows or training_rows), LEAST_TRAININGS * settings.retrain_epochs
    )
    share = RECIPE_SHARE / (1 - RECIPE_SHARE) * passes
    return max(share, least if training_rows < LARGE_ROWS else 0.0)
