"""Value counts on their way from the workers that make them to the one that cuts a vocabulary.

They go by files beside the data set: through the runner, every count would be in memory several
times over, and a log of Criteo's size has 34 million distinct values.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from beam_preprocess.common.packed_strings import hash_strings
from beam_preprocess.encoding.vocabulary import ValueCounter
from beam_preprocess.job import Job

MOST_ROWS = 1 << 21
"""Distinct values of all columns that a worker counts before it writes some: some 50 MB."""

PARTS = 64
"""Parts of a file of counts, by a hash of the value: those of one part are summed at a time."""

_SUMMED_AT_ONCE = 1 << 20
_ROWS = b"rows"


class SpilledCounts:
    """The counts of one worker: in memory as far as that goes, the others in files.

    Args:
      job: The run.
      most_rows: Distinct values of all columns together that are kept in memory.
    """

    def __init__(self, job: Job, most_rows: int = MOST_ROWS):
        self._job = job
        self._most_rows = most_rows
        self._files: list[tuple[str, str]] = []

    def spill(self, counters: dict[str, ValueCounter]) -> None:
        """Writes what has outgrown the memory, the longest columns first, to be counted anew.

        Args:
          counters: By name of the feature; those that are written are replaced.
        """
        held = sum(counter.rows for counter in counters.values())
        for name in sorted(counters, key=lambda name: -counters[name].rows):
            if held <= self._most_rows:
                return
            held -= counters[name].rows
            self._write(name, counters[name])
            counters[name] = ValueCounter()

    def files(self, counters: dict[str, ValueCounter]) -> list[tuple[str, str]]:
        """Feature and path of every file, the rest written too.

        Args:
          counters: By name of the feature.
        """
        for name, counter in counters.items():
            self._write(name, counter)
        found, self._files = self._files, []
        return found

    def _write(self, name: str, counter: ValueCounter) -> None:
        from apache_beam.io.filesystem import CompressionTypes
        from apache_beam.io.filesystems import FileSystems

        # A bundle that is tried again must not meet the files of its first attempt.
        path = self._job.counts_path(uuid.uuid4().hex)
        table = counter.table()
        parts = hash_strings(table["value"].combine_chunks()) % np.uint64(PARTS)
        ordered = table.take(pa.array(np.argsort(parts, kind="stable"))).combine_chunks()
        ends = np.cumsum(np.bincount(parts.astype(np.int64), minlength=PARTS)).tolist()
        schema = ordered.schema.with_metadata({_ROWS: str(table.num_rows).encode()})
        stream = FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
        with contextlib.closing(stream), pa.ipc.new_file(stream, schema) as writer:
            columns = [column.combine_chunks() for column in ordered.columns]
            for first, last in zip([0, *ends], ends, strict=False):
                piece = [column.slice(first, last - first) for column in columns]
                writer.write_batch(pa.record_batch(piece, schema=schema))
        self._files.append((name, path))


def merged_counts(job: Job, paths: Iterable[str]) -> Iterator[pa.Table]:
    """Sums the counts of several files, those of some of the values at a time.

    Args:
      job: The run.
      paths: As ``SpilledCounts`` gave them, of one feature.

    Yields:
      Columns ``value`` (binary, distinct over all that is yielded) and ``count``.
    """
    with contextlib.ExitStack() as stack:
        files = [pa.ipc.open_file(stack.enter_context(_opened(job, path))) for path in paths]
        rows = sum(int(file.schema.metadata[_ROWS]) for file in files)
        at_once = PARTS if rows <= _SUMMED_AT_ONCE else 1
        for first in range(0, PARTS, at_once):
            counter = ValueCounter()
            for file in files:
                batches = [file.get_batch(part) for part in range(first, first + at_once)]
                counter.add_counts(pa.Table.from_batches(batches).replace_schema_metadata(None))
            yield counter.table()


@contextlib.contextmanager
def _opened(job: Job, path: str) -> Iterator[pa.NativeFile]:
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    if job.local:
        # Not mapped: pages of a map that have been read count as memory.
        with pa.OSFile(path) as source:
            yield source
        return
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        yield pa.BufferReader(stream.read())
