"""Values of Parquet columns as the text that the same values have in a text file.

A value has one text, whatever type of column carries it: the id 7 is ``7`` as a whole number, as a
float (which pandas makes of whole numbers beside missing ones), as a decimal and as text; a moment
is the same in milliseconds and in nanoseconds.
"""

from __future__ import annotations

import binascii
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Up to here a floating-point type holds every whole number: 2 to the bits of its significand.
_EXACT = {pa.float16(): 2.0**11, pa.float32(): 2.0**24, pa.float64(): 2.0**53}

# Ids as such types carry them in what DuckDB, Polars and others write.
_UUID = "arrow.uuid"

_NAME = b"ARROW:extension:name"

# Numbers of months, days or hours since 1970, which are no values of any log.
_OTHERWISE = ("pandas.period",)

# A fraction of a second without its final zeros, before a time zone or the end.
_NO_FRACTION = (r"\.0+([Z+-].*)?$", r"\1")
_SHORT_FRACTION = (r"(\.[0-9]*[1-9])0+([Z+-].*)?$", r"\1\2")


def plain_values(values: pa.Array) -> pa.Array:
    """An array without what its values are packed in (a dictionary, runs, views, an extension
    type); UUIDs as their usual text, NaN as null.

    Args:
      values: A column of a Parquet file or of a table in memory.

    >>> plain_values(pa.array([bytes(range(16)), None], pa.uuid())).to_pylist()
    [b'00010203-0405-0607-0809-0a0b0c0d0e0f', None]
    """
    if isinstance(values.type, pa.BaseExtensionType):
        is_uuid = values.type.extension_name == _UUID
        values = _uuid_texts(values.storage) if is_uuid else values.storage
    if pa.types.is_run_end_encoded(values.type):
        values = pc.run_end_decode(values)
    if pa.types.is_dictionary(values.type):
        known = _without_view(values.dictionary)
        values = pa.DictionaryArray.from_arrays(values.indices, known).dictionary_decode()
    values = _without_view(values)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def is_number(kind: pa.DataType) -> bool:
    """Whether a type holds numbers, so that a dense feature needs no text of it."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def text_of(values: pa.Array) -> pa.Array:
    """The text of values, as Arrow binary; a null is the empty, missing one.

    Args:
      values: As :func:`plain_values` gives them.

    Raises:
      pa.ArrowInvalid, pa.ArrowNotImplementedError: A value of this type has no text.

    >>> text_of(pa.array([20000000001.0, 0.1, None])).to_pylist()
    [b'20000000001', b'0.1', b'']
    >>> text_of(pa.array([decimal.Decimal("7.00"), decimal.Decimal("0.50")])).to_pylist()
    [b'7', b'0.5']
    """
    kind = values.type
    if pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    elif pa.types.is_floating(kind):
        values = _float_text(values)
    elif pa.types.is_decimal(kind):
        values = _decimal_text(values)
    elif pa.types.is_temporal(kind):
        values = values.cast(pa.string())
        for pattern, short in (_NO_FRACTION, _SHORT_FRACTION):
            values = pc.replace_substring_regex(values, pattern, short)
    elif pa.types.is_fixed_size_binary(kind):
        values = values.cast(pa.binary())
    if not (pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type)):
        values = values.cast(pa.string())
    return values.cast(pa.binary()).fill_null(b"")


def inexact_ids(values: pa.Array) -> np.ndarray:
    """Rows of a float column with a whole number that may have been another one.

    Args:
      values: As :func:`plain_values` gives them.

    >>> inexact_ids(pa.array([2.0**53 - 1, 2.0**53, None])).tolist()
    [1]
    """
    if not pa.types.is_floating(values.type):
        return np.zeros(0, np.int64)
    limit, numbers = _EXACT[values.type], values.cast(pa.float64())
    beyond = pc.and_(pc.greater_equal(pc.abs(numbers), limit), pc.is_finite(numbers))
    return np.flatnonzero(beyond.fill_null(False).to_numpy(zero_copy_only=False))


def is_readable(kind: pa.DataType) -> bool:
    """Whether the values of a column of this type can be read.

    Args:
      kind: Type in the schema of a Parquet file.

    >>> is_readable(pa.float32()), is_readable(pa.list_(pa.string()))
    (True, False)
    """
    try:
        text_of(plain_values(_no_values(kind)))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return False
    return True


def kind_of(field: pa.Field) -> str:
    """What a column is called that holds something else than its type says; else its type.

    Args:
      field: Of the schema of a Parquet file or table. Extension types that this process does not
        know are read as what carries them, with their name beside.

    >>> kind_of(pa.field("month", pa.int64(), metadata={_NAME: b"pandas.period"}))
    'pandas.period'
    """
    named = (field.metadata or {}).get(_NAME, b"").decode(errors="replace")
    if isinstance(field.type, pa.BaseExtensionType):
        named = field.type.extension_name
    return named if named in _OTHERWISE else " ".join(str(field.type).split())


def is_readable_column(field: pa.Field) -> bool:
    """Whether the values of a column can be read.

    Args:
      field: Of the schema of a Parquet file or table.
    """
    return kind_of(field) not in _OTHERWISE and is_readable(field.type)


def _no_values(kind: pa.DataType) -> pa.Array:
    # Of a table: arrays by themselves cannot be made of every type.
    return pa.schema([("values", kind)]).empty_table().column(0).combine_chunks()


def _without_view(values: pa.Array) -> pa.Array:
    """Polars' texts lie in views, which Arrow has few functions for."""
    if pa.types.is_string_view(values.type):
        return values.cast(pa.string())
    return values.cast(pa.binary()) if pa.types.is_binary_view(values.type) else values


def _uuid_texts(values: pa.Array) -> pa.Array:
    """Sixteen bytes each as ``8-4-4-4-12`` hexadecimal digits, as text files have them."""
    raw = b"".join(values.fill_null(bytes(16)).to_pylist())
    digits = np.frombuffer(binascii.hexlify(raw), np.uint8).reshape(-1, 32)
    texts = np.insert(digits, [8, 12, 16, 20], ord("-"), axis=1)
    whole = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(36), len(values), [None, pa.py_buffer(texts.tobytes())]
    )
    return pc.if_else(values.is_valid(), whole.cast(pa.binary()), pa.scalar(None, pa.binary()))


def _float_text(values: pa.Array) -> pa.Array:
    numbers = values.cast(pa.float64())
    whole = pc.and_(
        pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), _EXACT[pa.float64()])
    )
    digits = pc.if_else(whole, numbers, 0.0).cast(pa.int64()).cast(pa.string())
    return pc.if_else(whole, digits, values.cast(pa.string()))


def _decimal_text(values: pa.Array) -> pa.Array:
    """Digits without final zeros behind the point, and never in the form 1E-10."""
    texts = values.cast(pa.string())
    if pc.any(pc.match_substring(texts, "E")).as_py():
        texts = pa.array(
            [
                None if text is None else format(decimal.Decimal(text), "f")
                for text in texts.to_pylist()
            ],
            pa.string(),
        )
    texts = pc.replace_substring_regex(texts, r"\.0*$", "")
    return pc.replace_substring_regex(texts, r"(\.[0-9]*[1-9])0+$", r"\1")
