"""Ids of the encoding ``modulo``, in the graph: numbers of any usual length without overflow."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from beam_preprocess.dataset.feature_schema import MISSING_ID, SparseFeature
from nasrec_tf.export.errors import ExportError

# A number is summed up as digit * (base ** position mod modulus). The powers are products of one
# entry of each of two tables; both are below the modulus, so a product fits into 64 bit.
_LOW_POSITIONS = 128
_HIGH_POSITIONS = 64
MAX_DIGITS = _LOW_POSITIONS * _HIGH_POSITIONS
MAX_MODULUS = 1 << 31

_BASES = (10, 16)


class ModuloIds:
    """``number mod fold mod (rows - 1) + 1`` for some features at once.

    A value that is not a number, or one of more than ``MAX_DIGITS`` digits, counts as missing.

    Args:
        features: all of the encoding ``modulo``.

    Raises:
        ExportError: if a table or a fold is larger than ``MAX_MODULUS``.
    """

    def __init__(self, features: Sequence[SparseFeature]):
        self._features = tuple(features)
        moduli = [feature.fold or feature.rows - 1 for feature in self._features]
        for feature, modulus in zip(self._features, moduli):
            largest = max(modulus, feature.rows - 1)
            if largest > MAX_MODULUS:
                raise ExportError(
                    f"sparse feature {feature.name!r}: the encoding modulo is exported up to "
                    f"{MAX_MODULUS} rows, not {largest}; preprocess with another encoding"
                )
        self._moduli = np.array(moduli, np.int64)
        self._rows = np.array([feature.rows for feature in self._features], np.int64)
        self._reads_decimal = np.array([f.radix == "decimal_or_hex" for f in self._features])
        self._low = self._power_table(range(_LOW_POSITIONS))
        self._high = self._power_table(range(0, MAX_DIGITS, _LOW_POSITIONS))

    def _power_table(self, exponents: range) -> np.ndarray:
        """``base ** exponent mod modulus`` by base, feature and exponent, as one row."""
        moduli = self._moduli.tolist()
        powers = [pow(base, k, m) for base in _BASES for m in moduli for k in exponents]
        return np.array(powers, np.int64)

    def __call__(self, values: Sequence[tf.Tensor]) -> tf.Tensor:
        """int64 ids (batch, features) of one (batch,) string tensor per feature."""
        texts = tf.stack(values, axis=1)
        lengths = tf.strings.length(texts)
        width = tf.clip_by_value(tf.reduce_max(lengths), 1, MAX_DIGITS + 1)
        octets = tf.cast(tf.io.decode_raw(texts, tf.uint8, fixed_length=width), tf.int32)
        negative = tf.equal(octets[:, :, 0], ord("-"))
        first = tf.cast(negative, tf.int32)
        # How many digits stand right of each one; below 0 behind the end of the value.
        places = lengths[:, :, None] - 1 - tf.range(width)
        is_digit = (places >= 0) & (places < (lengths - first)[:, :, None])
        digits = tf.where(is_digit, tf.gather(_digit_values(), octets), 0)
        count = lengths - first
        valid = (count > 0) & (count <= MAX_DIGITS) & tf.reduce_all(digits >= 0, axis=2)
        is_decimal = self._reads_decimal & tf.reduce_all(digits <= 9, axis=2)
        places = tf.clip_by_value(places, 0, MAX_DIGITS - 1)
        total = tf.reduce_sum(tf.cast(digits, tf.int64) * self._powers(places, is_decimal), axis=2)
        number = tf.math.floormod(tf.where(negative, -total, total), self._moduli)
        ids = number % (self._rows - 1) + 1
        return tf.where(valid, ids, tf.constant(MISSING_ID, tf.int64))

    def _powers(self, places: tf.Tensor, is_decimal: tf.Tensor) -> tf.Tensor:
        """``base ** place mod modulus``, (batch, features, places)."""
        table = tf.where(is_decimal, 0, len(self._features)) + tf.range(len(self._features))
        table = table[:, :, None]
        low = tf.gather(self._low, table * _LOW_POSITIONS + places % _LOW_POSITIONS)
        high = tf.gather(self._high, table * _HIGH_POSITIONS + places // _LOW_POSITIONS)
        return low * high % self._moduli[:, None]


def _digit_values() -> np.ndarray:
    """int32 [256]: the value of each character as a hexadecimal digit, -1 for any other."""
    values = np.full(256, -1, np.int32)
    for value, characters in enumerate(zip("0123456789abcdef", "0123456789ABCDEF")):
        for character in characters:
            values[ord(character)] = value
    return values
