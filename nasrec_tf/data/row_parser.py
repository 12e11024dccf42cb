"""Serialized rows of a data set to tensors."""

import dataclasses

import tensorflow as tf

from beam_preprocess.dataset.feature_schema import PADDING_ID
from nasrec_tf.data.features import Features

LABEL = "label"
"""What records call the label."""

WEIGHT = "weight"
"""What records call how much a row counts."""


@dataclasses.dataclass(frozen=True)
class RowParser:
    """Parses batches of ``tf.train.Example``, as ``beam_preprocess`` writes them.

    Args:
        features: of the data set.
        weight_scale: what weights are multiplied by; ``None`` if rows have none.
    """

    features: Features
    weight_scale: float | None = None

    def __call__(self, examples: tf.Tensor) -> tuple:
        """Inputs, labels and, where rows have such, weights.

        Args:
            examples: serialized, (batch,).
        """
        dense, lists = self.features.dense, self.features.lists
        spec = {LABEL: tf.io.FixedLenFeature([1], tf.float32)}
        if singles := self.features.sparse - len(lists):
            spec["sparse"] = tf.io.FixedLenFeature([singles], tf.int64)
        for each in lists:
            spec[f"list_{each.field}"] = tf.io.FixedLenSequenceFeature(
                [], tf.int64, allow_missing=True, default_value=PADDING_ID
            )
        if self.weight_scale is not None:
            spec[WEIGHT] = tf.io.FixedLenFeature([], tf.float32)
        if dense:
            spec["dense"] = tf.io.FixedLenFeature([dense], tf.float32)
        parsed = tf.io.parse_example(examples, spec)
        if not dense:
            parsed["dense"] = tf.zeros([tf.shape(examples)[0], 0])
        if lists:
            parsed["sparse"] = self._with_lists(parsed)
        inputs = {"dense": parsed["dense"], "sparse": parsed["sparse"]}
        if self.weight_scale is None:
            return inputs, parsed[LABEL]
        return inputs, parsed[LABEL], parsed[WEIGHT] * self.weight_scale

    def _with_lists(self, parsed):
        """The ids of all fields in order, each list filled up to the longest there is."""
        longest = {each.field: each.longest for each in self.features.lists}
        columns, first = [], 0
        for field in range(self.features.sparse):
            if field not in longest:
                columns.append(parsed["sparse"][:, first : first + 1])
                first += 1
                continue
            ids = parsed[f"list_{field}"]  # As wide as the longest of these rows.
            padding = [[0, 0], [0, longest[field] - tf.shape(ids)[1]]]
            columns.append(tf.pad(ids, padding, constant_values=PADDING_ID))
        return tf.ensure_shape(tf.concat(columns, axis=1), [None, self.features.id_columns])


def narrowed(inputs: dict[str, tf.Tensor], *beside: tf.Tensor) -> tuple:
    """Inputs and what stands beside them, with ids of 32 bits: half the memory.

    Args:
        inputs: of a batch.
        *beside: labels, and weights if there are such.
    """
    # Ids lie below the rows of a table, which fit 32 bits.
    return inputs | {"sparse": tf.cast(inputs["sparse"], tf.int32)}, *beside


def widened(inputs: dict[str, tf.Tensor], *beside: tf.Tensor) -> tuple:
    """The same with ids of 64 bits, as networks take them.

    Args:
        inputs: of a batch.
        *beside: labels, and weights if there are such.
    """
    return inputs | {"sparse": tf.cast(inputs["sparse"], tf.int64)}, *beside
