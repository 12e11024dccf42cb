"""Runs the benchmarks: ``python -m benchmarks supernet subnet --space nasrec-small``.

Those with options of their own are modules of their own: ``benchmarks.preprocess``,
``benchmarks.pim_estimate``, ``benchmarks.serving_load``, ``benchmarks.plan_check``,
``benchmarks.full_size``, ``benchmarks.racing``, ``benchmarks.supernet_ways`` and
``benchmarks.gpu``.
"""

import argparse
import contextlib
import importlib
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BENCHMARKS = {
    "supernet": "networks",
    "score": "networks",
    "subnet": "networks",
    "tables": "tables",
    "baselines": "hand_made",
    "interaction": "interaction",
    "training": "training_overhead",
    "serving": "serving",
    "load": "serving_load",
    "records": "records",
    "tuner": "tuner",
    "pruned": "pruned_units",
}
"""Module of each benchmark, which holds a function of its name."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("benchmarks", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--space", default="nasrec-full", help="nasrec-full or nasrec-small")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument(
        "--rows", type=int, default=1000, help="rows that an embedding table has at most"
    )
    parser.add_argument("--steps", type=int, default=40, help="timed steps")
    parser.add_argument("--json", action="store_true", help="a JSON line per figure")
    parser.add_argument(
        "--profile", metavar="DIR", help="also write a trace for TensorBoard's profile page"
    )
    options = parser.parse_args()
    for name in ("batch", "rows", "steps"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1. Received: {getattr(options, name)}")
    for name in options.benchmarks:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    from nasrec_tf.search.tensorflow_setup import configure_tensorflow

    configure_tensorflow("auto")
    with _profiled(options.profile):
        for name in options.benchmarks or BENCHMARKS:
            run = getattr(importlib.import_module(f"benchmarks.{BENCHMARKS[name]}"), name)
            for line in run(options.space, options.batch, options.rows, options.steps):
                print(json.dumps(line) if options.json else _table(line), flush=True)
    return 0


@contextlib.contextmanager
def _profiled(directory: str | None):
    """Records what runs meanwhile, if there is a directory for it."""
    if directory is None:
        yield
        return
    import tensorflow as tf

    with tf.profiler.experimental.Profile(directory):
        yield


def _table(line: dict) -> str:
    rows = [f"{key:<36}{_shown(value)}" for key, value in line.items()]
    return "\n".join(rows) + "\n"


def _shown(value) -> str:
    return f"{value:,.3f}" if isinstance(value, float) else f"{value}"


if __name__ == "__main__":
    sys.exit(main())
