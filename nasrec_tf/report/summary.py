"""What a report shows, as plain values. What a run has not come to yet is left out."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.report.data_summary import DataSummary
from nasrec_tf.report.explanation_summary import ExplanationSummary
from nasrec_tf.report.hardware_summary import HardwareSummary
from nasrec_tf.report.pruning_summary import PruningSummary
from nasrec_tf.report.winner_summary import WinnerSummary


@dataclasses.dataclass(frozen=True)
class Curve:
    """A training curve.

    Args:
        points: (step, training log loss in nats) in order of steps.
        validation: (step, validation log loss in nats), such as one per epoch.
    """

    points: Sequence[tuple[int, float]] = ()
    validation: Sequence[tuple[int, float]] = ()


@dataclasses.dataclass(frozen=True)
class RecipeValueSummary:
    """A value that was tried in the choice of a recipe.

    Args:
        question: field of the recipe that was being chosen.
        value: what was tried.
        log_losses: best validation log loss in nats by number of the seed, from 1; ``None`` of a
            training that diverged.
        chosen: whether the recipe has this value.
    """

    question: str
    value: str
    log_losses: Mapping[int, float | None]
    chosen: bool


@dataclasses.dataclass(frozen=True)
class RecipeTableSummary:
    """What was tried on one network; log losses of two cannot be compared with each other.

    Args:
        judge: the network, in a few words.
        values: in the order in which they were tried.
    """

    judge: str
    values: Sequence[RecipeValueSummary]

    @property
    def seeds(self) -> Sequence[int]:
        """Numbers of the seeds that values were tried with."""
        return sorted({seed for value in self.values for seed in value.log_losses})


@dataclasses.dataclass(frozen=True)
class RecipeSummary:
    """How the final networks are trained.

    Args:
        text: what differs from the paper's recipe, in a line.
        fields: every field of the recipe and its value.
        tables: what it was chosen by, a table a network; none if it was given.
        trainings: how many that took.
        row_passes: passes over the training split that they took.
    """

    text: str
    fields: Mapping[str, Any]
    tables: Sequence[RecipeTableSummary] = ()
    trainings: int = 0
    row_passes: float = 0.0


@dataclasses.dataclass(frozen=True)
class TrialSummary:
    """One candidate that the search has looked at.

    Args:
        number: in order of creation, from 0.
        generation: 0 for the initial population.
        status: ``"completed"``, or what else became of it.
        log_loss: validation log loss that it was scored with, in nats; ``None`` without score.
        mflops: millions of multiply-accumulates per sample.
        identity: ``Architecture.identity``, by which retrained candidates are found.
        costs: further costs by name, such as ``"latency_us"``.
        on_front: whether no other candidate is better in one objective and as good in the others.
    """

    number: int
    generation: int
    status: str
    log_loss: float | None = None
    mflops: float | None = None
    identity: str | None = None
    costs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    on_front: bool = False


@dataclasses.dataclass(frozen=True)
class CandidateSummary:
    """One training from scratch.

    Args:
        rank: of the architecture in the search, from 1.
        identity: ``Architecture.identity``.
        learning_rate: peak learning rate.
        curve: loss while training.
        recipe: what differs from the paper's recipe, in a line; ``None`` if not known.
        validation_log_loss: in nats; ``None`` while the training has not finished, not a number if
            it diverged.
        validation_auc: area under the curve; ``None`` if not defined.
        mflops: millions of multiply-accumulates per sample.
        parameters: trainable weights without embedding tables.
        won: whether it is the winner.
        stopped_after: share of its steps after which it was given up, as others were better there;
            ``None`` if it went to its end.
        architecture: what was trained; ``None`` of a hand-made model.
        seed: which one of the network's seeds, from 1.
        mean_log_loss: of the network's trainings on validation, in nats; ``None`` of a network
            that was trained once.
    """

    rank: int
    identity: str
    learning_rate: float | None = None
    curve: Curve = Curve()
    recipe: str | None = None
    validation_log_loss: float | None = None
    validation_auc: float | None = None
    mflops: float | None = None
    parameters: int | None = None
    won: bool = False
    stopped_after: float | None = None
    architecture: Architecture | None = None
    seed: int = 1
    mean_log_loss: float | None = None

    @property
    def diverged(self) -> bool:
        """Whether the training came to no log loss.

        Example:
            >>> CandidateSummary(1, "a", validation_log_loss=float("nan")).diverged
            True
        """
        return self.validation_log_loss is not None and math.isnan(self.validation_log_loss)


@dataclasses.dataclass(frozen=True)
class StageSummary:
    """One stage.

    Args:
        name: of the stage.
        seconds: wall time over all calls that went on with it; ``None`` if it has not finished.
        note: a word on it, such as why it was skipped.
    """

    name: str
    seconds: float | None = None
    note: str | None = None


@dataclasses.dataclass(frozen=True)
class ExportSummary:
    """The exported model.

    Args:
        path: directory of the SavedModel.
        serving_help: commands that serve it, as text.
    """

    path: str
    serving_help: str | None = None


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """Everything that a report shows; only the name is needed.

    Args:
        name: heading of the page.
        directory: the run directory.
        command: the command line that repeats the run.
        seed: the seed.
        space: name of the search space.
        data: the data set.
        recipe: how the final networks are trained.
        supernet: training curve of the supernet.
        trials: every candidate of the search.
        scored_by: what their log losses are those of, after "log losses".
        max_mflops: cost limit of the search, in millions of multiply-accumulates.
        candidates: every training from scratch.
        winner: the chosen model.
        pruning: how the winner was pruned, in a run that prunes.
        hardware: the winner on its hardware, in a co-design run.
        explanation: whether the winner is worth it, and why it is as good as it is.
        export: the exported model.
        stages: the stages, in order.
        configuration: every option and its value in force.
        versions: package to version.
        links: files beside the page, relative to it, by what they are.
        made: when and where the newest of it was made.
    """

    name: str
    directory: str | None = None
    command: str | None = None
    seed: int | None = None
    space: str | None = None
    data: DataSummary | None = None
    recipe: RecipeSummary | None = None
    supernet: Curve | None = None
    trials: Sequence[TrialSummary] = ()
    scored_by: str = "with the weights of the supernet"
    max_mflops: float | None = None
    candidates: Sequence[CandidateSummary] = ()
    winner: WinnerSummary | None = None
    pruning: PruningSummary | None = None
    hardware: HardwareSummary | None = None
    explanation: ExplanationSummary | None = None
    export: ExportSummary | None = None
    stages: Sequence[StageSummary] = ()
    configuration: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    links: Mapping[str, str] = dataclasses.field(default_factory=dict)
    made: str | None = None

    @property
    def leaderboard(self) -> list[CandidateSummary]:
        """The finished trainings from scratch, the winner first, then by validation log loss.

        Example:
            >>> candidates = [CandidateSummary(1, "a", validation_log_loss=float("nan")),
            ...               CandidateSummary(2, "b", validation_log_loss=0.5),
            ...               CandidateSummary(3, "c")]
            >>> [found.rank for found in RunSummary("run", candidates=candidates).leaderboard]
            [2, 1]
        """
        finished = [c for c in self.candidates if c.validation_log_loss is not None]
        return sorted(finished, key=_place)

    @property
    def runners_up(self) -> list[CandidateSummary]:
        """The next best architectures after the winner's, two at most, each once."""
        found: dict[str, CandidateSummary] = {}
        for candidate in self.leaderboard:
            if candidate.architecture is not None and not candidate.diverged:
                found.setdefault(candidate.identity, candidate)
        won = {candidate.identity for candidate in self.candidates if candidate.won}
        return [one for identity, one in found.items() if identity not in won][:2]

    @property
    def seconds(self) -> float:
        """Time of all finished stages."""
        return sum(stage.seconds or 0.0 for stage in self.stages)


def _place(candidate: CandidateSummary) -> tuple[bool, float, float]:
    """The winner first, then those that ended, then those given up, the last of them first."""
    stopped = candidate.stopped_after
    loss = math.inf if candidate.diverged else candidate.validation_log_loss or 0.0
    return not candidate.won, 0.0 if stopped is None else 1.0 - stopped, loss
