"""Steps of the first pass: times, statistics, value counts, and the vocabularies cut of them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from beam_preprocess.common.table_arrays import TableArrays
from beam_preprocess.encoding.count_files import SpilledCounts, merged_counts
from beam_preprocess.encoding.entry_selection import EntrySelection
from beam_preprocess.encoding.evidence import Evidence
from beam_preprocess.encoding.feature_statistics import vocabulary_path
from beam_preprocess.encoding.plan import ScanTask
from beam_preprocess.encoding.scan import Boundaries, Scanner, read_rows
from beam_preprocess.encoding.scan_check import check_scan
from beam_preprocess.encoding.splits import chronological_boundaries
from beam_preprocess.encoding.statistics import Summary
from beam_preprocess.encoding.time_counts import TimeCounts
from beam_preprocess.encoding.vocabulary import (
    VocabularyCounts,
    default_min_count,
    looks_like,
    vocabulary_text,
)
from beam_preprocess.job import Job
from beam_preprocess.reading.other_writings import written_twice
from beam_preprocess.writing.output_files import OutputFile

METRICS = "beam_preprocess"
"""Namespace of Beam's counters."""

COUNTS, EVIDENCE = "counts", "evidence"
"""What a scan puts out beside summaries."""

Tagged = TaggedOutput[str, Any]
"""What goes to another output than the main one."""


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
        if not len(accumulator.times):
            return 0, 0  # No row could be read, or there is none: what the scan tells.
        with self._job.reporting_errors():
            return chronological_boundaries(
                accumulator.times, accumulator.counts, self._job.config.fractions
            )


class Scan(beam.DoFn):
    """The first pass: one summary a task, and where the value counts are at the end of a bundle.

    Args:
      job: The run.
    """

    def __init__(self, job: Job):
        self._job = job
        self._scanner: Scanner | None = None
        self._spilled = SpilledCounts(job)

    def start_bundle(self) -> None:
        self._scanner = None
        self._spilled = SpilledCounts(self._job)

    def process(self, task: ScanTask, boundaries: Boundaries = None) -> Iterator[Summary]:
        if self._scanner is None:
            self._scanner = Scanner(self._job, boundaries)
        with self._job.reporting_errors():
            summary = self._scanner.scan(task)
            self._spilled.spill(self._scanner.counters)
        Metrics.counter(METRICS, "rows_scanned").inc(sum(summary.rows))
        Metrics.counter(METRICS, "rows_rejected").inc(sum(summary.rejected.values()))
        yield summary

    def finish_bundle(self) -> Iterator[Tagged]:
        if self._scanner is None:
            return
        window = GlobalWindow()
        with self._job.reporting_errors():
            files = self._spilled.files(self._scanner.counters)
        for file in files:
            value = WindowedValue(file, window.max_timestamp(), (window,))
            yield TaggedOutput(COUNTS, value)
        value = WindowedValue(self._scanner.evidence, window.max_timestamp(), (window,))
        yield TaggedOutput(EVIDENCE, value)
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
        self, element: tuple[str, Iterable[str]], summary: Summary
    ) -> Iterator[VocabularyCounts]:
        name, paths = element
        config = self._job.config
        min_count = config.min_count or default_min_count(summary.rows[0])
        selection = EntrySelection(min_count, config.max_vocabulary)
        with self._job.reporting_errors():
            for counts in merged_counts(self._job, paths):
                selection.add(counts)
            path, table = vocabulary_path(name), self._new_table()
            size, digest = self._write(path, table, selection)
        yield VocabularyCounts(
            name,
            path,
            selection.entries,
            selection.distinct,
            min_count,
            selection.outside,
            size,
            digest,
            looks_like(selection.sample),
            written_twice(selection.sample.combine_chunks().cast(pa.string())),
            table,
        )

    def _new_table(self) -> str:
        """A directory for a look-up table that the workers of this machine share."""
        if not self._job.local:
            return ""
        # A bundle that is tried again must not meet the files of its first attempt.
        directory = self._job.table_path(uuid.uuid4().hex)
        os.mkdir(directory)
        return directory

    def _write(self, path: str, table: str, selection: EntrySelection) -> tuple[int, str]:
        file, arrays = OutputFile(self._job, self._job.path(path)), None
        if table:
            arrays = TableArrays.in_files(table, selection.entries, selection.longest)
        for piece in selection.pieces():
            file.write(vocabulary_text(piece))
            if arrays is not None:
                arrays.add(piece)
        if arrays is not None:
            arrays.finished()
        return file.close()
