"""A study's directory, which is that of one study alone."""

import pathlib
from collections.abc import Collection, Mapping
from typing import Any

from nasrec_tf.common.atomic_file import DRAFT_PREFIX
from nasrec_tf.common.errors import RunError
from nasrec_tf.common.option_values import made_directory
from nasrec_tf.common.saved_state import read_state, write_state


def own_directory(
    directory: pathlib.Path, file: str, settings: Mapping[str, Any], known: Collection[str] = ()
) -> None:
    """Makes a directory a study's own, or finds that it is.

    Args:
        directory: where the study is kept.
        file: that holds its settings.
        settings: what its results depend on, by flag or in words.
        known: names that tell a study of a version that kept no settings, which goes on.

    Raises:
        RunError: if it is of a study with other settings, or of something else, or what it holds
            is damaged.
        UserError: if it cannot be made.
    """
    path = directory / file
    made_directory(directory, "--out")
    before = read_state(path, dict[str, Any], f"delete {directory} to begin again")
    if before is None:
        there = sorted(e.name for e in directory.iterdir() if not e.name.startswith(DRAFT_PREFIX))
        if there and not any(name in known for name in there):
            raise RunError(
                f"{directory}: holds {there[0]!r} but no {file}, so it is not this study's; give "
                "another --out."
            )
        write_state(path, dict(settings))
        return
    names = (*settings, *before)
    other = next((name for name in names if before.get(name) != settings.get(name)), None)
    if other is not None:
        raise RunError(
            f"{directory}: is of a study with {other} {before.get(other)}, not "
            f"{settings.get(other)}; give another --out, or delete it to begin again."
        )
