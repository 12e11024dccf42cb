"""From what the trainings of a comparison left to the rows of its table."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from nasrec_tf.report.comparison_summary import (
    BETTER,
    WITHIN,
    WORSE,
    CostSummary,
    FigureSummary,
    GapSummary,
    RivalSummary,
    StrategySummary,
)
from nasrec_tf.report.explanation_summary import CONSTANT
from nasrec_tf.studies.contenders import Contender
from nasrec_tf.studies.grouped_quality import GroupedResult
from nasrec_tf.studies.paired_intervals import Averaged, Measured, paired_difference
from nasrec_tf.studies.rival_results import (
    AveragedResult,
    MeasuredResult,
    SpeedResult,
    TrainingResult,
    TuningResult,
)
from nasrec_tf.studies.rival_trainings import RivalTrainings
from nasrec_tf.training.evaluation import LEAST_ROWS

Row = TypeVar("Row", RivalSummary, StrategySummary)

LOG_LOSS, AUC = ("log_loss", "log_losses"), ("auc", "aucs")
"""Fields of ``MeasuredResult``: a figure, and the same on resamples."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one model came to.

    Args:
        contender: the model.
        tuning: how its recipe was chosen.
        trainings: by seed.
        tests: of each training.
        speed: how fast it is; ``None`` where no training has been looked at.
        grouped: of each training, within groups, where that was asked for.
        averaged: of the average of the trainings, where there are several.
    """

    contender: Contender
    tuning: TuningResult
    trainings: Sequence[TrainingResult]
    tests: Sequence[MeasuredResult]
    speed: SpeedResult | None = None
    grouped: Sequence[GroupedResult] = ()
    averaged: AveragedResult | None = None

    @property
    def log_loss(self) -> Measured | None:
        """Test log loss by seed; ``None`` if no training has one."""
        return measured(self.tests, *LOG_LOSS)

    @property
    def auc(self) -> Measured | None:
        """Test AUC by seed; ``None`` if no training has one."""
        return measured(self.tests, *AUC)

    @property
    def grouped_auc(self) -> Measured | None:
        """AUC within groups by seed; ``None`` if no training has one."""
        return measured(self.grouped, *AUC)

    @property
    def averaged_log_loss(self) -> Averaged | None:
        """Test log loss of the average of the trainings; ``None`` where there is none."""
        return self._averaged(LOG_LOSS, 0)

    @property
    def averaged_auc(self) -> Averaged | None:
        """Test AUC of the average of the trainings; ``None`` where there is none."""
        return self._averaged(AUC, 1)

    def _averaged(self, fields: tuple[str, str], column: int) -> Averaged | None:
        found = self.averaged
        if found is None:
            return None
        mean, draws = (getattr(found.found, name) for name in fields)
        without = [each[column] for each in found.without]
        if mean is None or None in without:
            return None
        return Averaged(mean, draws, [each for each in without if each is not None])


def measured(
    tests: Sequence[MeasuredResult | GroupedResult],
    figure: str,
    resampled: str,
    has_seeds: bool = True,
) -> Measured | None:
    """A figure of trainings; ``None`` if none has one.

    Args:
        tests: of each training.
        figure: field of ``MeasuredResult``.
        resampled: the field of the same on resamples.
        has_seeds: as in ``Measured``.
    """
    known = [test for test in tests if getattr(test, figure) is not None]
    values, draws = ([getattr(test, name) for test in known] for name in (figure, resampled))
    return Measured(values, draws, has_seeds) if known else None


def constant_row(
    constant: MeasuredResult, found: Outcome | None, grouped: GroupedResult | None = None
) -> RivalSummary:
    """The row of the prediction that is the same for every row.

    Args:
        constant: its quality.
        found: what the found model came to, once that is there.
        grouped: its quality within groups, where there are any.
    """
    log_loss, auc = (measured([constant], *each, has_seeds=False) for each in (LOG_LOSS, AUC))
    within = measured([grouped] if grouped else [], *AUC, has_seeds=False)
    return RivalSummary(
        name=CONSTANT,
        title="The training split's click rate",
        **_qualities(log_loss, auc, within, found),
    )


def rival_row(trainings: RivalTrainings, outcome: Outcome, found: Outcome | None) -> RivalSummary:
    """The row of a trained model.

    Args:
        trainings: of the comparison.
        outcome: what the model came to.
        found: what the found model came to, once that is there; the same for that itself.
    """
    run, contender, recipe = trainings.run, outcome.contender, outcome.tuning.recipe
    cost = contender.model.complexity(run.features, recipe, run.config.operator_balancing)
    is_found = found is outcome
    speed, count = outcome.speed, len(outcome.trainings)
    validation = [one.validation.log_loss for one in outcome.trainings if one.validation]
    return RivalSummary(
        name=contender.name,
        title=contender.model.told,
        found=is_found,
        recipe=str(recipe),
        seeds=count,
        diverged=sum(test.log_loss is None for test in outcome.tests),
        validation=figure_summary(Measured(validation, [()] * len(validation)))
        if validation
        else None,
        **_qualities(
            outcome.log_loss, outcome.auc, outcome.grouped_auc, None if is_found else found
        ),
        **_averages(outcome, None if is_found else found),
        mflops=cost.mflops,
        parameters=cost.parameters,
        embedding_parameters=cost.embedding_parameters,
        training_us=None if speed is None else speed.training_us,
        inference_us=None if speed is None else speed.inference_us,
        training=CostSummary(
            sum(one.rows for one in outcome.trainings) / count,
            sum(one.seconds for one in outcome.trainings) / count,
        ),
        tuning=CostSummary(outcome.tuning.rows, outcome.tuning.seconds),
        search=contender.cost,
    )


def _qualities(
    log_loss: Measured | None,
    auc: Measured | None,
    grouped_auc: Measured | None,
    found: Outcome | None,
) -> dict[str, Any]:
    """Figures of the test split, and their gaps from the found model."""
    figures = {
        "log_loss": figure_summary(log_loss),
        "auc": figure_summary(auc),
        "grouped_auc": figure_summary(grouped_auc),
    }
    if found is None:
        return figures
    return figures | {
        "log_loss_gap": gap_summary(log_loss, found.log_loss, better_if_lower=True),
        "auc_gap": gap_summary(auc, found.auc, better_if_lower=False),
        "grouped_auc_gap": gap_summary(grouped_auc, found.grouped_auc, better_if_lower=False),
    }


def _averages(outcome: Outcome, found: Outcome | None) -> dict[str, Any]:
    """Figures of the average of a model's trainings, and their gaps from the found model's."""
    log_loss, auc = outcome.averaged_log_loss, outcome.averaged_auc
    figures: dict[str, Any] = {
        "averaged_log_loss": log_loss and FigureSummary(log_loss.mean),
        "averaged_auc": auc and FigureSummary(auc.mean),
    }
    if found is None:
        return figures
    return figures | {
        "averaged_log_loss_gap": gap_summary(log_loss, found.averaged_log_loss, True),
        "averaged_auc_gap": gap_summary(auc, found.averaged_auc, False),
    }


def figure_summary(measured: Measured | None) -> FigureSummary | None:
    """A figure as it is shown.

    Args:
        measured: the figure by seed.
    """
    return None if measured is None else FigureSummary(measured.mean, measured.deviation)


def gap_summary(
    one: Measured | Averaged | None, found: Measured | Averaged | None, better_if_lower: bool
) -> GapSummary | None:
    """A difference as it is shown; ``None`` where one side is not known.

    Args:
        one: the figure of the one.
        found: of what it is compared with.
        better_if_lower: whether the lower figure is the better one.
    """
    if one is None or found is None:
        return None
    difference = paired_difference(one, found)
    verdict = WITHIN
    if difference.is_beyond:
        verdict = BETTER if (difference.value < 0) == better_if_lower else WORSE
    return GapSummary(difference.value, difference.interval, verdict, difference.over_seeds)


def of_few_rows(row: Row, rows: int) -> Row:
    """A row whose intervals hang on few test rows of a label, which tell nothing apart.

    Those of areas are left out, and that of a log loss of fewer rows than ``LEAST_ROWS``: over a
    single one it has no width and looks certain.

    Args:
        row: with the gaps of many rows.
        rows: of the test split that count.
    """
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(row):
        gap = getattr(row, field.name)
        if isinstance(gap, GapSummary):
            stays = field.name.endswith("log_loss_gap") and rows >= LEAST_ROWS
            interval = gap.interval if stays else None
            changes[field.name] = dataclasses.replace(gap, interval=interval, verdict=WITHIN)
    return dataclasses.replace(row, **changes)
