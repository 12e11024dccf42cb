"""The values of a raw column as whole numbers, so that a long log takes four bytes a row."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa

MISSING = "(missing)"

RANGES = 10
"""Slices of a column of numbers that has more values."""


class RowCodes:
    """Gathers the values of one column, block by block; each distinct value is kept once.

    Args:
        missing: values that mean missing, beside the empty one.

    Example:
        >>> codes = RowCodes()
        >>> codes.add(pa.array([b"a", b"", b"a"], pa.binary()))
        >>> codes.array.tolist(), codes.names
        ([0, 1, 0], ['a', '(missing)'])
    """

    def __init__(self, missing: Collection[str] = ()):
        self._missing = {b"", *(token.encode() for token in missing)}
        self._places: dict[bytes, int] = {}
        self._parts: list[np.ndarray] = []

    def add(self, values: pa.Array) -> None:
        """Adds the values of some rows.

        Args:
            values: Arrow binary without nulls.
        """
        encoded = values.dictionary_encode()
        known = [b"" if v in self._missing else v for v in encoded.dictionary.to_pylist()]
        places = [self._places.setdefault(value, len(self._places)) for value in known]
        indices = encoded.indices.to_numpy(zero_copy_only=False)
        self._parts.append(np.array(places, np.int32)[indices])

    @property
    def array(self) -> np.ndarray:
        """int32 (rows,), places in ``names``."""
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
    if len(order) <= RANGES:
        return codes, names
    rows = np.bincount(codes, minlength=len(names))[order]
    # The range of a value is told by the rows below it.
    below = np.cumsum(rows) - rows
    ranges = below * RANGES // max(1, int(rows.sum()))
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
