"""What a network gains in time by losing units: beside the dense one, by size.

    python -m benchmarks pruned --batch 512 [--rows 1000] [--json]

Units go by lot, a fifth of what is left of every matrix at each pruning, as ``--prune random
--prune-options what=units`` leaves them; which ones does not matter for the time. Networks of a
few sizes: four blocks with every part that is pruned, their dense widths times 1, 4 and 16, and
the published model of the space. Milliseconds are of the processor, all threads together, and the
fastest of a few rounds, in which the networks take turns, so that other programs count little.
Exports are of untrained networks and answer raw rows, preprocessing included, from Python.
"""

import gc
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator

from benchmarks.calibration import matmul_gflops
from benchmarks.criteo_like import criteo_like
from benchmarks.networks import features, loss, macs, random_batch

PRUNINGS = (0, 1, 3, 5)
WIDTHS = (1, 4, 16)
ROUNDS = 7
EXPORT_ROWS = 20_000
WIDEST_SPARSE = 64
"""Sparse parts of the wide networks have no more tokens than those of the published spaces."""


def pruned(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Processor time of training, inference and exports, and their ratio to the dense network's."""
    published = space_name.replace("nasrec-", "nasrec-criteo-")
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        dataset = criteo_like(place, EXPORT_ROWS)
        for name in (*(f"every-part x {width}" for width in WIDTHS), published):
            whole = _architecture(name)
            found = [_without_units(whole, prunings, rows) for prunings in PRUNINGS]
            gflops = matmul_gflops()
            seconds = {
                "training": _in_turns([_training(each, batch, rows) for each in found], steps),
                "inference": _in_turns([_inference(each, batch, rows) for each in found], steps),
            }
            served = [_served(each, dataset, place / "models") for each in found]
            for size in (batch, 1):
                calls = [_answer(each, size) for each in served]
                seconds[f"export, {size} rows"] = _in_turns(calls, steps)
            for number, prunings in enumerate(PRUNINGS):
                line = {
                    "benchmark": "pruned",
                    "model": name,
                    "prunings": prunings,
                    "m_multiply_accumulates": macs(found[number], rows) / 1e6,
                    "of_dense": macs(found[number], rows) / macs(found[0], rows),
                    "batch": batch,
                }
                for what, times in seconds.items():
                    line[f"{what}, ms"] = 1e3 * times[number]
                    line[f"{what}, of dense"] = times[number] / times[0]
                yield line | {"matmul_gflops": gflops}
            del served
            gc.collect()


def _architecture(name):
    from nasrec_tf.architecture.architecture import Architecture
    from nasrec_tf.architecture.presets import preset

    if not name.startswith("every-part"):
        return preset(name).architecture
    times = int(name.split()[-1])
    wide, sparse = 64 * times, min(32 * times, WIDEST_SPARSE)
    blocks = [
        {"dense_operators": {"fc": wide}, "sparse_operators": {"efc": sparse},
         "dense_sources": [0], "sparse_sources": [0],
         "dense_to_sparse": True, "sparse_to_dense": True},
        {"dense_operators": {"dot_product": wide}, "sparse_operators": {"efc": sparse},
         "dense_sources": [0, 1], "sparse_sources": [0, 1], "sparse_to_dense": True},
        {"dense_operators": {"fc": wide}, "sparse_operators": {"attention": sparse // 2},
         "dense_sources": [1, 2], "sparse_sources": [0, 2], "dense_to_sparse": True},
        {"dense_operators": {"dot_product": 2 * wide}, "sparse_operators": {"efc": sparse // 2},
         "dense_sources": [2, 3], "sparse_sources": [1, 3], "sparse_to_dense": True},
    ]  # fmt: skip
    return Architecture.from_json(
        {"format": "nasrec_tf.architecture", "version": 1, "blocks": blocks}
    )


def _without_units(whole, prunings: int, rows: int):
    """The architecture after so many prunings by lot."""
    import numpy as np

    from nasrec_tf.architecture.complexity import FINAL_OPTIONS
    from nasrec_tf.networks.pruning.prune_settings import RANDOM, UNITS, PruneSettings
    from nasrec_tf.networks.pruning.tickets import (
        next_ticket,
        pruned_architecture,
        pruned_matrices,
        whole_ticket,
    )

    settings = PruneSettings(RANDOM, max(PRUNINGS), what=UNITS)
    matrices = pruned_matrices(whole, features(rows), FINAL_OPTIONS, settings)
    ticket = whole_ticket(matrices, settings)
    rng = np.random.default_rng(0)
    for iteration in range(1, prunings + 1):
        lots = {each.path: rng.random(each.shape[1]) for each in matrices}
        ticket = next_ticket(ticket, lots, settings, iteration)
    return pruned_architecture(whole, matrices, ticket)


def _subnet(architecture, read):
    from nasrec_tf.architecture.complexity import FINAL_OPTIONS
    from nasrec_tf.networks.subnet import Subnet

    return Subnet(architecture, read, FINAL_OPTIONS)


def _training(architecture, batch: int, rows: int) -> Callable[[], object]:
    import tensorflow as tf

    from nasrec_tf.optimizers.adagrad import Adagrad

    model, data = _subnet(architecture, features(rows)), random_batch(batch, rows)
    model.compile(optimizer=Adagrad(0.12), loss=loss(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    step = tf.function(lambda: model.train_step(data), autograph=False)
    return lambda: step()["loss"].numpy()


def _inference(architecture, batch: int, rows: int) -> Callable[[], object]:
    import tensorflow as tf

    model, (inputs, _) = _subnet(architecture, features(rows)), random_batch(batch, rows)
    forward = tf.function(lambda: model(inputs), autograph=False)
    return lambda: forward().numpy()


def _served(architecture, dataset: pathlib.Path, directory: pathlib.Path):
    """A SavedModel, read again."""
    import tensorflow as tf

    from nasrec_tf.data.records import Records
    from nasrec_tf.export.saved_model import export_saved_model

    read = Records(dataset)
    network = _subnet(architecture, read.features)
    return tf.saved_model.load(
        str(export_saved_model(network, read.schema, dataset, directory, "pruned"))
    )


def _answer(served, size: int) -> Callable[[], object]:
    """A request of so many raw rows."""
    import numpy as np
    import tensorflow as tf

    answer = served.signatures["serving_default"]
    columns = answer.structured_input_signature[1]
    rows = {
        name: tf.constant(np.full(size, b"05db9164", object))
        if spec.dtype == tf.string
        else tf.fill((size,), tf.cast(3, spec.dtype))
        for name, spec in columns.items()
    }
    return lambda: answer(**rows)["probability"].numpy()


def _in_turns(calls: list[Callable[[], object]], steps: int) -> list[float]:
    """Least processor seconds of a call of each."""
    for call in calls:
        call()
        call()
    least = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for place, call in enumerate(calls):
            started = time.process_time()
            for _ in range(steps):
                call()
            least[place] = min(least[place], (time.process_time() - started) / steps)
    return least
