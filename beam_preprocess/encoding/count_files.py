"""Value counts on their way from the workers that make them to the one that cuts a vocabulary.

They go by files beside the data set: through the runner, every count would be in memory several
times over, and a log of Criteo's size has 34 million distinct values.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator

import pyarrow as pa

from beam_preprocess.encoding.vocabulary import ValueCounter
from beam_preprocess.job import Job

MOST_ROWS = 1 << 20
"""Distinct values of a column that a worker counts before it writes them: some 30 MB."""


class SpilledCounts:
    """The counts of one worker: in memory as far as that goes, the others in files.

    Args:
      job: The run.
      most_rows: Distinct values of a column that are kept in memory.
    """

    def __init__(self, job: Job, most_rows: int = MOST_ROWS):
        self._job = job
        self._most_rows = most_rows
        self._files: list[tuple[str, str]] = []

    def spill(self, counters: dict[str, ValueCounter]) -> None:
        """Writes what has outgrown the memory, and begins to count anew.

        Args:
          counters: By name of the feature; those that are written are replaced.
        """
        for name, counter in counters.items():
            if counter.rows > self._most_rows:
                self._write(name, counter)
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
        stream = FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
        with contextlib.closing(stream), pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
        self._files.append((name, path))


def merged_counts(job: Job, paths: Iterable[str]) -> pa.Table:
    """Sums the counts of several files.

    Args:
      job: The run.
      paths: As ``SpilledCounts`` gave them, of one feature.

    Returns:
      Columns ``value`` (binary, distinct) and ``count``.
    """
    counter = ValueCounter()
    for path in paths:
        with _opened(job, path) as source:
            counter.add_counts(pa.ipc.open_stream(source).read_all())
    return counter.table()


@contextlib.contextmanager
def _opened(job: Job, path: str) -> Iterator[pa.NativeFile]:
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    if job.local:
        with pa.memory_map(path) as source:
            yield source
        return
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        yield pa.BufferReader(stream.read())
