"""What a trial costs outside training and scoring: ``python -m benchmarks.tuner``.

Runs the paper's search (128 + 240 x 8 trials) with a scorer that returns at once, so that all the
time is the oracle's, the tuner's and the files': drawing, checking for duplicates, KerasTuner's
hyperparameters, the journal.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

WINDOW = 100
"""Trials that one figure is the median of."""


def measure(space_name: str, generations: int) -> dict[str, float | str | int]:
    """Runs one search and takes it up again; overheads are in milliseconds per trial."""
    moments = []

    def score(architecture):
        moments.append(time.perf_counter())
        return {"log_loss": 0.5 + 1e-6 * (int(architecture.identity[:5], 16) % 1000)}

    with tempfile.TemporaryDirectory() as directory:
        _tuner(space_name, generations, directory, score).search()
        began = time.perf_counter()
        _tuner(space_name, generations, directory, score)
        resumed = time.perf_counter() - began
        written = sum(
            os.path.getsize(os.path.join(root, name))
            for root, _, names in os.walk(directory)
            for name in names
        )
    overheads = [1e3 * (after - before) for before, after in zip(moments, moments[1:])]
    return {
        "benchmark": "tuner",
        "space": space_name,
        "trials": len(moments),
        "first_ms": statistics.median(overheads[:WINDOW]),
        "last_ms": statistics.median(overheads[-WINDOW:]),
        "worst_ms": max(overheads),
        "resume_s": resumed,
        "files_mib": written / 2**20,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


def tuner(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """The paper's search of 2,048 trials; the arguments but the space do not matter here."""
    yield measure(space_name, generations=240)


def _tuner(space_name: str, generations: int, directory: str, score):
    from nasrec_tf.architecture.space import search_space
    from nasrec_tf.strategies import RegularizedEvolutionOracle, SubnetTuner

    oracle = RegularizedEvolutionOracle(search_space(space_name), generations=generations, seed=0)
    return SubnetTuner(oracle, score, directory=directory, progress=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuner", description=__doc__)
    parser.add_argument("--space", default="nasrec-full", help="a search space, or its file")
    parser.add_argument("--generations", type=int, default=240, help="of 8 trials each")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    options = parser.parse_args()
    figures = measure(options.space, options.generations)
    if options.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:<18}{value:,.2f}" if isinstance(value, float) else f"{name:<18}{value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
