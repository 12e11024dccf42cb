"""A study's directory, which is that of one study alone, and of one process at a time."""

import contextlib
import pathlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.locked_directory import is_passing, locked
from nasrec_tf.common.option_values import made_directory
from nasrec_tf.common.saved_state import read_state, write_state


@contextlib.contextmanager
def own_directory(
    directory: pathlib.Path,
    file: str,
    settings: Mapping[str, Any],
    known: Collection[str] = (),
    option: str = "--out",
) -> Iterator[None]:
    """Makes a directory a study's own, or finds that it is, and locks it meanwhile.

    Args:
        directory: where the study is kept.
        file: that holds its settings.
        settings: what its results depend on, by flag or in words.
        known: names that tell a study of a version that kept no settings, which goes on.
        option: by which the user named it.

    Raises:
        RunError: if it is of a study with other settings, or of something else, or in use, or what
            it holds is damaged.
        UserError: if it cannot be made.
    """
    made_directory(directory, option)
    _is_begun(directory, file, settings, known, option)  # What is another's gets no lock.
    with locked(directory, "directory"):
        if not _is_begun(directory, file, settings, known, option):
            write_state(directory / file, dict(settings))
        yield


def _is_begun(
    directory: pathlib.Path,
    file: str,
    settings: Mapping[str, Any],
    known: Collection[str],
    option: str,
) -> bool:
    """Whether the study has left its settings; refuses what is another's."""
    before = read_state(directory / file, dict[str, Any], f"delete {directory} to begin again")
    if before is None:
        there = sorted(entry.name for entry in directory.iterdir() if not is_passing(entry))
        if there and not any(name in known for name in there):
            raise RunError(
                f"{directory}: holds {there[0]!r} but no {file}, so it is not this study's; give "
                f"another {option}."
            )
        return False
    names = (*settings, *before)
    other = next((name for name in names if before.get(name) != settings.get(name)), None)
    if other is not None:
        raise RunError(
            f"{directory}: is of a study with {other} {before.get(other)}, not "
            f"{settings.get(other)}; give another {option}, or delete it to begin again."
        )
    return True
