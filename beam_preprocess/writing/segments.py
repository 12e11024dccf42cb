"""From the raw log's order to that of the shards, on disk and with little memory.

Workers of the second pass encode their part of the log and pack the rows of each place (a block of
a shard, see row_order.py) into *segments* of a file of their own, the unit file. Then each shard is
put together from its segments in all unit files: block by block, within a block in the log's order.
A segment is a gzip stream by itself, so that putting together copies bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from beam_preprocess.job import Job
from beam_preprocess.writing.output_files import OutputFile, gzip_member

# Encoded bytes that a worker holds before it packs them: what bounds its memory, whatever the
# number of shards and the size of the log.
HELD_BYTES = 64 << 20

# Packed bytes of a shard that are read from the unit files at once.
_COPIED_BYTES = 64 << 20

Place = tuple[int, int, int]  # split, shard, block


@dataclasses.dataclass(frozen=True)
class Segment:
    """Rows of one block of one shard, packed, in a unit file.

    Attributes:
      block: Block of the shard.
      offset, size: Where it lies in the unit file, in bytes.
      rows: Rows in it.
    """

    block: int
    offset: int
    size: int
    rows: int


@dataclasses.dataclass(frozen=True)
class UnitSegments:
    """The segments of one shard in one unit file, in rising order of offset.

    Attributes:
      unit: Number of the unit.
      segments: Where its packed rows lie in the file.
    """

    unit: int
    segments: tuple[Segment, ...]


class SegmentWriter:
    """Collects the encoded rows of a unit and writes its file.

    Args:
      job: The run.
      unit: Number of the unit.
    """

    def __init__(self, job: Job, unit: int):
        self._level = job.config.compression_level
        self._unit = unit
        self._file = OutputFile(job, job.unit_path(unit))
        self._held: dict[Place, tuple[list[bytes], list[int]]] = {}
        self._held_bytes = 0
        self._segments: dict[tuple[int, int], list[Segment]] = {}

    def add(self, place: Place, records: bytes, rows: int) -> None:
        """Appends framed records to a place.

        Args:
          place: Split, shard and block.
          records: Joined, as they stand in a TFRecord file.
          rows: How many they are.
        """
        parts, counts = self._held.setdefault(place, ([], []))
        parts.append(records)
        counts.append(rows)
        self._held_bytes += len(records)

    def spill(self) -> None:
        """Packs what is held if that has become much."""
        if self._held_bytes >= HELD_BYTES:
            self._pack()

    def close(self) -> dict[tuple[int, int], UnitSegments]:
        """Finishes the unit file; returns the segments of each (split, shard)."""
        self._pack()
        self._file.close()
        return {
            shard: UnitSegments(self._unit, tuple(segments))
            for shard, segments in self._segments.items()
        }

    def _pack(self) -> None:
        for place, (parts, counts) in sorted(self._held.items()):
            split, shard, block = place
            packed = gzip_member(b"".join(parts), self._level)
            segment = Segment(block, self._file.size, len(packed), sum(counts))
            self._segments.setdefault((split, shard), []).append(segment)
            self._file.write(packed)
        self._held.clear()
        self._held_bytes = 0


@dataclasses.dataclass(frozen=True)
class Shard:
    """A finished file of records.

    Attributes:
      split: Name of its split.
      name: Path relative to the data set.
      rows: Rows in it.
      size, digest: Bytes and SHA-256.
    """

    split: str
    name: str
    rows: int
    size: int
    digest: str


def join_shard(job: Job, split: str, name: str, parts: Iterable[UnitSegments]) -> Shard:
    """Puts one shard together.

    Args:
      job: The run.
      split: Name of its split.
      name: Path relative to the data set.
      parts: Its segments, by unit, in any order; none make an empty shard.
    """
    parts = sorted(parts, key=lambda part: part.unit)
    file = OutputFile(job, job.path(name))
    for first, last in _passes(parts):
        by_block: dict[int, list[bytes]] = {block: [] for block in range(first, last)}
        for block, packed in _read(job, parts, first, last):
            by_block[block].append(packed)
        for block in range(first, last):
            for packed in by_block[block]:
                file.write(packed)
    if not file.size:
        file.write(gzip_member(b"", job.config.compression_level))
    size, digest = file.close()
    rows = sum(segment.rows for part in parts for segment in part.segments)
    return Shard(split, name, rows, size, digest)


def _passes(parts: Sequence[UnitSegments]) -> Iterator[tuple[int, int]]:
    """Ranges of blocks that together are copied at once, in order."""
    sizes: dict[int, int] = {}
    for part in parts:
        for segment in part.segments:
            sizes[segment.block] = sizes.get(segment.block, 0) + segment.size
    first = held = 0
    for block in range(max(sizes, default=-1) + 1):
        size = sizes.get(block, 0)
        if held and held + size > _COPIED_BYTES:
            yield first, block
            first, held = block, 0
        held += size
    if held:
        yield first, max(sizes) + 1


def _read(
    job: Job, parts: Sequence[UnitSegments], first: int, last: int
) -> Iterator[tuple[int, bytes]]:
    """Blocks and packed bytes of the segments of blocks ``first`` to ``last`` (excluded)."""
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    for part in parts:
        wanted = [segment for segment in part.segments if first <= segment.block < last]
        if not wanted:
            continue
        path = job.unit_path(part.unit)
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            for segment in wanted:
                stream.seek(segment.offset)
                packed = stream.read(segment.size)
                if len(packed) != segment.size:
                    raise OSError(f"{path}: shorter than it was written")
                yield segment.block, packed
