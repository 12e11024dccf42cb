"""The data that a plan measures on: a finished data set, or one made of the log's first rows."""

import dataclasses
import math
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any

from beam_preprocess.dataset.file_format import SCHEMA_FILE
from beam_preprocess.dataset.manifest import verify_file
from beam_preprocess.dataset.schema import SPLIT_NAMES, Schema
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.named_data_set import named_data_set
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.planning.unit_costs import RecordsCost
from nasrec_tf.search.results import RecordsResult
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
    from beam_preprocess.api import preprocess

    sizes, seconds, schemas, shares = [], [], [], {}
    made = scratch / DATASET
    inputs = config.data
    rows = SAMPLE_ROWS if config.max_rows is None else min(SAMPLE_ROWS, config.max_rows)
    if config.data is None:
        rows = min(rows, config.demo_rows)
        inputs = (str(scratch / "demo.txt"),)
        started = clock()
        _write_demo(inputs[0], rows, config.seed)
        seconds.append(clock() - started)
    for number, count in enumerate((max(1, rows // FIRST_SHARE), rows)):
        made = scratch / f"{DATASET}-{number}"
        run = Pilot(config, directory, True)
        configuration = dataclasses.replace(
            configuration_of(run, made, inputs), max_rows=count, workers=1
        )
        check_columns(run, check_sparse(configuration), inputs[0])
        started = clock()
        preprocess(configuration)
        sizes.append(count)
        seconds.append(clock() - started)
        schemas.append(Schema.load(made))
        shares = _shares(configuration)
    check_columns(run, schemas[-1], inputs[0])
    read = {name: split.rows for name, split in schemas[-1].splits.items()}
    total = _total(config, read, shares)
    if not all(total.get(name) for name in SPLIT_NAMES):
        raise UserError(
            f"{(inputs or ('the log',))[0]}: its first {rows} rows leave a split empty, so nothing "
            "can be measured on them; leave --plan out."
        )
    tables = _tables(schemas, sum(total.values()))
    pilot = Pilot(config, directory, True, data=made, rows=total, table_rows=tables)
    first, second = seconds[-2:]
    each = second / sum(read.values())
    if len(seconds) == 3:
        each += seconds[0] / rows
    size = sum(file.stat().st_size for file in made.rglob("*") if file.is_file())
    # The second sample found everything imported.
    start = max(0.0, first - second * sizes[0] / sizes[1])
    workers = min(config.workers, os.cpu_count() or 1)
    return Sampled(
        pilot,
        RecordsCost(
            start,
            each * sum(total.values()) / workers,
            round(size / sum(read.values()) * sum(total.values())),
            _demo_bytes(config, inputs, rows),
        ),
    )


def _write_demo(path: str, rows: int, seed: int) -> None:
    from nasrec_tf.data.generated_log import write_demo

    write_demo(path, rows, seed)


def _demo_bytes(config: SearchConfig, inputs: tuple[str, ...], rows: int) -> int:
    if config.data is not None:
        return 0
    return round(os.path.getsize(inputs[0]) / rows * config.demo_rows)


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


def _total(
    config: SearchConfig, read: Mapping[str, int], shares: Mapping[str | None, float]
) -> dict[str, int]:
    """Rows of the whole log by split, about."""
    if config.data is None:
        wanted = config.demo_rows
        return {name: round(rows * wanted / sum(read.values())) for name, rows in read.items()}
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


def _tables(schemas: list[Schema], rows: int) -> tuple[int, ...]:
    """Rows of the tables of the whole log: they grow as a power of its rows (Heaps' law)."""
    few, many = (sum(split.rows for split in schema.splits.values()) for schema in schemas)
    tables = []
    for before, now in zip(schemas[0].sparse_rows, schemas[1].sparse_rows):
        power = 0.0
        if many > few and now > before:
            power = min(1.0, math.log(now / before) / math.log(many / few))
        tables.append(round(now * max(1.0, rows / many) ** power))
    return tuple(tables)
