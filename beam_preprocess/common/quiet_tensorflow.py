"""TensorFlow, loaded without what it has to say about machines that have no GPU."""

import contextlib
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

START_UP_NOISE = ("absl::InitializeLog", "oneDNN custom operations", "cudart_stub", "cuInit")

_LOADING = threading.Lock()


def load_tensorflow() -> Any:
    """The module; its native code only tells errors from here on, unless it was loaded before."""
    # Two threads that both redirect the same descriptor would lose it.
    with _LOADING:
        return _load()


@functools.cache
def _load() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _start_up_noise_removed():
        import tensorflow as tf

        tf.config.list_physical_devices()
    return tf


@contextlib.contextmanager
def _start_up_noise_removed() -> Iterator[None]:
    """Drops what the native code says on machines without a GPU; passes on all else.

    These lines come before TensorFlow reads its own log level, so nothing else silences them.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said.read().decode(errors="replace").splitlines():
                if not any(noise in line for noise in START_UP_NOISE):
                    print(line, file=sys.stderr)
