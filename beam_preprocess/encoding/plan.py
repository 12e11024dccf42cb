"""Cutting the work: which blocks of the raw files a task reads, and which lines those are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from beam_preprocess.encoding.statistics import Summary
from beam_preprocess.reading.text_blocks import InputFile

_BLOCKS_PER_TASK = 32


@dataclasses.dataclass(frozen=True)
class ScanTask:
    """Blocks of one file, read by one worker in one go.

    Attributes:
      file: The file.
      first: First block.
      last: The block to stop before; None for the end of the file.
    """

    file: InputFile
    first: int
    last: int | None


@dataclasses.dataclass(frozen=True)
class WriteUnit:
    """The part of the raw data whose rows one worker encodes in one go.

    Lines count from 0 through all files of a split group.

    Attributes:
      number: Of the unit in the whole run.
      task: What to read.
      first_line: First line of the task.
      file_first_line: First line of its file.
      group_lines: Lines of all files of the group.
    """

    number: int
    task: ScanTask
    first_line: int
    file_first_line: int
    group_lines: int


def scan_tasks(files: Iterable[InputFile]) -> list[ScanTask]:
    """Tasks that together read every block once; a compressed file cannot be cut.

    Args:
      files: The input files.

    >>> [(task.first, task.last) for task in scan_tasks([InputFile(0, "log.txt", 40 << 20)])]
    [(0, 32), (32, 40)]
    >>> [(task.first, task.last) for task in scan_tasks([InputFile(0, "log.txt.gz", 40 << 20)])]
    [(0, None)]
    """
    tasks = []
    for file in files:
        blocks = file.block_count
        if blocks is None:
            tasks.append(ScanTask(file, 0, None))
            continue
        for first in range(0, blocks, _BLOCKS_PER_TASK):
            tasks.append(ScanTask(file, first, min(first + _BLOCKS_PER_TASK, blocks)))
    return tasks


def write_units(files: Iterable[InputFile], summary: Summary) -> list[WriteUnit]:
    """The units of all files: the tasks of the first pass, once the lines of blocks are known.

    Args:
      files: The input files.
      summary: What the first pass found.
    """
    files = tuple(files)
    units: list[WriteUnit] = []
    for group in dict.fromkeys(file.split for file in files):
        members = [file for file in files if file.split == group]
        lines = {file.index: _block_lines(file, summary) for file in members}
        group_lines = sum(map(sum, lines.values()))
        file_first_line = 0
        for file in members:
            first_line = file_first_line
            for task in scan_tasks([file]):
                units.append(WriteUnit(len(units), task, first_line, file_first_line, group_lines))
                first_line += sum(lines[file.index][task.first : task.last])
            file_first_line = first_line
    return units


def _block_lines(file: InputFile, summary: Summary) -> list[int]:
    """Lines of each block of a file."""
    lines: list[int] = []
    while (file.split, file.index, len(lines)) in summary.block_lines:
        lines.append(summary.block_lines[file.split, file.index, len(lines)])
    return lines
