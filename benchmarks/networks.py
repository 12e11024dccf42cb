"""Speed of supernet training, stand-alone training and inference, and of scoring a candidate.

    python -m benchmarks supernet --space nasrec-full --batch 512 [--rows 1000] [--json]

The data are random tensors of Criteo's shape in memory. Every line comes with the rate of a matrix
product measured right before it. ``roofline_share`` sets a training rate beside that of a machine
that did nothing but the multiply-accumulates of the paths it trained, three times over (forward,
and twice backward), of the live parts alone; ``roofline_share_with_dead_parts`` counts what a path
selects, whether it reaches the logit or not. ``against_authors`` sets it, scaled by the products'
rates, beside the authors' PyTorch code on the machine of ``REFERENCE_GFLOPS``. Peak memory is that
of random paths, and then of the whole supernet, which warm-up trains now and then.
"""

import time
from collections.abc import Callable, Iterator

from benchmarks.calibration import REFERENCE_GFLOPS, matmul_gflops, peak_memory_gib

DENSE, SPARSE = 13, 26

AUTHORS_SUPERNET = {"nasrec-full": 251.0, "nasrec-small": 505.0}
"""Samples a second, batch 512, tables of at most 0.5 M rows."""

AUTHORS_TRAINING = {"nasrec-criteo-full": 912.0, "nasrec-criteo-small": 3607.0}
"""Samples a second, batch 512, tables of 1,000 rows."""

AUTHORS_INFERENCE = {"nasrec-criteo-full": 2714.0, "nasrec-criteo-small": 8119.0}
"""Samples a second, batch 512."""

PATHS = 200
"""Random paths that are drawn at least; each step trains another one."""


def supernet(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Training of random paths of the supernet."""
    import numpy as np
    import tensorflow as tf

    from nasrec_tf.networks.supernet.path import decode

    model, inputs, labels = _supernet(space_name, batch, rows)
    step = tf.function(lambda path: model.train_on_path(path, inputs, labels)[1], autograph=False)
    sampler, generator = model.sampler.sampler, tf.random.Generator.from_seed(7)
    paths = [sampler(generator) for _ in range(max(PATHS, steps + 1))]
    started = time.perf_counter()
    step.get_concrete_function(paths[0])
    trace = time.perf_counter() - started
    gflops = matmul_gflops()
    rate = batch / _seconds_per_call(lambda index: step(paths[index]), steps)
    drawn = [decode(path, model.space) for path in paths[:steps]]
    work = np.mean([macs(architecture, rows) for architecture in drawn])
    work_with_dead = np.mean([_macs_with_dead_parts(architecture, rows) for architecture in drawn])
    peak_of_drawn_paths = peak_memory_gib()
    step(model.encode(model.space.widest)).numpy()
    yield {
        "benchmark": "supernet",
        "space": space_name,
        "batch": batch,
        "table_rows": rows,
        "samples_per_second": rate,
        "matmul_gflops": gflops,
        "macs_per_sample": float(work),
        "roofline_share": rate / (gflops * 1e9 / (6 * work)),
        "roofline_share_with_dead_parts": rate / (gflops * 1e9 / (6 * work_with_dead)),
        "against_authors": rate / AUTHORS_SUPERNET[space_name] * REFERENCE_GFLOPS / gflops
        if space_name in AUTHORS_SUPERNET
        else None,
        "trace_seconds": trace,
        "traces": step.experimental_get_tracing_count(),
        "peak_memory_gib": peak_of_drawn_paths,
        "peak_memory_gib_with_whole_supernet": peak_memory_gib(),
    }


def subnet(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Stand-alone training and inference of the published Criteo models."""
    import tensorflow as tf

    from nasrec_tf.architecture.complexity import FINAL_OPTIONS
    from nasrec_tf.architecture.presets import preset
    from nasrec_tf.networks.subnet import Subnet
    from nasrec_tf.optimizers.adagrad import Adagrad

    name = space_name.replace("nasrec-", "nasrec-criteo-")
    inputs, labels = random_batch(batch, rows)
    model = Subnet(preset(name).architecture, features(rows), FINAL_OPTIONS)
    model.compile(optimizer=Adagrad(0.12), loss=loss(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    train = tf.function(lambda: model.train_step((inputs, labels)), autograph=False)
    infer = tf.function(lambda: model(inputs), autograph=False)
    for figure, call, authors, passes in (
        ("subnet training", lambda index: train()["loss"], AUTHORS_TRAINING, 3),
        ("subnet inference", lambda index: infer(), AUTHORS_INFERENCE, 1),
    ):
        call(0)
        gflops = matmul_gflops()
        rate = batch / _seconds_per_call(call, steps)
        work = macs(model.architecture, rows)
        yield {
            "benchmark": figure,
            "model": name,
            "batch": batch,
            "table_rows": rows,
            "samples_per_second": rate,
            "matmul_gflops": gflops,
            "roofline_share": rate / (gflops * 1e9 / (2 * passes * work)),
            "against_authors": rate / authors[name] * REFERENCE_GFLOPS / gflops,
            "peak_memory_gib": peak_memory_gib(),
        }


def score(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Scoring a candidate against plain forward passes over as many samples."""
    import tensorflow as tf

    from nasrec_tf.training.scoring import CHUNK_ROWS, ScoringPlan, SupernetScorer

    model, _, _ = _supernet(space_name, batch, rows)
    tuning_rows, validation_rows = steps * batch, steps * 1024
    records = _RandomRecords(rows)
    plan = ScoringPlan(batch, steps, validation_rows=validation_rows, evaluation_batch=CHUNK_ROWS)
    scorer = SupernetScorer(model, records, plan)
    architecture = _middling(model.space)
    path = model.encode(architecture)
    scorer(architecture)
    chunk, _ = random_batch(CHUNK_ROWS, rows)
    forward = tf.function(lambda path: model(chunk, path=path), autograph=False)
    forward(path)
    chunks = (tuning_rows + validation_rows) / CHUNK_ROWS
    gflops = matmul_gflops()
    plain = chunks * _seconds_per_call(lambda index: forward(path), max(2, int(chunks)))
    started = time.perf_counter()
    scorer(architecture)
    seconds = time.perf_counter() - started
    yield {
        "benchmark": "score",
        "space": space_name,
        "batch": batch,
        "fine_tune_steps": steps,
        "validation_rows": validation_rows,
        "seconds": seconds,
        "against_forward_pass": seconds / plain,
        "matmul_gflops": gflops,
        "peak_memory_gib": peak_memory_gib(),
    }


class _RandomRecords:
    """Random rows behind the interface of ``nasrec_tf.data.records.Records``."""

    def __init__(self, rows: int):
        import tensorflow as tf

        self._rows = rows
        self.input_spec = {
            "dense": tf.TensorSpec([None, DENSE], tf.float32),
            "sparse": tf.TensorSpec([None, SPARSE], tf.int64),
        }

    def steps_per_epoch(self, batch_size: int) -> int:
        return 1 << 20

    def training_batches(self, batch_size: int, epoch: int, seed: int) -> Iterator:
        batch = random_batch(batch_size, self._rows)
        while True:
            yield batch

    def batches(self, split: str, batch_size: int, limit: int) -> Iterator:
        batch = random_batch(batch_size, self._rows)
        for _ in range(limit // batch_size):
            yield batch


def _supernet(space_name, batch, rows):
    from nasrec_tf.architecture.space import search_space
    from nasrec_tf.networks.supernet.model import Supernet
    from nasrec_tf.optimizers.adagrad import Adagrad

    inputs, labels = random_batch(batch, rows)
    model = Supernet(search_space(space_name), features(rows), seed=1)
    model.compile(optimizer=Adagrad(0.03), loss=loss(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model, inputs, labels


def features(rows):
    from nasrec_tf.data.features import Features

    return Features(DENSE, _table_rows(rows))


def _table_rows(cap):
    """Criteo's own numbers of rows, none above the cap."""
    from beam_preprocess.datasets.criteo import CRITEO_TABLE_ROWS

    return tuple(min(size, cap) for size in CRITEO_TABLE_ROWS)


def loss():
    import keras

    return keras.losses.BinaryCrossentropy(from_logits=True)


def random_batch(batch, rows):
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    inputs = {
        "dense": tf.constant(rng.normal(size=(batch, DENSE)), tf.float32),
        "sparse": tf.constant(rng.integers(0, _table_rows(rows), (batch, SPARSE))),
    }
    return inputs, tf.constant(rng.integers(0, 2, (batch, 1)), tf.float32)


def _middling(space):
    import numpy as np

    rng = np.random.default_rng(0)
    drawn = sorted((space.sample(rng) for _ in range(51)), key=lambda a: macs(a, 1000))
    return drawn[25]


def macs(architecture, rows: int) -> int:
    """Multiply-accumulates of a sample, over what reaches the logit."""
    from nasrec_tf.architecture.complexity import complexity

    return complexity(architecture, features(rows)).multiply_accumulates


def _macs_with_dead_parts(architecture, rows):
    from nasrec_tf.architecture.complexity import complexity

    parts = complexity(architecture, features(rows)).parts
    return sum(part.multiply_accumulates for part in parts)


def _seconds_per_call(call: Callable, times: int) -> float:
    """Mean seconds of a call; the result of the last one is waited for."""
    result = call(0)
    started = time.perf_counter()
    for index in range(times):
        result = call(index)
    result.numpy()
    return (time.perf_counter() - started) / times
