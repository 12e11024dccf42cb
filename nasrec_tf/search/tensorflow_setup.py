"""TensorFlow as the stages want it, and its errors in the user's terms."""

import contextlib
import os
from collections.abc import Iterator

from nasrec_tf.errors import UserError
from nasrec_tf.search.run import Run


def configure_tensorflow() -> None:
    """Quietens TensorFlow's start and chooses how graphs are prepared."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    # Rewriting the supernet's graph takes longer than its first hundred steps, and no step is
    # faster for it: the graph has nothing left to fold or to fuse.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


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
