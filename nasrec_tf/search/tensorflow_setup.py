"""TensorFlow as the stages want it, and its errors in the user's terms."""

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator

from beam_preprocess.common.quiet_tensorflow import load_tensorflow
from nasrec_tf import native
from nasrec_tf.common.device_faults import device_fault
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.run import Run

LOGGED_NOISE = (
    # Each network that a run trains or evaluates has a function of its own, traced once; TensorFlow
    # takes them for one function that is traced again and again.
    "triggered tf.function retracing",
    # A damaged checkpoint, of which our own line says what to do.
    "Couldn't match files for checkpoint",
    "Detecting that an object or model or tf.train.Checkpoint is being deleted",
    "Value in checkpoint could not be found in the restored object",
)

# Rewriting the supernet's graph takes longer than its first hundred steps, and no step is faster
# for it: the graph has nothing left to fold or to fuse.
OPTIMIZER_OPTIONS = {"disable_meta_optimizer": True}

XLA_FLAGS = "XLA_FLAGS"
"""Environment variable; options that XLA reads with the first program that it compiles."""

XLA_OPTIONS = (
    # To try out tilings and algorithms for each of some hundred products takes most of the time of
    # a compilation, and every network that is trained from scratch is one (docs/gpu.md).
    "--xla_gpu_enable_triton_gemm=false",
    "--xla_gpu_autotune_level=0",
    "--xla_gpu_enable_llvm_module_compilation_parallelism=true",
)
"""How programs are compiled for a GPU; nothing to the CPU."""


def xla_flags(given: str) -> str:
    """Our options, and after them the user's, of which XLA takes the last.

    Args:
        given: ``XLA_FLAGS`` as it is; stays so if ours are in it, from here or another process.

    Example:
        >>> xla_flags("--xla_gpu_autotune_level=4").split()[-2:]
        ['--xla_gpu_enable_llvm_module_compilation_parallelism=true', '--xla_gpu_autotune_level=4']
    """
    ours = " ".join(XLA_OPTIONS)
    return given if given.startswith(ours) else f"{ours} {given}".strip()


def configure_tensorflow(device: str) -> None:
    """Quietens TensorFlow's start, and chooses the device and how graphs are prepared.

    Args:
        device: as ``--device`` says.

    Raises:
        UserError: if there is no GPU and one is asked for.
    """
    from nasrec_tf.training.devices import CPU, choose_device

    is_first = "tensorflow" not in sys.modules
    if device != CPU:
        # Also where TensorFlow is there already: it came with a module of the user's, or of ours.
        os.environ[XLA_FLAGS] = xla_flags(os.environ.get(XLA_FLAGS, ""))
    tf = load_tensorflow()
    choose_device(device)
    tf.get_logger().addFilter(_is_worth_telling)
    tf.config.optimizer.set_experimental_options(OPTIMIZER_OPTIONS)
    # What they have to say, they say before there is a progress bar.
    native.kernels()
    if is_first:
        _leave_imports_out_of_collections()


def _leave_imports_out_of_collections() -> None:
    """What is there by now, modules and no network yet, is looked at by no garbage collection.

    One is made before each network is built, and went through all of TensorFlow and Keras: 0.2 s.
    """
    import keras  # noqa: F401

    gc.collect()
    gc.freeze()


def _is_worth_telling(record: logging.LogRecord) -> bool:
    return not any(noise in record.getMessage() for noise in LOGGED_NOISE)


@contextlib.contextmanager
def user_errors(run: Run) -> Iterator[None]:
    """Tells damaged records and what a device refuses as the user's errors, in one line.

    Args:
        run: the run.

    Raises:
        UserError: for damaged records, and for what a device refuses.
    """
    import tensorflow as tf

    from beam_preprocess.dataset.manifest import verify

    try:
        yield
    except tf.errors.OpError as error:
        fault = device_fault(error)
        if fault is not None:
            raise UserError(
                f"{run.directory.path}: {fault} and repeat the command to go on."
            ) from error
        of_data = (
            tf.errors.DataLossError,
            tf.errors.InvalidArgumentError,
            tf.errors.NotFoundError,
            tf.errors.OutOfRangeError,
        )
        if isinstance(error, of_data):
            # Raises an error that names the file if a record is at fault.
            verify(run.dataset)
        raise
