"""``make torture ARGS="--hours 2"``: runs that are disturbed in every way, one after the other.

Every end state is compared with an undisturbed run's: the same winner, weights equal to the bit,
the same figures, no file more or less. Cases are numbered, and each follows from the seed and its
number; what failed stays in ``failures/`` with a line in ``failures.txt``. Stop it at any moment;
the same call goes on.
"""

import argparse
import collections
import fcntl
import json
import pathlib
import shutil
import signal
import sys
import time
import traceback

from nasrec_tf.common.atomic_file import atomic_file
from torture.bench import Bench, Wrong
from torture.cases import KINDS, Case, nth_case


def main() -> int:
    options = _options()
    directory = pathlib.Path(options.directory).resolve()
    (directory / "failures").mkdir(parents=True, exist_ok=True)
    with open(directory / ".lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(f"error: {directory}: another process is at work there", file=sys.stderr)
            return 2
        # Also where the shell has them ignored, as it has in the background.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        counts = _counts(directory)
        try:
            _run_cases(options, directory, counts)
        except KeyboardInterrupt:
            print("stopped; the same call goes on from here", file=sys.stderr)
    for name in sorted(counts):
        print(f"{counts[name]:5d}  {name}")
    return 1 if any("wrong" in name for name in counts) else 0


def _run_cases(options, directory: pathlib.Path, counts: collections.Counter) -> None:
    """Runs cases until the time is over, and keeps the counts as they come."""
    bench = Bench(directory)
    until = time.monotonic() + 3600 * options.hours
    while time.monotonic() < until:
        number = sum(counts.values()) + options.first
        case = nth_case(number, options.seed, options.only)
        began = time.monotonic()
        fault = _fault(bench, directory, case, number)
        took = time.monotonic() - began
        counts[f"{case.kind}, {case.stage}: {'wrong' if fault else 'right'}"] += 1
        with atomic_file(directory / "counts.json") as file:
            json.dump(counts, file, indent=1, sort_keys=True)
        what = f"case {number}, {case.kind}, {case.stage} of {case.recipe}"
        print(f"{what}, {took:.0f} s: {fault or 'right'}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the cases (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", choices=KINDS, help="cases of one kind alone")
    parser.add_argument("--directory", default="runs/torture", help="where (%(default)s)")
    return parser.parse_args()


def _counts(directory: pathlib.Path) -> collections.Counter:
    path = directory / "counts.json"
    return collections.Counter(json.loads(path.read_text()) if path.exists() else {})


def _fault(bench: Bench, directory: pathlib.Path, case: Case, number: int) -> str | None:
    """Runs a case; what was wrong, if anything was, in a line."""
    try:
        case.run(bench)
        return None
    except Exception as error:
        fault = str(error) if isinstance(error, Wrong) else traceback.format_exc()
    kept = directory / "failures" / f"case-{number:05d}"
    shutil.rmtree(kept, ignore_errors=True)
    if bench.place.exists():
        shutil.move(bench.place, kept)
    with open(directory / "failures.txt", "a", encoding="utf-8") as file:
        file.write(f"case {number}, {case}: {fault}\n")
    return fault.strip().splitlines()[0][:300]


if __name__ == "__main__":
    sys.exit(main())
