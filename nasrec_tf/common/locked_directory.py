"""A directory that one process works in at a time."""

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from nasrec_tf.common.atomic_file import DRAFT_PREFIX
from nasrec_tf.common.device_faults import device_fault
from nasrec_tf.common.errors import RunError

LOCK_FILE = ".lock"


@contextlib.contextmanager
def locked(directory: pathlib.Path, what: str) -> Iterator[None]:
    """Keeps other processes from a directory; a killed one keeps nobody from it.

    Args:
        directory: where; there is one.
        what: it is, for the message, such as ``"run directory"``.

    Raises:
        RunError: if another process has it, or nothing can be written there.
    """
    path = directory / LOCK_FILE
    try:
        lock = open(path, "w", encoding="utf-8")
    except OSError as error:
        if device_fault(error) is not None:
            raise
        raise RunError(f"{path}: cannot be written: {error.strerror}; delete it.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunError(
                f"{directory}: another process is working in this {what}; wait for it, or work in "
                "another one."
            ) from error
        yield


def is_passing(path: pathlib.Path) -> bool:
    """Whether a file is one that a killed process of ours leaves in a directory.

    Args:
        path: of the file.

    Example:
        >>> is_passing(pathlib.Path("runs/.lock")), is_passing(pathlib.Path("runs/a.csv"))
        (True, False)
    """
    return path.name == LOCK_FILE or path.name.startswith(DRAFT_PREFIX)
