"""A search at Criteo's full size, part by part: ``python -m benchmarks.full_size DIRECTORY``.

A generated log of 45.8 million rows with 33.8 million distinct values
(:mod:`benchmarks.criteo_sized_log`) goes through every stage of ``python -m nasrec_tf.search``. All
rows become records, and the test split is evaluated whole; the supernet is trained for 2,000 steps,
24 candidates are scored as the paper scores its 2,048, and two of them are trained with full tables
on a hundredth of the rows, so that it ends in an afternoon. Time, processor time, memory and disk
of each stage are printed and kept in ``DIRECTORY/stages.jsonl``; the same command goes on where it
was stopped. In the end 14.5 GiB lie on disk, the log included.
"""

import argparse
import dataclasses
import json
import pathlib
import sys

from benchmarks.criteo_sized_log import CRITEO_ROWS
from benchmarks.process_tree import watched
from nasrec_tf.common.option_values import made_directory
from nasrec_tf.search.exit_code import exit_code

STAGES = ("records", "supernet", "evolution", "retrain", "export", "explain")

SETTINGS = (
    "--dataset criteo --workers 2 --recipe paper --supernet-rows 1024000 --population 8 "
    "--tournament 4 --children 4 --generations 4 --fine-tune-steps 500 --validation-rows 819200 "
    "--top-k 2 --retrain-epochs 1"
).split()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.full_size", description=__doc__)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=CRITEO_ROWS)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    options, further = parser.parse_known_args()
    return exit_code(lambda: _run(options, further))


def _run(options: argparse.Namespace, further: list[str]) -> int:
    directory = made_directory(options.directory, "directory")
    log = directory / "train.txt"
    python = [sys.executable, "-m"]
    if not log.exists():
        made = ["benchmarks.criteo_sized_log", "--rows", str(options.rows), "-o", str(log)]
        if not _measured(directory, "log", [*python, *made]):
            return 1
    search = [*python, "nasrec_tf.search", "--data", str(log), "--run-dir", str(directory / "run")]
    search += ["--export-dir", str(directory / "models"), "--name", "criteo", *SETTINGS]
    search += ["--epoch-rows", str(options.rows // 100), *further]
    done = {line["stage"] for line in _lines(directory)}
    for stage in options.stages:
        if stage not in done and not _measured(directory, stage, [*search, "--stage", stage]):
            return 1
    return 0


def _measured(directory: pathlib.Path, stage: str, command: list[str]) -> bool:
    used = watched(command)
    line = {"stage": stage, **dataclasses.asdict(used), "disk_bytes": _size(directory)}
    gibibytes = used.peak_bytes / 2**30, line["disk_bytes"] / 2**30
    print(
        f"{stage:<10} {used.seconds:8.0f} s, {used.processor_seconds:8.0f} s of processor, "
        f"{gibibytes[0]:6.2f} GiB of memory, {gibibytes[1]:6.2f} GiB on disk",
        flush=True,
    )
    if not used.code:
        with (directory / "stages.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return not used.code


def _lines(directory: pathlib.Path) -> list[dict]:
    path = directory / "stages.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _size(directory: pathlib.Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
