"""What a pruning study has found."""

import dataclasses

from nasrec_tf.benchmark.measured_rows import DataSetCard
from nasrec_tf.common.saved_state import SAVED
from nasrec_tf.search.results import Count, Finite
from nasrec_tf.studies.paired_intervals import Measured, PairedDifference
from nasrec_tf.studies.resampled_quality import ResampledQuality


@dataclasses.dataclass(frozen=True)
class JudgedNetwork:
    """A trained network on the test split.

    Args:
        test: its quality, also on resamples of the rows.
        arrays: crossbar arrays that it takes; ``None`` where it cannot be put on them.
    """

    __pydantic_config__ = SAVED

    test: ResampledQuality
    arrays: Count | None


@dataclasses.dataclass(frozen=True)
class PruningRow:
    """Networks of one way of pruning after one number of prunings, over seeds.

    Args:
        name: of the way.
        iterations: prunings; ``None`` of networks that are trained as long and not pruned.
        left: share of the pruned matrices that is left.
        mflops: millions of multiply-accumulates per sample, those by 0 left out.
        arrays: crossbar arrays.
        log_loss: on the test split.
        auc: mean over seeds; ``None`` where it is not defined.
        from_dense: log loss less that of the dense network.
    """

    name: str
    iterations: int | None
    left: Finite
    mflops: Finite
    arrays: float | None
    log_loss: Measured
    auc: float | None
    from_dense: PairedDifference | None


@dataclasses.dataclass(frozen=True)
class PruningResult:
    """What a pruning study has found.

    Args:
        card: of the data set.
        architecture: what was pruned, for people.
        seeds: trainings of each.
        rows: the dense network, the one that is trained as long, then way by way.
        few_of_a_label: test rows with a click, or without one, where these are too few for
            intervals; ``None`` where there are enough of both.
    """

    card: DataSetCard
    architecture: str
    seeds: int
    rows: tuple[PruningRow, ...]
    few_of_a_label: int | None = None
