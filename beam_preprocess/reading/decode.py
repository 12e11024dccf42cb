"""Raw columns to checked values: labels, numbers, derived categories, times.

A row whose value cannot be read is a reject that names the column; what is left is well-formed.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.common.calendar_days import SECONDS_OF_DAY
from beam_preprocess.common.packed_strings import hash_strings
from beam_preprocess.dataset.feature_schema import JSON_LISTS, RawKey
from beam_preprocess.dataset.time_formats import Moment, time_format
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn
from beam_preprocess.reading.description import NUMBER, Description
from beam_preprocess.reading.lists import (
    json_items,
    rows_of_items,
    split_items,
    without_missing_items,
)
from beam_preprocess.reading.moments import derived_categories, moments_of, seconds_of
from beam_preprocess.reading.other_writings import twins
from beam_preprocess.reading.parse import RawRows, Reject
from beam_preprocess.reading.row_faults import RowFaults
from beam_preprocess.reading.written_numbers import (
    decode_number,
    numbers_of_text,
    without_missing,
)

_LABELS = {b"0": 0, b"1": 1, b"0.0": 0, b"1.0": 1}
_NO_LABEL = "label is not 0 or 1"
_NO_TIME_NUMBER = "not a number (a time in another form? --time-format, time_format says it)"
_TIME_LIMIT = 2.0**63  # times are held as 64-bit integers


@dataclasses.dataclass(frozen=True)
class Rows:
    """The well-formed rows of one block.

    Attributes:
      label: uint8 [rows].
      dense: From key of a dense column to float64 [rows], NaN where missing.
      sparse: From what values are made of to Arrow binary, or lists of it; null where missing.
      time: int64 [rows], or None without a time column.
      weight: float32 [rows], how much each row counts, or None without a weight column.
      group: uint64 [rows], a hash of the group, 0 where it is missing, or None likewise.
      answers: The label's own values, Arrow binary [rows], where values of it are named as clicks.
      lines, offsets: As in :class:`~beam_preprocess.reading.parse.RawRows`.
    """

    label: np.ndarray
    dense: dict[str, np.ndarray]
    sparse: dict[RawKey, pa.Array]
    time: np.ndarray | None
    lines: np.ndarray
    offsets: np.ndarray
    weight: np.ndarray | None = None
    group: np.ndarray | None = None
    answers: pa.Array | None = None

    def __len__(self) -> int:
        return len(self.label)

    def take(self, chosen: np.ndarray) -> Rows:
        """Some of the rows, in their order.

        Args:
          chosen: bool [rows].
        """
        mask = pa.array(chosen)
        return Rows(
            self.label[chosen],
            {name: values[chosen] for name, values in self.dense.items()},
            {key: values.filter(mask) for key, values in self.sparse.items()},
            None if self.time is None else self.time[chosen],
            self.lines[chosen],
            self.offsets[chosen],
            None if self.weight is None else self.weight[chosen],
            None if self.group is None else self.group[chosen],
            None if self.answers is None else self.answers.filter(mask),
        )


def decode_rows(
    raw: RawRows, description: Description, *, numeric_ids: bool
) -> tuple[Rows, list[Reject]]:
    """Checks and converts the raw columns of a block.

    Args:
      raw: The block, with the columns of side tables joined.
      description: Of the data set.
      numeric_ids: Whether the encoding needs sparse values that are numbers (``modulo``).

    Returns:
      The well-formed rows, and all rejects of the block.
    """
    faults = RowFaults(len(raw.lines))
    label = _decode_label(raw, description, faults)
    missing = _missing_values(description)
    times = _Times(raw, description, missing, faults)
    dense: dict[str, np.ndarray] = {}
    for number in description.dense:
        if number.derive is not None:
            dense[number.key] = times.age(number)
        elif number.key not in dense:
            source = number.source
            dense[source] = decode_number(raw, source, description, missing, faults)
    sparse = {}
    for column in description.sparse:
        key = column.raw_key
        if key not in sparse:
            if column.is_list:
                sparse[key] = _items(raw.columns[column.source], column, missing, faults)
            elif column.derive is None:
                sparse[key] = without_missing(raw.columns[column.source], missing)
            else:
                sparse[key] = derived_categories(times.of(column.source), column.derive)
        if numeric_ids:
            _check_numeric(sparse[key], column, faults)
    time = _decode_time(raw, description, faults)
    weight = _decode_weight(raw, description, missing, faults)
    group = None
    if description.group is not None:
        group = _group_numbers(without_missing(raw.columns[description.group], missing))
    answers = raw.columns[description.label] if description.label_positive else None
    rows = Rows(label, dense, sparse, time, raw.lines, raw.offsets, weight, group, answers)
    rejects = list(raw.rejects)
    if faults.bad.any():
        rows = rows.take(~faults.bad)
        for row, reason in sorted(faults.reasons.items()):
            line = int(raw.lines[row])
            rejects.append(Reject(line, reason, raw.texts[line]))
    return rows, sorted(rejects, key=lambda reject: reject.line)


def _decode_weight(
    raw: RawRows, description: Description, missing: pa.Array, faults: RowFaults
) -> np.ndarray | None:
    name = description.weight
    if name is None:
        return None
    values = raw.columns[name]
    weight = decode_number(raw, name, description, missing, faults)
    bad = ~(weight >= 0)
    faults.add(np.flatnonzero(bad), name, "no weight, which is a number from 0 on", values)
    return np.where(bad, 0, weight).astype(np.float32)


def _group_numbers(values: pa.Array) -> np.ndarray:
    """A hash of 64 bits for each group; 0 stands for a missing one, and for no other."""
    hashed = hash_strings(values)
    return np.where(values.is_null().to_numpy(zero_copy_only=False), 0, np.maximum(hashed, 1))


def _missing_values(description: Description) -> pa.Array:
    return pa.array([b"", *(token.encode() for token in description.missing_tokens)], pa.binary())


def _decode_label(raw: RawRows, description: Description, faults: RowFaults) -> np.ndarray:
    name = description.label
    values = raw.columns[name]
    if description.label_positive:
        return _label_by_value(values, description, faults)
    if description.label_rule == "positive" or description.label_above is not None:
        least = description.label_above
        missing = _missing_values(description)
        counts = decode_number(raw, name, description, missing, faults)
        bad = np.isnan(counts) if least is not None else np.isnan(counts) | (counts < 0)
        what = "not a number of clicks" if least is None else "label is no number"
        faults.add(np.flatnonzero(bad), name, what, values)
        return (np.where(bad, -np.inf, counts) > (least or 0)).astype(np.uint8)
    encoded = values.dictionary_encode()
    point = description.decimal.encode()
    known = {value.replace(b".", point): code for value, code in _LABELS.items()}
    codes = np.array([known.get(value, 2) for value in encoded.dictionary.to_pylist()], np.uint8)
    label = codes[encoded.indices.to_numpy()] if len(values) else np.zeros(0, np.uint8)
    faults.add(np.flatnonzero(label == 2), name, _NO_LABEL, values)
    return label


def _label_by_value(values: pa.Array, description: Description, faults: RowFaults) -> np.ndarray:
    present = without_missing(values, _missing_values(description))
    missing = present.is_null().to_numpy(zero_copy_only=False)
    faults.add(np.flatnonzero(missing), description.label, "label is missing", values)
    positive = [value.encode() for value in description.label_positive]
    found = pc.is_in(values, pa.array(positive, pa.binary())).to_numpy(zero_copy_only=False)
    encoded = values.dictionary_encode()
    for place, value in enumerate(encoded.dictionary.to_pylist()):
        if value not in positive and (why := _no_answer(value, description)):
            rows = pc.equal(encoded.indices, place).to_numpy(zero_copy_only=False)
            faults.add(np.flatnonzero(rows), description.label, why, values)
    return found.astype(np.uint8)


def _no_answer(value: bytes, description: Description) -> str | None:
    """Why the value of a label is no answer, neither a click nor none."""
    text = value.decode("utf-8", "replace")
    # Files that were joined have their headers among the rows, the mark of UTF-8 before them.
    if text.removeprefix("\ufeff") == description.label:
        return "the header again"
    for found in twins([text], pa.array(description.label_positive, pa.string())):
        if found:
            return f"label is {found[0].other!r} in another writing"
    return None


def _items(
    values: pa.Array, column: SparseColumn, missing: pa.Array, faults: RowFaults
) -> pa.ListArray:
    if column.multi == JSON_LISTS:
        lists, bad = json_items(without_missing(values, missing))
        faults.add(bad, column.source, "not a list of JSON with single values", values)
        values = lists
    elif isinstance(column.multi, str):
        values = split_items(without_missing(values, missing), column.multi)
    return without_missing_items(values, missing)


class _Times:
    """The times of raw columns, each read once; what is none is a fault."""

    def __init__(
        self, raw: RawRows, description: Description, missing: pa.Array, faults: RowFaults
    ):
        self._raw = raw
        self._description = description
        self._missing = missing
        self._faults = faults
        self._known: dict[str, Moment] = {}

    def of(self, source: str) -> Moment:
        """Those of a column, not valid where it is missing."""
        if source not in self._known:
            form = time_format(self._description.form_of(source))
            values = without_missing(self._raw.columns[source], self._missing)
            found = moments_of(values, form)
            bad = ~found.valid & values.is_valid().to_numpy(zero_copy_only=False)
            self._faults.add(
                np.flatnonzero(bad), source, f"not a time of the form {form.text}", values
            )
            self._known[source] = found
        return self._known[source]

    def age(self, column: DenseColumn) -> np.ndarray:
        """Days from the times of a column to others, float64 [rows], NaN where one is missing."""
        since = self.of(column.source)
        valid = since.valid
        if column.until_column is None:
            until = seconds_of(column.until or "")
        else:
            other = self.of(column.until_column)
            until, valid = other.seconds, valid & other.valid
        return np.where(valid, (until - since.seconds) / SECONDS_OF_DAY, np.nan)


def number_of(value: bytes, radix: str) -> int:
    """The number that the encoding ``modulo`` reads in a raw value.

    Args:
      value: Digits, with a minus sign before them or none.
      radix: ``hex``, or ``decimal_or_hex`` for decimal wherever all are decimal digits.

    Raises:
      ValueError: It is no number.

    >>> number_of(b"10", "hex"), number_of(b"10", "decimal_or_hex"), number_of(b"-1f", "hex")
    (16, 10, -31)
    """
    digits = value[1:] if value[:1] == b"-" else value
    if not digits.isalnum() or b"x" in digits.lower():  # int() takes spaces, underscores and 0x
        raise ValueError(f"not a number: {value!r}")
    if radix == "decimal_or_hex" and digits.isdigit():
        return int(value)
    return int(value, 16)


def _check_numeric(values: pa.Array, column: SparseColumn, faults: RowFaults) -> None:
    singles = values.flatten() if column.is_list else values
    encoded = singles.dictionary_encode()
    bad = set()
    for index, value in enumerate(encoded.dictionary.to_pylist()):
        try:
            number_of(value, column.radix)
        except ValueError:
            bad.add(index)
    if bad:
        indices = encoded.indices.to_pylist()
        rows = np.array([row for row, index in enumerate(indices) if index in bad], np.int64)
        if column.is_list:
            rows = rows_of_items(values, rows)
        faults.add(rows, column.source, "not a number, which --encoding modulo needs", values)


def _decode_time(raw: RawRows, description: Description, faults: RowFaults) -> np.ndarray | None:
    name = description.time_column
    if name is None:
        return None
    values = raw.columns[name]
    if description.time_format != NUMBER:
        form = time_format(description.time_format)
        moments = moments_of(values, form)
        bad = np.flatnonzero(~moments.valid)
        faults.add(bad, name, f"not a time of the form {form.text}", values)
        return np.where(moments.valid, moments.seconds, 0)
    missing = pa.array([b""], pa.binary())
    numbers, _ = numbers_of_text(values, name, description, missing, faults, _NO_TIME_NUMBER)
    faults.add(np.flatnonzero(np.isnan(numbers)), name, "no time", values)
    late = np.abs(numbers) >= _TIME_LIMIT
    faults.add(np.flatnonzero(late), name, "a time beyond 64 bits", values)
    return np.floor(np.where(late | np.isnan(numbers), 0, numbers)).astype(np.int64)
