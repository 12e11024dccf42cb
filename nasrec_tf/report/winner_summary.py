"""What a report shows of the chosen model, as plain values."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.data.features import Features
from nasrec_tf.report.quality_summary import (
    CalibrationSummary,
    DifferenceSummary,
    QualitySummary,
)


@dataclasses.dataclass(frozen=True)
class EnsembleSummary:
    """The mean of the logits of several networks.

    Args:
        members: what is told of each, and how often it counts.
        validation_log_loss: in nats; what it was chosen by.
        single_validation_log_loss: of the best network alone.
        test: quality on the test split.
        difference: of that from the best network alone.
        mflops: millions of multiply-accumulates per sample, of all members.
        parameters: trainable weights without embedding tables, of all members.
        embedding_parameters: weights of the embedding tables of all members.
    """

    members: Sequence[tuple[str, int]]
    validation_log_loss: float
    single_validation_log_loss: float
    test: QualitySummary
    difference: DifferenceSummary
    mflops: float
    parameters: int
    embedding_parameters: int


@dataclasses.dataclass(frozen=True)
class SpreadSummary:
    """A figure over the seeds of the winner.

    Args:
        name: of the figure.
        mean: over the seeds.
        deviation: standard deviation of a single seed (of a sample).
        least: the smallest.
        most: the largest.
    """

    name: str
    mean: float
    deviation: float
    least: float
    most: float


@dataclasses.dataclass(frozen=True)
class PartSummary:
    """A part of a hand-made model.

    Args:
        name: of the part.
        multiply_accumulates: per sample.
        parameters: trainable weights.
    """

    name: str
    multiply_accumulates: int
    parameters: int


@dataclasses.dataclass(frozen=True)
class WinnerSummary:
    """The model that was chosen.

    Args:
        architecture: its architecture; ``None`` of a hand-made model, of which its parts are
            listed instead of drawn.
        features: its inputs.
        test: its quality on the test split.
        mflops: millions of multiply-accumulates per sample.
        parameters: trainable weights without embedding tables.
        embedding_parameters: weights of the embedding tables.
        calibration: scale and offset of its logits; ``None`` if none were fitted.
        served: what the exported model does to its logits, in a line.
        chosen: how the exported model was trained and chosen, in a sentence or two.
        ensemble: what is exported in its place.
        spreads: figures over its seeds, if it was trained with several.
        seeds: with how many.
        title: what a hand-made model is called.
        parts: its parts.
        options: its options by name.
        validation_log_loss: of the training that these figures are of, in nats; with several seeds
            of that which validation chose.
    """

    architecture: Architecture | None
    features: Features | None = None
    test: QualitySummary | None = None
    mflops: float | None = None
    parameters: int | None = None
    embedding_parameters: int | None = None
    calibration: CalibrationSummary | None = None
    served: str | None = None
    chosen: str | None = None
    ensemble: EnsembleSummary | None = None
    spreads: Sequence[SpreadSummary] = ()
    seeds: int = 1
    title: str | None = None
    parts: Sequence[PartSummary] = ()
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    validation_log_loss: float | None = None
