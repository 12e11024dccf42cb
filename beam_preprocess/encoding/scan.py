"""The first pass: statistics and value counts of the training split, rejects, line counts."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_preprocess.dataset.schema import SPLIT_NAMES
from beam_preprocess.encoding.evidence import Evidence
from beam_preprocess.encoding.plan import ScanTask
from beam_preprocess.encoding.splits import (
    TRAIN,
    chronological_splits,
    grouped_splits,
    stratified_splits,
)
from beam_preprocess.encoding.statistics import Moments, Summary
from beam_preprocess.encoding.vocabulary import ValueCounter
from beam_preprocess.job import Job
from beam_preprocess.reading.column_kinds import SparseColumn
from beam_preprocess.reading.decode import Rows, decode_rows
from beam_preprocess.reading.lists import first_items
from beam_preprocess.reading.parse import Reject
from beam_preprocess.reading.source import read_raw
from beam_preprocess.reading.text_blocks import InputFile

Boundaries = tuple[int, int] | None


class BlockRows:
    """The checked rows of one block, each with its split.

    Attributes:
      rows: The well-formed rows.
      splits: int8 [rows].
      rejects: The others.
      block: Index of the block in its file.
      line_count: Lines in it.
    """

    def __init__(
        self, rows: Rows, splits: np.ndarray, rejects: list[Reject], block: int, line_count: int
    ):
        self.rows = rows
        self.splits = splits
        self.rejects = rejects
        self.block = block
        self.line_count = line_count


def read_rows(job: Job, task: ScanTask, boundaries: Boundaries, stage: str) -> Iterator[BlockRows]:
    """Reads, checks and splits the rows of a task, block by block. Both passes go through here.

    Args:
      job: The run.
      task: What to read.
      boundaries: The two times of the chronological split, or None.
      stage: What progress is reported under: ``times``, ``scan`` or ``write``.

    Raises:
      DataError: The file cannot be read. Rows that are malformed are rejects, and raise nothing.
    """
    config = job.config
    blocks = read_raw(
        task.file,
        task.first,
        task.last,
        config.description,
        job.side_files,
        config.max_row_bytes,
    )
    for block, raw, size in blocks:
        job.report_progress(stage, size)
        rows, rejects = decode_rows(
            raw, config.description, numeric_ids=config.encoding == "modulo"
        )
        splits = _splits(job, task.file, block, rows, boundaries)
        yield BlockRows(rows, splits, rejects, block, raw.line_count)


def _splits(
    job: Job, file: InputFile, block: int, rows: Rows, boundaries: Boundaries
) -> np.ndarray:
    if file.split is not None:
        return np.full(len(rows), SPLIT_NAMES.index(file.split), np.int8)
    if boundaries is not None:
        return chronological_splits(rows.time, boundaries)
    place = {"seed": job.config.seed, "file": file.index, "block": block}
    if rows.group is not None and job.config.split == "grouped":
        return grouped_splits(rows.group, rows.lines, fractions=job.config.fractions, **place)
    return stratified_splits(rows.label, rows.lines, fractions=job.config.fractions, **place)


class Scanner:
    """Gathers statistics over tasks.

    Args:
      job: The run.
      boundaries: Of the chronological split, or None.
    """

    def __init__(self, job: Job, boundaries: Boundaries):
        self._job = job
        self._boundaries = boundaries
        counted = job.config.description.sparse if job.config.encoding == "vocabulary" else ()
        self.counters = {column.name: ValueCounter() for column in counted}
        self.evidence = Evidence.empty(job.config.description)

    def scan(self, task: ScanTask) -> Summary:
        """The summary of one task; more goes to ``counters`` and ``evidence``.

        Args:
          task: What to read.

        Raises:
          DataError: The file cannot be read.
        """
        summary = Summary()
        for block in read_rows(self._job, task, self._boundaries, "scan"):
            self._add_block(summary, task.file, block)
        return summary

    def _add_block(self, summary: Summary, file: InputFile, block: BlockRows) -> None:
        summary.block_lines[file.split, file.index, block.block] = block.line_count
        for reject in block.rejects:
            summary.rejected[generic_reason(reject.reason)] += 1
            summary.first_rejects.append(
                (file.split or "", file.index, block.block, reject.line, file.path, reject.reason)
            )
        for split in range(len(SPLIT_NAMES)):
            chosen = block.splits == split
            summary.rows[split] += int(chosen.sum())
            summary.positives[split] += int(block.rows.label[chosen].sum())
            if block.rows.weight is not None:
                weight = block.rows.weight[chosen].astype(np.float64)
                clicked = weight[block.rows.label[chosen] == 1]
                summary.weight[split] += Fraction(float(weight.sum()))
                summary.positive_weight[split] += Fraction(float(clicked.sum()))
        if block.rows.answers is not None:
            positive = {value.encode() for value in self._job.config.description.label_positive}
            summary.add_answers(block.rows.answers.unique().to_pylist(), positive)
        clicks = int(block.rows.label.sum())
        key = file.split or "", file.index, block.block
        summary.block_labels[key] = len(block.rows), clicks
        group = SPLIT_NAMES.index(file.split) if file.split else 0
        place = self._job.config.seed, group << 32 | file.index, block.block
        self.evidence.add_block(block.rows, block.splits, self._job.config.description, place)
        summary.first_rejects = sorted(summary.first_rejects)[: Summary.KEPT_REJECTS]
        for column in self._job.config.description.sparse:
            if column.is_list:
                lengths, _ = first_items(block.rows.sparse[column.raw_key], column.most_items)
                longest = max(summary.longest.get(column.name, 1), int(lengths.max(initial=1)))
                summary.longest[column.name] = longest
        training = block.splits == TRAIN
        if training.any():
            self._add_training(summary, block.rows.take(training))

    def _add_training(self, summary: Summary, rows: Rows) -> None:
        for name, values in rows.dense.items():
            summary.dense.setdefault(name, Moments()).add(Moments.of(values))
        for column in self._job.config.description.sparse:
            values = rows.sparse[column.raw_key]
            summary.missing[column.name] += values.null_count
            if column.is_list:
                values = self._count_items(summary, column, values)
            if column.name in self.counters:
                self.counters[column.name].add(values)

    @staticmethod
    def _count_items(summary: Summary, column: SparseColumn, values: pa.ListArray) -> pa.Array:
        """The items that are kept."""
        lengths, items = first_items(values, column.most_items)
        whole = pc.list_value_length(values).fill_null(0).to_numpy()
        summary.items[column.name] += len(items)
        summary.cut[column.name] += int((whole > lengths).sum())
        return items


def generic_reason(reason: str) -> str:
    """The reason without the value at fault, for counting.

    Args:
      reason: Why a row was rejected.

    >>> generic_reason("column price: not a number: 'abc'")
    'column price: not a number'
    >>> generic_reason("39 columns instead of 40")
    '39 columns instead of 40'
    """
    return reason.rsplit(": ", 1)[0] if reason.startswith("column ") else reason
