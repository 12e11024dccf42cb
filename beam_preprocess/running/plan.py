"""Cutting the work: which blocks a scan task reads, and which lines go into which shard."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from beam_preprocess.encoding.statistics import Summary
from beam_preprocess.reading.text_blocks import InputFile

_BLOCKS_PER_TASK = 32

# Shards per split where the user names no number: enough files for a parallel reader, none tiny,
# and none so large that it cannot be fetched again in a moment.
_LINES_PER_SMALL_SHARD = 4096
_SMALL_SHARDS = 8
_LINES_PER_SHARD = 1 << 18


@dataclasses.dataclass(frozen=True)
class ScanTask:
    """Blocks ``first`` to ``last`` (excluded; None: to the end) of one file."""

    file: InputFile
    first: int
    last: int | None


@dataclasses.dataclass(frozen=True)
class Piece:
    """A scan task with line numbers (from 0) that count through all files of its split group.

    Attributes:
      first_line: First line of the task.
      file_first_line: First line of its file.
    """

    task: ScanTask
    first_line: int
    file_first_line: int


@dataclasses.dataclass(frozen=True)
class ShardUnit:
    """Some shards that one worker writes in one go.

    Attributes:
      number: Of the unit in the whole run.
      group: The split that the files were given for, or None.
      pieces: What to read.
      shards: Shard numbers, in a row.
      bounds: First line of each of these shards, and the line behind the last.
      shard_count: Shards of the group.
    """

    number: int
    group: str | None
    pieces: tuple[Piece, ...]
    shards: tuple[int, ...]
    bounds: tuple[int, ...]
    shard_count: int


def scan_tasks(files: Iterable[InputFile]) -> list[ScanTask]:
    """Tasks that together read every block once; a compressed file cannot be cut."""
    tasks = []
    for file in files:
        blocks = file.block_count
        if blocks is None:
            tasks.append(ScanTask(file, 0, None))
            continue
        for first in range(0, blocks, _BLOCKS_PER_TASK):
            tasks.append(ScanTask(file, first, min(first + _BLOCKS_PER_TASK, blocks)))
    return tasks


def shard_units(
    files: tuple[InputFile, ...], summary: Summary, shards: int | None
) -> list[ShardUnit]:
    """The units of all split groups."""
    units: list[ShardUnit] = []
    for group in dict.fromkeys(file.split for file in files):
        members = [file for file in files if file.split == group]
        layout = _FileLines(members, summary)
        count = min(shards or _default_shards(layout.total), max(1, layout.total))
        if any(file.compressed for file in members):
            ranges = _shards_by_file(layout, count)
        else:
            bounds = [layout.total * shard // count for shard in range(count + 1)]
            ranges = [(bounds[shard : shard + 2]) for shard in range(count)]
        shard = 0
        shard_count = sum(len(bounds) - 1 for bounds in ranges)
        for bounds in ranges:
            numbers = tuple(range(shard, shard + len(bounds) - 1))
            pieces = tuple(layout.pieces(bounds[0], bounds[-1]))
            units.append(ShardUnit(len(units), group, pieces, numbers, tuple(bounds), shard_count))
            shard += len(numbers)
    return units


class _FileLines:
    """Where the blocks of a group's files begin, counted in lines through all files."""

    def __init__(self, files: list[InputFile], summary: Summary):
        self.files = files
        self.first_lines: list[np.ndarray] = []  # per file: first line of each block, and the end
        self.total = 0
        for file in files:
            lines, block = [], 0
            while (file.split, file.index, block) in summary.block_lines:
                lines.append(summary.block_lines[file.split, file.index, block])
                block += 1
            self.first_lines.append(self.total + np.concatenate([[0], np.cumsum(lines)]))
            self.total = int(self.first_lines[-1][-1])

    def pieces(self, begin: int, end: int) -> Iterable[Piece]:
        """What holds the lines from ``begin`` to ``end`` (excluded)."""
        for file, first_lines in zip(self.files, self.first_lines, strict=True):
            if first_lines[-1] <= begin or first_lines[0] >= end:
                continue
            first = int(np.searchsorted(first_lines, max(begin, first_lines[0]), "right")) - 1
            last = int(np.searchsorted(first_lines, min(end, first_lines[-1]), "left"))
            task = ScanTask(file, first, last)
            yield Piece(task, int(first_lines[first]), int(first_lines[0]))


def _default_shards(lines: int) -> int:
    small = max(1, min(_SMALL_SHARDS, lines // _LINES_PER_SMALL_SHARD))
    return max(small, -(-lines // _LINES_PER_SHARD))


def _shards_by_file(layout: _FileLines, count: int) -> list[list[int]]:
    """Line bounds of the shards of each unit, where no file may be read by two units."""
    spans = [(int(lines[0]), int(lines[-1])) for lines in layout.first_lines]
    spans = [span for span in spans if span[1] > span[0]]
    if count < len(spans):
        # Fewer shards than files: whole files to a shard, by where their middle falls.
        shard_of = [(begin + end) // 2 * count // layout.total for begin, end in spans]
        grouped: dict[int, list[int]] = {}
        for shard, (begin, end) in zip(shard_of, spans, strict=True):
            grouped.setdefault(shard, [begin, end])[1] = end
        return list(grouped.values())
    shares = _apportion([end - begin for begin, end in spans], count)
    return [
        [begin + (end - begin) * shard // share for shard in range(share + 1)]
        for (begin, end), share in zip(spans, shares, strict=True)
    ]


def _apportion(weights: list[int], count: int) -> list[int]:
    """``count`` in whole numbers, at least 1 each, as near to proportional as they get."""
    shares = [1] * len(weights)
    for _ in range(count - len(weights)):
        # The next one goes where the load of a share is largest (Jefferson's method).
        loads = [weight / (share + 1) for weight, share in zip(weights, shares, strict=True)]
        shares[int(np.argmax(loads))] += 1
    return shares
