"""The found model on parts of the test split: where it is good, and where it is not."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from beam_preprocess.dataset.feature_schema import (
    FIRST_VOCABULARY_ID,
    MISSING_ID,
    OUT_OF_VOCABULARY_ID,
    PADDING_ID,
    DenseFeature,
    SparseFeature,
)
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.encoding.encode import transform_dense
from nasrec_tf.report import SliceSummary
from nasrec_tf.search.run import Run
from nasrec_tf.search.winner_quality import Predicted

SLICE_ROWS = 200_000
"""Test rows that are told apart, at most."""

SLICE_VALUES = 20_000_000
"""Values of all features in them, at most: 80 MB."""

LEAST_ROWS = 2_000
"""Rows that are told apart however many values they have, if there are so many."""

MOST_VALUES = 5
"""Values of a sparse feature that have a slice of their own; the most frequent ones."""

RANGES = 5
"""Of about equal numbers of rows, of a dense feature."""

LEAST_OF_SLICE = 20
"""Slices of fewer rows tell nothing."""

UNSEEN = "values out of vocabulary"

MOST_NAMES = 100_000
"""Entries of a vocabulary file that are read for the names of values; the most frequent ones."""

Slice = tuple[str, np.ndarray]
"""What rows have in common, and which they are, bool (rows,)."""


def rows_of_slices(columns: int) -> int:
    """Test rows that are told apart: fewer where there are many columns.

    Args:
        columns: values of a row: dense ones and ids, those of lists included.

    Example:
        >>> rows_of_slices(39), rows_of_slices(1_000), rows_of_slices(100_000)
        (200000, 20000, 2000)
    """
    return min(SLICE_ROWS, max(LEAST_ROWS, SLICE_VALUES // columns))


def slices(
    run: Run,
    inputs: Mapping[str, np.ndarray],
    rows: Predicted,
    features: Sequence[tuple[str, str]],
) -> Iterator[SliceSummary]:
    """Rows by how much in them is new to the model, and by the values of features.

    Args:
        run: the run.
        inputs: of the rows, by kind.
        rows: what the model makes of them.
        features: kind and name of those that they are told apart by.
    """
    schema, columns = run.schema, run.features.field_columns
    found = [(UNSEEN, each) for each in _by_unseen(schema, columns, inputs["sparse"])]
    for kind, name in features:
        if kind == "dense":
            number = schema.dense_names.index(name)
            parts = range_slices(schema.dense[number], inputs["dense"][:, number])
        else:
            number = schema.sparse_names.index(name)
            sparse = schema.sparse[number]
            file = None if sparse.vocabulary is None else run.dataset / sparse.vocabulary
            parts = value_slices(sparse, inputs["sparse"][:, columns[number]], file)
        found += [(name, each) for each in parts]
    for name, (value, members) in found:
        if np.count_nonzero(members) >= LEAST_OF_SLICE:
            yield from _summary(name, value, rows.at(members))


def _summary(feature: str, value: str, rows: Predicted) -> Iterator[SliceSummary]:
    """The figures of a slice; none where all its rows count nothing."""
    from nasrec_tf.training.evaluation import mean_log_loss

    weights = rows.weights
    if weights is not None and not weights.sum() > 0:
        return
    clicks = float(np.average(rows.labels, weights=weights))
    constant = sum(-share * np.log(share) for share in (clicks, 1 - clicks) if 0 < share < 1)
    chances = np.exp(-np.logaddexp(0.0, -rows.logits.astype(np.float64)))
    yield SliceSummary(
        feature=feature,
        value=value,
        rows=len(rows.labels),
        clicks=clicks,
        predicted=float(np.average(chances, weights=weights)),
        log_loss=mean_log_loss(rows.labels, rows.logits, weights),
        constant_log_loss=float(constant),
    )


def _by_unseen(schema: Schema, columns: Sequence[slice], ids: np.ndarray) -> Iterator[Slice]:
    """Rows by how many of their values have no id of their own, items of lists included."""
    of_vocabularies = [
        part for feature, part in zip(schema.sparse, columns) if feature.encoding == "vocabulary"
    ]
    if not of_vocabularies:
        return
    unseen = np.zeros(len(ids), np.int64)
    for part in of_vocabularies:
        unseen += np.count_nonzero(ids[:, part] == OUT_OF_VOCABULARY_ID, axis=1)
    yield "none", unseen == 0
    yield "one", unseen == 1
    yield "more", unseen > 1


def range_slices(feature: DenseFeature, values: np.ndarray) -> Iterator[Slice]:
    """Rows by the size of a dense value; equal ones are never told apart.

    Where values are missing in training, those that stand for them are a slice of their own, with
    the rows whose number is the same: networks read both alike.

    Args:
        feature: whose values they are.
        values: as networks read them, (rows,).
    """
    if feature.transform == "missing_indicator":
        yield from (("missing", values > 0.5), ("present", values <= 0.5))
        return
    stands_in = float(transform_dense(np.array([np.nan]), feature).astype(np.float32)[0])
    filled = values == np.float32(stands_in) if feature.missing_count else np.zeros(0, bool)
    if not filled.any():
        yield from _ranges(feature, values)
        return
    # log1p has one value for all numbers below 0.
    below = "up to " if feature.transform == "log1p" and stands_in == 0 else ""
    yield f"missing, or {below}{raw_value(feature, stands_in):.4g}", filled
    others = np.flatnonzero(~filled)
    for name, members in _ranges(feature, values[others]) if len(others) else ():
        chosen = np.zeros(len(values), bool)
        chosen[others[members]] = True
        yield "all others" if name == "all" else name, chosen


def _ranges(feature: DenseFeature, values: np.ndarray) -> Iterator[Slice]:
    """Rows by the size of a dense value, in ranges of about as many rows."""
    ends = np.unique(np.quantile(values, np.arange(1, RANGES) / RANGES, method="lower"))
    ends = ends[ends < values.max()]
    place = np.searchsorted(ends, values)  # The range of a value ends with it or above it.
    told = [f"{raw_value(feature, float(end)):.4g}" for end in ends]
    for number in range(len(ends) + 1):
        if not told:
            name = "all"
        elif number == 0:
            name = f"up to {told[0]}"
        elif number == len(ends):
            name = f"above {told[-1]}"
        else:
            name = f"above {told[number - 1]}, up to {told[number]}"
        yield name, place == number


def raw_value(feature: DenseFeature, value: float) -> float:
    """The number of the log that a network reads as a value.

    Args:
        feature: how it was made.
        value: as networks read it.

    Example:
        >>> float(raw_value(DenseFeature("age", "age", "log1p"), np.log(42.0)).round(9))
        41.0
    """
    if feature.transform == "log1p":
        return np.expm1(value)
    if feature.transform == "standardize":
        return value * feature.std + feature.mean
    return value


def value_slices(
    feature: SparseFeature, ids: np.ndarray, vocabulary: pathlib.Path | None = None
) -> Iterator[Slice]:
    """Rows by a sparse value: the most frequent ones, what is missing or new, and all others.

    A row with a list is among those of each of its items.

    Args:
        feature: whose values they are.
        ids: of the rows, (rows, columns).
        vocabulary: file of its values, without which they are told by their ids.
    """
    special = {MISSING_ID: "missing"}
    if feature.encoding == "vocabulary":
        special[OUT_OF_VOCABULARY_ID] = "out of vocabulary"
    frequent = _frequent(ids, special)
    names = _names(vocabulary, max(frequent, default=0))
    told = {number: names.get(number, f"id {number}") for number in frequent} | special
    others = np.ones(len(ids), bool)
    for number, name in told.items():
        members = (ids == number).any(axis=1)
        others &= ~members
        yield name, members
    yield "all others", others


def _frequent(ids: np.ndarray, special: Mapping[int, str]) -> list[int]:
    """The ids that most rows hold, each row once; of equally frequent ones the lower."""
    ordered = np.sort(ids, axis=1)
    is_first = np.ones(ids.shape, bool)
    is_first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    found, counts = np.unique(ordered[is_first], return_counts=True)
    order = found[np.lexsort((found, -counts))].tolist()
    passed_over = {PADDING_ID, *special}
    return [number for number in order if number not in passed_over][:MOST_VALUES]


def _names(vocabulary: pathlib.Path | None, last: int) -> dict[int, str]:
    """Raw values by id, as far as they are among the first entries of the vocabulary file."""
    from nasrec_tf.export.vocabularies import first_entries

    count = min(MOST_NAMES, last - FIRST_VOCABULARY_ID + 1)
    if vocabulary is None or count < 1:
        return {}
    return dict(enumerate(first_entries(vocabulary, count), start=FIRST_VOCABULARY_ID))
