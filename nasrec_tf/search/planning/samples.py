"""The data that a plan measures on: a finished data set, or one made of the log's first rows."""

import dataclasses
import os
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from beam_preprocess.dataset.file_format import SCHEMA_FILE
from beam_preprocess.dataset.manifest import verify_file
from beam_preprocess.dataset.schema import SPLIT_NAMES, Schema
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.named_data_set import named_data_set
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.planning.unit_costs import RecordsCost
from nasrec_tf.search.planning.vocabulary_growth import grown_tables
from nasrec_tf.search.results import RecordsResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.stages.records import (
    DATASET,
    check_sparse,
    check_usable,
    configuration_of,
)
from nasrec_tf.search.warm_start import check_columns

SAMPLE_ROWS = 20_000
"""Rows of a raw log that are made a data set of."""

LARGE_SAMPLE_ROWS = 200_000
"""Rows of a larger sample that a longer log is measured by: making a data set of the smaller one
takes what any data set takes, and what its rows take is lost in that."""

LOG = "the log"
"""What messages call a log that is generated."""

MOST_SECONDS = 20.0
"""That the smaller sample may take for there to be a larger one: of wide rows, which take longer,
what any data set takes is little."""

LONGER = 2
"""Times the rows of the smaller sample from which on a log is longer."""

FIRST_SHARE = 4
"""A sample of a share of them comes first: between both one sees how vocabularies grow."""

UNPACKED_BYTES = 4 << 20
"""Of a text file that are read to see how much it unpacks to."""

HASHED_BYTES = 64 << 20
"""Of a data set's records that are read to see how long all of them take."""


@dataclasses.dataclass(frozen=True)
class Sampled:
    """What there is to measure on.

    Args:
        pilot: the run that measures.
        records: what the records stage takes; ``None`` where it has finished.
    """

    pilot: Pilot
    records: RecordsCost | None


def sampled(config: SearchConfig, scratch: pathlib.Path, clock: Any = time.perf_counter) -> Sampled:
    """Finds the data set of a run, or makes one of the first rows of its log.

    Args:
        config: the options.
        scratch: a directory for it, which the caller deletes.
        clock: tells the time.

    Raises:
        DataError, UserError: if the log cannot be used.
    """
    directory = RunDirectory(config.run_dir)
    done = directory.result("records")
    if isinstance(done, RecordsResult):
        path = pathlib.Path(done.dataset)
        return Sampled(data_set_pilot(config, directory, directory.path / path), None)
    finished = named_data_set(config)
    if finished is not None:
        pilot = data_set_pilot(config, directory, finished)
        check_usable(pilot.schema, finished)
        check_columns(pilot, pilot.schema, str(finished))
        return Sampled(pilot, _reading(finished, clock))
    return _of_log(config, directory, scratch, clock)


def data_set_pilot(config: SearchConfig, directory: RunDirectory, path: pathlib.Path) -> Pilot:
    """A run that measures on a finished data set.

    Args:
        config: the options.
        directory: of the run.
        path: of the data set.
    """
    verify_file(path, SCHEMA_FILE)
    schema = Schema.load(path)
    rows = {name: split.rows for name, split in schema.splits.items()}
    return Pilot(
        config, directory, True, data=path, rows=rows, table_rows=tuple(schema.sparse_rows)
    )


def _reading(path: pathlib.Path, clock: Any) -> RecordsCost:
    """Of a stage that compares a data set with its manifest."""
    import hashlib

    files = [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    largest = max(files, key=lambda file: file.stat().st_size)
    started = clock()
    with open(largest, "rb") as stream:
        content = stream.read(HASHED_BYTES)
        hashlib.sha256(content).digest()
    seconds = (clock() - started) * size / max(1, len(content))
    return RecordsCost(0.0, seconds, 0, 0)


def _of_log(
    config: SearchConfig, directory: RunDirectory, scratch: pathlib.Path, clock: Any
) -> Sampled:
    """Makes data sets of the first rows of a raw log, by the code of the stage."""
    run = Pilot(config, directory, True)
    most = config.max_rows or (LARGE_SAMPLE_ROWS if config.data else config.demo_rows)
    rows = min(SAMPLE_ROWS, most)
    made = [_made(run, scratch, count, clock) for count in (max(1, rows // FIRST_SHARE), rows)]
    total = _total(config, made[-1])
    larger = min(LARGE_SAMPLE_ROWS, most, sum(total.values()))
    if larger > LONGER * rows and made[-1].seconds < MOST_SECONDS:
        made.append(_made(run, scratch, larger, clock))
        total = _total(config, made[-1])
    last = made[-1]
    check_columns(run, last.schema, (config.data or (LOG,))[0])
    if not all(total.get(name) for name in SPLIT_NAMES):
        raise UserError(
            f"{(config.data or (LOG,))[0]}: its first {last.rows} rows leave a split empty, so "
            "nothing can be measured on them; leave --plan out."
        )
    before, rows = made[-2], sum(total.values())
    tables = grown_tables(
        before.schema.sparse, last.schema.sparse, last.read / before.read, rows / last.read,
        total["train"], config.min_count, config.max_vocabulary,
    )  # fmt: skip
    pilot = Pilot(config, directory, True, data=last.path, rows=total, table_rows=tables)
    return Sampled(pilot, _records_cost(config, made, rows))


@dataclasses.dataclass(frozen=True)
class _Sample:
    """A data set of a log's first rows.

    Args:
        path: of the data set.
        rows: that were asked for.
        schema: of it.
        seconds: that making it took.
        writing: seconds that the log took, where it is generated.
        log_bytes: of that.
        shares: of the log's bytes or rows that it has read, by the split that files are of.
    """

    path: pathlib.Path
    rows: int
    schema: Schema
    seconds: float
    writing: float
    log_bytes: int
    shares: Mapping[str | None, float]

    @property
    def read(self) -> int:
        """Rows of all its splits."""
        return sum(split.rows for split in self.schema.splits.values())


def _made(run: Run, scratch: pathlib.Path, rows: int, clock: Any) -> _Sample:
    """Makes a data set of the first rows."""
    from beam_preprocess.api import preprocess

    inputs, writing, log_bytes = run.config.data, 0.0, 0
    if inputs is None:
        inputs = (str(scratch / f"demo-{rows}.txt"),)
        started = clock()
        _write_demo(inputs[0], rows, run.config.seed)
        writing, log_bytes = clock() - started, os.path.getsize(inputs[0])
    made = scratch / f"{DATASET}-{rows}"
    configuration = dataclasses.replace(
        configuration_of(run, made, inputs), max_rows=rows, workers=1
    )
    check_columns(run, check_sparse(configuration), inputs[0])
    started = clock()
    preprocess(configuration)
    seconds = clock() - started
    shares = _shares(configuration)
    return _Sample(made, rows, Schema.load(made), seconds, writing, log_bytes, shares)


def _records_cost(config: SearchConfig, made: Sequence[_Sample], total: int) -> RecordsCost:
    """What all rows take, by what samples took.

    Args:
        config: the options.
        made: the samples; the first one has imported what the others found.
        total: rows of the whole log.
    """
    first, second, last = made[0], made[1], made[-1]
    each = last.seconds / last.read
    if last.read > second.read and last.seconds > second.seconds:
        each = (last.seconds - second.seconds) / (last.read - second.read)
    start = max(0.0, first.seconds - each * first.read)
    each += last.writing / last.rows
    size = sum(file.stat().st_size for file in last.path.rglob("*") if file.is_file())
    return RecordsCost(
        start,
        each * total / min(config.workers, os.cpu_count() or 1),
        round(size / last.read * total),
        round(last.log_bytes / last.rows * config.demo_rows),
    )


def _write_demo(path: str, rows: int, seed: int) -> None:
    from nasrec_tf.data.generated_log import write_demo

    write_demo(path, rows, seed)


def _shares(configuration: Any) -> dict[str | None, float]:
    """Share of the log's bytes or rows that the sample has read, by the split that files are of."""
    from beam_preprocess.reading.text_blocks import unpacked_share
    from beam_preprocess.running.input_files import find_inputs

    _, whole = find_inputs(dataclasses.replace(configuration, max_rows=None))
    _, cut = find_inputs(configuration)
    read: dict[str | None, float] = {}
    there: dict[str | None, float] = {}
    for files, found in ((whole, there), (cut, read)):
        for file in files:
            size = sum(file.row_groups) or file.size * unpacked_share(file, UNPACKED_BYTES)
            if file.limit is not None:
                size = min(size, file.limit)
            found[file.split] = found.get(file.split, 0.0) + size
    return {split: read[split] / there[split] for split in read}


def _total(config: SearchConfig, sample: _Sample) -> dict[str, int]:
    """Rows of the whole log by split, about."""
    read = {name: split.rows for name, split in sample.schema.splits.items()}
    if config.data is None:
        wanted = config.demo_rows
        return {name: round(rows * wanted / sum(read.values())) for name, rows in read.items()}
    shares = sample.shares
    found = {name: rows / shares.get(name, shares.get(None, 1.0)) for name, rows in read.items()}
    if config.max_rows is not None:
        found = limited(found, config.max_rows, are_given=None not in shares)
    return {name: round(rows) for name, rows in found.items()}


def limited(rows: Mapping[str, float], most: int, are_given: bool) -> dict[str, float]:
    """What is read of a log of which the first so many rows are.

    Args:
        rows: of each split.
        most: as ``--max-rows`` says.
        are_given: whether the splits have files of their own, each of which is read so far.

    Example:
        >>> rows = {"train": 800, "validation": 100, "test": 100}
        >>> limited(rows, 500, False)
        {'train': 400.0, 'validation': 50.0, 'test': 50.0}
        >>> limited(rows, 500, True)
        {'train': 500, 'validation': 100, 'test': 100}
    """
    if are_given:
        return {name: min(count, most) for name, count in rows.items()}
    share = min(1.0, most / sum(rows.values()))
    return {name: count * share for name, count in rows.items()}
