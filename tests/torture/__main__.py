"""``make torture ARGS="--hours 2"``: runs that are disturbed in every way, one after the other.

Every end state is compared with an undisturbed run's: the same winner, weights equal to the bit,
the same figures. Cases are numbered, and each follows from the seed and its number; what failed
stays in ``failures/`` with a line in ``failures.txt``. Stop it at any moment; the same call goes
on.
"""

import argparse
import collections
import json
import pathlib
import random
import shutil
import sys
import time
import traceback

from nasrec_tf.common.atomic_file import atomic_file
from torture.cases import CASES, Bench, Wrong


def main() -> int:
    options = _options()
    directory = pathlib.Path(options.directory)
    (directory / "failures").mkdir(parents=True, exist_ok=True)
    bench = Bench(directory / "undisturbed")
    counts = _counts(directory)
    until = time.monotonic() + 3600 * options.hours
    try:
        while time.monotonic() < until:
            number = sum(counts.values()) + options.first
            kind, fault = _case(bench, directory, options, number)
            counts[f"{kind}, {'wrong' if fault else 'right'}"] += 1
            with atomic_file(directory / "counts.json") as file:
                json.dump(counts, file)
            line = ", ".join(f"{name} {counts[name]}" for name in sorted(counts))
            print(f"case {number}, {kind}: {fault or 'right'}   [{line}]", flush=True)
    except KeyboardInterrupt:
        print("stopped; the same call goes on from here", file=sys.stderr)
    return 1 if any("wrong" in name for name in counts) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the cases (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", choices=CASES, help="cases of one kind alone")
    parser.add_argument("--directory", default="runs/torture", help="where (%(default)s)")
    return parser.parse_args()


def _counts(directory: pathlib.Path) -> collections.Counter:
    path = directory / "counts.json"
    return collections.Counter(json.loads(path.read_text()) if path.exists() else {})


def _case(bench: Bench, directory: pathlib.Path, options, number: int) -> tuple[str, str | None]:
    """Runs a case; its kind, and what was wrong if anything was."""
    rng = random.Random(f"{options.seed} {number}")
    kind = options.only or rng.choice(list(CASES))
    place = directory / f"case-{number:05d}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        CASES[kind](bench, place, rng)
    except Exception as error:
        fault = str(error) if isinstance(error, Wrong) else traceback.format_exc()
        kept = directory / "failures" / place.name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(place, kept)
        with open(directory / "failures.txt", "a", encoding="utf-8") as file:
            file.write(f"case {number}, {kind}: {fault}\n")
        return kind, fault.splitlines()[0][:300]
    shutil.rmtree(place)
    return kind, None


if __name__ == "__main__":
    sys.exit(main())
