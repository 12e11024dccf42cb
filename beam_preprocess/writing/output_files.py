"""Writing the files of a data set: sizes and checksums are taken on the way."""

from __future__ import annotations

import hashlib
import zlib

from beam_preprocess.running.job import Job

_GZIP_WINDOW = 31  # zlib's sign for a gzip header; it holds no name and no time


class OutputFile:
    """One file of the data set, written through Beam's file systems.

    Args:
      job: The run.
      name: Path relative to the data set.
      compression_level: Of gzip; None for no compression.
    """

    def __init__(self, job: Job, name: str, compression_level: int | None = None):
        from apache_beam.io.filesystem import CompressionTypes
        from apache_beam.io.filesystems import FileSystems

        self.name = name
        self._stream = FileSystems.create(
            job.path(name), compression_type=CompressionTypes.UNCOMPRESSED
        )
        self._gzip = (
            None
            if compression_level is None
            else zlib.compressobj(compression_level, zlib.DEFLATED, _GZIP_WINDOW)
        )
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        self._emit(self._gzip.compress(data) if self._gzip else data)

    def close(self) -> tuple[int, str]:
        """Finishes the file; returns its size in bytes and its SHA-256."""
        if self._gzip:
            self._emit(self._gzip.flush())
        self._stream.close()
        return self._size, self._digest.hexdigest()

    def _emit(self, data: bytes) -> None:
        if data:
            self._stream.write(data)
            self._digest.update(data)
            self._size += len(data)


def write_file(job: Job, name: str, data: bytes) -> tuple[int, str]:
    """Writes a small file at once; returns its size and SHA-256."""
    file = OutputFile(job, name)
    file.write(data)
    return file.close()
