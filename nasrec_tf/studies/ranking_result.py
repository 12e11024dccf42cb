"""What a ranking study has found."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from nasrec_tf.benchmark.measured_rows import DataSetCard
from nasrec_tf.studies.rank_correlations import Ceiling, RankFigure


@dataclasses.dataclass(frozen=True)
class RankedVariant:
    """What a way of scoring comes to.

    Args:
        name: the variant's options, or what was made of several.
        figures: by name; ``None`` of too few architectures.
        diverged: architectures without a finite score, which count as ranked last.
        seconds: that its supernets took to train; ``None`` for what is made of others' scores.
    """

    name: str
    figures: Mapping[str, RankFigure] | None
    diverged: int = 0
    seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class RankingResult:
    """What a ranking study has found.

    Args:
        card: of the data set.
        losses: of the trainings from scratch, (architectures, seeds).
        left_out: architectures of which a training diverged.
        variants: in the order in which they were asked for, then what is made of them.
        ceilings: what one training says of another, by figure; ``None`` with a single seed.
        shorter: the same of trainings that are stopped earlier, by their steps.
    """

    card: DataSetCard
    losses: np.ndarray
    left_out: int
    variants: tuple[RankedVariant, ...]
    ceilings: Mapping[str, Ceiling] | None = None
    shorter: Mapping[int, Mapping[str, Ceiling]] = dataclasses.field(default_factory=dict)
