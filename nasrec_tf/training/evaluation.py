"""How good predictions are: log loss and AUC, with what chance leaves open."""

import concurrent.futures
import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.records import Records, derived_seed
from nasrec_tf.training.area_interval import FEW, interval_of_few, rows_alike
from nasrec_tf.training.devices import has_gpu
from nasrec_tf.training.divergence import huge_value_told
from nasrec_tf.training.ranked_rows import RankedRows, drawn_weights, weighted_mean, weighted_sum

EVALUATION_BATCH = 1024
"""Rows of a batch without gradients: attention over more of them falls out of the caches."""

GPU_EVALUATION_BATCH = 16384
"""Likewise on a GPU, which fewer do not fill."""

BOOTSTRAP_ROUNDS = 200

BOOTSTRAP_THREADS = 4
"""Resamples at a time, at most; each takes a byte for every row with a click, and some 30 MB."""

LEAST_ROWS = 10
"""Rows from which on resamples tell how sure their mean log loss is: a 95 % interval over 1, 2, 5
and 10 rows held the true one in 0, 47, 80 and 86 of 100 logs, over 50 in 93 (1,000 draws each, seed
0, calibrated predictions); one over a single row has no width at all."""


T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Quality:
    """How good predictions on a split are.

    Args:
        log_loss: mean binary cross-entropy, in nats.
        auc: area under the receiver operating characteristic; ``None`` with a single class.
        samples: rows behind the figures.
        log_loss_interval: 95 % bootstrap interval; ``None`` if it was not asked for, the log loss
            is not finite, or there are fewer than ``LEAST_ROWS``.
        auc_interval: likewise, of few rows too; ``None`` with a single class.
        grouped_auc: mean area within groups, each by the weight of its rows; ``None`` without
            groups, or if none of them has both classes.
    """

    log_loss: float
    auc: float | None
    samples: int
    log_loss_interval: tuple[float, float] | None = None
    auc_interval: tuple[float, float] | None = None
    grouped_auc: float | None = None

    def to_json(self) -> dict:
        """As plain values."""
        return dataclasses.asdict(self)


class Predictor:
    """Logits of a model on the splits of a data set; its graph is traced once.

    Args:
        model: maps a batch's inputs to logits (batch, 1); its present weights count at each call.
        records: the data set.
    """

    def __init__(self, model: keras.Model, records: Records):
        self.records = records
        self._logits = tf.function(
            lambda inputs: model(inputs, training=False),
            input_signature=[records.input_spec],
            autograph=False,
        )

    def __call__(
        self,
        split: str,
        limit: int | None = None,
        counted: Callable[[int], object] = lambda rows: None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Labels and logits of a split, in file order.

        Args:
            split: the split.
            limit: predict the first rows only.
            counted: told of the rows of each batch once they are predicted.

        Returns:
            Labels and logits, float32, of shape (rows,): 8 bytes a row, of which no copy is made.

        Raises:
            UserError: if the split has other rows than the data set says.
        """
        rows = self.records.rows(split)
        rows = rows if limit is None else min(rows, limit)
        labels, logits = np.empty(rows, np.float32), np.empty(rows, np.float32)
        first = 0
        batch = GPU_EVALUATION_BATCH if has_gpu() else EVALUATION_BATCH
        for inputs, batch_labels, *_ in self.records.batches(split, batch, limit):
            last = first + batch_labels.shape[0]
            if last <= rows:
                labels[first:last] = batch_labels.numpy()[:, 0]
                logits[first:last] = self._logits(inputs).numpy()[:, 0]
            counted(last - first)
            first = last
        if first != rows:
            raise UserError(
                f"{self.records.directory}: split {split!r} has {first} rows and not {rows}; the "
                "data set is damaged: make it again."
            )
        return labels, logits


def told_not_finite(logits: np.ndarray, records: Records, split: str, mend: str) -> str:
    """That predictions are not finite, by weights that are huge or by rows that are; or nothing.

    Args:
        logits: of all rows of a split, (rows,).
        records: the data set.
        split: the split.
        mend: of weights, a clause.

    Returns:
        How many there are, the mend, and the largest dense value of these rows where that is beyond
        what a network reads; an empty text if all are finite.
    """
    odd = ~np.isfinite(logits)
    if not odd.any():
        return ""
    firsts = range(0, len(odd), EVALUATION_BATCH)
    dense = (
        inputs["dense"].numpy()[odd[first : first + EVALUATION_BATCH]]
        for first, (inputs, *_) in zip(firsts, records.batches(split, EVALUATION_BATCH))
    )
    names = [feature.name for feature in records.schema.dense]
    return (
        f"predictions are not finite on {np.count_nonzero(odd):,} of {len(odd):,} {split} rows; "
        f"{mend}{huge_value_told(dense, names)}"
    )


def log_losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each row, in nats, in double precision.

    Args:
        labels: 0 or 1, of any shape.
        logits: of the same shape.

    Example:
        >>> log_losses(np.array([1.0, 0.0]), np.array([0.0, -50.0])).round(6)
        array([0.693147, 0.      ])
    """
    logits = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # Of a logit that is not finite; whoever asks looks at it.
        losses = np.logaddexp(0.0, logits)
        # In place: a test split has tens of millions of rows.
        logits *= labels
        losses -= logits
    return losses


def auc(labels: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None) -> float | None:
    """Area under the receiver operating characteristic, rows of equal logits counting half.

    Args:
        labels: 0 or 1, (rows,).
        logits: (rows,).
        weights: how often each row counts, not negative; once each unless given.

    Returns:
        The area; ``None`` if the labels (of rows with a weight) are all alike or a logit is not
        finite.

    Example:
        >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.75
        >>> auc(np.array([0, 1]), np.array([0.5, 0.5]))
        0.5
        >>> auc(np.array([0, 0, 1]), np.array([0.1, 0.4, 0.2]), weights=np.array([3, 1, 1]))
        0.75
    """
    if not np.isfinite(logits).all():
        return None
    return RankedRows(labels, logits).auc(weights)


def mean_log_loss(
    labels: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Mean binary cross-entropy, in nats.

    Args:
        labels: 0 or 1, (rows,).
        logits: (rows,).
        weights: how much each row counts, (rows,); alike unless given.

    Example:
        >>> logits = np.array([0.0, 2.0])
        >>> repeated = mean_log_loss(np.array([1, 0, 0]), np.array([0.0, 2.0, 2.0]))
        >>> np.isclose(mean_log_loss(np.array([1, 0]), logits, np.array([1, 2])), repeated)
        np.True_
    """
    losses = log_losses(labels, logits)
    if weights is None:
        return float(losses.mean())
    return weighted_sum(weights, losses) / float(weights.sum(dtype=np.float64))


def parts_of_mean(losses: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Losses of rows whose plain mean and standard error are those of the weighted mean.

    Args:
        losses: (rows,).
        weights: how much each row counts, (rows,), not all 0; alike if ``None``.

    Example:
        >>> parts_of_mean(np.array([1.0, 2.0, 6.0]), np.array([3.0, 1.0, 0.0]))
        array([0.6875, 1.8125, 1.25  ])
    """
    if weights is None:
        return losses
    mean = np.average(losses, weights=weights)
    # The error of a ratio of two sums, to first order.
    return mean + weights / weights.mean(dtype=np.float64) * (losses - mean)


def quality(labels: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None) -> Quality:
    """Log loss and AUC.

    Args:
        labels: 0 or 1, (rows,).
        logits: (rows,).
        weights: how much each row counts, (rows,); alike unless given.
    """
    loss = mean_log_loss(labels, logits, weights)
    return Quality(loss, auc(labels, logits, weights), len(labels))


def quality_with_intervals(
    labels: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None, *, seed: int = 0
) -> Quality:
    """Log loss and AUC with 95 % percentile intervals of the Poisson bootstrap.

    In each of 200 resamples every row counts as often as a draw from Poisson(1) says; that is the
    usual bootstrap but for the number of rows, which is not quite the same every time (Chamandy et
    al., "Estimating Uncertainty for Massive Data Streams", 2012), and needs no index of rows. Rows
    are sorted once; memory is some 40 bytes a row besides labels and logits, however many resamples
    there are. The figures depend on the seed and not on the number of threads. With fewer than 20
    rows of a label the AUC has the interval of ``interval_of_few``, since resamples of few clicks
    are too much alike; with fewer than 10 rows the log loss has none.

    Args:
        labels: 0 or 1, (rows,).
        logits: (rows,).
        weights: how much each row counts, (rows,); alike unless given. In a resample a row counts
            so much as often as it was drawn.
        seed: seed of the draws.

    Example:
        >>> labels = np.arange(1000) % 2
        >>> found = quality_with_intervals(labels, labels - 0.5 + np.sin(np.arange(1000)))
        >>> found.log_loss_interval[0] < found.log_loss < found.log_loss_interval[1]
        True
        >>> found.auc_interval[0] < found.auc < found.auc_interval[1]
        True
    """
    if weights is not None:
        return _weighted_with_intervals(labels, logits, weights, seed)
    losses = log_losses(labels, logits)
    log_loss = float(losses.mean())
    if not np.isfinite(losses).all():
        return Quality(log_loss, auc(labels, logits), len(labels))
    rows = RankedRows(labels, logits, losses)
    del losses
    resamples = bootstrap(rows.resampled, seed, "bootstrap")
    area = rows.auc()
    return Quality(
        log_loss,
        area,
        len(labels),
        _loss_interval([log_loss for log_loss, _ in resamples], len(labels)),
        _area_interval(area, labels, None, [area for _, area in resamples]),
    )


def _weighted_with_intervals(labels, logits, weights, seed) -> Quality:
    found = quality(labels, logits, weights)
    losses = log_losses(labels, logits)
    if not np.isfinite(losses).all():
        return found
    rows = RankedRows(labels, logits)

    def figures(rng):
        drawn = drawn_weights(rng, len(losses), weights)
        return weighted_mean(drawn, losses), rows.auc(drawn)

    resamples = bootstrap(figures, seed, "bootstrap")
    alike = rows_alike(weights) if np.any(weights) else 0.0
    return dataclasses.replace(
        found,
        log_loss_interval=_loss_interval([loss for loss, _ in resamples], alike),
        auc_interval=_area_interval(found.auc, labels, weights, [area for _, area in resamples]),
    )


def _loss_interval(resampled: Sequence[float | None], rows: float) -> tuple[float, float] | None:
    return percentile_interval(resampled) if rows >= LEAST_ROWS else None


def _area_interval(
    area: float | None,
    labels: np.ndarray,
    weights: np.ndarray | None,
    resampled: Sequence[float | None],
) -> tuple[float, float] | None:
    if area is None:
        return None
    clicked = labels > 0.5
    counts_at_all = np.ones(len(labels), bool) if weights is None else weights > 0
    kinds = clicked & counts_at_all, ~clicked & counts_at_all
    counts = [int(np.count_nonzero(kind)) for kind in kinds]
    if min(counts) >= FEW:
        return percentile_interval(resampled)
    if weights is None:
        return interval_of_few(area, *counts)
    return interval_of_few(area, *(rows_alike(weights[kind]) for kind in kinds))


def bootstrap(figure: Callable[[np.random.Generator], T], seed: int, purpose: str) -> list[T]:
    """What a figure comes to on each of 200 resamples, some of them at a time.

    Args:
        figure: of one resample, which it draws.
        seed: seed of the draws, on which alone they depend.
        purpose: what the draws are for; the same one gives the same draws.
    """

    def drawn(sequence):
        return figure(np.random.default_rng(sequence))

    seeds = np.random.SeedSequence(derived_seed(seed, purpose)).spawn(BOOTSTRAP_ROUNDS)
    with concurrent.futures.ThreadPoolExecutor(min(BOOTSTRAP_THREADS, os.cpu_count() or 1)) as pool:
        return list(pool.map(drawn, seeds))


def percentile_interval(values: Sequence[float | None]) -> tuple[float, float] | None:
    """The middle 95 % of what resamples gave.

    Args:
        values: of each resample; ``None`` where it has none.

    Returns:
        Ends of the interval; ``None`` if no resample has a value.

    Example:
        >>> percentile_interval([float(value) for value in range(201)])
        (5.0, 195.0)
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
