"""An extension that nothing comes of leaves the run as it was."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.errors import RunError
from nasrec_tf.common.locked_directory import locked
from nasrec_tf.search.extension import Applied
from nasrec_tf.search.run_directory import RunDirectory


@contextlib.contextmanager
def put_back_unless_made(directory: RunDirectory) -> Iterator[None]:
    """Puts a run back as it was if it is extended within, and the call fails before it has made
    anything with the other options: these are at fault, or what they name.

    Args:
        directory: of the run, not opened yet.
    """
    try:
        yield
    except Exception:
        applied = directory.applied
        if applied is not None:
            # The one that tells what is wrong is the first error.
            with contextlib.suppress(RunError), locked(directory.path, "run directory"):
                if not _has_made(directory, applied):
                    _put_back(directory.path, applied)
                    print(
                        f"{directory.path}: nothing has been made with the other options, so the "
                        "run is put back as it was",
                        flush=True,
                    )
        raise


def _has_made(directory: RunDirectory, applied: Applied) -> bool:
    made = {stage for stage in applied.again if directory.is_settled(stage)}
    if applied.journal is not None:
        name, content = applied.journal
        if (directory.path / name).read_bytes() == content:
            made -= {"evolution"}
    return bool(made)


def _put_back(run_dir: pathlib.Path, applied: Applied) -> None:
    """In such an order that a kill leaves a run that was stopped earlier."""
    for stage in reversed(applied.again):
        if stage != "evolution" or applied.journal is None:
            shutil.rmtree(run_dir / stage, ignore_errors=True)
    for name, content in applied.before.items():
        if content is None:
            (run_dir / name).unlink(missing_ok=True)
        else:
            with atomic_path(run_dir / name) as draft:
                draft.write_bytes(content)
    if applied.aside is None:
        return
    for name in applied.moved:
        if name not in applied.before:
            os.rename(applied.aside / name, run_dir / name)
    shutil.rmtree(applied.aside)
    with contextlib.suppress(OSError):
        applied.aside.parent.rmdir()  # Others may lie in it.
