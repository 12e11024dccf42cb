"""How a network was pruned, and what is left of it, as plain values."""

import dataclasses
from collections.abc import Mapping, Sequence

from nasrec_tf.report.quality_summary import QualitySummary


@dataclasses.dataclass(frozen=True)
class PruningStepSummary:
    """One training from scratch with what was left.

    Args:
        prunings: before it, from 0.
        left: share of what is pruned that was left.
        mflops: millions of multiply-accumulates per sample, those with weights of 0 left out.
        validation_log_loss: at its best evaluation, in nats.
    """

    prunings: int
    left: float
    mflops: float
    validation_log_loss: float


@dataclasses.dataclass(frozen=True)
class PruningSummary:
    """The prunings of a winner.

    Args:
        way: what went, and by what, as half a sentence.
        leaves_smaller: whether the network is smaller, and not one with zeros.
        steps: the trainings, in order; the last one's network is exported.
        winner: the winner's quality on the test split.
        left: that of the network that is left.
        mflops: millions of multiply-accumulates per sample that each of the two executes.
        parameters: weights without embedding tables, of each of the two.
        costs: latency_us, energy_nj, area_mm2 and arrays on the run's hardware, of each of the two;
            none in a run without hardware, and where it was measured before this was kept.
    """

    way: str
    leaves_smaller: bool
    steps: Sequence[PruningStepSummary]
    winner: QualitySummary
    left: QualitySummary
    mflops: tuple[float, float]
    parameters: tuple[int, int]
    costs: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
