"""What the stages of a run leave behind, as types that check themselves.

Each is written as a stage's ``result.json`` (``RunDirectory.finish``) and is read back through its
type, so that what a later stage or a later process goes on from is whole and of its form.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from nasrec_tf.common.saved_state import SAVED
from nasrec_tf.data.generated_log import DemoFacts
from nasrec_tf.report import CalibrationSummary, ExplanationSummary, QualitySummary
from nasrec_tf.search.hardware_results import (
    BASELINES,
    QUALITIES,
    BaselineComparison,
    HardwareResult,
    Ratio,
    RatioSpan,
)
from nasrec_tf.search.stage_result import (
    Count,
    Finite,
    SavedArchitecture,
    SavedRecipe,
    Skipped,
    StageResult,
)
from nasrec_tf.search.trainable import SavedTrainable
from nasrec_tf.search.training_results import (
    AttemptFigures,
    AttemptResult,
    EnsembleMember,
    EnsembleResult,
    EpochQuality,
    FinalFit,
    Look,
    RetrainResult,
    SeedResult,
    best_epoch,
)

__all__ = [
    "AttemptFigures",
    "AttemptResult",
    "BASELINES",
    "BaselineComparison",
    "Count",
    "EnsembleMember",
    "EnsembleResult",
    "EpochQuality",
    "EvolutionResult",
    "ExplainResult",
    "ExportResult",
    "FinalFit",
    "Finite",
    "HardwareResult",
    "Look",
    "PruneResult",
    "PrunedTraining",
    "QUALITIES",
    "Ratio",
    "RatioSpan",
    "RecipeResult",
    "RecipeTrial",
    "RecordsResult",
    "RescoreResult",
    "RetrainResult",
    "STAGE_RESULTS",
    "SavedArchitecture",
    "SavedRecipe",
    "SeedResult",
    "Skipped",
    "StageResult",
    "SupernetResult",
    "best_epoch",
    "constant_log_loss",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordsResult(StageResult):
    """Of the records stage.

    Args:
        dataset: directory of the data set, relative to the run directory unless absolute.
        name: of the data set.
        rows: rows by split.
        label_rates: share of rows with label 1 by split.
        demo: what is known of the generated log, if it was one.
        dense_columns: dense columns of the data set; ``None`` where an earlier version left it,
            whose search spaces had no dense embeddings.
        manifest_sha256: of the manifest of a data set that was there before the run, by which one
            put in its place is noticed; ``None`` of other data.
    """

    __pydantic_config__ = SAVED

    dataset: str
    name: str
    rows: dict[str, Count]
    label_rates: dict[str, Finite]
    demo: DemoFacts | None = None
    dense_columns: Count | None = None
    manifest_sha256: str | None = None

    @property
    def constant_log_loss(self) -> float | None:
        """What a model has to beat: the log loss, in nats, of one prediction for every row.

        Of a generated log it is known. Otherwise the click rate of the training split is
        predicted on the test split; ``None`` where one of them has no rows of both labels.
        """
        if self.demo:
            return self.demo.constant_log_loss
        return constant_log_loss(self.label_rates, "test")


def constant_log_loss(label_rates: Mapping[str, float], split: str) -> float | None:
    """Log loss of the training split's click rate as the prediction for every row, in nats.

    Args:
        label_rates: share of rows with label 1, by split.
        split: that is predicted.

    Returns:
        ``None`` where the training split or the other has no rows of both labels.

    Example:
        >>> round(constant_log_loss({"train": 0.5, "test": 0.1}, "test"), 4)
        0.6931
    """
    predicted, rate = (label_rates.get(name, 0.0) for name in ("train", split))
    if not (0 < predicted < 1 and 0 < rate < 1):
        return None
    return -rate * math.log(predicted) - (1 - rate) * math.log1p(-predicted)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecipeTrial:
    """One short training of the choice of a recipe.

    Args:
        question: field of the recipe that was being chosen, such as ``row_decay``.
        replica: number of the seed that it was trained with, from 1.
        recipe: how it was trained.
        validation: quality after the best evaluation; ``None`` if the training diverged.
        best_epoch: number of that evaluation, from 0.
        passes: passes over the training split.
        seconds: wall time.
        architecture: what was trained; ``None`` if it is the result's.
    """

    __pydantic_config__ = SAVED

    question: str
    replica: Annotated[int, pydantic.Field(ge=1)]
    recipe: SavedRecipe
    validation: EpochQuality | None
    best_epoch: int | None
    passes: Annotated[Finite, pydantic.Field(ge=0)]
    seconds: Annotated[Finite, pydantic.Field(ge=0)]
    architecture: SavedTrainable | None = None

    @property
    def score(self) -> float:
        """The best validation log loss in nats; infinity where there is none."""
        return math.inf if self.validation is None else self.validation.log_loss


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecipeResult(StageResult):
    """Of the recipe stage.

    Args:
        recipe: what was chosen.
        architecture: the model that most of it was tried on.
        trials: all trainings, in order.
        row_passes: passes over the training split that they took.
    """

    __pydantic_config__ = SAVED

    recipe: SavedRecipe
    architecture: SavedTrainable
    trials: tuple[RecipeTrial, ...]
    row_passes: Finite


@dataclasses.dataclass(frozen=True, kw_only=True)
class SupernetResult(StageResult):
    """Of the supernet stage.

    Args:
        steps: training steps.
        parameters: weights of the supernet, embedding tables included.
        final_loss: mean training loss over the last stretch of steps, in nats.
    """

    __pydantic_config__ = SAVED

    steps: Count
    parameters: Count
    final_loss: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvolutionResult(StageResult):
    """Of the evolution stage.

    Args:
        candidates: how many were tried.
        best: the architectures to be trained from scratch, the best first.
        best_hardware: the hardware settings of each, in a co-design run.
        best_log_loss: the lowest validation log loss among them, in nats.

    Raises:
        ValueError: if there are none, or not as many settings as architectures.
    """

    __pydantic_config__ = SAVED

    candidates: Count
    best: tuple[SavedArchitecture, ...]
    best_hardware: tuple[dict[str, int] | None, ...]
    best_log_loss: Finite

    def __post_init__(self):
        if not self.best or len(self.best) != len(self.best_hardware):
            raise ValueError(
                f"{len(self.best)} architectures with {len(self.best_hardware)} hardware settings"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RescoreResult(StageResult):
    """Of the rescore stage.

    Args:
        candidates: how many got a score.
        best: the architectures to be trained from scratch, the best first.
        best_log_loss: the lowest validation log loss among them, in nats.
        shared: how many of them the search's own scores would have handed over.

    Raises:
        ValueError: if there are none.
    """

    __pydantic_config__ = SAVED

    candidates: Count
    best: tuple[SavedArchitecture, ...]
    best_log_loss: Finite
    shared: Count

    def __post_init__(self):
        if not self.best:
            raise ValueError("no architectures")


@dataclasses.dataclass(frozen=True)
class PrunedTraining:
    """A training from scratch of the winner with a ticket.

    Args:
        iteration: prunings before it, from 0.
        left: share of the pruned matrices' elements or units.
        mflops: millions of multiply-accumulates per sample, those with weights of 0 left out.
        validation: quality at the best evaluation.
        seconds: wall time over all calls that went on with it.
    """

    __pydantic_config__ = SAVED

    iteration: Count
    left: Finite
    mflops: Finite
    validation: EpochQuality
    seconds: Annotated[Finite, pydantic.Field(ge=0)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PruneResult(StageResult):
    """Of the prune stage.

    Args:
        trainings: in order; the last one's network, with its masks folded in, is exported.
        architecture: that network's; it lacks the units that went.
        directory: where its weights are, relative to the run directory.
        validation: its quality on the validation split.
        test: its quality on the test split.
        calibration: scale and offset of its logits.
        mflops: millions of multiply-accumulates per sample that it executes.
        mflops_before: those of the winner.
        parameters: weights without embedding tables.
        parameters_before: those of the winner.
    """

    __pydantic_config__ = SAVED

    trainings: tuple[PrunedTraining, ...]
    architecture: SavedTrainable
    directory: str
    validation: EpochQuality
    test: QualitySummary
    calibration: CalibrationSummary
    mflops: Finite
    mflops_before: Finite
    parameters: Count
    parameters_before: Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportResult(StageResult):
    """Of the export stage.

    Args:
        path: the version's directory, absolute.
        content: a digest of the network that is in it; ``None`` of earlier versions of the package.
    """

    __pydantic_config__ = SAVED

    path: str
    content: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExplainResult(StageResult):
    """Of the explain stage.

    Args:
        explanation: whether the found model is worth it, and why it is as good as it is.
    """

    __pydantic_config__ = SAVED

    explanation: ExplanationSummary


STAGE_RESULTS: dict[str, Any] = {
    "records": RecordsResult,
    "recipe": RecipeResult,
    "supernet": SupernetResult | Skipped,
    "evolution": EvolutionResult | Skipped,
    "rescore": RescoreResult | Skipped,
    "retrain": RetrainResult,
    "prune": PruneResult,
    "hardware": HardwareResult,
    "export": ExportResult,
    "explain": ExplainResult,
}
"""Type of the result by stage."""
