"""Counting the values of sparse columns, and the vocabularies made of the counts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.reading.other_writings import Twin

# Least training rows that a value needs, where the user names no number: below a million rows a
# value seen twice is worth a row; above, 10 as in the BARS benchmark's Criteo protocol.
SMALL_DATA_ROWS = 1_000_000
SMALL_DATA_MIN_COUNT = 2
LARGE_DATA_MIN_COUNT = 10

_MERGE_ROWS = 1 << 18
_LINE_BREAK = ord("\n")


def default_min_count(train_rows: int) -> int:
    """The rows that a value needs to enter a vocabulary where the user names no number.

    Args:
      train_rows: Rows of the training split.

    >>> default_min_count(16_000), default_min_count(36_000_000)
    (2, 10)
    """
    return SMALL_DATA_MIN_COUNT if train_rows < SMALL_DATA_ROWS else LARGE_DATA_MIN_COUNT


class ValueCounter:
    """Counts the distinct values of one column, batch by batch.

    Batches are kept as they come until they outgrow what has been merged, so that the merging costs
    an amortised constant per value.

    >>> counter = ValueCounter()
    >>> counter.add(pa.array([b"a", b"b", None, b"a"]))
    >>> sorted(zip(*counter.table().to_pydict().values()))
    [(b'a', 2), (b'b', 1)]
    """

    def __init__(self) -> None:
        self._merged: pa.Table | None = None
        self._pending: list[pa.Table] = []
        self._pending_rows = 0

    def add(self, values: pa.Array) -> None:
        """Counts values.

        Args:
          values: Arrow binary; nulls (missing) are left out.
        """
        counted = pc.value_counts(values.drop_null())
        self.add_counts(
            pa.table({"value": counted.field("values"), "count": counted.field("counts")})
        )

    def add_counts(self, table: pa.Table) -> None:
        """Adds what was counted elsewhere.

        Args:
          table: ``value`` (binary) and ``count`` (int64); a value may stand in several rows.
        """
        self._pending.append(table)
        self._pending_rows += table.num_rows
        if self._pending_rows > max(_MERGE_ROWS, self._merged.num_rows if self._merged else 0):
            self._merge()

    def table(self) -> pa.Table:
        """Distinct values and their counts, in no particular order."""
        self._merge()
        return self._merged

    @property
    def rows(self) -> int:
        """Rows that are kept: at least the distinct values."""
        return self._pending_rows + (self._merged.num_rows if self._merged else 0)

    def _merge(self) -> None:
        tables = ([self._merged] if self._merged else []) + self._pending
        if not tables:
            self._merged = pa.table(
                {"value": pa.array([], pa.binary()), "count": pa.array([], pa.int64())}
            )
        elif self._pending:
            grouped = pa.concat_tables(tables).group_by("value").aggregate([("count", "sum")])
            self._merged = pa.table(
                {"value": grouped["value"], "count": grouped["count_sum"]}
            ).combine_chunks()
        self._pending, self._pending_rows = [], 0


@dataclasses.dataclass(frozen=True)
class VocabularyCounts:
    """What is known of a vocabulary once it is written.

    Attributes:
      feature: Name of the sparse feature.
      path: Vocabulary file relative to the data set.
      entries: Values in it.
      distinct: Distinct values in the training split.
      min_count: Rows that an entry needed.
      out_of_vocabulary_count: Training rows whose value is not in it.
      size, digest: Bytes and SHA-256 of the file.
      looks_like: What its values are, as ``looks_like`` tells.
      twin: An example of values that stand there in two ways, if many do.
      table: Where the look-up table of its entries lies; empty where workers make their own.
    """

    feature: str
    path: str
    entries: int
    distinct: int
    min_count: int
    out_of_vocabulary_count: int
    size: int
    digest: str
    looks_like: str = ""
    twin: Twin | None = None
    table: str = ""


NUMBERS, TIMES = "numbers", "times"

COMPARED_VALUES = 100_000
"""Of the distinct values of a column, by which it is told what they are."""

_TRIED_VALUES = 1000
_NUMBER = r"^[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?$"
_TIME = r"^[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}|^[0-9]{2}[./][0-9]{2}[./][0-9]{4}|^1[0-9]{9}$"


def looks_like(values: pa.ChunkedArray) -> str:
    """What most of the distinct values of a column are, if that is no category.

    Args:
      values: Arrow binary of UTF-8.

    >>> days, ids = pa.chunked_array([[b"2024-03-01"]]), pa.chunked_array([[b"5", b"7.5"]])
    >>> looks_like(days), looks_like(ids), looks_like(pa.chunked_array([[b"a"]]))
    ('times', 'numbers', '')
    """
    texts = values.slice(0, _TRIED_VALUES).cast(pa.string())
    if _share(pc.match_substring_regex(texts, _TIME)) > 0.9:
        return TIMES
    return NUMBERS if _share(pc.match_substring_regex(texts, _NUMBER)) > 0.9 else ""


def _share(found: pa.ChunkedArray) -> float:
    return pc.mean(found.cast(pa.int8())).as_py() or 0.0


def vocabulary_text(entries: pa.Array) -> bytes:
    """The content of a vocabulary file: one value per line, as it is.

    Args:
      entries: Arrow binary in id order, without line breaks.
    """
    lines = pc.binary_join_element_wise(entries, b"", b"\n")
    return b"".join(_octets(piece).tobytes() for piece in _pieces(lines))


def read_vocabulary(text: bytes) -> pa.Array:
    """The entries of a vocabulary file in id order, as Arrow binary.

    Args:
      text: Content of the file.

    >>> read_vocabulary(vocabulary_text(pa.array([b"a", b"b"]))).to_pylist()
    [b'a', b'b']
    """
    octets = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(octets == _LINE_BREAK)
    if not len(ends):
        return pa.array([], pa.binary())
    # Without the breaks, each entry ends as many octets earlier as there are breaks before it.
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))
    values = octets[: ends[-1]]
    values = values[values != _LINE_BREAK]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.binary(), len(ends), buffers)


def _pieces(values: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return values.chunks if isinstance(values, pa.ChunkedArray) else [values]


def _octets(values: pa.Array) -> np.ndarray:
    """The octets of all values, one after the other."""
    if not len(values):
        return np.zeros(0, np.uint8)
    offsets = np.frombuffer(values.buffers()[1], np.int32)[values.offset :][: len(values) + 1]
    return np.frombuffer(values.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
