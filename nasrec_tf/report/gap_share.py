"""How good models are, between the click rate alone and the best possible."""

import dataclasses

from nasrec_tf.report.data_summary import DataSummary
from nasrec_tf.report.explanation_summary import CONSTANT, ExplanationSummary


@dataclasses.dataclass(frozen=True)
class Gap:
    """From what every model beats to what none does.

    Args:
        constant: log loss of the click rate for every row, in nats.
        best: of the best possible prediction, or the best that was seen.
        is_known: whether it is the best possible, as of generated data alone.
    """

    constant: float
    best: float
    is_known: bool = True

    def share(self, log_loss: float | None) -> float | None:
        """How much of the way a log loss has gone.

        Args:
            log_loss: on the test split, in nats.

        Returns:
            From 0 to 1, below 0 where it is behind the click rate; ``None`` where there is no way.

        Example:
            >>> round(Gap(constant=0.5, best=0.3).share(0.35), 9)
            0.75
        """
        whole = self.constant - self.best
        return (self.constant - log_loss) / whole if log_loss is not None and whole > 0 else None


def known_gap(data: DataSummary | None) -> Gap | None:
    """The gap of generated data, both ends of which are known; ``None`` of others.

    Args:
        data: the data set.
    """
    if data is None or data.best_log_loss is None or data.constant_log_loss is None:
        return None
    return Gap(data.constant_log_loss, data.best_log_loss)


def seen_gap(explanation: ExplanationSummary | None) -> Gap | None:
    """The gap up to the best of the models that stand beside each other on the test rows.

    Args:
        explanation: of them; ``None`` for none.

    Returns:
        ``None`` where the click rate is not among them, or no other model is.
    """
    if explanation is None:
        return None
    losses = {one.name: one.test.log_loss for one in explanation.yardsticks if one.test}
    constant = losses.pop(CONSTANT, None)
    if constant is None:
        return None
    return Gap(constant, min(explanation.found.log_loss, *losses.values(), constant), False)
