"""The values of a column that get ids, gathered from its counts and put into the order of ids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.common.table_arrays import longest_of
from beam_preprocess.encoding.vocabulary import COMPARED_VALUES

PIECE_ROWS = 1 << 20
"""Entries that are sorted at a time, so that a column of ten million is not there several times."""


class EntrySelection:
    """The entries of one vocabulary.

    They are ordered by falling count, ties by value (bytewise).

    Args:
      min_count: Training rows that an entry needs.
      max_entries: Most entries; None for no cap.
      piece_rows: Entries that are sorted at a time, about.

    Attributes:
      distinct: Values that have been added.
      rows: Training rows that hold one of them.
      sample: Some of the values, those that came first.

    >>> selection = EntrySelection(2, None)
    >>> selection.add(pa.table({"value": [b"a", b"c", b"b"], "count": [5, 1, 5]}))
    >>> [piece.to_pylist() for piece in selection.pieces()], selection.outside
    ([[b'a', b'b']], 1)
    """

    def __init__(self, min_count: int, max_entries: int | None, piece_rows: int = PIECE_ROWS):
        self._min_count = min_count
        self._max_entries = max_entries
        self._piece_rows = piece_rows
        self._kept: list[pa.Table] = []
        self._sampled: list[pa.ChunkedArray] = []
        self.distinct = 0
        self.rows = 0

    def add(self, counts: pa.Table) -> None:
        """Adds values that have not been added before.

        Args:
          counts: Columns ``value`` (binary, distinct) and ``count`` (training rows).
        """
        wanted = COMPARED_VALUES - self.distinct
        if wanted > 0:
            sample = counts["value"].slice(0, wanted)
            self._sampled.append(pa.chunked_array([sample.combine_chunks()], sample.type))
        self.distinct += counts.num_rows
        self.rows += pc.sum(counts["count"]).as_py() or 0
        kept = counts.filter(pc.greater_equal(counts["count"], self._min_count))
        if kept.num_rows:
            self._kept.append(kept.combine_chunks())

    @property
    def sample(self) -> pa.ChunkedArray:
        """The first of the values, at most ``COMPARED_VALUES``."""
        chunks = [chunk for sample in self._sampled for chunk in sample.chunks]
        return pa.chunked_array(chunks, pa.binary())

    @property
    def entries(self) -> int:
        """How many there are."""
        kept = sum(table.num_rows for table in self._kept)
        return kept if self._max_entries is None else min(kept, self._max_entries)

    @property
    def longest(self) -> int:
        """Bytes of the longest, or more, as ``longest_of`` tells them."""
        chunks = (chunk for table in self._kept for chunk in table["value"].chunks)
        return max(map(longest_of, chunks), default=0)

    @property
    def outside(self) -> int:
        """Training rows whose value is no entry."""
        left, found = self.entries, self.rows
        for count, values in self._values_of_counts():
            found -= count * min(values, left)
            left -= min(values, left)
        return found

    def pieces(self) -> Iterator[pa.Array]:
        """All entries in the order of their ids, piece by piece (Arrow binary)."""
        left = self.entries
        for piece in self._sorted_pieces():
            if left <= 0:
                return
            yield piece["value"].combine_chunks().slice(0, left)
            left -= piece.num_rows

    def _sorted_pieces(self) -> Iterator[pa.Table]:
        order = [("count", "descending"), ("value", "ascending")]
        for low, high in self._count_ranges():
            found = self._between("count", pa.scalar(low), pa.scalar(high + 1))
            if found.num_rows <= 2 * self._piece_rows or low != high:
                yield found.combine_chunks().sort_by(order)
                continue
            edges = _edges(found["value"], self._piece_rows)
            del found
            for first, last in zip([None, *edges], [*edges, None], strict=True):
                piece = self._between("value", first, last, count=low)
                yield piece.combine_chunks().sort_by(order)

    def _count_ranges(self) -> list[tuple[int, int]]:
        """Ranges of counts, the highest first, that hold about as many entries as a piece has."""
        ranges: list[tuple[int, int]] = []
        held = self._piece_rows
        for count, values in self._values_of_counts():
            if held + values > self._piece_rows:
                ranges.append((count, count))
                held = 0
            ranges[-1] = count, ranges[-1][1]
            held += values
        return ranges

    def _values_of_counts(self) -> list[tuple[int, int]]:
        """Each count with the number of values that have it, the highest count first."""
        chunks = [chunk for table in self._kept for chunk in table["count"].chunks]
        found = pc.value_counts(pa.chunked_array(chunks, pa.int64()))
        pairs = zip(
            found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True
        )
        return sorted(pairs, reverse=True)

    def _between(
        self, column: str, first: pa.Scalar | None, last: pa.Scalar | None, count: int | None = None
    ) -> pa.Table:
        """The entries from one count or value on up to before another, of one count if it is given.

        Args:
          column: ``count`` or ``value``.
          first, last: None for no bound.
          count: Of all of them.
        """
        found = []
        for table in self._kept:
            if count is not None:
                table = table.filter(pc.equal(table["count"], count))
            if first is not None:
                table = table.filter(pc.greater_equal(table[column], first))
            if last is not None:
                table = table.filter(pc.less(table[column], last))
            found.append(table)
        return pa.concat_tables(found)


def _edges(values: pa.ChunkedArray, piece_rows: int) -> list[pa.Scalar]:
    """Values between which about so many of some lie, rising.

    Args:
      values: Distinct.
      piece_rows: About how many values are to lie between two edges.
    """
    pieces = -(-len(values) // piece_rows)
    every = max(1, len(values) // (100 * pieces))
    sample = values.take(pa.array(np.arange(0, len(values), every)))
    ordered = sample.take(pc.sort_indices(sample)).combine_chunks()
    return [ordered[len(ordered) * number // pieces] for number in range(1, pieces)]
