"""From what the trainings of a comparison left to the rows of its table."""

import dataclasses
from collections.abc import Sequence

from nasrec_tf.report.comparison_summary import (
    BETTER,
    WITHIN,
    WORSE,
    CostSummary,
    FigureSummary,
    GapSummary,
    RivalSummary,
)
from nasrec_tf.search.search_cost import search_cost
from nasrec_tf.studies.contenders import CONSTANT, Contender
from nasrec_tf.studies.paired_intervals import Measured, paired_difference
from nasrec_tf.studies.rival_results import (
    MeasuredResult,
    SpeedResult,
    TrainingResult,
    TuningResult,
)
from nasrec_tf.studies.rival_trainings import RivalTrainings

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
    """

    contender: Contender
    tuning: TuningResult
    trainings: Sequence[TrainingResult]
    tests: Sequence[MeasuredResult]
    speed: SpeedResult | None = None

    @property
    def log_loss(self) -> Measured | None:
        """Test log loss by seed; ``None`` if no training has one."""
        return measured(self.tests, *LOG_LOSS)

    @property
    def auc(self) -> Measured | None:
        """Test AUC by seed; ``None`` if no training has one."""
        return measured(self.tests, *AUC)


def measured(
    tests: Sequence[MeasuredResult], figure: str, resampled: str, has_seeds: bool = True
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


def constant_row(constant: MeasuredResult, found: Outcome | None) -> RivalSummary:
    """The row of the prediction that is the same for every row.

    Args:
        constant: its quality.
        found: what the found model came to, once that is there.
    """
    log_loss, auc = (measured([constant], *each, has_seeds=False) for each in (LOG_LOSS, AUC))
    return RivalSummary(
        name=CONSTANT,
        title="The training split's click rate",
        **_qualities(log_loss, auc, found),
        grouped_auc=_by_group([constant]),
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
        validation=_figure(Measured(validation, [()] * len(validation))) if validation else None,
        **_qualities(outcome.log_loss, outcome.auc, None if is_found else found),
        grouped_auc=_by_group(outcome.tests),
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
        search=CostSummary(**dataclasses.asdict(search_cost(run))) if is_found else None,
    )


def _qualities(log_loss: Measured | None, auc: Measured | None, found: Outcome | None):
    """Figures of the test split, and their gaps from the found model."""
    figures = {"log_loss": _figure(log_loss), "auc": _figure(auc)}
    if found is None:
        return figures
    return figures | {
        "log_loss_gap": _gap(log_loss, found.log_loss, better_if_lower=True),
        "auc_gap": _gap(auc, found.auc, better_if_lower=False),
    }


def _by_group(tests: Sequence[MeasuredResult]) -> FigureSummary | None:
    values = [test.grouped_auc for test in tests if test.grouped_auc is not None]
    return _figure(Measured(values, [()] * len(values))) if values else None


def _figure(measured: Measured | None) -> FigureSummary | None:
    return None if measured is None else FigureSummary(measured.mean, measured.deviation)


def _gap(one: Measured | None, found: Measured | None, better_if_lower: bool) -> GapSummary | None:
    if one is None or found is None:
        return None
    difference = paired_difference(one, found)
    verdict = WITHIN
    if difference.is_beyond:
        verdict = BETTER if (difference.value < 0) == better_if_lower else WORSE
    return GapSummary(difference.value, difference.interval, verdict)
