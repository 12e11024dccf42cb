"""Columns of numbers as logs write them: a decimal point or comma, and what means missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.dataset.missing_numbers import are_missing, missing_numbers
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.parse import RawRows
from beam_preprocess.reading.row_faults import RowFaults

_FLOAT32_MAX = float(np.finfo(np.float32).max)  # records hold float32
_NOT_FINITE = "not a finite 32-bit number"


def without_missing(values: pa.Array, missing: pa.Array) -> pa.Array:
    """Values of which empty ones, and those that mean missing, are null.

    Args:
      values: binary [rows].
      missing: binary, what means missing; the empty value first.
    """
    absent = pc.equal(pc.binary_length(values), 0)
    if len(missing) > 1:
        absent = pc.or_(absent, pc.is_in(values, missing))
    return pc.if_else(absent, pa.scalar(None, pa.binary()), values)


def decode_number(
    raw: RawRows, name: str, description: Description, missing: pa.Array, faults: RowFaults
) -> np.ndarray:
    """The numbers of a raw column, float64 [rows], NaN where there is none.

    Args:
      raw: The block.
      name: Of the column.
      description: Of the data set, which says how numbers are written.
      missing: As of ``without_missing``.
      faults: Gets the rows whose value is no number, or none that records can hold.
    """
    values = raw.numbers.get(name, raw.columns[name])
    if pa.types.is_floating(values.type):
        numbers = values.to_numpy(zero_copy_only=False)  # null to NaN
        absent = values.is_null()
    else:
        found = numbers_of_text(values, name, description, missing, faults, "not a number")
        numbers, absent = found
    return _finite(numbers, absent, name, description, values, faults)


def _finite(
    numbers: np.ndarray,
    absent: pa.Array,
    name: str,
    description: Description,
    values: pa.Array,
    faults: RowFaults,
) -> np.ndarray:
    """The numbers, NaN where one means missing; any other that records cannot hold is a fault."""
    missing = missing_numbers(description.missing_tokens, description.decimal)
    means_missing = are_missing(numbers, missing)
    odd = ~(np.abs(numbers) <= _FLOAT32_MAX) & ~means_missing
    if odd.any():
        odd &= ~absent.to_numpy(zero_copy_only=False)
        faults.add(np.flatnonzero(odd), name, _NOT_FINITE, values)
    return np.where(means_missing, np.nan, numbers)


def numbers_of_text(
    values: pa.Array,
    name: str,
    description: Description,
    missing: pa.Array,
    faults: RowFaults,
    what: str,
) -> tuple[np.ndarray, pa.Array]:
    """The numbers of a column of text, float64 [rows], and which of them are missing.

    Args:
      values: binary [rows].
      name: Of the column.
      description: Of the data set, which says how numbers are written.
      missing: As of ``without_missing``.
      faults: Gets the rows whose value is no number.
      what: Is told of those.

    Returns:
      The numbers, NaN where there is none, and whether each value is missing.
    """
    text = without_missing(values, missing).cast(pa.string())
    if description.decimal != ".":  # A point separates thousands there: no number that is known.
        text = pc.replace_substring(text, ".", "?")
        text = pc.replace_substring(text, description.decimal, ".")
    try:
        numbers = text.cast(pa.float64())
    except pa.ArrowInvalid:
        numbers = _numbers_one_by_one(text, name, values, faults, what)
    found = numbers.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return found, text.is_null()


def _numbers_one_by_one(
    text: pa.Array, name: str, values: pa.Array, faults: RowFaults, what: str
) -> pa.Array:
    numbers, bad = [], []
    for row, value in enumerate(text.to_pylist()):
        try:
            numbers.append(None if value is None else _strict_float(value))
        except ValueError:
            numbers.append(None)
            bad.append(row)
    faults.add(np.array(bad, np.int64), name, what, values)
    return pa.array(numbers, pa.float64())


def _strict_float(value: str) -> float:
    if "_" in value:  # Python's float() takes 1_000
        raise ValueError(value)
    return float(value)
