"""The state of a training on disk: whole, synced, and told in one line where it is damaged.

TensorFlow's checkpoint files hold a checksum of every tensor and of every block of their index,
which are compared when they are read. What TensorFlow leaves open is done here: files reach the
disk before the earlier checkpoint is deleted, and what a killed writer left is cleared away.
"""

import contextlib
import pathlib
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.common.atomic_file import atomic_file, sync
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.training.replicas import local_copy

STATE_FILE = "checkpoint"
"""Names the checkpoint that counts; in TensorFlow's own format, for ``tf.train``'s functions."""

_STATE = re.compile(r'model_checkpoint_path: "(ckpt-\d+)"\n')


class Checkpoint:
    """State of a model in training: weights, optimizer, and the generator of paths if any.

    Args:
        model: the compiled model, with its optimizer built.
        directory: where it is kept, by itself; made if need be.
        also: further variables that are a part of the state, such as those of a ``WeightAverage``.
    """

    def __init__(self, model: keras.Model, directory: pathlib.Path, also: Sequence[Any] = ()):
        variables = [variable.value for variable in (*model.variables, *model.optimizer.variables)]
        generator = getattr(model, "generator", None)
        if generator is not None:
            variables.append(generator.state)
        variables += also
        self._checkpoint = tf.train.Checkpoint(variables=variables)
        self._directory = directory

    def restore(self) -> bool:
        """Goes back to the last state that was saved.

        Returns:
            Whether there is one.

        Raises:
            RunError: if it is damaged or of another network: one line with the mend.
        """
        latest = latest_checkpoint(self._directory)
        if latest is None:
            return False
        with _damage_told(self._directory):
            self._checkpoint.restore(str(latest)).assert_consumed()
        return True

    def save(self) -> None:
        """Writes the state; the one before is deleted once this one is on disk.

        Raises:
            UserError: if the device refuses; the state that was saved before is still there.
        """
        counter = self._checkpoint.save_counter
        counter.assign_add(1)
        name = f"ckpt-{int(local_copy(counter).numpy())}"
        before = latest_checkpoint(self._directory)
        with _writing_told(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            try:
                self._checkpoint.write(str(self._directory / name))
                for part in self._directory.glob(f"{name}.*"):
                    sync(part)
                sync(self._directory)
                with atomic_file(self._directory / STATE_FILE) as file:
                    file.write(f'model_checkpoint_path: "{name}"\n')
                    file.write(f'all_model_checkpoint_paths: "{name}"\n')
            except BaseException:
                # The new one is named already if only the last sync failed.
                _clear(self._directory, keep={before, latest_checkpoint(self._directory)})
                raise
            _clear(self._directory, keep={self._directory / name})


def restore_weights(model: keras.Model, directory: pathlib.Path) -> bool:
    """Gives a model the weights of the last ``Checkpoint``, and needs no optimizer for that.

    Args:
        model: the network that was trained, compiled or not.
        directory: where the checkpoint is kept.

    Returns:
        Whether there is a checkpoint.

    Raises:
        RunError: if it is damaged or of another network: one line with the mend.
    """
    latest = latest_checkpoint(directory)
    if latest is None:
        return False
    weights = [variable.value for variable in model.variables]
    with _damage_told(directory):
        # The weights stand first in a checkpoint's list; what follows them is left there.
        status = tf.train.Checkpoint(variables=weights).restore(str(latest))
        status.expect_partial().assert_existing_objects_matched()
    return True


def stored_weights(
    model: keras.Model, directory: pathlib.Path
) -> Iterator[tuple[keras.Variable, np.ndarray]]:
    """The weights of the last ``Checkpoint`` of a network of the same kind, one after the other.

    Args:
        model: the other network, whose tables may have other rows.
        directory: where the checkpoint is kept.

    Yields:
        Variables of the model, with the values of their counterparts.

    Raises:
        RunError: if there is no checkpoint, or it is damaged or of a network of another kind.
    """
    latest = latest_checkpoint(directory)
    if latest is None:
        raise _damaged(directory, "there is none")
    with _damage_told(directory):
        reader = tf.train.load_checkpoint(str(latest))
        for number, variable in enumerate(model.variables):
            values = reader.get_tensor(f"variables/{number}/.ATTRIBUTES/VARIABLE_VALUE")
            is_table = getattr(variable, "is_embedding_table", False)
            same = (
                values.shape[1:] == variable.shape[1:]
                if is_table
                else (values.shape == tuple(variable.shape))
            )
            if not same:
                raise ValueError(variable.path)
            yield variable, values


def decays_rows(directory: pathlib.Path) -> bool | None:
    """Whether rows of tables decay in the training of a supernet, by its last ``Checkpoint``.

    Args:
        directory: where the checkpoint is kept.

    Returns:
        ``None`` where there is no checkpoint.

    Raises:
        RunError: if it is damaged.
    """
    latest = latest_checkpoint(directory)
    if latest is None:
        return None
    with _damage_told(directory):
        types = tf.train.load_checkpoint(str(latest)).get_variable_to_dtype_map()
    # The sums of learning rates of a ``RowDecay`` are the only state of it in double precision.
    return tf.float64 in types.values()


def latest_checkpoint(directory: pathlib.Path) -> pathlib.Path | None:
    """The checkpoint that counts, as the prefix that its files share; ``None`` if there is none.

    Args:
        directory: where it is kept.

    Raises:
        RunError: if there were checkpoints and none is named any more.

    Example:
        >>> import tempfile
        >>> directory = pathlib.Path(tempfile.mkdtemp())
        >>> latest_checkpoint(directory) is None
        True
        >>> _ = (directory / "checkpoint").write_text('model_checkpoint_path: "ckpt-7"\\n')
        >>> latest_checkpoint(directory).name
        'ckpt-7'
    """
    try:
        state = (directory / STATE_FILE).read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        # Only the first one may be without: its writer was killed before it was named.
        if any(path.name.split(".")[0] != "ckpt-1" for path in directory.glob("ckpt-*.index")):
            raise _damaged(directory, f"{STATE_FILE} is missing") from None
        return None
    except OSError as error:
        raise _damaged(directory, f"{STATE_FILE}: {error.strerror}") from error
    found = _STATE.match(state)
    if found is None:
        raise _damaged(directory, f"{STATE_FILE} names none")
    return directory / found.group(1)


def _clear(directory: pathlib.Path, keep: set[pathlib.Path | None]) -> None:
    """Deletes all but the state file and the files of the checkpoints to keep."""
    names = {STATE_FILE, *(path.name for path in keep if path is not None)}
    for path in directory.iterdir():
        if path.name.split(".")[0] in names:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextlib.contextmanager
def _damage_told(directory: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except (AssertionError, LookupError, OSError, RuntimeError, ValueError, tf.errors.OpError) as e:
        raise _damaged(directory, type(e).__name__) from e


def _damaged(directory: pathlib.Path, what: str) -> RunError:
    return RunError(
        f"{directory}: the checkpoint does not fit this run or is damaged ({what}); delete "
        f"{directory.parent} to train anew."
    )


@contextlib.contextmanager
def _writing_told(directory: pathlib.Path) -> Iterator[None]:
    """Tells what the device refuses, which reaches us through TensorFlow or from the system."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
    except tf.errors.OpError as error:
        # "PATH; reason [Op:...]"
        reason = error.message.split(" [Op:")[0].rsplit("; ", 1)[-1].splitlines()[0]
    else:
        return
    raise UserError(
        f"{directory}: a checkpoint cannot be written: {reason}; the one before is kept: mend that "
        "and repeat the command to go on."
    )
