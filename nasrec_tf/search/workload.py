"""How much each stage of a run has to do, as rows, steps and trainings.

Stages and ``--plan`` count by these functions and by those of ``search_plan``, so that a plan
cannot be of another run than the one that follows.
"""

import dataclasses
import math
from collections.abc import Mapping

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.joined_splits import JOIN
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.scaling import Settings
from nasrec_tf.search.search_plan import search_rows
from nasrec_tf.training.recipe_choice import LARGE_ROWS

RECIPE_SHARE = 0.3
"""Share of the run's rows that the choice of a recipe may take unless ``--recipe-share`` says
otherwise."""

LEAST_ROWS, LEAST_TRAININGS = 10_000_000, 45
"""Unless told otherwise it may take the smaller of so many rows and so many trainings in any case:
a few minutes where the data set is small."""

WARMUP_SHARE = 5
"""The full supernet is trained now and then during the first fifth of the steps (paper 5.1)."""


@dataclasses.dataclass(frozen=True)
class RowCounts:
    """Rows of the splits, with what a ``TrainingPlan`` asks of a data set to count its steps.

    Args:
        by_split: rows of ``train``, ``validation`` and ``test``.

    Example:
        >>> RowCounts({"train": 1000, "validation": 100}).steps_per_epoch(128)
        7
    """

    by_split: Mapping[str, int]

    def rows(self, split: str) -> int:
        """Number of rows of a split, or of several joined by ``"+"``.

        Args:
            split: its name.
        """
        return sum(self.by_split[part] for part in split.split(JOIN))

    def steps_per_epoch(self, batch_size: int, split: str = "train") -> int:
        """Full batches of an epoch.

        Args:
            batch_size: rows of a batch.
            split: name of the split.

        Raises:
            UserError: if there is not even one.
        """
        steps = self.rows(split) // batch_size
        if not steps:
            raise UserError(
                f"split {split!r} has about {self.rows(split)} rows, fewer than one batch of "
                f"{batch_size}; use a smaller --batch-size."
            )
        return steps


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
    return candidates * len(config.learning_rates() or (1,))


def repeated(trainings: int) -> int:
    """How many of them are trained again with other recipes, where the run chooses its recipe.

    Args:
        trainings: of what the search handed over.
    """
    return math.ceil(trainings / 3)


def recipe_passes(config: SearchConfig, settings: Settings, training_rows: int) -> float:
    """Passes over the training split that the choice of a recipe may take.

    Args:
        config: the options.
        settings: what follows from them and the size of the data.
        training_rows: rows of the training split.

    Returns:
        So many that they are a share of all rows that the run trains on or scores with; unless
        ``--recipe-share`` was given, at least what ``LEAST_ROWS`` and ``LEAST_TRAININGS`` allow,
        but for large logs, of which one pass takes long.
    """
    trainings, passes = 1, 0.0
    pass_rows = min(training_rows, config.epoch_rows or training_rows)
    if config.architecture is None:
        trainings = settings.top_k + settings.refine
        passes = search_rows(config, settings, training_rows) / pass_rows
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
