"""What a comparison leaves behind, as types that check themselves."""

import dataclasses
from typing import Annotated

import pydantic

from nasrec_tf.common.saved_state import SAVED
from nasrec_tf.search.results import Count, EpochQuality, Finite, SavedRecipe
from nasrec_tf.training.recipe import Recipe

TEST_LOGITS = "test.npz"
"""Test logits of a training in the order of the rows, kept for analyses of one's own."""

Positive = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all models of a comparison have in common, and must not change.

    Args:
        found: identity of the model that the run found.
        rows: of the splits.
        seed: of the run.
        recipe: that of all; ``None`` where one is chosen for each.
        learning_rates: tried for each.
        tuning_passes: that were asked for.
        data: digest of the records; ``None``, like what follows, in comparisons that were begun
            before it was kept.
        start: the recipe with what the run's options and the size of its data make of it.
        operator_balancing: of the run.
        optimizer: digest of the file of a user's own that the recipe's optimizer comes from.
    """

    __pydantic_config__ = SAVED

    found: str
    rows: dict[str, int]
    seed: int
    recipe: Annotated[Recipe, pydantic.PlainValidator(Recipe.from_json)] | None
    learning_rates: tuple[float, ...]
    tuning_passes: float | None
    data: str | None = None
    start: SavedRecipe | None = None
    operator_balancing: bool | None = None
    optimizer: str | None = None


@dataclasses.dataclass(frozen=True)
class TuningResult:
    """How the recipe of a model was chosen.

    Args:
        recipe: what was chosen; complete.
        trials: trainings that it took.
        rows: that they trained on.
        seconds: wall time of all together.
    """

    __pydantic_config__ = SAVED

    recipe: SavedRecipe
    trials: Count = 0
    rows: Positive = 0.0
    seconds: Positive = 0.0


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """One training of a model.

    Args:
        seed: number of the seed, from 1.
        recipe: how it was trained.
        validation: quality after the best evaluation; ``None`` if the training diverged.
        best_epoch: number of that evaluation, from 0.
        rows: that it trained on.
        seconds: wall time over all calls that went on with it.
    """

    __pydantic_config__ = SAVED

    seed: Annotated[int, pydantic.Field(ge=1)]
    recipe: SavedRecipe
    validation: EpochQuality | None
    best_epoch: int | None
    rows: Positive
    seconds: Positive


@dataclasses.dataclass(frozen=True)
class MeasuredResult:
    """What a training is worth on the test split.

    Args:
        log_loss: in nats; ``None`` where a prediction is not finite.
        auc: area under the curve; ``None`` where it is not defined.
        log_losses: on each resample of the rows (``resampled_quality``).
        aucs: likewise.
        grouped_auc: of files that were written before ``GroupedQuality`` kept it beside them.
    """

    __pydantic_config__ = SAVED

    log_loss: Finite | None
    auc: Finite | None
    log_losses: tuple[Finite | None, ...] = ()
    aucs: tuple[Finite | None, ...] = ()
    grouped_auc: Finite | None = None


@dataclasses.dataclass(frozen=True)
class AveragedResult:
    """What the average of a model's trainings is worth on the test split.

    Args:
        seeds: numbers of the trainings, those that diverged left out.
        found: of the mean of their logits.
        without: log loss and AUC of the mean of all but one, for each that is left out.
    """

    __pydantic_config__ = SAVED

    seeds: tuple[Count, ...]
    found: MeasuredResult
    without: tuple[tuple[Finite, Finite | None], ...]


@dataclasses.dataclass(frozen=True)
class SpeedResult:
    """How fast a network is, batches being in memory.

    Args:
        training_us: microseconds of a training step for each row.
        inference_us: microseconds of a prediction for each row.
        batch_size: rows of a training step.
    """

    __pydantic_config__ = SAVED

    training_us: Positive
    inference_us: Positive
    batch_size: Count
