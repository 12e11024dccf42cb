"""The Beam pipeline: scan, vocabularies, shards, publication, in one graph.

No row crosses a shuffle: workers exchange statistics, value counts, and where in which file the
rows of a shard are, so memory does not grow with the number of rows on any runner.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import AsList, AsSingleton, TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.shared import Shared
from apache_beam.utils.windowed_value import WindowedValue

from beam_preprocess.dataset.origin import OriginFile
from beam_preprocess.dataset.schema import SPLIT_NAMES
from beam_preprocess.encoding.encode import RowEncoder
from beam_preprocess.encoding.evidence import Evidence
from beam_preprocess.encoding.feature_statistics import build_features, vocabulary_path
from beam_preprocess.encoding.plan import ScanTask, WriteUnit, scan_tasks, write_units
from beam_preprocess.encoding.scan import Boundaries, Scanner, read_rows
from beam_preprocess.encoding.scan_check import check_scan
from beam_preprocess.encoding.splits import chronological_boundaries
from beam_preprocess.encoding.statistics import Summary
from beam_preprocess.encoding.time_counts import TimeCounts
from beam_preprocess.encoding.vocabulary import (
    VocabularyCounts,
    default_min_count,
    looks_like,
    merge_counts,
    read_vocabulary,
    select_entries,
    to_ipc,
    vocabulary_text,
)
from beam_preprocess.job import Job
from beam_preprocess.reading.text_blocks import InputFile
from beam_preprocess.running.origin_check import describe_origin, fingerprint
from beam_preprocess.writing.output_files import write_file
from beam_preprocess.writing.publish import Scanned, publish, shard_layouts, shard_name
from beam_preprocess.writing.segments import Shard, UnitSegments, join_shard
from beam_preprocess.writing.unit_writer import Written, write_unit

_NAMESPACE = "beam_preprocess"
_COUNTS = "counts"
_EVIDENCE = "evidence"
_SEGMENTS = "segments"

ShardKey = tuple[int, int]  # split, shard

# What goes to another output than the main one.
Tagged = TaggedOutput[str, Any]


def build_pipeline(pipeline: beam.Pipeline, job: Job) -> None:
    """Adds the whole preprocessing of a run to a pipeline.

    Args:
      pipeline: Of any runner.
      job: The run. Its workers raise DataError for what they find amiss, which runners wrap into
        exceptions of their own; ``Job.reporting_errors`` leaves the message for the driver.
    """
    tasks = pipeline | "Tasks" >> beam.Create(scan_tasks(job.files))
    boundaries = []
    if job.config.split == "chronological":
        times = tasks | "ReadTimes" >> beam.ParDo(ReadTimes(job))
        found = times | "FindBoundaries" >> beam.CombineGlobally(FindBoundaries(job))
        boundaries = [AsSingleton(found)]
    scanned = tasks | "Scan" >> beam.ParDo(Scan(job), *boundaries).with_outputs(
        _COUNTS, _EVIDENCE, main="summary"
    )
    evidence = AsSingleton(
        scanned[_EVIDENCE] | "MergeEvidence" >> beam.CombineGlobally(MergeEvidence(job))
    )
    summary = AsSingleton(
        scanned.summary
        | "MergeStatistics" >> beam.CombineGlobally(MergeSummaries())
        | "CheckScan" >> beam.ParDo(CheckScan(job))
    )
    vocabularies = AsList(
        scanned[_COUNTS]
        | "GroupCounts" >> beam.GroupByKey()
        | "WriteVocabularies" >> beam.ParDo(WriteVocabulary(job), summary)
    )
    planned = (
        pipeline
        | "Start" >> beam.Create([None])
        | "PlanUnits" >> beam.ParDo(PlanUnits(job), summary).with_outputs(_SEGMENTS, main="units")
    )
    written = (
        planned.units
        | "SpreadUnits" >> beam.Reshuffle()
        | "WriteUnits"
        >> beam.ParDo(WriteUnits(job), summary, vocabularies, *boundaries).with_outputs(
            _SEGMENTS, main="written"
        )
    )
    shards = (
        (planned[_SEGMENTS], written[_SEGMENTS])
        | "AllSegments" >> beam.Flatten()
        | "GroupSegments" >> beam.GroupByKey()
        | "JoinShards" >> beam.ParDo(JoinShards(job), summary)
    )
    side_files = (file for members in job.side_files for file in members)
    origin = (
        pipeline
        | "Files" >> beam.Create([*job.files, *side_files])
        | "SpreadFiles" >> beam.Reshuffle()
        | "Fingerprint" >> beam.ParDo(Fingerprint(job))
    )
    parts = (AsList(written.written), AsList(shards), AsList(origin))
    inputs = (summary, evidence, vocabularies, *parts)
    _ = pipeline | "End" >> beam.Create([None]) | "Publish" >> beam.ParDo(Publish(job), *inputs)


class ReadTimes(beam.DoFn):
    """Counts the rows of each time.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job

    def process(self, task: ScanTask) -> Iterator[TimeCounts]:
        with self._job.reporting_errors():
            counts = TimeCounts()
            for block in read_rows(self._job, task, None, "times"):
                counts.add_times(block.rows.time)
        yield counts


class FindBoundaries(beam.CombineFn):
    """Merges counts of times; gives the boundaries of the chronological split.

    Args:
      job: The run.

    Raises:
      DataError: At the end, if there are fewer than three distinct times.
    """

    def __init__(self, job: Job):
        self._job = job

    def create_accumulator(self) -> TimeCounts:
        return TimeCounts()

    def add_input(self, accumulator: TimeCounts, element: TimeCounts) -> TimeCounts:
        accumulator.add(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[TimeCounts]) -> TimeCounts:
        merged = TimeCounts()
        for accumulator in accumulators:
            merged.add(accumulator)
        return merged

    def extract_output(self, accumulator: TimeCounts) -> Boundaries:
        with self._job.reporting_errors():
            return chronological_boundaries(
                accumulator.times, accumulator.counts, self._job.config.fractions
            )


class Scan(beam.DoFn):
    """The first pass: one summary a task, and the value counts of a bundle at its end.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job
        self._scanner: Scanner | None = None

    def start_bundle(self) -> None:
        self._scanner = None

    def process(self, task: ScanTask, boundaries: Boundaries = None) -> Iterator[Summary]:
        if self._scanner is None:
            self._scanner = Scanner(self._job, boundaries)
        with self._job.reporting_errors():
            summary = self._scanner.scan(task)
        Metrics.counter(_NAMESPACE, "rows_scanned").inc(sum(summary.rows))
        Metrics.counter(_NAMESPACE, "rows_rejected").inc(sum(summary.rejected.values()))
        yield summary

    def finish_bundle(self) -> Iterator[Tagged]:
        if self._scanner is None:
            return
        window = GlobalWindow()
        for name, counter in self._scanner.counters.items():
            counts = (name, to_ipc(counter.table()))
            value = WindowedValue(counts, window.max_timestamp(), (window,))
            yield TaggedOutput(_COUNTS, value)
        value = WindowedValue(self._scanner.evidence, window.max_timestamp(), (window,))
        yield TaggedOutput(_EVIDENCE, value)
        self._scanner = None


class MergeSummaries(beam.CombineFn):
    """Merges summaries; exact, so independent of the order."""

    def create_accumulator(self) -> Summary:
        return Summary()

    def add_input(self, accumulator: Summary, element: Summary) -> Summary:
        accumulator.add(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Summary]) -> Summary:
        merged = Summary()
        for accumulator in accumulators:
            merged.add(accumulator)
        return merged

    def extract_output(self, accumulator: Summary) -> Summary:
        return accumulator


class MergeEvidence(beam.CombineFn):
    """Merges evidence; alike in whatever order.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job

    def create_accumulator(self) -> Evidence:
        return Evidence.empty(self._job.config.description)

    def add_input(self, accumulator: Evidence, element: Evidence) -> Evidence:
        accumulator.add(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Evidence]) -> Evidence:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.add(accumulator)
        return merged

    def extract_output(self, accumulator: Evidence) -> Evidence:
        return accumulator


class CheckScan(beam.DoFn):
    """Ends the run when the scan found too little or too much amiss.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job

    def process(self, summary: Summary) -> Iterator[Summary]:
        with self._job.reporting_errors():
            config = self._job.config
            check_scan(summary, config.max_reject_share, config.description.weight)
        yield summary


class WriteVocabulary(beam.DoFn):
    """Cuts the counts of one sparse feature and writes its vocabulary.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job

    def process(
        self, element: tuple[str, Iterable[bytes]], summary: Summary
    ) -> Iterator[VocabularyCounts]:
        name, parts = element
        config = self._job.config
        min_count = config.min_count or default_min_count(summary.rows[0])
        counts = merge_counts(parts)
        entries, outside = select_entries(counts, min_count, config.max_vocabulary)
        path = vocabulary_path(name)
        with self._job.reporting_errors():
            size, digest = write_file(self._job, path, vocabulary_text(entries))
        yield VocabularyCounts(
            name,
            path,
            len(entries),
            counts.num_rows,
            min_count,
            outside,
            size,
            digest,
            looks_like(counts["value"]),
        )


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
                yield TaggedOutput(_SEGMENTS, ((split, shard), UnitSegments(-1, ())))
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
        Metrics.counter(_NAMESPACE, "rows_written").inc(sum(written.rows))
        for shard, segments in written.segments.items():
            yield TaggedOutput(_SEGMENTS, (shard, segments))
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
            yield fingerprint(file, self._job.config.output)


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
    """The encoder of the run, its vocabularies read from the data set.

    Args:
      job: The run.
      summary: What the first pass found.
      vocabularies: What was written of them; none for ``modulo`` and ``hash``.
    """
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    entries = {}
    for vocabulary in vocabularies:
        path = job.path(vocabulary.path)
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            entries[vocabulary.feature] = read_vocabulary(stream.read())
    dense, sparse = build_features(job.config, summary, vocabularies)
    return RowEncoder(dense, sparse, entries)
