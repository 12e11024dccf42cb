"""The second pass over the raw data: encodes the rows of a unit and sorts them by shard."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import numpy as np

from beam_preprocess.dataset.feature_schema import MISSING_ID, OUT_OF_VOCABULARY_ID
from beam_preprocess.dataset.schema import SPLIT_NAMES
from beam_preprocess.encoding.encode import RowEncoder
from beam_preprocess.encoding.plan import WriteUnit
from beam_preprocess.encoding.row_order import Layout, hashed_places, successive_places
from beam_preprocess.encoding.scan import BlockRows, Boundaries, read_rows
from beam_preprocess.job import Job
from beam_preprocess.reading.parse import Reject
from beam_preprocess.writing.output_files import write_file
from beam_preprocess.writing.segments import SegmentWriter, UnitSegments
from beam_preprocess.writing.tfexample import encode_records

_SHOWN_CHARACTERS = 1000


@dataclasses.dataclass
class Written:
    """What one unit wrote.

    Attributes:
      rows, positives: Per split.
      outside, present: Rows per split and sparse feature whose value has no id of its own, and
        rows with a value; of a multi-valued feature, items; int64 [splits, features].
      rejected: Rows in the rejects file.
      files: From name to (size, SHA-256), of the rejects file.
      segments: From (split, shard) to where its rows are.
    """

    rows: list[int] = dataclasses.field(default_factory=lambda: [0, 0, 0])
    positives: list[int] = dataclasses.field(default_factory=lambda: [0, 0, 0])
    outside: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0), np.int64))
    present: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0), np.int64))
    rejected: int = 0
    files: dict[str, tuple[int, str]] = dataclasses.field(default_factory=dict)
    segments: dict[tuple[int, int], UnitSegments] = dataclasses.field(default_factory=dict)


def write_unit(
    job: Job,
    unit: WriteUnit,
    encoder: RowEncoder,
    layouts: Sequence[Layout],
    boundaries: Boundaries,
) -> Written:
    """Encodes the rows of one unit and writes them to its unit file.

    Args:
      job: The run.
      unit: What to read.
      encoder: Of the run.
      layouts: The places of each split's rows.
      boundaries: Of the chronological split, or None.
    """
    writer = _UnitWriter(job, unit, encoder, layouts)
    first_line = unit.first_line
    for block in read_rows(job, unit.task, boundaries, "write"):
        writer.add(block, first_line)
        first_line += block.line_count
    return writer.close()


class _UnitWriter:
    def __init__(self, job: Job, unit: WriteUnit, encoder: RowEncoder, layouts: Sequence[Layout]):
        self._job = job
        self._unit = unit
        self._encoder = encoder
        self._longest = encoder.longest
        self._starts = encoder.starts
        self._layouts = layouts
        shape = len(SPLIT_NAMES), len(job.config.description.sparse or ())
        self._written = Written(
            outside=np.zeros(shape, np.int64), present=np.zeros(shape, np.int64)
        )
        self._rejects: list[str] = []
        self._segments = SegmentWriter(job, unit.number)

    def add(self, block: BlockRows, first_line: int) -> None:
        """Encodes the rows of a block of text whose first line has that number in the group."""
        for reject in block.rejects:
            self._add_reject(reject, reject.line + first_line - self._unit.file_first_line + 1)
        if not len(block.rows):
            return
        label, dense, sparse = self._encoder.encode(block.rows)
        for split in range(len(SPLIT_NAMES)):
            chosen = block.splits == split
            self._written.rows[split] += int(chosen.sum())
            self._written.positives[split] += int(label[chosen].sum())
            ids = sparse[chosen]
            self._written.outside[split] += self._by_feature(ids == OUT_OF_VOCABULARY_ID)
            self._written.present[split] += self._by_feature(ids > MISSING_ID)
        splits, shards, blocks = self._places(block, first_line)
        # Sorted by place, and within a place in the log's order, the rows are encoded at once.
        order = np.lexsort((blocks, shards, splits))
        weight, group = (
            None if values is None else values[order]
            for values in (block.rows.weight, block.rows.group)
        )
        records, sizes = encode_records(
            label[order], dense[order], sparse[order], weight, group, self._longest
        )
        places = np.stack([splits, shards, blocks], axis=1)[order]
        first = np.flatnonzero(np.any(places[1:] != places[:-1], axis=1)) + 1
        bounds = [0, *first.tolist(), len(order)]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        for begin, end in zip(bounds[:-1], bounds[1:], strict=True):
            split, shard, number = map(int, places[begin])
            part = records[ends[begin] : ends[end]]
            self._segments.add((split, shard, number), part, end - begin)
        self._segments.spill()

    def _by_feature(self, found: np.ndarray) -> np.ndarray:
        """int64 [features], how many ids of a feature are marked in bool [rows, ids]."""
        counts = found.sum(axis=0)
        return counts if self._longest is None else np.add.reduceat(counts, self._starts)

    def _places(
        self, block: BlockRows, first_line: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Split, shard and block of each row, int64 [rows] each."""
        config, lines = self._job.config, block.rows.lines
        places = np.zeros(len(lines), np.int64)
        blocks_of_shard = np.ones(len(lines), np.int64)
        for split, layout in enumerate(self._layouts):
            chosen = block.splits == split
            if config.row_order == "log":
                total = self._unit.group_lines
                places[chosen] = successive_places(lines[chosen] + first_line, total, layout.places)
            else:
                places[chosen] = hashed_places(
                    lines[chosen],
                    seed=config.seed,
                    file=self._unit.task.file.index,
                    block=block.block,
                    places=layout.places,
                )
            blocks_of_shard[chosen] = layout.blocks
        return block.splits.astype(np.int64), places // blocks_of_shard, places % blocks_of_shard

    def _add_reject(self, reject: Reject, line: int) -> None:
        text = reject.row[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")
        entry = {
            "file": self._unit.task.file.path,
            "line": line,
            "reason": reject.reason,
            "row": text[:_SHOWN_CHARACTERS],
        }
        self._rejects.append(json.dumps(entry, ensure_ascii=False))

    def close(self) -> Written:
        """Finishes the files of the unit."""
        self._written.segments = self._segments.close()
        if self._rejects:
            name = f"rejects/part-{self._unit.number:05d}.jsonl"
            text = "".join(f"{entry}\n" for entry in self._rejects)
            self._written.files[name] = write_file(self._job, name, text.encode())
            self._written.rejected = len(self._rejects)
        return self._written
