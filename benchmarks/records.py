"""Rate at which TFRecords become batches of tensors, in one process, 39 features.

``streamed`` reads, decompresses and parses while it goes, as for splits that do not fit into
memory; ``in memory`` shuffles and gathers rows that were parsed before, as for those that do.
"""

import pathlib
import tempfile
import time
from collections.abc import Iterator

from benchmarks.calibration import matmul_gflops
from benchmarks.criteo_like import criteo_like

ROWS = 200_000


def records(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Rows a second of both ways to read; the arguments but the batch do not matter here."""
    from nasrec_tf.data.records import Records

    with tempfile.TemporaryDirectory() as directory:
        dataset = criteo_like(pathlib.Path(directory), ROWS)
        for way, limit in (("streamed", 0), ("in memory", 1 << 34)):
            found = Records(dataset, memory_limit=limit)
            _read(found, batch, epoch=0)
            gflops = matmul_gflops()
            started = time.perf_counter()
            count = _read(found, batch, epoch=1)
            yield {
                "benchmark": "records",
                "way": way,
                "batch": batch,
                "rows": count,
                "samples_per_second": count / (time.perf_counter() - started),
                "matmul_gflops": gflops,
            }


def _read(found, batch: int, epoch: int) -> int:
    count = 0
    for _, labels in found.training_batches(batch, epoch, seed=1):
        count += int(labels.shape[0])
    return count
