"""TensorFlow as the stages want it, and its errors in the user's terms."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from nasrec_tf import native
from nasrec_tf.errors import UserError
from nasrec_tf.search.run import Run

START_UP_NOISE = ("absl::InitializeLog", "oneDNN custom operations", "cudart_stub", "cuInit")

LOGGED_NOISE = (
    # Each network that a run trains or evaluates has a function of its own, traced once; TensorFlow
    # takes them for one function that is traced again and again.
    "triggered tf.function retracing",
    # A damaged checkpoint, of which our own line says what to do.
    "Couldn't match files for checkpoint",
    "Detecting that an object or model or tf.train.Checkpoint is being deleted",
    "Value in checkpoint could not be found in the restored object",
)


def configure_tensorflow() -> None:
    """Quietens TensorFlow's start and chooses how graphs are prepared."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _start_up_noise_removed():
        import tensorflow as tf

        tf.config.list_physical_devices()

    tf.get_logger().addFilter(
        lambda record: not any(noise in record.getMessage() for noise in LOGGED_NOISE)
    )
    # Rewriting the supernet's graph takes longer than its first hundred steps, and no step is
    # faster for it: the graph has nothing left to fold or to fuse.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    # What they have to say, they say before there is a progress bar.
    native.kernels()


@contextlib.contextmanager
def _start_up_noise_removed() -> Iterator[None]:
    """Drops what TensorFlow's native code says on machines without a GPU; passes on all else.

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


@contextlib.contextmanager
def user_errors(run: Run) -> Iterator[None]:
    """Tells damaged records and a full disk as the user's errors, which name the file."""
    import tensorflow as tf

    from beam_preprocess.manifest import verify

    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
        # Raises an error that names the file if a record is at fault.
        verify(run.dataset)
        raise
    except (tf.errors.ResourceExhaustedError, tf.errors.UnknownError, tf.errors.InternalError) as e:
        if "No space left" not in str(e):
            raise
        raise UserError(
            f"{run.directory.path}: no space left on the disk; free some and repeat the command "
            "to go on."
        ) from e
