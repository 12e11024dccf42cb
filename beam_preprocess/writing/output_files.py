"""Writing the files of a data set: sizes and checksums are taken on the way."""

from __future__ import annotations

import hashlib
import zlib

from beam_preprocess.common.whole_file import sync_file
from beam_preprocess.job import Job

_GZIP_WINDOW = 31  # zlib's sign for a gzip header; it holds no name and no time


class OutputFile:
    """One file of the data set, written through Beam's file systems.

    Args:
      job: The run.
      path: Where to write, with a scheme such as ``gs://`` if it is not local.
    """

    def __init__(self, job: Job, path: str):
        from apache_beam.io.filesystem import CompressionTypes
        from apache_beam.io.filesystems import FileSystems

        self.path = path
        self._local = job.local
        self._stream = FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, data: bytes) -> None:
        """Appends bytes.

        Args:
          data: The bytes.
        """
        self._stream.write(data)
        self._digest.update(data)
        self._size += len(data)

    def close(self) -> tuple[int, str]:
        """Finishes the file, synced to disk; returns its size in bytes and its SHA-256."""
        self._stream.close()
        if self._local:
            sync_file(self.path)
        return self._size, self._digest.hexdigest()


def write_file(job: Job, name: str, data: bytes) -> tuple[int, str]:
    """Writes a small file of the data set at once; returns its size and SHA-256.

    Args:
      job: The run.
      name: Path relative to the data set.
      data: The content.
    """
    file = OutputFile(job, job.path(name))
    file.write(data)
    return file.close()


def gzip_member(data: bytes, level: int) -> bytes:
    """A gzip stream of ``data`` that depends on nothing else, such as time or name.

    Streams put one after the other are a stream again.

    Args:
      data: The bytes.
      level: 1 (fast) to 9 (small).

    >>> import gzip
    >>> gzip.decompress(gzip_member(b"ab", 1) + gzip_member(b"", 1) + gzip_member(b"c", 9))
    b'abc'
    """
    packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(data) + packer.flush()
