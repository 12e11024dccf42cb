"""What the training loop adds to its steps: an epoch of a data set against the steps alone.

The network is of DLRM's shape, small enough that a step is short and whatever else is done counts;
the batches of the bare steps, those of the epoch, lie ready in memory. Both take turns, so that
other programs on the machine disturb both alike. ``--batch`` does not matter here.
"""

import pathlib
import statistics
import tempfile
import time
from collections.abc import Iterator

from benchmarks.calibration import matmul_gflops
from benchmarks.criteo_like import criteo_like

ROWS = {128: 100_000, 4096: 400_000}
"""Rows by batch size: what an epoch costs once, its checkpoint above all, falls on its steps."""

ROUNDS = 3


def training(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Ratios of time a step; the arguments do not matter."""
    from nasrec_tf.data.records import Records

    for size, count in ROWS.items():
        with tempfile.TemporaryDirectory() as directory:
            records = Records(criteo_like(pathlib.Path(directory), count))
            bare, whole = [], []
            for turn in range(ROUNDS):
                bare.append(_bare_step_seconds(records, size))
                whole.append(_loop_step_seconds(records, size, pathlib.Path(directory), turn))
            yield {
                "benchmark": "training",
                "batch": size,
                "steps": records.steps_per_epoch(size),
                "milliseconds_per_bare_step": 1e3 * statistics.median(bare),
                "milliseconds_per_step_of_training": 1e3 * statistics.median(whole),
                "against_bare_steps": statistics.median(
                    one / other for one, other in zip(whole, bare)
                ),
                "matmul_gflops": matmul_gflops(),
            }


def _network(features):
    from nasrec_tf.architecture.architecture import Architecture
    from nasrec_tf.architecture.blocks import Block
    from nasrec_tf.networks.subnet import Subnet

    def block(source, **dense):
        return Block(dense, {"efc": 16}, (source,), (source,))

    return Subnet(Architecture((block(0, dot_product=64), block(1, fc=256))), features)


def _plan(batch, epochs):
    from nasrec_tf.training.recipe import Recipe
    from nasrec_tf.training.training_plan import TrainingPlan

    return TrainingPlan(Recipe(batch_size=batch, epochs=epochs, learning_rate=0.01), seed=1)


def _bare_step_seconds(records, batch):
    """Mean of a step on batches that are there, each waited for as a loop in Python would."""
    import tensorflow as tf

    model, plan = _network(records.features), _plan(batch, 1)
    plan.compile(model, records)
    step = tf.function(lambda x, y: model.train_step((x, y))["loss"], autograph=False)
    # A few batches again and again would find their rows of the tables in the processor's caches.
    batches = list(records.training_batches(batch, 0, seed=1))
    step(*batches[0])
    started = time.perf_counter()
    for inputs, labels in batches:
        step(inputs, labels).numpy()
    return (time.perf_counter() - started) / len(batches)


def _loop_step_seconds(records, batch, directory, turn):
    """Mean of a step of the second and third epoch; the first one traces the graph."""
    import tqdm

    from nasrec_tf.training.loop import train

    ends: list[float] = []

    def after_epoch(epoch):
        ends.append(time.perf_counter())
        return True

    with tqdm.tqdm(disable=True) as bar:
        place = directory / f"training-{batch}-{turn}"
        train(_network(records.features), records, _plan(batch, 3), place, bar, after_epoch)
    return (ends[-1] - ends[0]) / (2 * records.steps_per_epoch(batch))
