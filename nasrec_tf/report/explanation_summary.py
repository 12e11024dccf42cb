"""What a report says of why a model is good, and of whether it is worth its search."""

import dataclasses
from collections.abc import Sequence

from nasrec_tf.common.saved_state import SAVED
from nasrec_tf.report.quality_summary import DifferenceSummary, QualitySummary

CONSTANT = "constant"
"""Name of the yardstick that predicts the click rate of the training split for every row."""


@dataclasses.dataclass(frozen=True)
class YardstickSummary:
    """A simple model that the found one is measured against.

    Args:
        name: in commands, such as ``"dlrm"``.
        title: what it is.
        test: quality on the test split; ``None`` where it was left out or its training diverged.
        difference: the found model's quality less its own; likewise.
        recipe: how it was trained, in a line; ``None`` of what is not trained.
        mflops: millions of multiply-accumulates per sample.
        parameters: weights without embedding tables.
        embedding_parameters: weights of the embedding tables.
        passes: over the training split.
        seconds: wall time of its training.
        left_out: why it was not trained; ``None`` if it was.
    """

    __pydantic_config__ = SAVED

    name: str
    title: str
    test: QualitySummary | None = None
    difference: DifferenceSummary | None = None
    recipe: str | None = None
    mflops: float = 0.0
    parameters: int = 0
    embedding_parameters: int = 0
    passes: float = 0.0
    seconds: float = 0.0
    left_out: str | None = None

    @property
    def beats(self) -> bool:
        """Whether it is better than the found model beyond chance."""
        return self._is_beyond(+1)

    @property
    def is_beaten(self) -> bool:
        """Whether the found model is better beyond chance."""
        return self._is_beyond(-1)

    def _is_beyond(self, sign: int) -> bool:
        if self.difference is None or self.difference.log_loss_interval is None:
            return False
        return all(sign * end > 0 for end in self.difference.log_loss_interval)


@dataclasses.dataclass(frozen=True)
class ImportanceSummary:
    """How much the model relies on a feature.

    Args:
        feature: its name.
        kind: ``"dense"`` or ``"sparse"``.
        rise: of the log loss where the feature's values are dealt out anew among the rows, in
            nats; infinite where the model's loss is no number without it.
        interval: 95 % of it, over rows; ``None`` where it is infinite.
    """

    __pydantic_config__ = SAVED

    feature: str
    kind: str
    rise: float
    interval: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class AblationSummary:
    """What a trained network is without a part, which is not trained again.

    Args:
        block: number of the block, from 1.
        part: its operator or merger; ``None`` for the whole block.
        rise: of the log loss, in nats; below 0 where the network does better without it.
        interval: 95 % of it, over rows; ``None`` where it is infinite.
    """

    __pydantic_config__ = SAVED

    block: int
    part: str | None
    rise: float
    interval: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class SliceSummary:
    """The model on some of the test rows.

    Args:
        feature: what the rows are told apart by.
        value: what they have in common.
        rows: how many they are.
        clicks: share of them with a click, each row by its weight.
        predicted: mean of the predicted probabilities, likewise.
        log_loss: in nats, likewise.
        constant_log_loss: of their own share of clicks for each of them.
    """

    __pydantic_config__ = SAVED

    feature: str
    value: str
    rows: int
    clicks: float
    predicted: float
    log_loss: float
    constant_log_loss: float


@dataclasses.dataclass(frozen=True)
class WhySummary:
    """Why a model is as good as it is.

    Args:
        rows: of the test split that features and parts were tried on.
        draws: how often each feature was dealt out.
        importances: of all features, the weightiest first.
        ablations: of the parts of the network; none of a hand-made model.
        slices: of the test split.
        slice_rows: rows of it that were told apart.
        ablated: which network the parts are of, in a few words.
    """

    __pydantic_config__ = SAVED

    rows: int
    draws: int
    importances: tuple[ImportanceSummary, ...]
    ablations: tuple[AblationSummary, ...] = ()
    slices: tuple[SliceSummary, ...] = ()
    slice_rows: int = 0
    ablated: str = ""

    @property
    def slices_by_feature(self) -> list[tuple[str, list[SliceSummary]]]:
        """What rows are told apart by, in order, and the slices of each."""
        found: dict[str, list[SliceSummary]] = {}
        for one in self.slices:
            found.setdefault(one.feature, []).append(one)
        return list(found.items())


@dataclasses.dataclass(frozen=True)
class ExplanationSummary:
    """Whether the found model is worth it, and why it is as good as it is.

    Args:
        compared: which network the yardsticks are compared with, in a few words.
        found: its quality on the test split.
        mflops: its millions of multiply-accumulates per sample.
        yardsticks: simple models beside it.
        row_share: rows that they were trained on, as a share of those that the run trained on.
        why: what the model relies on.
        few_of_a_label: test rows with a click, or without one, where these are too few for
            intervals; ``None`` where there are enough of both.
    """

    __pydantic_config__ = SAVED

    compared: str
    found: QualitySummary
    mflops: float | None = None
    yardsticks: tuple[YardstickSummary, ...] = ()
    row_share: float = 0.0
    why: WhySummary | None = None
    few_of_a_label: int | None = None

    @property
    def has_one_label(self) -> bool:
        """Whether all test rows are clicks, or none is."""
        return self.found.auc is None

    @property
    def ranked(self) -> Sequence[YardstickSummary]:
        """The measured yardsticks, the lowest test log loss first."""
        measured = [one for one in self.yardsticks if one.test is not None]
        return sorted(measured, key=lambda one: one.test.log_loss)
