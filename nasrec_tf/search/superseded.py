"""Where a run keeps what it has done with other options, in numbered directories."""

import os
import pathlib
from collections.abc import Iterator, Sequence

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import write_state
from nasrec_tf.search.made_of import MADE_OF_FILE, MadeOf

CONFIG_FILE = "config.toml"
"""Holds the options, in a run directory and beside what was made with them."""

RESULT_FILE = "result.json"
"""What a stage or a training has come to, in its directory."""

SUPERSEDED = "superseded"
"""Directory in that of a run."""


def moved_aside(
    run_dir: pathlib.Path, names: Sequence[str], options: str, of: MadeOf | None = None
) -> pathlib.Path | None:
    """Moves files and directories of a run into a new numbered directory of it, the last first.

    Each follows from those before it. So a process that is killed in between leaves nothing behind
    that was made of what has gone: what is still there is a run that was stopped earlier.

    Args:
        run_dir: the run directory.
        names: paths in it, in the order in which they were made; those that are not there are
            passed over.
        options: with which they were made, as a TOML file.
        of: what they were made of; ``None`` if that is not known.

    Returns:
        The new directory; ``None`` if nothing was there.

    Raises:
        UserError: if one cannot be moved.
    """
    there = [name for name in names if (run_dir / name).exists()]
    if not there:
        return None
    numbers = [int(path.name) for path in of_run(run_dir)]
    aside = run_dir / SUPERSEDED / str(max(numbers, default=0) + 1)
    aside.mkdir(parents=True)
    # First: what lies there without it could not be told from what other options made.
    with atomic_file(aside / CONFIG_FILE) as file:
        file.write(options)
    if of is not None:
        write_state(aside / MADE_OF_FILE, of)
    try:
        for name in reversed(there):
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            os.rename(run_dir / name, aside / name)
    except OSError as error:
        raise UserError(
            f"{run_dir / name}: cannot be moved to {aside}: {error.strerror}"
        ) from error
    return aside


def of_run(run_dir: pathlib.Path) -> Iterator[pathlib.Path]:
    """The numbered directories of a run, the last first.

    Args:
        run_dir: the run directory.
    """
    found = [path for path in (run_dir / SUPERSEDED).glob("*") if path.name.isdecimal()]
    yield from sorted(found, key=lambda path: -int(path.name))
