"""The second pass: encodes rows and writes them to the shards of their split."""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from beam_preprocess.dataset.schema import SPLIT_NAMES
from beam_preprocess.encoding.encode import RowEncoder
from beam_preprocess.encoding.scan import BlockRows, Boundaries, read_rows
from beam_preprocess.reading.parse import Reject
from beam_preprocess.running.job import Job
from beam_preprocess.running.plan import Piece, ShardUnit
from beam_preprocess.writing.output_files import OutputFile, write_file
from beam_preprocess.writing.tfexample import encode_records

_SHOWN_CHARACTERS = 1000


@dataclasses.dataclass
class Written:
    """What one unit wrote.

    Attributes:
      rows, positives: Per split.
      rejected: Rows in the rejects file.
      files: From name to (size, SHA-256).
      shard_files: From split name to the names of its shards.
    """

    rows: list[int] = dataclasses.field(default_factory=lambda: [0, 0, 0])
    positives: list[int] = dataclasses.field(default_factory=lambda: [0, 0, 0])
    rejected: int = 0
    files: dict[str, tuple[int, str]] = dataclasses.field(default_factory=dict)
    shard_files: dict[str, list[str]] = dataclasses.field(default_factory=dict)


def write_unit(job: Job, unit: ShardUnit, encoder: RowEncoder, boundaries: Boundaries) -> Written:
    """Writes the shards of one unit."""
    writer = _UnitWriter(job, unit, encoder)
    for piece in unit.pieces:
        first_line = piece.first_line
        for block in read_rows(job, piece.task, boundaries, "write"):
            writer.add(block, first_line, piece)
            first_line += block.line_count
    return writer.close()


class _UnitWriter:
    def __init__(self, job: Job, unit: ShardUnit, encoder: RowEncoder):
        self._job = job
        self._unit = unit
        self._encoder = encoder
        self._bounds = np.asarray(unit.bounds)
        self._written = Written()
        self._rejects: list[str] = []
        self._files = {
            (split, shard): OutputFile(
                job,
                f"{SPLIT_NAMES[split]}-{shard:05d}-of-{unit.shard_count:05d}.tfrecord.gz",
                job.config.compression_level,
            )
            for split in range(len(SPLIT_NAMES))
            if unit.group in (None, SPLIT_NAMES[split])
            for shard in unit.shards
        }

    def add(self, block: BlockRows, first_line: int, piece: Piece) -> None:
        """Writes the rows of a block whose first line has that number in the group."""
        shard = np.searchsorted(self._bounds, block.rows.lines + first_line, "right") - 1
        inside = (shard >= 0) & (shard < len(self._unit.shards))
        for reject in block.rejects:
            if self._unit.bounds[0] <= reject.line + first_line < self._unit.bounds[-1]:
                line = reject.line + first_line - piece.file_first_line + 1
                self._add_reject(reject, line, piece.task.file.path)
        if not inside.any():
            return
        rows = block.rows if inside.all() else block.rows.take(inside)
        label, dense, sparse = self._encoder.encode(rows)
        shard, splits = shard[inside], block.splits[inside]
        for split in np.unique(splits):
            self._written.rows[split] += int((splits == split).sum())
            self._written.positives[split] += int(label[splits == split].sum())
            for index in np.unique(shard):
                chosen = (splits == split) & (shard == index)
                records = encode_records(label[chosen], dense[chosen], sparse[chosen])
                self._files[split, self._unit.shards[index]].write(records)

    def _add_reject(self, reject: Reject, line: int, path: str) -> None:
        text = reject.row[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")
        entry = {
            "file": path,
            "line": line,
            "reason": reject.reason,
            "row": text[:_SHOWN_CHARACTERS],
        }
        self._rejects.append(json.dumps(entry, ensure_ascii=False))

    def close(self) -> Written:
        for (split, _), file in sorted(self._files.items()):
            self._written.files[file.name] = file.close()
            self._written.shard_files.setdefault(SPLIT_NAMES[split], []).append(file.name)
        if self._rejects:
            name = f"rejects/part-{self._unit.number:05d}.jsonl"
            text = "".join(f"{entry}\n" for entry in self._rejects)
            self._written.files[name] = write_file(self._job, name, text.encode())
            self._written.rejected = len(self._rejects)
        return self._written
