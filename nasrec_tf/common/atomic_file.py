"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import IO

from nasrec_tf.common.errors import UserError


@contextlib.contextmanager
def atomic_file(path: str | pathlib.Path) -> Iterator[IO[str]]:
    """Opens a text file (UTF-8) that takes the place of ``path`` once the block has ended well.

    If the block fails or is interrupted, nothing is left behind and a file that was there stays.

    Raises:
        UserError: if the file cannot be written; the message names it.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a directory; name a file")
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            yield file
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
