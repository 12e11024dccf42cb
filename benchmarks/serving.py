"""Time of one request to the exported model: one row of raw feature values, in a session.

The model answers the signature ``serving_default``, preprocessing included, in a session of
TensorFlow's C API, as TF Serving runs it; the same from Python adds the copies of all raw columns.
The network is untrained, which does not matter for the time.
"""

import pathlib
import tempfile
import time
from collections.abc import Iterator

from benchmarks.c_session import CSession
from benchmarks.calibration import matmul_gflops
from benchmarks.criteo_like import criteo_like

ROWS = 20_000
REQUESTS = 2000

AUTHORS_MILLISECONDS = {"nasrec-criteo-full": 5.5, "nasrec-criteo-small": 3.8}
"""The authors' code at batch 1, without preprocessing, at 108 GFLOP/s."""


def serving(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Milliseconds of a request to the published Criteo model; only the space's name matters."""
    import numpy as np

    name = space_name.replace("nasrec-", "nasrec-criteo-")
    with tempfile.TemporaryDirectory() as directory:
        path = export_untrained(pathlib.Path(directory), name)
        gflops = matmul_gflops()
        seconds = _request_seconds(str(path))
    yield {
        "benchmark": "serving",
        "model": name,
        "batch": 1,
        "median_ms": float(np.median(seconds["c"]) * 1e3),
        "least_ms": float(np.min(seconds["c"]) * 1e3),
        "median_ms_from_python": float(np.median(seconds["python"]) * 1e3),
        "least_ms_from_python": float(np.min(seconds["python"]) * 1e3),
        "authors_ms": AUTHORS_MILLISECONDS.get(name),
        "matmul_gflops": gflops,
    }


def export_untrained(directory: pathlib.Path, name: str) -> pathlib.Path:
    """The export of a published Criteo model that was not trained.

    Args:
        directory: where data set and export go.
        name: of the model.
    """
    from nasrec_tf.architecture.complexity import FINAL_OPTIONS
    from nasrec_tf.architecture.presets import preset
    from nasrec_tf.data.records import Records
    from nasrec_tf.export.saved_model import export_saved_model
    from nasrec_tf.networks.subnet import Subnet

    dataset = criteo_like(directory, ROWS)
    found = Records(dataset)
    subnet = Subnet(preset(name).architecture, found.features, FINAL_OPTIONS)
    return export_saved_model(subnet, found.schema, dataset, directory / "models", "benchmark")


def _request_seconds(path: str) -> dict[str, list[float]]:
    """Seconds of every request, by who asks: a program in C, and Python."""
    import tensorflow as tf

    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], path)
        signature = loaded.signature_def["serving_default"]
        row = {tensor.name: _value(tensor) for tensor in signature.inputs.values()}
        output = signature.outputs["probability"].name
        call = session.make_callable(output, list(row))
        values = list(row.values())
        answer = float(call(*values)[0])
        seconds = {"python": _seconds(lambda: call(*values))}
    server = CSession(path, {name: value[0] for name, value in row.items()}, output)
    seconds["c"] = _seconds(server)
    if abs(server() - answer) > 1e-5:
        raise RuntimeError(f"C answers {server()} where Python answers {answer}")
    server.close()
    return seconds


def _value(tensor):
    """A raw value of one row."""
    import numpy as np
    import tensorflow as tf

    if tensor.dtype == tf.string.as_datatype_enum:
        return np.array([b"05db9164"], object)
    return np.array([3.0], np.float32)


def _seconds(request) -> list[float]:
    seconds = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        request()
        seconds.append(time.perf_counter() - started)
    return seconds[REQUESTS // 10 :]
