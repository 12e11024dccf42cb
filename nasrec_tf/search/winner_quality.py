"""What is measured of the model that was chosen: calibration on validation, then the test split."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from nasrec_tf.common.errors import UserError
from nasrec_tf.report import (
    CalibratedQuality,
    CalibrationSummary,
    QualitySummary,
    ReliabilityBin,
)
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.run import Run
from nasrec_tf.training.calibration import (
    Calibration,
    expected_calibration_error,
    fit_calibration,
    reliability,
)


def measure(
    run: Run, network: Any, directory: pathlib.Path
) -> tuple[QualitySummary, CalibrationSummary]:
    """Calibrates the chosen model on the validation split, and looks at the test split, once.

    Args:
        run: the run.
        network: the chosen model.
        directory: where it was trained, for messages.

    Raises:
        UserError: if a prediction is not finite.
    """
    from nasrec_tf.training.evaluation import Predictor, quality_with_intervals

    predict = Predictor(network, run.records)
    labels, logits = _finite(predict, "validation", directory)
    fit = fit_calibration(labels, logits)
    validation = _calibrated(labels, logits, fit.held_out)
    labels, logits = _finite(predict, "test", directory)
    calibrated = fit.calibration.applied(logits)
    test = QualitySummary(**quality_with_intervals(labels, logits, run.config.seed).to_json())
    return test, CalibrationSummary(
        scale=fit.calibration.scale,
        offset=fit.calibration.offset,
        refused=fit.refused,
        validation=validation,
        test=_calibrated(labels, logits, calibrated),
        reliability=_bins(labels, logits),
        calibrated_reliability=() if fit.refused else _bins(labels, calibrated),
    )


def _finite(predict, split: str, directory: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    labels, logits = predict(split)
    if not np.isfinite(logits).all():
        raise UserError(
            f"{directory}: the winner's predictions are not finite on "
            f"{np.count_nonzero(~np.isfinite(logits)):,} of {len(logits):,} {split} rows; delete "
            f"{directory.parent} and repeat the command with a lower --retrain-learning-rates."
        )
    return labels, logits


def _calibrated(labels, raw, calibrated) -> CalibratedQuality:
    from nasrec_tf.training.evaluation import log_losses

    figures = [
        figure
        for logits in (raw, calibrated)
        for figure in (
            float(log_losses(labels, logits).mean()),
            expected_calibration_error(labels, np.exp(-np.logaddexp(0.0, -logits))),
        )
    ]
    return CalibratedQuality(
        log_loss=figures[0],
        error=figures[1],
        calibrated_log_loss=figures[2],
        calibrated_error=figures[3],
    )


def _bins(labels, logits) -> tuple[ReliabilityBin, ...]:
    return tuple(
        ReliabilityBin(**dataclasses.asdict(point)) for point in reliability(labels, logits)
    )


def served_calibration(
    config: SearchConfig, fitted: CalibrationSummary | None, quantized: bool
) -> tuple[Calibration, str]:
    """What the export does to the logits, and a line that tells it.

    Args:
        config: the options.
        fitted: what was found for the winner; ``None`` in runs older than calibration.
        quantized: whether the winner is.
    """
    calibration = Calibration()
    if not config.calibrate:
        told = "not calibrated, as --no-calibrate says"
    elif fitted is None:
        told = "not calibrated: it was retrained by a version without calibration"
    elif fitted.refused is not None:
        told = f"not calibrated: {fitted.refused}"
    elif quantized:
        # Its kernel is rounded to integers anew from what is stored: a scaled one would be rounded
        # otherwise, and the crossbars would hold another network than was measured.
        told = "not calibrated: the final layer of a quantized network is kept as it was trained"
    else:
        calibration = Calibration(fitted.scale, fitted.offset)
        told = f"calibrated: {fitted.scale:.4f} * logit {fitted.offset:+.4f}"
    rate = config.negative_sampling_rate
    if rate < 1:
        told += (
            f"; {np.log(rate):+.4f} for the down-sampled log (--negative-sampling-rate {rate:g})"
        )
    return calibration.of_sampled_log(rate), told
