"""The values of a raw column as whole numbers, so that a long log takes four bytes a row."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.dataset.missing_numbers import are_missing, missing_numbers

MISSING = "(missing)"

RANGES = 10
"""Slices of a column of numbers that has more values."""


class CodedColumn(NamedTuple):
    """What rows are told apart by: the values of a column, of lists each item.

    Args:
        codes: int32, places in ``names``, one for each value.
        names: the distinct values, as text.
        rows: int64, the row of each value, rising, where a row may have several, which differ;
            ``None`` where every row has one.
        rising: whether codes rise with the numbers that they stand for, as
            :func:`numbers_in_ranges` gives them.
    """

    codes: np.ndarray
    names: list[str]
    rows: np.ndarray | None = None
    rising: bool = False

    def members(self, code: int) -> np.ndarray:
        """The rows that have a value.

        Args:
            code: of the value.
        """
        found = np.flatnonzero(self.codes == code)
        return found if self.rows is None else self.rows[found]

    def shown(self, most: int) -> list[int]:
        """The codes of the most frequent values, the most frequent first, but numbers rising.

        Args:
            most: how many at most.

        Example:
            >>> column = CodedColumn(np.int32([0, 1, 1]), ["1 to 2", "3"], rising=True)
            >>> column.shown(20), column._replace(rising=False).shown(20)
            ([0, 1], [1, 0])
        """
        chosen = most_frequent(self.codes, most)
        return sorted(chosen) if self.rising else chosen

    def without(self, codes: Collection[int]) -> np.ndarray:
        """The rows that have none of some values.

        Args:
            codes: of the values.
        """
        is_of = np.isin(self.codes, list(codes))
        if self.rows is None:
            return np.flatnonzero(~is_of)
        return np.setdiff1d(self.rows, self.rows[is_of])

    def at(self, places: np.ndarray) -> "CodedColumn":
        """The column of some of the rows.

        Args:
            places: of the rows, rising.

        Example:
            >>> lists = CodedColumn(np.int32([0, 1, 0]), ["a", "b"], np.array([0, 0, 2]))
            >>> lists.at(np.array([1, 2])).rows.tolist()
            [1]
        """
        if self.rows is None:
            return self._replace(codes=self.codes[places])
        kept = np.isin(self.rows, places)
        rows = np.searchsorted(places, self.rows[kept])
        return self._replace(codes=self.codes[kept], rows=rows)


class RowCodes:
    """Gathers the values of one column, block by block; each distinct value is kept once.

    Args:
        missing: values that mean missing, beside the empty one.
        decimal: of a column of numbers, what stands before their decimals: those that mean missing
            do so however they are written; ``None`` of any other column.

    Example:
        >>> codes = RowCodes()
        >>> codes.add(pa.array([b"a", b"", b"a"], pa.binary()))
        >>> codes.array.tolist(), codes.names
        ([0, 1, 0], ['a', '(missing)'])
        >>> lists = RowCodes()
        >>> lists.add(pa.array([[b"a", b"b", b"a"], None, [b"b"]], pa.list_(pa.binary())))
        >>> lists.column.codes.tolist(), lists.column.rows.tolist(), lists.names
        ([0, 1, 2, 1], [0, 0, 1, 2], ['a', 'b', '(missing)'])
    """

    def __init__(self, missing: Sequence[str] = (), decimal: str | None = None):
        self._missing = {b"", *(token.encode() for token in missing)}
        self._decimal = decimal
        self._numbers = () if decimal is None else missing_numbers(missing, decimal)
        self._places: dict[bytes, int] = {}
        self._parts: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []
        self._count = 0

    def add(self, values: pa.Array) -> None:
        """Adds the values of some rows.

        Args:
            values: Arrow binary without nulls, or lists of that, null where a row has no item.
        """
        if not pa.types.is_list(values.type):
            self._parts.append(self._coded(values))
            return
        lengths = np.maximum(pc.list_value_length(values).fill_null(0).to_numpy(), 1)
        # A list without an item is one of what is missing.
        filled = pc.if_else(np.asarray(pc.list_value_length(values).fill_null(0)) > 0, values,
                            pa.scalar([b""], values.type))  # fmt: skip
        codes, rows = self._coded(filled.flatten()), np.repeat(np.arange(len(values)), lengths)
        is_first = np.sort(np.unique(np.stack([rows, codes]), axis=1, return_index=True)[1])
        self._parts.append(codes[is_first])
        self._rows.append(self._count + rows[is_first])
        self._count += len(values)

    def _coded(self, values: pa.Array) -> np.ndarray:
        encoded = values.dictionary_encode()
        known = [b"" if self._is_missing(v) else v for v in encoded.dictionary.to_pylist()]
        places = [self._places.setdefault(value, len(self._places)) for value in known]
        indices = encoded.indices.to_numpy(zero_copy_only=False)
        return np.array(places, np.int32)[indices]

    def _is_missing(self, value: bytes) -> bool:
        if value in self._missing:
            return True
        if self._decimal is None or not self._numbers:
            return False
        number = _number(value.decode("utf-8", "replace"), self._decimal)
        return bool(are_missing(np.array([number]), self._numbers)[0])

    @property
    def column(self) -> CodedColumn:
        """What has been gathered."""
        rows = np.concatenate(self._rows) if self._rows else None
        return CodedColumn(self.array, self.names, rows)

    @property
    def array(self) -> np.ndarray:
        """int32 (rows,), places in ``names``; of lists (items,)."""
        return np.concatenate(self._parts) if self._parts else np.zeros(0, np.int32)

    @property
    def names(self) -> list[str]:
        """The distinct values, as text."""
        return [
            value.decode("utf-8", "backslashreplace") if value else MISSING
            for value in self._places
        ]


def numbers_in_ranges(
    codes: np.ndarray, names: list[str], decimal: str = "."
) -> tuple[np.ndarray, list[str]]:
    """Numbers in at most ten ranges of about equal rows; what is missing stays by itself.

    Codes rise with the numbers, and those of other values come behind.

    Args:
        codes: int32 (rows,).
        names: the value of each code; others than numbers stay by themselves.
        decimal: what stands before the decimals of a number; with a comma ``3.5`` is none.

    Example:
        >>> codes, names = numbers_in_ranges(np.arange(40, dtype=np.int32), [*map(str, range(40))])
        >>> names[:2], codes[:8].tolist()
        (['0 to 3', '4 to 7'], [0, 0, 0, 0, 1, 1, 1, 1])
    """
    numbers = np.array([_number(name, decimal) for name in names])
    is_number = np.isfinite(numbers)
    order = np.flatnonzero(is_number)[np.argsort(numbers[is_number], kind="stable")]
    rows = np.bincount(codes, minlength=len(names))[order]
    # The range of a value is told by the rows below it.
    below = np.cumsum(rows) - rows
    ranges = below * RANGES // max(1, int(rows.sum()))
    if len(order) <= RANGES:
        ranges = np.arange(len(order))
    found, which = np.unique(ranges, return_inverse=True)
    new_names, mapping = [], np.empty(len(names), np.int32)
    for place in range(len(found)):
        members = order[which == place]
        ends = names[members[0]], names[members[-1]]
        mapping[members] = place
        new_names.append(ends[0] if len(members) == 1 else " to ".join(ends))
    for other in np.flatnonzero(~is_number):
        mapping[other] = len(new_names)
        new_names.append(names[other])
    return mapping[codes], new_names


def _number(text: str, decimal: str) -> float:
    if decimal != ".":
        text = text.replace(".", "x").replace(decimal, ".")
    try:
        return float(text)
    except ValueError:
        return float("nan")


def most_frequent(codes: np.ndarray, most: int) -> list[int]:
    """The codes that most rows have, most frequent first.

    Args:
        codes: int32 (rows,).
        most: how many at most.
    """
    counts = np.bincount(codes)
    order = np.argsort(-counts, kind="stable")[:most]
    return [int(code) for code in order if counts[code]]
