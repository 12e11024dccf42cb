"""What one GPU does with the jobs of a search, from records to weights, and where the time goes.

    python -m benchmarks.gpu supernet score retrain records --data DATASET --batch 4096

``supernet`` and ``retrain`` train by the loop that a search trains by: records, drawing of paths,
loss curve and checkpoints included. Their rates are those after the first steps, in which programs
are compiled. ``supernet`` then times its step on a batch that lies ready, ``retrain`` predictions
of its network, ``score`` what a candidate takes, and ``records`` reads batches and does no more.
The supernet's tables are capped as those of a search. It runs, slowly, without a GPU as well.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.exit_code import exit_code

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

CANDIDATES = 5
"""Architectures that are scored; the first one waits for the compiler."""


LEAST_STEPS = 4
"""The loop makes them in three calls, of which the first two are not timed."""


class Ticks:
    """Stands where a progress bar does, and notes when steps were made."""

    def __init__(self) -> None:
        self.steps = 0
        self._noted = [(time.perf_counter(), 0)]

    def update(self, steps: int) -> None:
        """Notes that steps were made.

        Args:
            steps: how many.
        """
        if steps:
            self.steps += steps
            self._noted.append((time.perf_counter(), self.steps))

    def set_postfix_str(self, *args: Any, **kwargs: Any) -> None:
        """What a progress bar would show."""

    def figures(self, batch: int) -> dict[str, float]:
        """Seconds until the first steps were made, and rows a second after the second call.

        The median is that of the calls of several steps, of which few have a checkpoint in them.

        Args:
            batch: rows of a step.
        """
        (begun, _), (compiled, _), *timed = self._noted
        (start, first), (end, last) = timed[0], timed[-1]
        each = sorted((b[0] - a[0]) / (b[1] - a[1]) for a, b in zip(timed, timed[1:]))
        return {
            "seconds_to_first_step": compiled - begun,
            "timed_steps": last - first,
            "milliseconds_per_step": 1e3 * each[len(each) // 2],
            "rows_per_second": batch / each[len(each) // 2],
            "rows_per_second_with_checkpoints": batch * (last - first) / (end - start),
        }


def supernet(options: argparse.Namespace, records: Any) -> Iterator[dict]:
    """Training of random paths by the loop of a search; then the step alone, and its parts."""
    import tensorflow as tf

    from nasrec_tf.training.trainer import one_device

    model = _supernet(options, records)
    yield _trained(options, records, model) | {"what": "supernet training"}
    inputs, labels = next(iter(records.training_batches(options.batch, 0, 1)))[:2]
    held = tf.data.Dataset.from_tensors((inputs, labels)).repeat()
    batches, trainer = iter(held), one_device(model)
    count = options.steps
    trainer.steps(batches, 2)
    seconds = _median_seconds(lambda: trainer.steps(batches, count), 3) / count
    yield {"what": "steps on a batch in memory", "milliseconds_per_step": 1e3 * seconds}
    draw = tf.function(
        lambda: tuple(model.sampler(model.generator, model.optimizer.iterations.value)),
        autograph=False,
    )
    draw()
    seconds = _median_seconds(lambda: draw()[0].numpy(), count)
    yield {"what": "drawing of a path", "milliseconds_per_step": 1e3 * seconds}
    if options.profile:
        with tf.profiler.experimental.Profile(options.profile):
            trainer.steps(batches, 5)


def records_read(options: argparse.Namespace, records: Any) -> Iterator[dict]:
    """Batches of the training split by themselves, held in memory and streamed from its files."""
    from nasrec_tf.data.records import Records

    for what, source in (("held", records), ("streamed", Records(records.directory, 0))):
        first = next(iter(source.training_batches(options.batch, 0, 1)))
        started = time.perf_counter()
        count = sum(1 for epoch in (1, 2) for _ in source.training_batches(options.batch, epoch, 1))
        seconds = time.perf_counter() - started
        rows = count * first[1].shape[0]
        yield {"what": f"batches {what}", "rows_per_second": rows / seconds}


def retrain(options: argparse.Namespace, records: Any) -> Iterator[dict]:
    """Training and inference of the published Criteo networks, by the loop of a search."""
    from nasrec_tf.architecture.complexity import FINAL_OPTIONS
    from nasrec_tf.architecture.presets import preset
    from nasrec_tf.networks.subnet import Subnet
    from nasrec_tf.training.evaluation import Predictor

    name = options.space.replace("nasrec-", "nasrec-criteo-")
    model = Subnet(preset(name).architecture, records.features, FINAL_OPTIONS)
    yield _trained(options, records, model) | {"what": f"training {name}"}
    predict = Predictor(model, records)
    started = time.perf_counter()
    predict("train", options.batch)
    compiled = time.perf_counter()
    predict("train")
    seconds = time.perf_counter() - compiled
    yield {
        "what": f"inference {name}",
        "seconds_to_first_batch": compiled - started,
        "rows_per_second": records.rows("train") / seconds,
    }


def score(options: argparse.Namespace, records: Any) -> Iterator[dict]:
    """Scoring of candidates by an untrained supernet, which takes as long as by a trained one."""
    import numpy as np

    from nasrec_tf.training.scoring import GPU_CHUNK_ROWS, ScoringPlan, SupernetScorer

    model = _supernet(options, records)
    rows = records.rows("validation")
    plan = ScoringPlan(
        batch_size=options.batch,
        fine_tune_steps=records.steps_per_epoch(options.batch),
        validation_rows=rows,
        chunk_rows=GPU_CHUNK_ROWS,
        evaluation_batch=GPU_CHUNK_ROWS,
    )
    scorer = SupernetScorer(model, records, plan)
    rng = np.random.default_rng(0)
    seconds = []
    for _ in range(CANDIDATES):
        started = time.perf_counter()
        scorer(model.space.sample(rng))
        seconds.append(time.perf_counter() - started)
    yield {
        "what": "scoring",
        "seconds_of_first_candidate": seconds[0],
        "fine_tune_steps": plan.fine_tune_steps,
        "rows_per_candidate": plan.fine_tune_steps * options.batch + rows,
        "seconds_per_candidate": min(seconds[1:]),
        "rows_per_second": (plan.fine_tune_steps * options.batch + rows) / min(seconds[1:]),
    }


JOBS: dict[str, Callable[[argparse.Namespace, Any], Iterator[dict]]] = {
    "supernet": supernet,
    "score": score,
    "retrain": retrain,
    "records": records_read,
}


def main() -> int:
    """Runs the jobs that are asked for, one JSON line each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("jobs", nargs="+", choices=JOBS)
    parser.add_argument("--data", required=True, help="a directory that beam_preprocess wrote")
    parser.add_argument("--space", default="nasrec-full", choices=("nasrec-full", "nasrec-small"))
    parser.add_argument("--blocks", type=int, help="fewer than the space's own, to try it out")
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument(
        "--max-table-rows", type=int, default=500_000, help="of the supernet's tables"
    )
    parser.add_argument("--epochs", type=int, default=8, help="passes over the training split")
    parser.add_argument("--steps", type=int, default=30, help="steps of each timed call")
    parser.add_argument(
        "--precision", default="float32", choices=("float32", "bfloat16"), help="float32 is TF32"
    )
    parser.add_argument("--checkpoint-seconds", type=float, default=60.0)
    parser.add_argument(
        "--profile", metavar="DIR", help="`supernet` also writes a profile of five steps there"
    )
    options = parser.parse_args()
    return exit_code(lambda: _measure(options))


def _measure(options: argparse.Namespace) -> int:
    from nasrec_tf.data.records import Records
    from nasrec_tf.search.tensorflow_setup import configure_tensorflow
    from nasrec_tf.training.devices import gpu_names

    for name in ("batch", "epochs", "steps"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} must be at least 1. Received: {getattr(options, name)}")
    configure_tensorflow("auto")
    records = Records(pathlib.Path(options.data))
    steps = options.epochs * records.steps_per_epoch(options.batch)
    if steps < LEAST_STEPS:
        raise UserError(
            f"--batch {options.batch} and --epochs {options.epochs} make {steps} steps, too few to "
            f"be timed; take a smaller batch or more epochs, for {LEAST_STEPS} or more."
        )
    common = {
        "device": ", ".join(gpu_names()) or "CPU",
        "space": options.space,
        "batch": options.batch,
        "precision": options.precision,
    }
    for job in options.jobs:
        for line in JOBS[job](options, records):
            print(json.dumps(common | line | {"peak_gib": _peak_gib()}), flush=True)
    return 0


def _peak_gib() -> float | None:
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return None
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**30


def _supernet(options, records):
    from nasrec_tf.architecture.space import search_space
    from nasrec_tf.networks.supernet.model import Supernet

    space = search_space(options.space)
    space = space.replace(num_blocks=options.blocks or space.num_blocks)
    model = Supernet(space, records.features.capped(options.max_table_rows), seed=1)
    model.run_by_masks(options.precision)
    return model


def _plan(options):
    from nasrec_tf.training.recipe import Recipe
    from nasrec_tf.training.training_plan import TrainingPlan

    recipe = Recipe(batch_size=options.batch, epochs=options.epochs, learning_rate=0.05)
    return TrainingPlan(recipe, seed=1)


def _trained(options, records, model):
    from nasrec_tf.training.loop import train

    ticks = Ticks()
    with tempfile.TemporaryDirectory() as directory:
        train(
            model,
            records,
            _plan(options),
            pathlib.Path(directory),
            ticks,
            checkpoint_seconds=options.checkpoint_seconds,
        )
    return ticks.figures(options.batch)


def _median_seconds(call, times):
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[len(seconds) // 2]


if __name__ == "__main__":
    sys.exit(main())
