"""The records stage's way from raw values to a network's inputs, repeated as a graph.

See ``beam_preprocess.dataset.feature_schema`` for what each transform and encoding means. Where the
records stage rejects a row for a value that it cannot read, the graph takes the value as missing: a
server has to answer, and one malformed request must not fail those that are batched with it.
"""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from beam_preprocess.common.calendar_days import SECONDS_OF_DAY
from beam_preprocess.dataset.feature_schema import (
    FIRST_VOCABULARY_ID,
    MISSING_ID,
    OUT_OF_VOCABULARY_ID,
    DenseFeature,
    SparseFeature,
)
from beam_preprocess.dataset.missing_numbers import missing_numbers
from beam_preprocess.dataset.schema import Schema
from beam_preprocess.dataset.time_formats import Moment, TimeFormat, time_format
from beam_preprocess.reading.moments import seconds_of
from nasrec_tf.export.dense_values import DenseValues, numbers_of
from nasrec_tf.export.derivations import derived_categories, moments_of
from nasrec_tf.export.item_ids import ItemIds
from nasrec_tf.export.modulo import ModuloIds
from nasrec_tf.export.raw_inputs import TEXT, raw_inputs

_NOT_THERE = OUT_OF_VOCABULARY_ID - FIRST_VOCABULARY_ID


class Preprocessing(tf.Module):
    """Raw columns to ``{"dense", "sparse"}``, all in TensorFlow operations.

    Args:
        schema: of the data set that the network was trained on.
        vocabulary_files: from sparse feature name to its vocabulary file, for features of the
            encoding ``vocabulary``; a feature with no entry at all is left out.
        decimal: what stands before the decimals of a number that is sent as text.

    Raises:
        ExportError: if an encoding is beyond what the graph can compute.
    """

    def __init__(
        self, schema: Schema, vocabulary_files: Mapping[str, pathlib.Path], decimal: str = "."
    ):
        super().__init__(name="preprocessing")
        self._decimal = decimal
        self._texts = [c.column for c in raw_inputs(schema) if c.kind == TEXT]
        self._tokens = schema.missing_tokens
        self._numbers_of = {feature.key: feature for feature in schema.dense}
        self._ends = {
            feature.until: seconds_of(feature.until)
            for feature in schema.dense
            if feature.until is not None and feature.until_format is None
        }
        missing = missing_numbers(schema.missing_tokens, decimal)
        self._dense = DenseValues(schema.dense, missing) if schema.dense else None
        self._features = schema.sparse
        self._sparse = tuple(feature for feature in schema.sparse if not feature.is_list)
        self._vocabularies = {name: _table(path) for name, path in vocabulary_files.items()}
        is_modulo = [feature.encoding == "modulo" for feature in self._sparse]
        self._places_of_modulo = [k for k, chosen in enumerate(is_modulo) if chosen]
        self._places_of_others = [k for k, chosen in enumerate(is_modulo) if not chosen]
        self._modulo = ModuloIds([self._sparse[k] for k in self._places_of_modulo])
        lists = [feature for feature in schema.sparse if feature.is_list]
        self._modulo_items = {
            feature.name: ModuloIds([feature]) for feature in lists if feature.encoding == "modulo"
        }
        self._lists = {
            feature.name: ItemIds(feature, schema.missing_tokens, self._item_ids)
            for feature in lists
        }

    def __call__(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """``dense`` float32 (batch, dense features) and ``sparse`` int64 (batch, id columns).

        Args:
            raw: every column of ``raw_inputs``, each of shape (batch,): float32 for numbers, string
                for text; for lists string (batch, items).
        """
        missing = self._missing(raw) if self._texts else tf.zeros([0, 0], tf.bool)
        times = _Times(raw, missing, self._texts, self._ends)
        singles = self._ids(raw, missing, times) if self._sparse else None
        outputs = {"sparse": self._with_lists(raw, singles)}
        if self._dense is not None:
            outputs["dense"] = self._dense(self._numbers(raw, missing, times))
        return outputs

    def _missing(self, raw: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Where each text column is missing: (batch, text columns)."""
        values = tf.stack([raw[column] for column in self._texts], axis=1)
        absent = tf.equal(values, "")
        for token in self._tokens:
            absent |= tf.equal(values, token)
        return absent

    def _numbers(
        self, raw: Mapping[str, tf.Tensor], missing: tf.Tensor, times: "_Times"
    ) -> dict[str, tf.Tensor]:
        """What dense features are made of, read from the text where a sparse one shares a column.

        float32, and float64 for ages.
        """
        numbers = {}
        for key, feature in self._numbers_of.items():
            column = feature.source
            if feature.derive is not None:
                numbers[key] = times.age(feature)
            elif column in self._texts:
                absent = missing[:, self._texts.index(column)]
                numbers[key] = numbers_of(raw[column], absent, self._decimal)
            else:
                numbers[key] = raw[column]
        return numbers

    def _with_lists(
        self, raw: Mapping[str, tf.Tensor], singles: tf.Tensor | None
    ) -> tf.Tensor | None:
        """The ids of all features in order: single values, and those of each list."""
        if not self._lists:
            return singles
        columns, done = [], 0
        for feature in self._features:
            if feature.is_list:
                columns.append(self._lists[feature.name](raw[feature.source]))
            else:
                columns.append(singles[:, done : done + 1])
                done += 1
        return tf.concat(columns, axis=1)

    def _item_ids(self, feature: SparseFeature, items: tf.Tensor) -> tf.Tensor:
        """int64 (items,), 0 of what is no number where there must be one."""
        if feature.encoding == "modulo":
            return self._modulo_items[feature.name]([items])[:, 0]
        return self._position(feature, items) + FIRST_VOCABULARY_ID

    def _ids(self, raw: Mapping[str, tf.Tensor], missing: tf.Tensor, times: "_Times") -> tf.Tensor:
        places = [self._texts.index(feature.source) for feature in self._sparse]
        if places != list(range(len(self._texts))):
            missing = tf.gather(missing, places, axis=1)
        values = [raw[feature.source] for feature in self._sparse]
        if any(feature.derive for feature in self._sparse):
            unreadable = [tf.zeros_like(value, tf.bool) for value in values]
            for k, feature in enumerate(self._sparse):
                if feature.derive is not None:
                    moments = times.of(feature.source, feature.form)
                    values[k] = derived_categories(moments, feature.derive)
                    unreadable[k] = ~moments.valid
            missing |= tf.stack(unreadable, axis=1)
        return tf.where(missing, tf.constant(MISSING_ID, tf.int64), self._encode(values))

    def _encode(self, values: Sequence[tf.Tensor]) -> tf.Tensor:
        """int64 (batch, fields), arbitrary where a value is missing."""
        parts, order = [], []
        if self._places_of_others:
            others = [self._position(self._sparse[k], values[k]) for k in self._places_of_others]
            # A position of -1, not in the vocabulary, becomes the id for just that.
            parts.append(tf.stack(others, axis=1) + FIRST_VOCABULARY_ID)
            order += self._places_of_others
        if self._places_of_modulo:
            parts.append(self._modulo([values[k] for k in self._places_of_modulo]))
            order += self._places_of_modulo
        if len(parts) == 1:
            return parts[0]
        return tf.gather(tf.concat(parts, axis=1), np.argsort(order), axis=1)

    def _position(self, feature: SparseFeature, value: tf.Tensor) -> tf.Tensor:
        """Place in the vocabulary or hash bucket, from 0; -1 if not in the vocabulary."""
        if feature.encoding == "hash":
            return tf.strings.to_hash_bucket_fast(value, feature.rows - FIRST_VOCABULARY_ID)
        if feature.name not in self._vocabularies:
            return tf.fill(tf.shape(value), tf.constant(_NOT_THERE, tf.int64))
        return self._vocabularies[feature.name].lookup(value)


class _Times:
    """The times of the raw columns of a batch, each read once.

    Args:
        raw: columns by name.
        missing: where each text column is missing, (batch, text columns).
        texts: names of the text columns.
        ends: times that ages end at, seconds since 1970 by how the schema has them.
    """

    def __init__(
        self,
        raw: Mapping[str, tf.Tensor],
        missing: tf.Tensor,
        texts: Sequence[str],
        ends: Mapping[str, int],
    ):
        self._raw = raw
        self._missing = missing
        self._texts = texts
        self._ends = ends
        self._known: dict[tuple[str, str], Moment] = {}

    def of(self, column: str, form: TimeFormat) -> Moment:
        """The times of a column; not valid where a value is missing or no time."""
        key = column, form.text
        if key not in self._known:
            found = moments_of(self._raw[column], form)
            missing = self._missing[:, self._texts.index(column)]
            self._known[key] = found._replace(valid=found.valid & ~missing)
        return self._known[key]

    def age(self, feature: DenseFeature) -> tf.Tensor:
        """Days, float64 (batch,), NaN where a time is missing."""
        since = self.of(feature.source, time_format(feature.time_format))
        valid = since.valid
        if feature.until_format is None:
            until = tf.constant(self._ends[feature.until], tf.int64)
        else:
            other = self.of(feature.until, time_format(feature.until_format))
            until, valid = other.seconds, valid & other.valid
        days = tf.cast(until - since.seconds, tf.float64) / SECONDS_OF_DAY
        return tf.where(valid, days, tf.constant(np.nan, tf.float64))


def _table(path: pathlib.Path) -> tf.lookup.StaticHashTable:
    """From the lines of a file to their numbers; the file becomes an asset of the SavedModel."""
    lines = tf.lookup.TextFileInitializer(
        str(path),
        key_dtype=tf.string,
        key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
        value_dtype=tf.int64,
        value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticHashTable(lines, _NOT_THERE)
