"""Raw numbers to the dense columns of a network, in the graph."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from beam_preprocess.dataset.feature_schema import DenseFeature

_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


def numbers_of(text: tf.Tensor, missing: tf.Tensor, decimal: str = ".") -> tf.Tensor:
    """float32 numbers of raw text, NaN where it is missing or not a number.

    Args:
        text: strings [rows].
        missing: bool [rows].
        decimal: what stands before decimals; a point may do so too.

    Returns:
        float32 [rows].
    """
    stripped = tf.strings.strip(text)
    if decimal != ".":
        stripped = tf.strings.regex_replace(stripped, decimal, ".")
    readable = tf.strings.regex_full_match(stripped, _NUMBER) & ~missing
    return tf.strings.to_number(tf.where(readable, stripped, "nan"), tf.float32)


class DenseValues:
    """The dense features of a schema, transformed as in ``beam_preprocess.dataset.feature_schema``.

    Computed in 64 bit, as in the records stage. A value that is not finite in 32 bit is missing.

    Args:
        features: in record order.
        missing_numbers: numbers that mean *missing*.
    """

    def __init__(self, features: Sequence[DenseFeature], missing_numbers: Sequence[float] = ()):
        self._features = tuple(features)
        self._keys = tuple(dict.fromkeys(feature.key for feature in self._features))
        ages = {feature.key for feature in self._features if feature.derive is not None}
        self._is_raw = np.array([key not in ages for key in self._keys])
        self._missing_numbers = tuple(n for n in missing_numbers if np.isfinite(n))

    def __call__(self, numbers: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """float32 (batch, features) of (batch,) numbers by feature's key, NaN where missing."""
        raw = tf.stack([tf.cast(numbers[key], tf.float64) for key in self._keys], axis=1)
        absent = ~tf.math.is_finite(raw)
        for number in self._missing_numbers:
            absent |= tf.equal(raw, tf.constant(number, tf.float64)) & self._is_raw
        positions = [self._keys.index(feature.key) for feature in self._features]
        if positions != list(range(len(self._keys))):
            raw, absent = tf.gather(raw, positions, axis=1), tf.gather(absent, positions, axis=1)
        filled = tf.where(absent, self._constants("missing"), raw)
        return tf.cast(self._transform(filled, absent), tf.float32)

    def _transform(self, filled: tf.Tensor, absent: tf.Tensor) -> tf.Tensor:
        """Applies each transform to all columns that have it."""
        values = filled
        if self._having("log1p").any():
            logarithms = tf.math.log1p(tf.maximum(filled, 0.0))
            values = tf.where(self._having("log1p"), logarithms, values)
        if self._having("standardize").any():
            standardized = (filled - self._constants("mean")) / self._constants("std")
            values = tf.where(self._having("standardize"), standardized, values)
        if self._having("missing_indicator").any():
            indicators = tf.cast(absent, tf.float64)
            values = tf.where(self._having("missing_indicator"), indicators, values)
        return values

    def _having(self, transform: str) -> np.ndarray:
        return np.array([feature.transform == transform for feature in self._features])

    def _constants(self, field: str) -> np.ndarray:
        return np.array([getattr(feature, field) for feature in self._features], np.float64)
