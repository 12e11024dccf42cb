"""Several threads that ask an exported model at a time: requests a second and their latencies.

Each thread asks for one raw row, waits for the answer and asks again, in one session of
TensorFlow's C API, as TF Serving runs a model without batching. For an export of your own, with the
row of its ``request.json``: ``python -m benchmarks.serving_load EXPORT``.
"""

import argparse
import json
import pathlib
import tempfile
import threading
import time
from collections.abc import Iterator

from benchmarks.c_session import CSession
from benchmarks.calibration import matmul_gflops
from benchmarks.serving import export_untrained

THREADS = (1, 2, 4)
SECONDS = 5.0
PERCENTILES = (50, 90, 99, 99.9)
WARM_REQUESTS = 100


def load(space_name: str, batch: int, rows: int, steps: int) -> Iterator[dict]:
    """Latencies under load of the published Criteo model; only the space's name matters."""
    name = space_name.replace("nasrec-", "nasrec-criteo-")
    with tempfile.TemporaryDirectory() as directory:
        server = session_of(export_untrained(pathlib.Path(directory), name))
        gflops = matmul_gflops()
        for threads in THREADS:
            figures = under_load(server, threads, SECONDS)
            yield {"benchmark": "load", "model": name, **figures, "matmul_gflops": gflops}
        server.close()


def session_of(export: pathlib.Path) -> CSession:
    """A session that asks an export for the row of its own request.

    Args:
        export: a version directory.
    """
    from tensorflow.python.saved_model import loader_impl

    request = json.loads((export / "assets.extra" / "request.json").read_text(encoding="utf-8"))
    [row] = request["instances"]
    graph = loader_impl.parse_saved_model(str(export)).meta_graphs[0]
    signature = graph.signature_def["serving_default"]
    inputs = {
        tensor.name: row[name].encode() if isinstance(row[name], str) else float(row[name])
        for name, tensor in signature.inputs.items()
    }
    return CSession(str(export), inputs, signature.outputs["probability"].name)


def under_load(server: CSession, threads: int, seconds: float) -> dict:
    """Requests a second and percentiles of their latency.

    Args:
        server: the session.
        threads: that ask at a time.
        seconds: for how long.
    """
    import numpy as np

    for _ in range(WARM_REQUESTS):
        server()
    latencies: list[list[float]] = [[] for _ in range(threads)]
    start, end = threading.Barrier(threads + 1), [0.0]

    def ask(found: list[float]) -> None:
        start.wait()
        now = time.perf_counter()
        while now < end[0]:
            server()
            then, now = now, time.perf_counter()
            found.append(now - then)

    clients = [threading.Thread(target=ask, args=(found,)) for found in latencies]
    for client in clients:
        client.start()
    end[0] = time.perf_counter() + seconds
    began = time.perf_counter()
    start.wait()
    for client in clients:
        client.join()
    took = time.perf_counter() - began
    every = np.concatenate([np.array(found) for found in latencies]) * 1e3
    return {
        "threads": threads,
        "requests": len(every),
        "requests_per_second": len(every) / took,
        **{f"p{p:g}_ms": float(np.percentile(every, p)) for p in PERCENTILES},
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving_load", description=__doc__)
    parser.add_argument("export", type=pathlib.Path, help="saved_models/NAME/VERSION")
    parser.add_argument("--threads", type=int, nargs="+", default=THREADS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    server = session_of(options.export)
    for threads in options.threads:
        print(json.dumps(under_load(server, threads, options.seconds)), flush=True)
    server.close()


if __name__ == "__main__":
    main()
