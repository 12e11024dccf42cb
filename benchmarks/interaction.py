"""xDeepFM's compressed interaction network beside the same made row by row, as it is written.

    python -m benchmarks interaction --batch 512 [--steps 5] [--json]

Both compute the output and all gradients of the same weights, by turns; milliseconds are medians.
"""

import statistics
import time
from collections.abc import Iterator

from benchmarks.calibration import matmul_gflops

CASES = ((10, 16, (200, 200, 200)), (10, 10, (64,)), (39, 16, (200, 200, 200)))
"""Vectors, their width, and rows of each layer: Frappe's fields by the model's own options and
those of ``bars``, and Criteo's."""


def interaction(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Each case; only ``batch`` and ``steps`` matter here."""
    import tensorflow as tf

    from nasrec_tf.networks.baselines.compressed_interaction import CompressedInteraction

    for vectors, embedding, layers in CASES:
        cin = CompressedInteraction(
            vectors, embedding, layers, "identity", False, True, "glorot_uniform"
        )
        x = tf.random.stateless_normal((batch, vectors, embedding), seed=(0, 0))
        weights = {
            spec.name: 0.1 * tf.random.stateless_normal(spec.shape, seed=(1, number))
            for number, spec in enumerate(cin.weights())
        }

        ways = {
            "milliseconds": _with_gradients(lambda x, w, cin=cin: cin(x, weights=w)),
            "row_by_row_milliseconds": _with_gradients(lambda x, w, cin=cin: row_by_row(cin, x, w)),
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(steps + 1):
            for name, way in ways.items():
                started = time.perf_counter()
                way(x, weights).numpy()
                if turn:  # The first one traces.
                    found[name].append(1e3 * (time.perf_counter() - started))
        medians = {name: statistics.median(each) for name, each in found.items()}
        yield {
            "benchmark": "interaction",
            "vectors": vectors,
            "embedding": embedding,
            "layers": "-".join(map(str, layers)),
            "batch": batch,
            **medians,
            "times_as_fast": medians["row_by_row_milliseconds"] / medians["milliseconds"],
            "matmul_gflops": matmul_gflops(),
        }


def row_by_row(cin, vectors, weights):
    """The output of a network without an activation, by all rows of all layers.

    Args:
        cin: the network, whose rows are not split.
        vectors: (batch, vectors, embedding).
        weights: by name.
    """
    import tensorflow as tf

    first = read = tf.transpose(vectors, [0, 2, 1])
    pooled = []
    for number in range(1, len(cin.rows) + 1):
        products = first[:, :, :, None] * read[:, :, None, :]
        flat = tf.reshape(products, [-1, cin.vectors * read.shape[2]])
        rows = tf.matmul(flat, weights[f"layer_{number}_kernel"])
        rows += weights[f"layer_{number}_bias"]
        read = tf.reshape(rows, [-1, cin.embedding, cin.rows[number - 1]])
        pooled.append(tf.reduce_sum(read, axis=1))
    return tf.matmul(tf.concat(pooled, axis=1), weights["output_kernel"]) + weights["output_bias"]


def _with_gradients(call):
    """A traced step: a number that waits for the output and all gradients."""
    import tensorflow as tf

    @tf.function(autograph=False)
    def step(x, weights):
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            loss = tf.reduce_mean(tf.square(call(x, weights)))
        gradients = tf.nest.flatten(tape.gradient(loss, [x, weights]))
        return tf.add_n([loss, *(tf.reduce_sum(each) for each in gradients)])

    return step
