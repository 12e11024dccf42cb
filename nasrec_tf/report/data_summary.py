"""What a report shows of the data set, as plain values."""

import dataclasses
from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class SplitSummary:
    """One split of the data.

    Args:
        name: such as ``"train"``.
        rows: number of rows.
        label_rate: share of rows with label 1.
    """

    name: str
    rows: int
    label_rate: float | None = None


@dataclasses.dataclass(frozen=True)
class TableSummary:
    """One sparse feature.

    Args:
        name: of the feature.
        rows: rows of its embedding table.
        missing_share: share of rows in which it is missing.
        unseen_share: share of the test split's present values that have no row of their own;
            ``None`` if not known.
    """

    name: str
    rows: int
    missing_share: float | None = None
    unseen_share: float | None = None


@dataclasses.dataclass(frozen=True)
class DataSummary:
    """The data set.

    Args:
        name: of the data set.
        splits: train, validation and test.
        dense_features: names of the dense features.
        tables: the sparse features.
        source: where the raw data came from.
        rejected: malformed rows that were left out, by reason.
        best_log_loss: log loss that no model can beat in expectation, in nats, for generated data.
        constant_log_loss: log loss of predicting the click rate on every row, in nats; ``None`` if
            not known.
        warnings: what in the data may spoil a model.
        is_generated: whether the log was made up by this package.
        weight: column that says how much a row counts; ``None`` where all count alike.
        group: column within which the AUC is taken as well; ``None`` for none.
    """

    name: str
    splits: Sequence[SplitSummary] = ()
    dense_features: Sequence[str] = ()
    tables: Sequence[TableSummary] = ()
    source: str | None = None
    rejected: Mapping[str, int] = dataclasses.field(default_factory=dict)
    best_log_loss: float | None = None
    constant_log_loss: float | None = None
    warnings: Sequence[str] = ()
    is_generated: bool = False
    weight: str | None = None
    group: str | None = None
