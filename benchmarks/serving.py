"""Time of one request to the exported model: one row of raw feature values, in a session.

The model is loaded by ``tf.compat.v1.saved_model.loader``, as TF Serving loads it, and answers
the signature ``serving_default``, preprocessing included. The network is untrained, which does not
matter for the time.
"""

import pathlib
import tempfile
import time
from collections.abc import Iterator

from benchmarks.calibration import matmul_gflops
from benchmarks.criteo_like import criteo_like

ROWS = 20_000
REQUESTS = 500

AUTHORS_MILLISECONDS = {"nasrec-criteo-full": 5.5, "nasrec-criteo-small": 3.8}
"""The authors' code at batch 1, without preprocessing, at 108 GFLOP/s."""


def serving(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Milliseconds of a request to the published Criteo model; only the space's name matters."""
    import numpy as np

    name = space_name.replace("nasrec-", "nasrec-criteo-")
    with tempfile.TemporaryDirectory() as directory:
        path = _export(pathlib.Path(directory), name)
        gflops = matmul_gflops()
        seconds = _request_seconds(str(path))
    yield {
        "benchmark": "serving",
        "model": name,
        "batch": 1,
        "median_ms": float(np.median(seconds) * 1e3),
        "least_ms": float(np.min(seconds) * 1e3),
        "authors_ms": AUTHORS_MILLISECONDS.get(name),
        "matmul_gflops": gflops,
    }


def _export(directory: pathlib.Path, name: str) -> pathlib.Path:
    from nasrec_tf.complexity import FINAL_OPTIONS
    from nasrec_tf.export.saved_model import export_saved_model
    from nasrec_tf.presets import preset
    from nasrec_tf.records import Records
    from nasrec_tf.subnet import Subnet

    dataset = criteo_like(directory, ROWS)
    found = Records(dataset)
    subnet = Subnet(preset(name).architecture, found.features, FINAL_OPTIONS)
    return export_saved_model(subnet, found.schema, dataset, directory / "models", "benchmark")


def _request_seconds(path: str) -> list[float]:
    import numpy as np
    import tensorflow as tf

    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], path)
        signature = loaded.signature_def["serving_default"]
        feed = {}
        for tensor in signature.inputs.values():
            kind = tf.dtypes.as_dtype(tensor.dtype)
            shape = [1] + [axis.size for axis in tensor.tensor_shape.dim[1:]]
            value = np.full(shape, b"05db9164" if kind == tf.string else 3, kind.as_numpy_dtype)
            feed[tensor.name] = value
        fetches = [tensor.name for tensor in signature.outputs.values()]
        call = session.make_callable(fetches, list(feed))
        values = list(feed.values())
        seconds = []
        for _ in range(REQUESTS):
            started = time.perf_counter()
            call(*values)
            seconds.append(time.perf_counter() - started)
    return seconds[REQUESTS // 10 :]
