"""Raw files have to stay as they are while they are read, which happens twice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from beam_preprocess.errors import DataError
from beam_preprocess.reading.text_blocks import InputFile


class _State(NamedTuple):
    bytes: int
    changed: int


@contextlib.contextmanager
def kept_steady(files: Iterable[InputFile]) -> Iterator[None]:
    """Refuses what is made of files that were written meanwhile.

    Args:
      files: What is read; those of remote stores are not looked at.

    Raises:
      DataError: At the end, or in place of another one: a file is another than at the beginning,
        so that one pass may have seen other rows than the other.
    """
    before = {file.path: state for file in files if (state := _state_of(file.path))}
    try:
        yield
    except DataError as error:
        _check(before, error)
        raise
    _check(before, None)


def _check(before: dict[str, _State], error: DataError | None) -> None:
    for path, state in before.items():
        now = _state_of(path)
        if now is None:
            raise DataError(f"{path}: was taken away while it was read") from error
        if now != state:
            raise DataError(
                f"{path}: was written to while it was read ({state.bytes:,} bytes at first, "
                f"{now.bytes:,} now); begin again, on a copy if it goes on growing"
            ) from error


def _state_of(path: str) -> _State | None:
    try:
        found = os.stat(path)
    except OSError:  # A remote store has no state of this kind.
        return None
    return _State(found.st_size, found.st_mtime_ns)
