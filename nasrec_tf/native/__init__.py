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
from nasrec_tf.native.build import built_library, source_digest
from nasrec_tf.native.compiler import compiler_version
from nasrec_tf.native.errors import BuildError

SWITCH = "NASREC_TF_NATIVE"
"""Environment variable; ``0`` does without the kernels."""

NO_KERNELS = "none"
"""The fingerprint where TensorFlow's own operations are used."""

_portable = contextvars.ContextVar("portable", default=False)


def kernels(dtype: Any = "float32") -> Any | None:
    """The module of kernels, or ``None`` where TensorFlow's own operations are to be used.

    At its first use in a process the kernels are made ready: compiled, if this machine has not done
    so before, and loaded. Where that fails, one line says why and it is ``None`` from then on;
    nothing is raised.

    Args:
        dtype: what is to be computed with, as TensorFlow takes it; the kernels know float32 alone.

    Returns:
        TensorFlow's module of the operations, such as ``nasrec_layer_norm``; ``None`` as well
        beside a GPU, within ``portable`` and with ``NASREC_TF_NATIVE=0``.

    Raises:
        TypeError: if there is no such type.

    Example:
        >>> from nasrec_tf import native
        >>> native.kernels("float64") is None
        True
    """
    return None if _portable.get() or tf.as_dtype(dtype) != tf.float32 else _kernels()


@functools.cache
def kernel_fingerprint() -> str:
    """Which kernels this process computes with, for records of what a result was made by.

    Results that are to be equal to the bit need equal fingerprints, equal versions of TensorFlow
    and one machine. Without kernels it is told without TensorFlow where the environment or a
    missing compiler decides; otherwise the kernels are made ready, as at their first use.

    It depends neither on where this package is installed nor on the machine, and is told once: what
    is decided at its first use, of the fingerprint or of the kernels, stays.

    Returns:
        Digits of the source's SHA-256 and the compiler's version; ``"none"`` where TensorFlow's
        own operations are used.
    """
    if os.environ.get(SWITCH, "1") == "0":
        return NO_KERNELS
    try:
        fingerprint = f"{source_digest()[:16]} {compiler_version()}"
    except BuildError:
        return NO_KERNELS
    return fingerprint if _kernels() is not None else NO_KERNELS


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """Within it graphs hold TensorFlow's own operations alone, so that any program loads them.

    It goes for the thread, or the coroutine, that enters it, and for what is traced meanwhile.

    Example:
        >>> from nasrec_tf import native
        >>> with native.portable():
        ...     native.kernels() is None
        True
    """
    token = _portable.set(True)
    try:
        yield
    finally:
        _portable.reset(token)


@functools.cache
def _kernels() -> Any | None:
    if os.environ.get(SWITCH, "1") == "0" or tf.config.get_visible_devices("GPU"):
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
