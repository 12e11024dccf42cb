"""The Beam pipeline: scan, vocabularies, shards, publication, in one graph.

No row and no value crosses a shuffle: workers exchange statistics, and where in which file value
counts and the rows of a shard are, so memory does not grow with the number of rows on any runner.
"""

from __future__ import annotations

import apache_beam as beam
from apache_beam.pvalue import AsList, AsSingleton

from beam_preprocess.encoding.plan import scan_tasks
from beam_preprocess.job import Job
from beam_preprocess.running.scan_steps import (
    COUNTS,
    EVIDENCE,
    CheckScan,
    FindBoundaries,
    MergeEvidence,
    MergeSummaries,
    ReadTimes,
    Scan,
    WriteVocabulary,
)
from beam_preprocess.running.write_steps import (
    SEGMENTS,
    Fingerprint,
    JoinShards,
    PlanUnits,
    Publish,
    WriteUnits,
)


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
        COUNTS, EVIDENCE, main="summary"
    )
    evidence = AsSingleton(
        scanned[EVIDENCE] | "MergeEvidence" >> beam.CombineGlobally(MergeEvidence(job))
    )
    summary = AsSingleton(
        scanned.summary
        | "MergeStatistics" >> beam.CombineGlobally(MergeSummaries())
        | "CheckScan" >> beam.ParDo(CheckScan(job))
    )
    vocabularies = AsList(
        scanned[COUNTS]
        | "GroupCounts" >> beam.GroupByKey()
        | "WriteVocabularies" >> beam.ParDo(WriteVocabulary(job), summary)
    )
    planned = (
        pipeline
        | "Start" >> beam.Create([None])
        | "PlanUnits" >> beam.ParDo(PlanUnits(job), summary).with_outputs(SEGMENTS, main="units")
    )
    written = (
        planned.units
        | "SpreadUnits" >> beam.Reshuffle()
        | "WriteUnits"
        >> beam.ParDo(WriteUnits(job), summary, vocabularies, *boundaries).with_outputs(
            SEGMENTS, main="written"
        )
    )
    shards = (
        (planned[SEGMENTS], written[SEGMENTS])
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
