"""What large embedding tables add to a training step: against tables of 1,000 rows, in one run.

Criteo's own numbers of rows, capped at 0.5 million, for the supernet and the published model; all
33.8 million rows (540 million parameters, some 9 GB of memory) for the published model. The two
networks of a ratio take turns, so that other programs on the machine disturb both alike.
"""

import gc
import statistics
import time
from collections.abc import Iterator

from benchmarks.calibration import matmul_gflops, peak_memory_gib
from benchmarks.networks import DENSE, loss

SMALL_ROWS = 1000
CAP = 500_000
ROUNDS = 8


def tables(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Ratios of step times; ``rows`` does not matter here."""
    from beam_preprocess.datasets.criteo import CRITEO_TABLE_ROWS

    capped = tuple(min(size, CAP) for size in CRITEO_TABLE_ROWS)
    small = (SMALL_ROWS,) * len(capped)
    for kind, large, size in (
        ("supernet", capped, batch),
        ("subnet", capped, batch),
        ("subnet", CRITEO_TABLE_ROWS, batch // 2),
    ):
        make = _supernet_step if kind == "supernet" else _subnet_step
        calls = [make(space_name, size, table_rows) for table_rows in (small, large)]
        gflops = matmul_gflops()
        seconds = _in_turns(calls, steps)
        yield {
            "benchmark": "tables",
            "network": kind,
            "space": space_name,
            "batch": size,
            "table_rows": sum(large),
            "samples_per_second": size / seconds[1],
            "against_1k_rows": seconds[1] / seconds[0],
            "matmul_gflops": gflops,
            "peak_memory_gib": peak_memory_gib(),
        }
        del calls
        gc.collect()


def _in_turns(calls, steps: int) -> list[float]:
    """Median seconds of a step of each."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call(0)
    for turn in range(ROUNDS):
        for call, found in zip(calls, times):
            started = time.perf_counter()
            for index in range(steps):
                call(turn * steps + index)
            found.append((time.perf_counter() - started) / steps)
    return [statistics.median(found) for found in times]


def _random_batch(batch, table_rows):
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    ids = np.stack([rng.integers(0, rows, batch) for rows in table_rows], axis=1)
    dense = tf.constant(rng.normal(size=(batch, DENSE)), tf.float32)
    labels = tf.constant(rng.integers(0, 2, (batch, 1)), tf.float32)
    return {"dense": dense, "sparse": tf.constant(ids)}, labels


def _compiled(model):
    from nasrec_tf.optimizers.adagrad import Adagrad

    model.compile(optimizer=Adagrad(0.03), loss=loss(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def _supernet_step(space_name, batch, table_rows):
    import tensorflow as tf

    from nasrec_tf.architecture.space import search_space
    from nasrec_tf.data.features import Features
    from nasrec_tf.networks.supernet.model import Supernet

    model = _compiled(Supernet(search_space(space_name), Features(DENSE, table_rows), seed=1))
    inputs, labels = _random_batch(batch, table_rows)
    step = tf.function(lambda path: model.train_on_path(path, inputs, labels)[1], autograph=False)
    generator = tf.random.Generator.from_seed(7)
    paths = [model.sampler.sampler(generator) for _ in range(64)]
    return lambda index: step(paths[index % len(paths)]).numpy()


def _subnet_step(space_name, batch, table_rows):
    import tensorflow as tf

    from nasrec_tf.architecture.complexity import FINAL_OPTIONS
    from nasrec_tf.architecture.presets import preset
    from nasrec_tf.data.features import Features
    from nasrec_tf.networks.subnet import Subnet

    architecture = preset(space_name.replace("nasrec-", "nasrec-criteo-")).architecture
    model = _compiled(Subnet(architecture, Features(DENSE, table_rows), FINAL_OPTIONS))
    inputs, labels = _random_batch(batch, table_rows)
    step = tf.function(lambda: model.train_step((inputs, labels))["loss"], autograph=False)
    return lambda index: step().numpy()
