"""Another model's probabilities, which stand in a column of the log, beside those of a model."""

import dataclasses
from collections.abc import Collection

import numpy as np
import pyarrow as pa

from nasrec_tf.common.errors import UserError
from nasrec_tf.training.area_interval import FEW
from nasrec_tf.training.ensembles import Difference, paired_difference
from nasrec_tf.training.evaluation import Quality, quality_with_intervals

NEAREST = 1e-7
"""To 0 and to 1: a probability that is one of them would cost infinitely much where it is wrong."""


def rival_logits(
    values: pa.Array, column: str, missing: Collection[str] = (), decimal: str = "."
) -> np.ndarray:
    """Logits of probabilities that are written as text.

    Args:
        values: Arrow binary without nulls.
        column: where they stand, for messages.
        missing: values that mean missing, beside the empty one.
        decimal: what stands before their decimals.

    Returns:
        float64 (rows,), NaN where missing.

    Raises:
        UserError: if a value is no number from 0 to 1.

    Example:
        >>> rival_logits(pa.array([b"0.5", b"", b"1"], pa.binary()), "pctr").round(2)
        array([ 0.  ,   nan, 16.12])
    """
    encoded = values.dictionary_encode()
    texts = [value.decode("utf-8", "backslashreplace") for value in encoded.dictionary.to_pylist()]
    known = np.array([_probability(text, column, missing, decimal) for text in texts], np.float64)
    chances = np.clip(known, NEAREST, 1 - NEAREST)
    return np.log(chances / (1 - chances))[encoded.indices.to_numpy(zero_copy_only=False)]


def _probability(text: str, column: str, missing: Collection[str], decimal: str) -> float:
    if not text or text in missing:
        return float("nan")
    try:
        number = float(text.replace(decimal, "."))  # A column of numbers of Parquet has a point.
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise UserError(
            f"--beside {column}: {text!r} is no probability from 0 to 1; write what the other "
            "model predicts as one, and nothing where it predicts nothing."
        )
    return number


@dataclasses.dataclass(frozen=True)
class Beside:
    """A model beside another one, on the rows that both have predicted.

    Args:
        column: where the other one's probabilities stand.
        rows: that have one.
        clicked: how many of them have a click.
        other: quality of the other one.
        difference: the quality of the model less that of the other one.
    """

    column: str
    rows: int
    clicked: int
    other: Quality
    difference: Difference

    def told(self) -> str:
        """Both in words, and whether the difference is beyond chance."""
        loss, area = self.difference.log_loss, self.difference.auc
        text = f"{self.column!r}: log loss {_figure(self.other.log_loss)}"
        text += f", the model's less it {_signed(loss, self.difference.log_loss_interval)}"
        if area is not None and self.other.auc is not None:
            few = min(self.clicked, self.rows - self.clicked) < FEW
            interval = None if few else self.difference.auc_interval
            text += f"; AUC {_figure(self.other.auc)}, the model's less it "
            text += _signed(area, interval) + (" (of too few clicks for an interval)" * few)
        return f"{text}; on {self.rows:,} rows. {self._verdict()}"

    def _verdict(self) -> str:
        low, high = self.difference.log_loss_interval or (0.0, 0.0)
        if high < 0:
            return "By log loss the model is better beyond chance."
        if low > 0:
            return "By log loss the model is worse beyond chance."
        return "By log loss they are not told apart: more rows would tell."


def beside(
    column: str,
    labels: np.ndarray,
    logits: np.ndarray,
    others: np.ndarray,
    weights: np.ndarray | None,
    seed: int,
) -> Beside:
    """A model beside another one, on the same rows and resamples.

    Args:
        column: where the other one's probabilities stand.
        labels: 0 or 1, (rows,).
        logits: of the model, (rows,).
        others: of the other one, NaN where it predicts nothing, (rows,).
        weights: how much each row counts, above 0, (rows,); ``None`` where all count alike.
        seed: of the bootstrap.

    Raises:
        UserError: if the other one predicts nothing in any row.
    """
    both = np.flatnonzero(~np.isnan(others))
    if not len(both):
        raise UserError(f"--beside {column}: the column has no value in any row.")
    labels, logits, others = (each[both].astype(np.float64) for each in (labels, logits, others))
    weights = None if weights is None else weights[both]
    return Beside(
        column,
        len(both),
        int(np.count_nonzero(labels)),
        quality_with_intervals(labels, others, weights, seed=seed),
        paired_difference(labels, logits, others, seed, weights),
    )


def _figure(value: float) -> str:
    return f"{value:.4f}"


def _signed(value: float, interval: tuple[float, float] | None) -> str:
    text = f"{value:+.4f}"
    return text if interval is None else f"{text} ({interval[0]:+.4f} to {interval[1]:+.4f})"
