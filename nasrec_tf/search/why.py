"""Why the found model is as good as it is: what it relies on, and where it is good.

All of it is looked at on rows of the test split, drawn by the run's seed in one pass over it.
"""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from beam_preprocess.dataset.schema import Schema
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.data.features import Features
from nasrec_tf.report import AblationSummary, ImportanceSummary, WhySummary
from nasrec_tf.search.explained_model import ExplainedModel
from nasrec_tf.search.run import Run
from nasrec_tf.search.slices import rows_of_slices, slices
from nasrec_tf.search.winner_quality import Predicted

ROWS = 20_000
"""Rows that features and parts are tried on, at most."""

LEAST_ROWS = 2_000
"""And at least, if there are so many."""

PREDICTIONS = 250_000
"""Rows that are predicted for all features, unless the least rows take more: some seconds."""

MOST_DRAWS = 5
"""How often a feature is dealt out at most, where there are few rows."""

SLICED_FEATURES = 12
"""By so many of the weightiest features the rows are told apart."""

T = TypeVar("T")


def explained(
    run: Run, found: ExplainedModel, test: Predicted, directory: pathlib.Path
) -> WhySummary:
    """What the found model relies on, going on where an earlier call was stopped.

    Args:
        run: the run.
        found: the model.
        test: what it makes of the test split.
        directory: where what is done is kept.

    Raises:
        RunError: if what an earlier call left is damaged.
    """
    from nasrec_tf.data.drawn_rows import row_sample
    from nasrec_tf.data.records import derived_seed

    seed = derived_seed(run.config.seed, "explanation")
    columns = run.features.dense + run.features.id_columns
    sample = row_sample(run.records, "test", rows_of_slices(columns), seed)
    tried = sample.some(rows_tried(len(_places(run.features))), seed)
    trial = _Trial(run, found, tried.inputs, test.at(tried.numbers), seed)
    importances = _kept(
        directory / "importance.json", tuple[ImportanceSummary, ...], trial.importances
    )
    ablations = _kept(directory / "ablation.json", tuple[AblationSummary, ...], trial.ablations)
    weightiest = [(one.kind, one.feature) for one in importances[:SLICED_FEATURES]]
    return WhySummary(
        rows=len(tried),
        draws=trial.draws,
        importances=importances,
        ablations=ablations,
        slices=tuple(slices(run, sample.inputs, test.at(sample.numbers), weightiest)),
        slice_rows=len(sample),
        ablated=found.told_drawn,
    )


def rows_tried(features: int) -> int:
    """Rows that features are tried on: fewer where there are many features.

    Args:
        features: how many.

    Example:
        >>> rows_tried(10), rows_tried(39), rows_tried(2_000)
        (20000, 6410, 2000)
    """
    return min(ROWS, max(LEAST_ROWS, PREDICTIONS // features))


def predicted_rows(features: int, parts: int, test_rows: int) -> int:
    """Rows that are predicted to try all features and parts.

    Args:
        features: dense and sparse ones together.
        parts: of the network.
        test_rows: of the test split.
    """
    tried = min(test_rows, rows_tried(features))
    return (features * draws_of(features, tried) + parts + 1) * tried


def draws_of(features: int, rows: int) -> int:
    """How often each feature is dealt out.

    Args:
        features: how many there are.
        rows: that they are tried on.

    Example:
        >>> draws_of(10, 20_000), draws_of(10, 1_000), draws_of(2_000, 2_000)
        (1, 5, 1)
    """
    return max(1, min(MOST_DRAWS, PREDICTIONS // max(1, features * rows)))


def _kept(path: pathlib.Path, kind: type[T], make: Callable[[], T]) -> T:
    done = read_state(path, kind, "delete it to measure this again")
    if done is None:
        done = make()
        write_state(path, done)
    return done


def _places(features: Features) -> list:
    """Where each feature stands among the inputs: dense ones, then sparse ones."""
    from nasrec_tf.training.feature_importance import Place

    dense = [Place("dense", slice(column, column + 1)) for column in range(features.dense)]
    return dense + [Place("sparse", columns) for columns in features.field_columns]


def _names(schema: Schema) -> Sequence[str]:
    """Of the features in the order of their places."""
    return *schema.dense_names, *schema.sparse_names


def _as_read(batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A batch of a sample, whose ids are held as 32 bits, as networks read it."""
    return {**batch, "sparse": batch["sparse"].astype(np.int64)}


class _Trial:
    """Tries features and parts on some rows."""

    def __init__(
        self,
        run: Run,
        found: ExplainedModel,
        inputs: dict[str, np.ndarray],
        rows: Predicted,
        seed: int,
    ):
        self._run, self._found, self._inputs, self._rows = run, found, inputs, rows
        self._seed = seed
        self._places = _places(run.features)

    @property
    def draws(self) -> int:
        """How often each feature is dealt out."""
        return draws_of(len(self._places), len(self._rows.labels))

    def importances(self) -> tuple[ImportanceSummary, ...]:
        """Of all features, the weightiest first."""
        import tensorflow as tf

        from nasrec_tf.training.feature_importance import feature_rises

        network = self._found.load()
        traced = tf.function(
            lambda batch: network(batch, training=False),
            input_signature=[self._run.records.input_spec],
            autograph=False,
        )
        rises = feature_rises(
            lambda batch: traced(_as_read(batch)).numpy()[:, 0],
            self._inputs,
            self._rows.labels,
            self._places,
            self.draws,
            self._seed,
        )
        found = []
        names = _names(self._run.schema)
        with self._run.progress("importance", len(names), "feature") as bar:
            for name, place, rise in zip(names, self._places, rises):
                found.append(ImportanceSummary(name, place.kind, *self._mean(rise)))
                bar.update()
        return tuple(sorted(found, key=lambda one: -one.rise))

    def ablations(self) -> tuple[AblationSummary, ...]:
        """Of the network that the report draws; a hand-made model has no blocks to leave out."""
        from nasrec_tf.networks.ablation import AblatedLogits, ablations
        from nasrec_tf.training.evaluation import log_losses
        from nasrec_tf.training.feature_importance import in_batches

        if self._found.result.architecture.architecture is None:
            return ()
        network = self._found.load_drawn()
        ablated = AblatedLogits(network, self._run.records.input_spec)
        labels = self._rows.labels

        def losses(without: Sequence[str]) -> np.ndarray:
            logits = in_batches(
                lambda batch: ablated(_as_read(batch), without), self._inputs, len(labels)
            )
            return log_losses(labels, logits)

        whole, found, parts = losses(()), [], ablations(network)
        with self._run.progress("ablation", len(parts), "part") as bar:
            for one in parts:
                rise = self._mean(losses(one.parts) - whole)
                found.append(AblationSummary(one.block, one.part, *rise))
                bar.update()
        return tuple(found)

    def _mean(self, rises: np.ndarray) -> tuple[float, tuple[float, float] | None]:
        """Of what each row's log loss rises by; infinite where one of them is no number."""
        from nasrec_tf.training.mean_intervals import mean_with_interval

        if not np.isfinite(rises).all():
            return np.inf, None
        return mean_with_interval(rises, self._run.config.seed, self._rows.weights)
