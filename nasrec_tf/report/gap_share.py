"""How good a model of generated data is, between the click rate alone and the best possible."""

from nasrec_tf.report.summary import DataSummary


def gap_share(data: DataSummary | None, log_loss: float | None) -> float | None:
    """How much of the way from the click rate alone to the best possible a log loss has gone.

    Args:
        data: of which both ends are known, of generated data; else there is no share.
        log_loss: on the test split, in nats.

    Example:
        >>> round(gap_share(DataSummary("log", best_log_loss=0.3, constant_log_loss=0.5), 0.35), 9)
        0.75
    """
    if data is None or None in (data.best_log_loss, data.constant_log_loss, log_loss):
        return None
    whole = data.constant_log_loss - data.best_log_loss
    return (data.constant_log_loss - log_loss) / whole if whole > 0 else None
