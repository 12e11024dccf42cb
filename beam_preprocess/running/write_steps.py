"""Steps of the second pass: rows encoded to shards, and the publication of the data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.shared import Shared

from beam_preprocess.common.string_table import StringTable
from beam_preprocess.dataset.origin import OriginFile
from beam_preprocess.dataset.schema import SPLIT_NAMES
from beam_preprocess.encoding.encode import Entries, RowEncoder
from beam_preprocess.encoding.evidence import Evidence
from beam_preprocess.encoding.feature_statistics import build_features
from beam_preprocess.encoding.plan import WriteUnit, write_units
from beam_preprocess.encoding.scan import Boundaries
from beam_preprocess.encoding.statistics import Summary
from beam_preprocess.encoding.vocabulary import VocabularyCounts, read_vocabulary
from beam_preprocess.job import Job
from beam_preprocess.reading.text_blocks import InputFile
from beam_preprocess.running.origin_check import describe_origin, fingerprint, read_part
from beam_preprocess.running.scan_steps import METRICS, Tagged
from beam_preprocess.writing.publish import Scanned, publish, shard_layouts, shard_name
from beam_preprocess.writing.segments import Shard, UnitSegments, join_shard
from beam_preprocess.writing.unit_writer import Written, write_unit

SEGMENTS = "segments"
"""What the second pass puts out beside its units."""

ShardKey = tuple[int, int]  # split, shard


class PlanUnits(beam.DoFn):
    """Gives the units of work of the second pass, and a key for every shard, an empty one too.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job

    def process(self, element: None, summary: Summary) -> Iterator[WriteUnit | Tagged]:
        for split, layout in enumerate(shard_layouts(self._job.config, summary)):
            for shard in range(layout.shards):
                yield TaggedOutput(SEGMENTS, ((split, shard), UnitSegments(-1, ())))
        yield from write_units(self._job.files, summary)


class WriteUnits(beam.DoFn):
    """The second pass: encodes the rows of one unit, sorted by shard.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job
        self._shared = Shared()  # one encoder, with its vocabularies, for all threads of a process

    def process(
        self,
        unit: WriteUnit,
        summary: Summary,
        vocabularies: list[VocabularyCounts],
        boundaries: Boundaries = None,
    ) -> Iterator[Written | Tagged]:
        with self._job.reporting_errors():
            encoder = self._shared.acquire(
                lambda: make_encoder(self._job, summary, vocabularies), tag=self._job.data_directory
            )
            layouts = shard_layouts(self._job.config, summary)
            written = write_unit(self._job, unit, encoder, layouts, boundaries)
        Metrics.counter(METRICS, "rows_written").inc(sum(written.rows))
        for shard, segments in written.segments.items():
            yield TaggedOutput(SEGMENTS, (shard, segments))
        yield dataclasses.replace(written, segments={})


class JoinShards(beam.DoFn):
    """Puts each shard together from the segments that the units hold of it.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job

    def process(
        self, element: tuple[ShardKey, Iterable[UnitSegments]], summary: Summary
    ) -> Iterator[Shard]:
        (split, shard), parts = element
        layout = shard_layouts(self._job.config, summary)[split]
        with self._job.reporting_errors():
            name = shard_name(SPLIT_NAMES[split], shard, layout)
            yield join_shard(self._job, SPLIT_NAMES[split], name, parts)


class Fingerprint(beam.DoFn):
    """The checksum of each raw file, by which a later run knows it again.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job

    def process(self, file: InputFile) -> Iterator[OriginFile]:
        with self._job.reporting_errors():
            yield fingerprint(file, self._job.config.output, read_part(file))


class Publish(beam.DoFn):
    """Checks that nothing is lost and writes schema, data card and manifest.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job

    def process(
        self,
        element: None,
        summary: Summary,
        evidence: Evidence,
        vocabularies: list[VocabularyCounts],
        written: list[Written],
        shards: list[Shard],
        origin: list[OriginFile],
    ) -> Iterator[None]:
        with self._job.reporting_errors():
            described = describe_origin(self._job.config.description, origin)
            scanned = Scanned(summary, evidence, tuple(vocabularies))
            publish(self._job, scanned, written, shards, described)
        yield None


def make_encoder(job: Job, summary: Summary, vocabularies: list[VocabularyCounts]) -> RowEncoder:
    """The encoder of the run, with its look-up tables, or its vocabularies read from the data set.

    Args:
      job: The run.
      summary: What the first pass found.
      vocabularies: What was written of them; none for ``modulo`` and ``hash``.
    """
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    entries: dict[str, Entries] = {}
    for vocabulary in vocabularies:
        if vocabulary.table:
            entries[vocabulary.feature] = StringTable.opened(vocabulary.table)
            continue
        path = job.path(vocabulary.path)
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            entries[vocabulary.feature] = read_vocabulary(stream.read())
    dense, sparse = build_features(job.config, summary, vocabularies)
    return RowEncoder(dense, sparse, entries)
