"""What trainings from scratch leave behind: each attempt's figures, and what was chosen of them."""

import dataclasses
import math
from typing import Annotated

import pydantic

from nasrec_tf.common.saved_state import SAVED
from nasrec_tf.report import CalibrationSummary, DifferenceSummary, QualitySummary
from nasrec_tf.search.stage_result import Count, Finite, SavedRecipe, StageResult
from nasrec_tf.search.trainable import SavedTrainable
from nasrec_tf.training.recipe import LOG_LOSS


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
        monitor: ``log-loss``, or ``auc``; where that is not defined, since all rows have one label,
            the log loss decides.

    Example:
        >>> best_epoch((EpochQuality(float("nan")), EpochQuality(0.5), EpochQuality(0.5)))
        1
        >>> best_epoch((EpochQuality(float("nan")),)) is None
        True
    """
    finite = {n: epoch for n, epoch in enumerate(epochs) if math.isfinite(epoch.log_loss)}
    ranks = {n: -epoch.auc for n, epoch in finite.items() if epoch.auc is not None}
    if monitor == LOG_LOSS or not ranks:
        ranks = {number: epoch.log_loss for number, epoch in finite.items()}
    return min(ranks, key=lambda number: (ranks[number], number), default=None)


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
        seconds: wall time over all calls that went on with it.
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
        seconds: wall time over all calls that went on with it.
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
