"""A study's directory, which is that of one study alone."""

import pathlib
from collections.abc import Mapping
from typing import Any

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.option_values import made_directory
from nasrec_tf.common.saved_state import read_state, write_state


def own_directory(directory: pathlib.Path, file: str, settings: Mapping[str, Any]) -> None:
    """Makes a directory a search's own, or finds that it is.

    Args:
        directory: where the search is kept.
        file: that holds its settings.
        settings: what its results depend on, by flag or in words.

    Raises:
        RunError: if it is of a search with other settings, or what it holds is damaged.
        UserError: if it cannot be made.
    """
    path = directory / file
    before = read_state(path, dict[str, Any], f"delete {directory} to search again")
    if before is None:
        made_directory(directory, "--out")
        write_state(path, dict(settings))
        return
    names = (*settings, *before)
    other = next((name for name in names if before.get(name) != settings.get(name)), None)
    if other is not None:
        raise RunError(
            f"{directory}: is of a search with {other} {before.get(other)}, not "
            f"{settings.get(other)}; give another --out, or delete it to search again."
        )
