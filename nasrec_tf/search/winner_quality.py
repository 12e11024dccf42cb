"""What is measured of the models that were chosen: calibration on validation, then the test split.

The test split is looked at once for each model that is reported.
"""

import dataclasses
import pathlib
from typing import Any, NamedTuple

import numpy as np

from nasrec_tf.common.errors import UserError
from nasrec_tf.report import (
    CalibratedQuality,
    CalibrationSummary,
    QualitySummary,
    ReliabilityBin,
)
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.kept_logits import VALIDATION_LOGITS, kept_logits
from nasrec_tf.search.option_groups.recipe_options import LOWER_RATES
from nasrec_tf.search.results import RetrainResult
from nasrec_tf.search.run import Run
from nasrec_tf.training.calibration import Calibration, fit_calibration
from nasrec_tf.training.reliability import expected_calibration_error, reliability


class Predicted(NamedTuple):
    """What a model makes of a split.

    Args:
        labels: 0 or 1, (rows,).
        logits: finite, (rows,).
        weights: how much each row counts, (rows,); ``None`` if all count alike.
        groups: of each row, 0 where missing, (rows,); ``None`` if there are none.
    """

    labels: np.ndarray
    logits: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    def of(self, logits: np.ndarray) -> "Predicted":
        """What another model makes of the same rows.

        Args:
            logits: its logits.
        """
        return self._replace(logits=logits)

    def at(self, rows: np.ndarray) -> "Predicted":
        """What it makes of some of the rows.

        Args:
            rows: their numbers.
        """
        return Predicted(*(None if part is None else part[rows] for part in self))

    def quality(self, *, seed: int | None = None) -> QualitySummary:
        """Log loss and AUC, and AUC within groups where there are such.

        Args:
            seed: of 95 % intervals, which there are with one.
        """
        from nasrec_tf.training.evaluation import quality, quality_with_intervals
        from nasrec_tf.training.grouped_auc import groups_with_both, mean_grouped_auc

        plain = self.labels, self.logits, self.weights
        found = quality(*plain) if seed is None else quality_with_intervals(*plain, seed=seed)
        by_group, groups = None, None
        if self.groups is not None:
            groups = groups_with_both(self.labels, self.groups, self.weights)
            by_group = mean_grouped_auc(self.labels, self.logits, self.groups, self.weights)
        found = dataclasses.replace(found, grouped_auc=by_group)
        return QualitySummary(**found.to_json(), groups=groups)


def predicted(run: Run, network: Any, split: str, directory: pathlib.Path) -> Predicted:
    """Labels and logits of a split.

    Args:
        run: the run.
        network: the model.
        split: the split.
        directory: where the model was trained, for messages.

    Raises:
        UserError: if a prediction is not finite.
    """
    from nasrec_tf.training.evaluation import Predictor

    found = run.predicted(Predictor(network, run.records), "winner", split)
    return _checked(run, *found, split, directory)


def of_training(run: Run, directory: pathlib.Path) -> Predicted | None:
    """Labels and logits of validation as a training's best evaluation has kept them.

    Args:
        run: the run.
        directory: of the training.

    Returns:
        ``None`` where none are kept, as by earlier versions.

    Raises:
        RunError: if the file is damaged.
    """
    path = directory / VALIDATION_LOGITS
    if not path.exists():
        return None
    labels = run.records.labels("validation")
    logits = kept_logits(directory, len(labels), f"delete {path} to predict the split again")
    return _checked(run, labels, logits, "validation", directory)


def _checked(
    run: Run, labels: np.ndarray, logits: np.ndarray, split: str, directory: pathlib.Path
) -> Predicted:
    from nasrec_tf.training.evaluation import told_not_finite

    if told := told_not_finite(logits, run.records, split, LOWER_RATES):
        raise UserError(f"{directory}: the winner's {told}.")
    return Predicted(labels, logits, run.records.weights(split), run.records.groups(split))


def judged(
    run: Run, validation: Predicted, test: Predicted
) -> tuple[QualitySummary, CalibrationSummary]:
    """A model's quality on the test split, and the calibration that validation asks for.

    Args:
        run: the run.
        validation: of the model; after a final fit of the one that was not trained on it.
        test: of the model.
    """
    fit = fit_calibration(validation.labels, validation.logits, validation.weights)
    calibrated = test.of(fit.calibration.applied(test.logits))
    return test.quality(seed=run.config.seed), CalibrationSummary(
        scale=fit.calibration.scale,
        offset=fit.calibration.offset,
        refused=fit.refused,
        validation=_calibrated(validation, validation.of(fit.held_out)),
        test=_calibrated(test, calibrated),
        reliability=_bins(test),
        calibrated_reliability=() if fit.refused else _bins(calibrated),
    )


def _calibrated(raw: Predicted, calibrated: Predicted) -> CalibratedQuality:
    from nasrec_tf.training.evaluation import mean_log_loss

    figures = [
        figure
        for labels, logits, weights, _ in (raw, calibrated)
        for figure in (
            mean_log_loss(labels, logits, weights),
            expected_calibration_error(
                labels, np.exp(-np.logaddexp(0.0, -logits)), weights=weights
            ),
        )
    ]
    return CalibratedQuality(
        log_loss=figures[0],
        error=figures[1],
        calibrated_log_loss=figures[2],
        calibrated_error=figures[3],
    )


def _bins(found: Predicted) -> tuple[ReliabilityBin, ...]:
    points = reliability(found.labels, found.logits, weights=found.weights)
    return tuple(ReliabilityBin(**dataclasses.asdict(point)) for point in points)


def served_calibration(config: SearchConfig, result: RetrainResult) -> tuple[Calibration, str]:
    """What the export does to the logits, and a line that tells it.

    Args:
        config: the options.
        result: of the retrain stage.
    """
    fitted, calibration = result.served_calibration, Calibration()
    if not config.calibrate:
        told = "not calibrated, as --no-calibrate says"
    elif fitted is None:
        told = "not calibrated: it was retrained by a version without calibration"
        if config.max_hours is not None:
            told = "not calibrated: there was no time for it within --max-hours"
    elif fitted.refused is not None:
        told = f"not calibrated: {fitted.refused}"
    elif result.architecture.is_quantized:
        # Its kernel is rounded to integers anew from what is stored: a scaled one would be rounded
        # otherwise, and the crossbars would hold another network than was measured.
        told = "not calibrated: the final layer of a quantized network is kept as it was trained"
    else:
        calibration = Calibration(fitted.scale, fitted.offset)
        told = f"calibrated: {fitted.scale:.4f} * logit {fitted.offset:+.4f}"
        if result.final_fit is not None:
            told += ", fitted before the final fit"
    rate = config.negative_sampling_rate
    if rate < 1:
        told += (
            f"; {np.log(rate):+.4f} for the down-sampled log (--negative-sampling-rate {rate:g})"
        )
    return calibration.of_sampled_log(rate), told
