"""Speed and memory of the preprocessing on generated text of Criteo's shape.

    python -m benchmarks.preprocess --rows 1000000 --runs plain memory processes

``plain`` calls the two passes without Beam, in one process: the limit. ``memory`` is the in-memory
runner, ``processes`` two worker processes. Rows per second and core cover both passes, start-up
included; so do rows per second of processor time, which another program on the machine disturbs
less. The memory is the largest resident set of all processes together, sampled.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import sys
import tempfile

from benchmarks.process_tree import watched

RUNS = ("plain", "memory", "processes")
WORKERS = 2
_BATCH = 100_000


def generate(path: pathlib.Path, rows: int, seed: int = 1) -> None:
    """Writes ``rows`` lines of Criteo's shape: label, 13 integers, 26 hexadecimal categories.

    A category's values follow a power law over a pool of Criteo's own size for that column, at most
    100,000, so that the number of distinct values, and with it the memory for the vocabularies,
    stops growing with the rows.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    from beam_preprocess.datasets.criteo import CRITEO_TABLE_ROWS

    random = np.random.default_rng(seed)
    pools = [
        pa.array([f"{value:08x}" for value in random.integers(0, 2**32, min(size, 100_000))])
        for size in CRITEO_TABLE_ROWS
    ]
    options = arrow_csv.WriteOptions(
        include_header=False, delimiter="\t", quoting_style="none", batch_size=_BATCH
    )
    with path.open("wb") as stream:
        for first in range(0, rows, _BATCH):
            count = min(_BATCH, rows - first)
            columns = {"label": pa.array((random.random(count) < 0.25).astype(np.int8))}
            for index in range(13):
                values = np.floor(np.exp(random.normal(2.0, 2.0, count))).astype(np.int64)
                missing = random.random(count) < 0.05 * index
                columns[f"I{index + 1}"] = pa.array(values, mask=missing)
            for index, pool in enumerate(pools):
                ranks = np.floor(len(pool) * random.random(count) ** 4).astype(np.int64)
                missing = random.random(count) < 0.02 * (index % 5)
                columns[f"C{index + 1}"] = pool.take(pa.array(ranks, mask=missing))
            arrow_csv.write_csv(pa.table(columns), stream, options)


def run_once(kind: str, source: str, output: str, shards: int) -> None:
    """One preprocessing run in this process, started by :func:`measure`."""
    from beam_preprocess.config import PreprocessConfig
    from beam_preprocess.datasets import find_description

    config = PreprocessConfig(
        find_description("criteo"),
        output,
        inputs=(source,),
        shards=shards,
        workers=WORKERS if kind == "processes" else 1,
    )
    if kind == "plain":
        _run_plain(config)
        return
    from beam_preprocess.api import preprocess

    preprocess(config)


def _run_plain(config) -> None:
    """Both passes one after the other, without Beam's graph."""
    import pyarrow as pa

    from beam_preprocess.dataset.schema import SPLIT_NAMES
    from beam_preprocess.encoding.encode import RowEncoder
    from beam_preprocess.encoding.entry_selection import EntrySelection
    from beam_preprocess.encoding.feature_statistics import build_features, vocabulary_path
    from beam_preprocess.encoding.plan import scan_tasks, write_units
    from beam_preprocess.encoding.scan import Scanner
    from beam_preprocess.encoding.statistics import Summary
    from beam_preprocess.encoding.vocabulary import (
        VocabularyCounts,
        default_min_count,
        vocabulary_text,
    )
    from beam_preprocess.job import UNITS_DIRECTORY, Job
    from beam_preprocess.running.input_files import find_inputs
    from beam_preprocess.writing.output_files import write_file
    from beam_preprocess.writing.publish import shard_layouts, shard_name
    from beam_preprocess.writing.segments import join_shard
    from beam_preprocess.writing.unit_writer import write_unit

    config, files = find_inputs(config)
    os.makedirs(os.path.join(config.output, "vocabularies"))
    job = Job(config, files, (), config.output, config.output, local=False)
    scanner, summary = Scanner(job, None), Summary()
    for task in scan_tasks(files):
        summary.add(scanner.scan(task))
    min_count = default_min_count(summary.rows[0])
    vocabularies, entries = [], {}
    for name, counter in scanner.counters.items():
        selection = EntrySelection(min_count, None)
        selection.add(counter.table())
        selected = pa.concat_arrays([pa.array([], pa.binary()), *selection.pieces()])
        entries[name] = selected
        path = vocabulary_path(name)
        size, digest = write_file(job, path, vocabulary_text(selected))
        counts = selection.entries, selection.distinct, min_count, selection.outside
        vocabularies.append(VocabularyCounts(name, path, *counts, size, digest))
    encoder = RowEncoder(*build_features(config, summary, vocabularies), entries)
    layouts = shard_layouts(config, summary)
    os.makedirs(os.path.join(config.output, UNITS_DIRECTORY))
    parts: dict[tuple[int, int], list] = {}
    for unit in write_units(files, summary):
        written = write_unit(job, unit, encoder, layouts, None)
        for shard, segments in written.segments.items():
            parts.setdefault(shard, []).append(segments)
    for (split, shard), segments in parts.items():
        name = shard_name(SPLIT_NAMES[split], shard, layouts[split])
        join_shard(job, SPLIT_NAMES[split], name, segments)


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One run: seconds of wall and of processor time, and peak memory in MiB, of all processes."""

    kind: str
    rows: int
    seconds: float
    processor_seconds: float
    mebibytes: float

    @property
    def rows_per_second_and_core(self) -> float:
        return self.rows / self.seconds / (WORKERS if self.kind == "processes" else 1)

    @property
    def rows_per_processor_second(self) -> float:
        return self.rows / self.processor_seconds


def measure(kind: str, source: pathlib.Path, rows: int, shards: int) -> Measurement:
    """Runs one kind in a process of its own."""
    output = tempfile.mkdtemp(dir=source.parent)
    os.rmdir(output)
    command = [sys.executable, "-m", "benchmarks.preprocess", "--child", kind]
    command += ["--source", str(source), "--output", output, "--shards", str(shards)]
    used = watched(command)
    shutil.rmtree(output, ignore_errors=True)
    if used.code:
        raise SystemExit(f"the run {kind!r} failed with exit code {used.code}")
    return Measurement(kind, rows, used.seconds, used.processor_seconds, used.peak_bytes / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--directory", help="where the text is generated (default: temporary)")
    parser.add_argument("--child", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--source", help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_once(options.child, options.source, options.output, options.shards)
        return
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        for rows in options.rows:
            source = pathlib.Path(directory) / f"criteo-{rows}.txt"
            generate(source, rows)
            for kind in options.runs * options.repeat:
                found = measure(kind, source, rows, options.shards)
                line = dataclasses.asdict(found) | {
                    "rows_per_second_and_core": round(found.rows_per_second_and_core),
                    "rows_per_processor_second": round(found.rows_per_processor_second),
                }
                print(json.dumps(line), flush=True)
            source.unlink()


if __name__ == "__main__":
    main()
