"""Lists of raw items to rows of ids, in the graph, as the records stage makes them."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from beam_preprocess.dataset.feature_schema import JSON_LISTS, MISSING_ID, PADDING_ID, SparseFeature

IdsOf = Callable[[SparseFeature, tf.Tensor], tf.Tensor]
"""int64 (values,) ids of strings (values,), none of them missing."""


class ItemIds:
    """The ids of a multi-valued feature: of its first items, filled up with ``PADDING_ID``.

    An item that is empty, a missing token or (with the encoding ``modulo``) no number is none; a
    list without items has the id of a missing value.

    Args:
        feature: the feature.
        missing_tokens: raw values, beside the empty one, that mean *missing*.
        ids_of: the ids of values.
    """

    def __init__(self, feature: SparseFeature, missing_tokens: Sequence[str], ids_of: IdsOf):
        self._feature = feature
        self._tokens = ("", *missing_tokens)
        self._ids_of = ids_of

    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        """int64 (batch, longest).

        Args:
            raw: strings: texts (batch,), or lists (batch, items), each filled up with empty ones;
                where the feature has a separator, an item that holds it is several. Lists of
                JSON come as lists.
        """
        longest = self._feature.longest
        items = self._items(tf.expand_dims(raw, 1) if raw.shape.rank == 1 else raw)
        present = ~self._is_missing(items.values)
        ids = self._ids_of(self._feature, items.values)
        kept = items.with_values(present & (ids != MISSING_ID))
        ids = tf.ragged.boolean_mask(items.with_values(ids), kept)
        padded = ids[:, :longest].to_tensor(PADDING_ID, shape=[None, longest])
        first = tf.where(ids.row_lengths() > 0, padded[:, 0], MISSING_ID)
        return tf.concat([first[:, None], padded[:, 1:]], axis=1)

    def _items(self, raw: tf.Tensor) -> tf.RaggedTensor:
        """The items of each row."""
        rows, width = tf.unstack(tf.shape(raw, tf.int64))
        starts = tf.range(rows + 1) * width
        texts = tf.reshape(raw, [-1])
        if self._feature.separator in (None, JSON_LISTS):
            return tf.RaggedTensor.from_row_splits(texts, starts, validate=False)
        whole = tf.where(self._is_missing(texts), "", texts)
        parts = tf.strings.split(whole, self._feature.separator)
        splits = tf.gather(parts.row_splits, starts)
        return tf.RaggedTensor.from_row_splits(parts.values, splits, validate=False)

    def _is_missing(self, values: tf.Tensor) -> tf.Tensor:
        absent = tf.equal(values, self._tokens[0])
        for token in self._tokens[1:]:
            absent |= tf.equal(values, token)
        return absent
