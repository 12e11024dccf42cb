"""The Beam pipeline: scan, vocabularies, shards, publication, in one graph.

No row crosses a shuffle: workers exchange statistics, value counts and file names, so memory does
not grow with the number of rows on any runner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import AsList, AsSingleton, TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.shared import Shared
from apache_beam.utils.windowed_value import WindowedValue

from beam_preprocess.encoding.checks import check_scan
from beam_preprocess.encoding.encode import RowEncoder
from beam_preprocess.encoding.feature_statistics import build_features, vocabulary_path
from beam_preprocess.encoding.scan import Boundaries, Scanner, read_rows
from beam_preprocess.encoding.splits import chronological_boundaries
from beam_preprocess.encoding.statistics import Summary
from beam_preprocess.encoding.time_counts import TimeCounts
from beam_preprocess.encoding.vocabulary import (
    VocabularyCounts,
    default_min_count,
    merge_counts,
    read_vocabulary,
    select_entries,
    to_ipc,
    vocabulary_text,
)
from beam_preprocess.running.job import Job
from beam_preprocess.running.plan import ScanTask, ShardUnit, scan_tasks, shard_units
from beam_preprocess.writing.output_files import write_file
from beam_preprocess.writing.publish import publish
from beam_preprocess.writing.shard_writer import Written, write_unit

_NAMESPACE = "beam_preprocess"
_COUNTS = "counts"


def build_pipeline(pipeline: beam.Pipeline, job: Job) -> None:
    """Adds the whole preprocessing of ``job`` to ``pipeline``."""
    tasks = pipeline | "Tasks" >> beam.Create(scan_tasks(job.files))
    boundaries = []
    if job.config.split == "chronological":
        times = tasks | "ReadTimes" >> beam.ParDo(ReadTimes(job))
        found = times | "FindBoundaries" >> beam.CombineGlobally(FindBoundaries(job))
        boundaries = [AsSingleton(found)]
    scanned = tasks | "Scan" >> beam.ParDo(Scan(job), *boundaries).with_outputs(
        _COUNTS, main="summary"
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
    written = AsList(
        pipeline
        | "Start" >> beam.Create([None])
        | "PlanShards" >> beam.ParDo(PlanShards(job), summary)
        | "SpreadShards" >> beam.Reshuffle()
        | "WriteShards" >> beam.ParDo(WriteShards(job), summary, vocabularies, *boundaries)
    )
    _ = (
        pipeline
        | "End" >> beam.Create([None])
        | "Publish" >> beam.ParDo(Publish(job), summary, vocabularies, written)
    )


class ReadTimes(beam.DoFn):
    """Counts the rows of each time."""

    def __init__(self, job: Job):
        self._job = job

    def process(self, task: ScanTask) -> Iterator[TimeCounts]:
        with self._job.reporting_errors():
            counts = TimeCounts()
            for block in read_rows(self._job, task, None, "times"):
                counts.add_times(block.rows.time)
        yield counts


class FindBoundaries(beam.CombineFn):
    """Merges counts of times; gives the boundaries of the chronological split."""

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
    """The first pass: one summary a task, and the value counts of a bundle at its end."""

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

    def finish_bundle(self) -> Iterator[TaggedOutput]:
        if self._scanner is None:
            return
        window = GlobalWindow()
        for name, counter in self._scanner.counters.items():
            counts = (name, to_ipc(counter.table()))
            value = WindowedValue(counts, window.max_timestamp(), [window])
            yield TaggedOutput(_COUNTS, value)
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


class CheckScan(beam.DoFn):
    """Ends the run when the scan found too little or too much amiss."""

    def __init__(self, job: Job):
        self._job = job

    def process(self, summary: Summary) -> Iterator[Summary]:
        with self._job.reporting_errors():
            check_scan(self._job, summary)
        yield summary


class WriteVocabulary(beam.DoFn):
    """Cuts the counts of one sparse feature and writes its vocabulary."""

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
            name, path, len(entries), counts.num_rows, min_count, outside, size, digest
        )


class PlanShards(beam.DoFn):
    """Gives the units of work of the second pass."""

    def __init__(self, job: Job):
        self._job = job

    def process(self, element: None, summary: Summary) -> Iterator[ShardUnit]:
        yield from shard_units(self._job.files, summary, self._job.config.shards)


class WriteShards(beam.DoFn):
    """The second pass: writes the shards of one unit."""

    def __init__(self, job: Job):
        self._job = job
        self._shared = Shared()  # one encoder, with its vocabularies, for all threads of a process

    def process(
        self,
        unit: ShardUnit,
        summary: Summary,
        vocabularies: list[VocabularyCounts],
        boundaries: Boundaries = None,
    ) -> Iterator[Written]:
        with self._job.reporting_errors():
            encoder = self._shared.acquire(
                lambda: make_encoder(self._job, summary, vocabularies), tag=self._job.data_directory
            )
            written = write_unit(self._job, unit, encoder, boundaries)
        Metrics.counter(_NAMESPACE, "rows_written").inc(sum(written.rows))
        yield written


class Publish(beam.DoFn):
    """Checks that nothing is lost and writes schema, data card and manifest."""

    def __init__(self, job: Job):
        self._job = job

    def process(
        self,
        element: None,
        summary: Summary,
        vocabularies: list[VocabularyCounts],
        written: list[Written],
    ) -> Iterator[None]:
        with self._job.reporting_errors():
            publish(self._job, summary, vocabularies, written)
        yield None


def make_encoder(job: Job, summary: Summary, vocabularies: list[VocabularyCounts]) -> RowEncoder:
    """The encoder of the run, its vocabularies read from the data set."""
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    entries = {}
    for vocabulary in vocabularies:
        path = job.path(vocabulary.path)
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            entries[vocabulary.feature] = read_vocabulary(stream.read())
    dense, sparse = build_features(job.config, summary, vocabularies)
    return RowEncoder(dense, sparse, entries)
