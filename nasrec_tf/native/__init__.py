"""Kernels of our own for what TensorFlow has no fast operation for on the CPU.

They are compiled once for a machine (``build.py``) and are an alternative to the same arithmetic in
TensorFlow's own operations, which stands beside each call: without a C++ compiler, beside a GPU, or
in a graph that other programs load, everything runs on that. Results agree to rounding.
"""

import contextlib
import contextvars
import functools
import os
import sys
from collections.abc import Iterator
from typing import Any

from nasrec_tf.common.lazy import tf
from nasrec_tf.native.build import BuildError, built_library, compiler_version, source_digest

SWITCH = "NASREC_TF_NATIVE"
"""Environment variable; ``0`` does without the kernels."""

NO_KERNELS = "none"
"""The fingerprint where TensorFlow's own operations are used."""

_portable = contextvars.ContextVar("portable", default=False)


def kernels(dtype: Any = "float32") -> Any | None:
    """The module of kernels, or ``None`` where TensorFlow's own operations are to be used.

    Args:
        dtype: what is to be computed with; the kernels know float32 alone.
    """
    return None if _portable.get() or tf.as_dtype(dtype) != tf.float32 else _kernels()


@functools.cache
def kernel_fingerprint() -> str:
    """Which kernels this process computes with, for records of what a result was made by.

    Results that are to be equal to the bit need equal fingerprints, equal versions of TensorFlow
    and one machine. Without kernels it is told without TensorFlow where the environment or a
    missing compiler decides; otherwise the kernels are made ready, as at their first use.

    Returns:
        Digits of the source's SHA-256 and the compiler's version; ``"none"`` where TensorFlow's
        own operations are used.
    """
    try:
        if os.environ.get(SWITCH, "1") == "0":
            return NO_KERNELS
        compiler = compiler_version()
    except BuildError:
        return NO_KERNELS
    if _kernels() is None:
        return NO_KERNELS
    return f"{source_digest()[:16]} {compiler}"


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """Within it graphs hold TensorFlow's own operations alone, so that any program loads them."""
    token = _portable.set(True)
    try:
        yield
    finally:
        _portable.reset(token)


@functools.cache
def _kernels() -> Any | None:
    if os.environ.get(SWITCH, "1") == "0" or tf.config.list_physical_devices("GPU"):
        return None
    try:
        library = tf.load_op_library(str(built_library(_say)))
    except (BuildError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        _say(
            f"training runs on TensorFlow's own operations, at a third of the speed: {reason} "
            f"({SWITCH}=0 does so without this line)"
        )
        return None
    from nasrec_tf.native.gradients import register

    register(library)
    return library


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
