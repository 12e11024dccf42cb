"""What ``--plan`` says beside what happens: ``python -m benchmarks.plan_check 4000 20000 60000``.

Each generated log of so many rows is planned and then run, stage by stage, in this process. Times
are processor seconds of one core unless ``--wall`` is given, so that other work on the machine does
not count; pin the process to a core for that (``taskset -c 1``).
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from nasrec_tf.search.command import completed_run  # noqa: E402
from nasrec_tf.search.config import SearchConfig  # noqa: E402
from nasrec_tf.search.exit_code import exit_code  # noqa: E402
from nasrec_tf.search.planning.run_plan import make_plan  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan_check", description=__doc__)
    parser.add_argument("rows", nargs="+", type=int)
    parser.add_argument("--wall", action="store_true", help="wall time in place of processor time")
    parser.add_argument("--loud", action="store_true", help="with the run's progress")
    return exit_code(lambda: _check(parser.parse_args()))


def _check(options: argparse.Namespace) -> int:
    clock = time.perf_counter if options.wall else time.process_time
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as directory:
            _compare(pathlib.Path(directory), rows, clock, options.loud)
    return 0


def _compare(directory: pathlib.Path, rows: int, clock, loud: bool) -> None:
    config = SearchConfig(
        demo_rows=rows, run_dir=str(directory / "run"), export_dir=str(directory / "models")
    )
    begun = clock()
    plan = make_plan(config, clock)
    print(f"{rows:,} rows; planned in {clock() - begun:.0f} s")
    total = 0.0
    for stage in plan.stages:
        begun = clock()
        completed_run(config, stage.stage, quiet=not loud)
        seconds, found = clock() - begun, stage.seconds
        total += seconds
        print(
            f"{stage.stage:<10}{found.expected:>8.0f} s ({found.least:.0f} to {found.most:.0f}), "
            f"took {seconds:.0f} s ({found.expected / seconds - 1:+.0%})",
            flush=True,
        )
    planned = sum(stage.seconds.expected for stage in plan.stages)
    print(f"{'in all':<10}{planned:>8.0f} s, took {total:.0f} s ({planned / total - 1:+.0%})\n")


if __name__ == "__main__":
    sys.exit(main())
