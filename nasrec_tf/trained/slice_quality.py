"""How good a model is on the rows of a log, in all and slice by slice."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nasrec_tf.trained.row_codes import CodedColumn
from nasrec_tf.trained.trained_model import probabilities
from nasrec_tf.training.calibration_error import CalibrationError, calibration_error
from nasrec_tf.training.evaluation import Quality, quality_with_intervals
from nasrec_tf.training.grouped_auc import GroupedAuc, grouped_auc

ALL_ROWS = "all rows"
OTHERS = "(others)"


@dataclasses.dataclass(frozen=True)
class JudgedRows:
    """Labels and predictions of a log, and what its rows are told apart by.

    Args:
        labels: 0 or 1, (rows,).
        logits: float32, (rows,).
        groups: int32 (rows,), the group of each row for a grouped AUC, below 0 where it is missing,
            which counts for none; ``None`` for none.
        slices: from column to its values.
        weights: how much each row counts, above 0, (rows,); ``None`` where all count alike.
        rival: logits of another model, NaN where it predicts nothing, (rows,); ``None`` for none.
    """

    labels: np.ndarray
    logits: np.ndarray
    groups: np.ndarray | None
    slices: Mapping[str, CodedColumn]
    weights: np.ndarray | None = None
    rival: np.ndarray | None = None

    def counted(self) -> "JudgedRows":
        """Those of a weight above 0: the others count nowhere."""
        if self.weights is None or self.weights.all():
            return self
        places = np.flatnonzero(self.weights)
        return JudgedRows(
            self.labels[places],
            self.logits[places],
            None if self.groups is None else self.groups[places],
            {name: column.at(places) for name, column in self.slices.items()},
            self.weights[places],
            None if self.rival is None else self.rival[places],
        )


@dataclasses.dataclass(frozen=True)
class SliceQuality:
    """How good predictions are on some rows.

    Args:
        column: by which they are told apart; empty for all rows.
        value: of that column.
        clicks: share of the rows with a click, by weight.
        clicked: how many rows have one, whatever they weigh.
        quality: log loss and AUC.
        calibration: how far probabilities are off.
        constant_log_loss: of one prediction for all of these rows, their click rate.
        grouped: AUC within groups; ``None`` unless it was asked for.
    """

    column: str
    value: str
    clicks: float
    clicked: int
    quality: Quality
    calibration: CalibrationError
    constant_log_loss: float
    grouped: GroupedAuc | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return dataclasses.asdict(self)


def judge(rows: JudgedRows, seed: int, most_slices: int) -> Iterator[SliceQuality]:
    """The quality on all rows, and then on the most frequent values of each column, numbers rising.

    A row with a list is among those of each of its items.

    Args:
        rows: at least one.
        seed: of the bootstrap, in which weights stay with their rows.
        most_slices: of a column; the rows of further values make one slice together.
    """
    yield _judged(rows, None, "", ALL_ROWS, seed)
    for name, column in rows.slices.items():
        chosen = column.shown(most_slices)
        for code in chosen:
            yield _judged(rows, column.members(code), name, column.names[code], seed)
        others = column.without(chosen)
        if len(others):
            yield _judged(rows, others, name, OTHERS, seed)


def _judged(
    rows: JudgedRows, chosen: np.ndarray | None, column: str, value: str, seed: int
) -> SliceQuality:
    def of_chosen(values: np.ndarray | None) -> np.ndarray | None:
        return values if values is None or chosen is None else values[chosen]

    labels, logits, groups = map(of_chosen, (rows.labels, rows.logits, rows.groups))
    weights = of_chosen(rows.weights)
    grouped = None
    if groups is not None:
        known = np.flatnonzero(groups >= 0)
        of_known = None if weights is None else weights[known]
        grouped = grouped_auc(labels[known], logits[known], groups[known], seed, of_known)
    rate = float(np.average(labels.astype(np.float64), weights=weights))
    return SliceQuality(
        column=column,
        value=value,
        clicks=rate,
        clicked=int(np.count_nonzero(labels)),
        quality=quality_with_intervals(labels, logits, weights, seed=seed),
        calibration=calibration_error(labels, probabilities(logits), seed, weights),
        constant_log_loss=_entropy(rate),
        grouped=grouped,
    )


def _entropy(rate: float) -> float:
    if rate in (0.0, 1.0):
        return 0.0
    return float(-rate * np.log(rate) - (1 - rate) * np.log1p(-rate))
