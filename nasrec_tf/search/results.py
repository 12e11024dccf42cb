"""What the stages of a run leave behind, as types that check themselves.

Each is written as a stage's ``result.json`` (``RunDirectory.finish``) and is read back through its
type, so that what a later stage or a later process goes on from is whole and of its form.
"""

import dataclasses
import math
from typing import Annotated, Any

import pydantic

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.saved_state import SAVED
from nasrec_tf.demo import DemoFacts
from nasrec_tf.report import (
    CalibrationSummary,
    DifferenceSummary,
    ExplanationSummary,
    QualitySummary,
)
from nasrec_tf.search.trainable import SavedTrainable
from nasrec_tf.training.recipe import LOG_LOSS, Recipe

SavedArchitecture = Annotated[Architecture, pydantic.PlainValidator(Architecture.from_json)]
"""An architecture of a search space in its JSON form."""

SavedRecipe = Annotated[Recipe, pydantic.PlainValidator(Recipe.from_json)]
"""A recipe in its JSON form."""

Finite = Annotated[float, pydantic.Field(allow_inf_nan=False)]
Count = Annotated[int, pydantic.Field(ge=0)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageResult:
    """What every stage leaves.

    Args:
        seconds: wall time in the call that finished the stage.
        made_with: digest of the options that it follows from, by which a result of another run is
            known; ``None`` in runs that were finished before there was one.
    """

    seconds: Annotated[Finite, pydantic.Field(ge=0)] = 0.0
    made_with: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Skipped(StageResult):
    """Of a stage that this run does without.

    Args:
        skipped: why.
    """

    __pydantic_config__ = SAVED

    skipped: str


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
        predicted, rate = (self.label_rates.get(name, 0.0) for name in ("train", "test"))
        if not (0 < predicted < 1 and 0 < rate < 1):
            return None
        return -rate * math.log(predicted) - (1 - rate) * math.log1p(-predicted)


@dataclasses.dataclass(frozen=True)
class EpochQuality:
    """Quality on the validation split after an epoch.

    Args:
        log_loss: in nats; not finite where the training has diverged.
        auc: area under the curve; ``None`` where it is not defined.
    """

    __pydantic_config__ = SAVED

    log_loss: float
    auc: Finite | None = None


@dataclasses.dataclass(frozen=True)
class Look:
    """What a training had come to when it was compared with others.

    Args:
        step: of the training.
        log_loss: validation log loss there in nats, or that of the best evaluation before if it is
            lower; infinite after divergence.
    """

    __pydantic_config__ = SAVED

    step: Count
    log_loss: float

    def __post_init__(self):
        if math.isnan(self.log_loss):
            object.__setattr__(self, "log_loss", math.inf)


def best_epoch(epochs: tuple[EpochQuality, ...], monitor: str = LOG_LOSS) -> int | None:
    """Number of the epoch of the lowest finite log loss or highest AUC, the first of equal ones.

    Args:
        epochs: qualities, from epoch 0.
        monitor: ``log-loss``, or ``auc``, which has to be defined.

    Example:
        >>> best_epoch((EpochQuality(float("nan")), EpochQuality(0.5), EpochQuality(0.5)))
        1
        >>> best_epoch((EpochQuality(float("nan")),)) is None
        True
    """
    finite = {n: epoch for n, epoch in enumerate(epochs) if math.isfinite(epoch.log_loss)}
    if monitor == LOG_LOSS:
        ranks = {number: epoch.log_loss for number, epoch in finite.items()}
    else:
        ranks = {n: -epoch.auc for n, epoch in finite.items() if epoch.auc is not None}
    return min(ranks, key=lambda number: (ranks[number], number), default=None)


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
class AttemptFigures:
    """How one training from scratch went.

    Args:
        rank: of the candidate in the search, from 1.
        learning_rate: peak learning rate.
        steps_per_epoch: training steps of an epoch.
        epochs: quality at each evaluation, of which ``Recipe.evaluations_per_epoch`` says how many
            there are.
        best_epoch: number of the best of them, from 0; ``None`` if the training diverged before
            any was finite.
        validation: the best quality.
        monitor: what the best epoch is the best of, as in ``Recipe``.
        recipe: how it was trained; ``None`` in runs from before there were recipes.
        seconds: wall time in the call that finished the training.
        looks: what it was compared by with others at the same step, if it was.
        stopped: step after which it was given up, as others were better there; ``None`` if it went
            to its end.
        cut: step at which its time was over (``--max-hours``); ``None`` if it was not.

    Raises:
        ValueError: if the best epoch is not that of the qualities.
    """

    __pydantic_config__ = SAVED

    rank: Annotated[int, pydantic.Field(ge=1)]
    learning_rate: Annotated[Finite, pydantic.Field(gt=0)]
    steps_per_epoch: Annotated[int, pydantic.Field(ge=1)]
    epochs: tuple[EpochQuality, ...]
    best_epoch: int | None
    validation: EpochQuality | None
    seconds: Annotated[Finite, pydantic.Field(ge=0)]
    monitor: str = LOG_LOSS
    recipe: SavedRecipe | None = None
    looks: tuple[Look, ...] = ()
    stopped: Count | None = None
    cut: Count | None = None

    def __post_init__(self):
        # Networks that never had a finite loss were kept as epoch 0 before they were refused.
        best = best_epoch(self.epochs, self.monitor)
        if best is None:
            object.__setattr__(self, "best_epoch", None)
            object.__setattr__(self, "validation", None)
        elif best != self.best_epoch or self.epochs[best] != self.validation:
            raise ValueError(f"epoch {best} is the best, not {self.best_epoch}")
        if self.stopped is not None and self.stopped not in [look.step for look in self.looks]:
            raise ValueError(f"stopped at step {self.stopped} without a look there")

    @property
    def score(self) -> float:
        """The best validation log loss in nats; infinity if it diverged or was given up."""
        if self.validation is None or self.stopped is not None:
            return math.inf
        return self.validation.log_loss

    @property
    def standing(self) -> tuple[float, int, float]:
        """By which trainings are ranked: those given up last, of them the last given up first."""
        if self.stopped is None:
            return self.score, 0, 0.0
        return math.inf, -self.stopped, self.looks[-1].log_loss

    @property
    def passes(self) -> float:
        """Passes over the training split that it made."""
        if self.stopped is not None:
            return self.stopped / self.steps_per_epoch
        if self.cut is not None:
            return self.cut / self.steps_per_epoch
        parts = 1 if self.recipe is None else self.recipe.evaluations_per_epoch
        return len(self.epochs) / min(parts, self.steps_per_epoch)

    @property
    def share(self) -> float | None:
        """Of its steps, after which it was given up; ``None`` if it was not."""
        if self.stopped is None or self.recipe is None:
            return None
        return self.stopped / (self.steps_per_epoch * (self.recipe.epochs or 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttemptResult(AttemptFigures):
    """As ``AttemptFigures``, with what was trained.

    Args:
        architecture: the model, which may be a hand-made one.
    """

    __pydantic_config__ = SAVED

    architecture: SavedTrainable

    @property
    def figures(self) -> AttemptFigures:
        """The same without the architecture."""
        fields = dataclasses.fields(AttemptFigures)
        return AttemptFigures(**{field.name: getattr(self, field.name) for field in fields})


@dataclasses.dataclass(frozen=True)
class SeedResult:
    """The winner trained with one seed.

    Args:
        directory: where it was trained, relative to the run directory.
        validation: its quality on the validation split.
        test: its quality on the test split.
    """

    __pydantic_config__ = SAVED

    directory: str
    validation: EpochQuality
    test: QualitySummary


@dataclasses.dataclass(frozen=True)
class EnsembleMember:
    """A network of an ensemble.

    Args:
        rank: of the candidate in the search, from 1.
        learning_rate: peak learning rate.
        directory: where its weights are, relative to the run directory.
        architecture: of the network.
        count: how often it counts in the mean.
        recipe: how it was trained; ``None`` in runs from before it was told.
    """

    __pydantic_config__ = SAVED

    rank: Annotated[int, pydantic.Field(ge=1)]
    learning_rate: Finite
    directory: str
    architecture: SavedTrainable
    count: Annotated[int, pydantic.Field(ge=1)]
    recipe: SavedRecipe | None = None


@dataclasses.dataclass(frozen=True)
class EnsembleResult:
    """The mean of the logits of several networks, which is exported in the winner's place.

    Args:
        members: the networks.
        validation: quality on the validation split, by which it was chosen.
        test: quality on the test split.
        difference: of that from the winner alone.
        calibration: scale and offset of its logits.
        mflops: millions of multiply-accumulates per sample, of all members.
        parameters: weights without embedding tables, of all members.
        embedding_parameters: weights of the embedding tables of all members.
    """

    __pydantic_config__ = SAVED

    members: tuple[EnsembleMember, ...]
    validation: EpochQuality
    test: QualitySummary
    difference: DifferenceSummary
    calibration: CalibrationSummary
    mflops: Finite
    parameters: Count
    embedding_parameters: Count


@dataclasses.dataclass(frozen=True)
class FinalFit:
    """The winner trained once more on train and validation together.

    Args:
        rows: of both splits.
        epochs: passes over them, as many as validation chose.
        steps: training steps.
        seconds: wall time in the call that finished it.
    """

    __pydantic_config__ = SAVED

    rows: Count
    epochs: Annotated[Finite, pydantic.Field(ge=0)]
    steps: Count
    seconds: Annotated[Finite, pydantic.Field(ge=0)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetrainResult(StageResult):
    """Of the retrain stage.

    Args:
        rank: of the winner in the search, from 1.
        learning_rate: peak learning rate of the winner's training.
        recipe: how the winner was trained; ``None`` in runs from before there were recipes.
        directory: where its weights are, relative to the run directory.
        architecture: the winner, which may be a hand-made model.
        validation: its quality on the validation split, by which it was chosen.
        test: its quality on the test split.
        attempts: all trainings.
        calibration: scale and offset of its logits; ``None`` in runs that were finished before
            there was calibration.
        seeds: the winner by seed, if it was trained with several.
        ensemble: what is exported in its place; ``None`` unless several networks are averaged.
        final_fit: how the winner was trained once more; its quality on test is that of this fit,
            that on validation, and the calibration, are those of the training before.
        candidate: directory of the training of the winner among ``attempts``, where its weights
            are those of another one.
        out_of_time: whether further trainings were left out, for which there was no time.

    Raises:
        ValueError: if the winner's log loss is not finite.
    """

    __pydantic_config__ = SAVED

    rank: Annotated[int, pydantic.Field(ge=1)]
    learning_rate: Finite
    directory: str
    architecture: SavedTrainable
    validation: EpochQuality
    test: QualitySummary
    attempts: tuple[AttemptFigures, ...]
    calibration: CalibrationSummary | None = None
    recipe: SavedRecipe | None = None
    seeds: tuple[SeedResult, ...] = ()
    ensemble: EnsembleResult | None = None
    final_fit: FinalFit | None = None
    candidate: str | None = None
    out_of_time: bool = False

    @property
    def served_calibration(self) -> CalibrationSummary | None:
        """Calibration of what is exported."""
        return self.calibration if self.ensemble is None else self.ensemble.calibration

    def __post_init__(self):
        for name in ("validation", "test"):
            loss = getattr(self, name).log_loss
            if not math.isfinite(loss):
                raise ValueError(f"the winner's {name} log loss is {loss}")


@dataclasses.dataclass(frozen=True)
class PrunedTraining:
    """A training from scratch of the winner with a ticket.

    Args:
        iteration: prunings before it, from 0.
        left: share of the pruned matrices' elements or units.
        mflops: millions of multiply-accumulates per sample, those with weights of 0 left out.
        validation: quality at the best evaluation.
        seconds: wall time in the call that finished it.
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


@dataclasses.dataclass(frozen=True)
class Ratio:
    """What another design takes over what the winner takes.

    Args:
        speed_up: ratio of latencies.
        energy: ratio of energies.
        throughput: ratio of the intervals between inferences in a full pipeline.
    """

    __pydantic_config__ = SAVED

    speed_up: float
    energy: float
    throughput: float | None = None


@dataclasses.dataclass(frozen=True)
class RatioSpan:
    """Smallest and largest ratios over what the paper leaves unstated."""

    __pydantic_config__ = SAVED

    speed_up: tuple[float, float]
    energy: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class BaselineComparison:
    """The winner beside other designs; the fields are those of ``pim``'s comparison.

    Args:
        baselines: latency, interval and energy by design.
        ratios: by design.
        paper: ratios that the paper reports.
        corners: spans by design.
        sensitivities: what each assumption makes of the ratios.
    """

    __pydantic_config__ = SAVED

    baselines: dict[str, dict[str, float]]
    ratios: dict[str, Ratio]
    paper: dict[str, Ratio]
    corners: dict[str, RatioSpan]
    sensitivities: list[dict[str, Any]]


QUALITIES = ("float", "quantized", "crossbar_ideal", "crossbar_variation", "crossbar_stuck")
"""What the winner of a co-design run is measured on."""

BASELINES = ("handcrafted", "uniform8", "recnmp")
"""What it is compared with."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardwareResult(StageResult):
    """Of the hardware stage of a co-design run.

    Args:
        settings: hardware settings of the winner, by dotted name.
        quality: quality on the same test rows, by ``QUALITIES``.
        costs: latency, energy, area and interval, by name with unit, and ``"arrays"`` (not in files
            made before there was pruning).
        unpruned_costs: the same of the winner before it was pruned, on the same hardware; ``None``
            where nothing was pruned.
        baseline_area_mm2: area of designs that it is compared with.
        lossless_converters: whether no analog-to-digital converter loses bits.
        comparison: with ``BASELINES``.

    Raises:
        ValueError: if a quality or a baseline is missing.
    """

    __pydantic_config__ = SAVED

    settings: dict[str, int]
    quality: dict[str, QualitySummary]
    costs: dict[str, float]
    baseline_area_mm2: dict[str, float]
    lossless_converters: bool
    comparison: BaselineComparison
    unpruned_costs: dict[str, float] | None = None

    def __post_init__(self):
        for found, names in (
            (self.quality, QUALITIES),
            (self.comparison.ratios, BASELINES),
            (self.comparison.corners, BASELINES),
            (self.costs, ("latency_us", "energy_nj", "area_mm2")),
        ):
            missing = [name for name in names if name not in found]
            if missing:
                raise ValueError(f"{missing[0]!r} is missing")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportResult(StageResult):
    """Of the export stage.

    Args:
        path: the version's directory, absolute.
    """

    __pydantic_config__ = SAVED

    path: str


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
    "retrain": RetrainResult,
    "prune": PruneResult,
    "hardware": HardwareResult,
    "export": ExportResult,
    "explain": ExplainResult,
}
"""Type of the result by stage."""
