"""AUC within groups of test rows, of trainings whose test logits are kept.

It is told of the data set's own groups, of any of its sparse features, and of another one later:
nothing is trained or predicted again.
"""

import dataclasses
import functools
import pathlib

import numpy as np

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import SAVED, read_state, write_state
from nasrec_tf.common.strict_json import shown
from nasrec_tf.search.kept_logits import kept_logits
from nasrec_tf.search.results import Finite
from nasrec_tf.search.run import Run
from nasrec_tf.studies.kept_labels import TEST_LABELS, kept_labels, labels_of_records
from nasrec_tf.studies.rival_results import TEST_LOGITS
from nasrec_tf.training.evaluation import EVALUATION_BATCH, bootstrap
from nasrec_tf.training.grouped_auc import LEAST_GROUPS, areas_by_group, groups_with_both
from nasrec_tf.training.ranked_rows import drawn_weights, weighted_mean

PAIRED_GROUPS = "paired groups"
"""What the draws of groups are for: the same ones for all models."""


@dataclasses.dataclass(frozen=True)
class GroupedResult:
    """Mean area within the groups that have both labels, each by its rows.

    Args:
        auc: of all groups; ``None`` where none has both labels.
        aucs: of each resample of the groups; none of fewer than ``LEAST_GROUPS``.
    """

    __pydantic_config__ = SAVED

    auc: Finite | None
    aucs: tuple[Finite | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class GroupedQuality:
    """Judges trainings within groups: those of the data set, or those of a sparse feature's values.

    Rows without a group of the data set are left out; values that a feature's vocabulary does not
    hold are one group.

    Args:
        run: the run.
        directory: where the comparison lies.
        feature: name of the sparse feature; ``None`` for the groups of the data set.

    Raises:
        UserError: if there is none of that name, or it is multi-valued.
    """

    run: Run
    directory: pathlib.Path
    feature: str | None = None

    def __post_init__(self):
        names = self._features()
        if self.feature is None:
            return
        if self.feature not in names:
            raise UserError(
                f"--group: the data set has no sparse feature {shown(self.feature)}; there are "
                f"{', '.join(names)}."
            )
        if self.run.features.widths[names.index(self.feature)] > 1:
            raise UserError(
                f"--group: a row has several values of {shown(self.feature)}; groups are those of "
                "a feature with one."
            )

    @property
    def name(self) -> str:
        """What tells the groups apart."""
        return self.feature or self.run.schema.group or ""

    @property
    def counted(self) -> int:
        """How many groups have both labels, over which the mean is taken."""
        known, weights = self._known, self.run.records.weights("test")
        _, numbers = np.unique(self._groups[known], return_inverse=True)
        return groups_with_both(
            self._labels[known], numbers + 1, None if weights is None else weights[known]
        )

    def of(self, training: pathlib.Path) -> GroupedResult:
        """What a training came to.

        Args:
            training: its directory, which holds its test logits.

        Raises:
            RunError: if these are missing or damaged.
        """
        path, mend = training / self._file(), f"delete {training} to train it again"
        found = read_state(path, GroupedResult, mend)
        if found is None:
            logits = kept_logits(training, len(self._groups), mend, TEST_LOGITS)
            found = self._judged(logits)
            write_state(path, found)
        return found

    def of_constant(self) -> GroupedResult:
        """What the prediction comes to that is the same for every row."""
        return self._judged(np.zeros(len(self._groups), np.float32))

    def _judged(self, logits: np.ndarray) -> GroupedResult:
        known, weights = self._known, self.run.records.weights("test")
        if not len(known) or not np.isfinite(logits).all():
            return GroupedResult(None)
        areas, rows = areas_by_group(
            self._labels[known],
            logits[known],
            self._groups[known],
            None if weights is None else weights[known],
        )

        def mean(rng: np.random.Generator) -> float | None:
            return weighted_mean(drawn_weights(rng, len(areas), rows), areas)

        enough = len(areas) >= LEAST_GROUPS
        draws = bootstrap(mean, self.run.config.seed, PAIRED_GROUPS) if enough else ()
        return GroupedResult(weighted_mean(rows, areas), tuple(draws))

    def _file(self) -> str:
        if self.feature is None:
            return "grouped.json"
        return f"grouped-C{self._features().index(self.feature) + 1}.json"

    def _features(self) -> list[str]:
        return [feature.name for feature in self.run.schema.sparse]

    @functools.cached_property
    def _labels(self) -> np.ndarray:
        if (self.directory / TEST_LABELS).exists():
            return kept_labels(self.directory)
        return labels_of_records(self.run.records)  # All trainings so far have diverged.

    @functools.cached_property
    def _groups(self) -> np.ndarray:
        """The group of each test row."""
        if self.feature is None:
            groups = self.run.records.groups("test")
            assert groups is not None, "only asked for where the data set has groups"
            return groups
        column = sum(self.run.features.widths[: self._features().index(self.feature)])
        batches = self.run.records.batches("test", EVALUATION_BATCH)
        return np.concatenate([inputs["sparse"][:, column].numpy() for inputs, *_ in batches])

    @functools.cached_property
    def _known(self) -> np.ndarray:
        """The numbers of the test rows that have a group."""
        known = self._groups != 0 if self.feature is None else np.ones(len(self._groups), bool)
        return np.flatnonzero(known)
