"""Training steps of the hand-made models, as the recipe ``bars`` makes them.

    python -m benchmarks baselines --batch 4096 [--rows 1000] [--json]

Options are those of the source ``bars``; Adam, an L2 term over whole tables and clipped gradients
as FuxiCTR has them, so that its training step does the same work. Random data of Criteo's shape.
Milliseconds are of the processor, all threads together, and the fastest of a few rounds, so that
other programs count little. docs/performance.md has FuxiCTR's beside them.
"""

import time
from collections.abc import Iterator

from benchmarks.calibration import matmul_gflops
from benchmarks.networks import features, loss, random_batch

MODELS = (
    "lr", "fm:bars", "wide_deep:bars", "deepfm:bars", "dcnv2:bars", "dlrm", "finalmlp:bars",
    "xdeepfm:bars", "autoint:bars",
)  # fmt: skip

ROUNDS = 5


def baselines(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """A training step of each; ``space_name`` does not matter here."""
    import tensorflow as tf

    from nasrec_tf.networks.baselines import load_baseline
    from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
    from nasrec_tf.optimizers.catalogue import make_optimizer
    from nasrec_tf.training.trainer import one_device

    data = tf.data.Dataset.from_tensors(random_batch(batch, rows)).cache().repeat()
    for name in MODELS:
        network = BaselineNetwork(load_baseline(name), features(rows), 0)
        optimizer = make_optimizer("adam", 0.001, clip_norm=10.0, table_l2=0.05)
        network.compile(optimizer=optimizer, loss=loss(), jit_compile=False)
        network.optimizer.build(network.trainable_variables)
        trainer, batches = one_device(network), iter(data)
        trainer.steps(batches, 2)
        gflops = matmul_gflops()
        found = []
        for _ in range(ROUNDS):
            started = time.process_time()
            trainer.steps(batches, steps)
            found.append((time.process_time() - started) / steps)
        yield {
            "benchmark": "baselines",
            "model": name,
            "batch": batch,
            "table_rows": rows,
            "processor_ms": 1e3 * min(found),
            "matmul_gflops": gflops,
        }
