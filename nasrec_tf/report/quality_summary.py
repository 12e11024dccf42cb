"""How good a model is, as plain values: alone, calibrated, and beside another one."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class QualitySummary:
    """How good the winner is on rows that no choice has seen.

    Args:
        log_loss: in nats.
        samples: rows behind the figures.
        auc: area under the curve; ``None`` with a single class.
        log_loss_interval: 95 % bootstrap interval.
        auc_interval: likewise.
        grouped_auc: mean area within groups, such as the rows of one user; ``None`` without them.
        groups: with both labels, of which it is the mean; ``None`` where that is not known.
    """

    log_loss: float
    samples: int
    auc: float | None = None
    log_loss_interval: tuple[float, float] | None = None
    auc_interval: tuple[float, float] | None = None
    grouped_auc: float | None = None
    groups: int | None = None


@dataclasses.dataclass(frozen=True)
class ReliabilityBin:
    """Rows of about one predicted probability.

    Args:
        predicted: mean of their probabilities.
        observed: share of them with a click.
        low: lower end of the 95 % interval of that share.
        high: upper end.
        rows: how many they are.
    """

    predicted: float
    observed: float
    low: float
    high: float
    rows: int


@dataclasses.dataclass(frozen=True)
class CalibratedQuality:
    """What calibration does to the probabilities of a split.

    Args:
        log_loss: as the network gives them, in nats.
        calibrated_log_loss: calibrated.
        error: expected calibration error as the network gives them, from 0 to 1.
        calibrated_error: calibrated.
    """

    log_loss: float
    calibrated_log_loss: float
    error: float
    calibrated_error: float


@dataclasses.dataclass(frozen=True)
class CalibrationSummary:
    """Scale and offset of the winner's logits, and what they do.

    Args:
        scale: fitted on the validation split; 1 where the fit is refused.
        offset: likewise; 0 where it is refused.
        refused: why the logits are better left as they are; ``None`` if they are not.
        validation: each half of the split calibrated by what the other half gave.
        test: the test split, calibrated by what the validation split gave.
        reliability: bins of the test split as the network predicts it.
        calibrated_reliability: the same calibrated; none where the fit is refused.
    """

    scale: float
    offset: float
    refused: str | None
    validation: CalibratedQuality
    test: CalibratedQuality
    reliability: tuple[ReliabilityBin, ...]
    calibrated_reliability: tuple[ReliabilityBin, ...] = ()


@dataclasses.dataclass(frozen=True)
class DifferenceSummary:
    """A model's quality less another one's on the same rows.

    Args:
        log_loss: difference of the log losses, in nats; below 0 where the first is better.
        log_loss_interval: 95 % interval of the paired bootstrap.
        auc: difference of the areas, above 0 where the first is better.
        auc_interval: likewise.
    """

    log_loss: float
    log_loss_interval: tuple[float, float] | None
    auc: float | None
    auc_interval: tuple[float, float] | None
