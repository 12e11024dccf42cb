"""Checked rows to the arrays of the records: dense transforms and sparse ids.

Their formulas stand in feature_schema.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from beam_preprocess.common.quiet_tensorflow import load_tensorflow
from beam_preprocess.common.string_table import StringTable
from beam_preprocess.dataset.feature_schema import (
    FIRST_VOCABULARY_ID,
    MISSING_ID,
    OUT_OF_VOCABULARY_ID,
    PADDING_ID,
    DenseFeature,
    SparseFeature,
)
from beam_preprocess.reading.decode import Rows, number_of
from beam_preprocess.reading.lists import first_items

Entries: TypeAlias = "pa.Array | StringTable"

Lookup = Callable[[pa.Array], np.ndarray]  # ids of values, whatever id for nulls


class RowEncoder:
    """Encodes rows for one set of features.

    Args:
      dense, sparse: Features in record order.
      vocabularies: From sparse feature name to its entries in id order (Arrow binary), or to their
        look-up table.

    Attributes:
      starts: int64 [sparse features], the first column of each in the array of ids.
      longest: Of each sparse feature the ids of a list, None where it has single values; None where
        all have.
    """

    def __init__(
        self,
        dense: Sequence[DenseFeature],
        sparse: Sequence[SparseFeature],
        vocabularies: Mapping[str, Entries],
    ):
        self._dense = dense
        self._sparse = [
            (feature, _lookup(feature, vocabularies.get(feature.name))) for feature in sparse
        ]
        widths = [feature.width for feature in sparse]
        self.starts = np.cumsum([0, *widths[:-1]])[: len(widths)]
        lists = any(feature.is_list for feature in sparse)
        self.longest = tuple(feature.longest for feature in sparse) if lists else None

    def encode(self, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The features of some rows, in record order.

        Args:
          rows: Well-formed rows.

        Returns:
          Label uint8 [rows], dense float32 [rows, dense features], sparse int64 [rows, ids of all
          sparse features], in [0, table rows); a list has as many as the longest, filled up with
          ``PADDING_ID``.
        """
        dense = np.empty((len(rows), len(self._dense)), np.float32)
        for index, number in enumerate(self._dense):
            dense[:, index] = transform_dense(rows.dense[number.key], number)
        widths = [feature.width for feature, _ in self._sparse]
        sparse = np.empty((len(rows), sum(widths)), np.int64)
        for start, (feature, lookup) in zip(self.starts, self._sparse, strict=True):
            values = rows.sparse[feature.raw_key]
            if feature.is_list:
                ids = _encode_lists(values, lookup, feature.width)
                sparse[:, start : start + feature.width] = ids
            else:
                sparse[:, start] = _encode_column(values, lookup)
        return rows.label, dense, sparse


def transform_dense(raw: np.ndarray, feature: DenseFeature) -> np.ndarray:
    """Feature values of one dense column; feature_schema.py has the formulas.

    Args:
      raw: float64 [rows], NaN where missing.
      feature: The transform, what stands for a missing value, mean and standard deviation.

    Returns:
      float64 [rows], none of them NaN.
    """
    if feature.transform == "missing_indicator":
        return np.isnan(raw).astype(np.float64)
    present = np.where(np.isnan(raw), feature.missing, raw)
    if feature.transform == "log1p":
        return np.log1p(np.maximum(present, 0.0))
    if feature.transform == "standardize":
        return (present - feature.mean) / feature.std
    return present


def _encode_column(values: pa.Array, lookup: Lookup) -> np.ndarray:
    ids = lookup(values)
    if values.null_count:
        ids[values.is_null().to_numpy(zero_copy_only=False)] = MISSING_ID
    return ids


def _encode_lists(values: pa.ListArray, lookup: Lookup, longest: int) -> np.ndarray:
    lengths, items = first_items(values, longest)
    ids = np.full((len(values), longest), PADDING_ID, np.int64)
    ids[np.arange(longest) < lengths[:, None]] = _encode_column(items, lookup)
    ids[lengths == 0, 0] = MISSING_ID
    return ids


def _lookup(feature: SparseFeature, entries: Entries | None) -> Lookup:
    if feature.encoding == "vocabulary":
        return _vocabulary_lookup(entries)
    if feature.encoding == "modulo":
        return _by_distinct_value(_modulo_ids(feature))
    return _by_distinct_value(_hash_ids(feature.rows))


def _vocabulary_lookup(entries: Entries) -> Lookup:
    table = entries if isinstance(entries, StringTable) else StringTable(entries)
    absent = OUT_OF_VOCABULARY_ID - FIRST_VOCABULARY_ID
    return lambda values: table.look_up(values, absent) + FIRST_VOCABULARY_ID


def _by_distinct_value(ids_of: Callable[[list[bytes]], np.ndarray]) -> Lookup:
    """Computes the id of each distinct value of a batch once."""

    def look_up(values: pa.Array) -> np.ndarray:
        encoded = values.dictionary_encode()
        ids = np.append(ids_of(encoded.dictionary.to_pylist()), MISSING_ID)
        return ids[encoded.indices.fill_null(len(ids) - 1).to_numpy()]

    return look_up


def _modulo_ids(feature: SparseFeature) -> Callable[[list[bytes]], np.ndarray]:
    def one(value: bytes) -> int:
        number = number_of(value, feature.radix)
        if feature.fold is not None:
            number %= feature.fold
        return number % (feature.rows - 1) + 1

    return lambda values: np.fromiter(map(one, values), np.int64, len(values))


def _hash_ids(rows: int) -> Callable[[list[bytes]], np.ndarray]:
    buckets = rows - FIRST_VOCABULARY_ID

    def ids_of(values: list[bytes]) -> np.ndarray:
        # FarmHash as the serving graph computes it; TensorFlow is loaded for this encoding only.
        tf = load_tensorflow()
        if not values:
            return np.zeros(0, np.int64)
        with tf.device("/CPU:0"):
            hashed = tf.strings.to_hash_bucket_fast(tf.constant(values, tf.string), buckets)
        return hashed.numpy() + FIRST_VOCABULARY_ID

    return ids_of
