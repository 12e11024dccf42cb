"""How good predictions are: log loss and AUC, with what chance leaves open."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.data.records import Records, derived_seed

EVALUATION_BATCH = 1024
"""Rows of a batch without gradients: attention over more of them falls out of the caches."""

BOOTSTRAP_ROUNDS = 200


@dataclasses.dataclass(frozen=True)
class Quality:
    """How good predictions on a split are.

    Args:
        log_loss: mean binary cross-entropy, in nats.
        auc: area under the receiver operating characteristic; ``None`` with a single class.
        samples: rows behind the figures.
        log_loss_interval: 95 % bootstrap interval.
        auc_interval: likewise; ``None`` with a single class.
    """

    log_loss: float
    auc: float | None
    samples: int
    log_loss_interval: tuple[float, float] | None = None
    auc_interval: tuple[float, float] | None = None

    def to_json(self) -> dict:
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

    def __call__(self, split: str, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Labels and logits of a split, in file order."""
        labels, logits = [], []
        for inputs, batch_labels in self.records.batches(split, EVALUATION_BATCH, limit):
            labels.append(batch_labels.numpy()[:, 0])
            logits.append(self._logits(inputs).numpy()[:, 0])
        return np.concatenate(labels), np.concatenate(logits)


def log_losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each row, in nats."""
    logits = logits.astype(np.float64)
    return np.logaddexp(0.0, logits) - labels * logits


def auc(labels: np.ndarray, logits: np.ndarray) -> float | None:
    """Area under the curve; ``None`` if the labels are all alike or a logit is not a number."""
    from sklearn.metrics import roc_auc_score

    if labels.min() == labels.max() or not np.isfinite(logits).all():
        return None
    return float(roc_auc_score(labels, logits))


def quality(labels: np.ndarray, logits: np.ndarray) -> Quality:
    """Log loss and AUC."""
    losses = log_losses(labels, logits)
    return Quality(float(losses.mean()), auc(labels, logits), len(labels))


def quality_with_intervals(labels: np.ndarray, logits: np.ndarray, seed: int = 0) -> Quality:
    """Log loss and AUC with 95 % intervals from resampled rows."""
    rng = np.random.default_rng(derived_seed(seed, "bootstrap"))
    losses = log_losses(labels, logits)
    rounds = [rng.integers(len(labels), size=len(labels)) for _ in range(BOOTSTRAP_ROUNDS)]
    aucs = [auc(labels[rows], logits[rows]) for rows in rounds]
    known = [value for value in aucs if value is not None]
    point = quality(labels, logits)
    return dataclasses.replace(
        point,
        log_loss_interval=_interval([losses[rows].mean() for rows in rounds]),
        auc_interval=_interval(known) if point.auc is not None else None,
    )


def _interval(values) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
