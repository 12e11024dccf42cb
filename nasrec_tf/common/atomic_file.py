"""Files that appear whole or not at all, and that a power cut does not take back."""

import contextlib
import fcntl
import os
import pathlib
import tempfile
import time
import zlib
from collections.abc import Iterator
from typing import IO

from nasrec_tf.common.errors import UserError

DRAFT_PREFIX = ".draft-"
"""Beginning of a draft's name; a process that is killed while it writes leaves one, which the next
one that writes the same file deletes."""

YOUNG_SECONDS = 60.0
"""Age from which a draft without a lock is taken to be left behind."""


@contextlib.contextmanager
def atomic_file(path: str | pathlib.Path) -> Iterator[IO[str]]:
    """Opens a text file (UTF-8) that takes the place of ``path`` once the block has ended well.

    File and directory are synced to disk before the block is left. If the block fails or is
    interrupted, nothing is left behind and a file that was there stays.

    Args:
        path: the file, in a directory that exists.

    Raises:
        UserError: if the file cannot be written; the message names it.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with atomic_file(path) as file:
        ...     print("all of it", file=file)
        >>> path.read_text()
        'all of it\\n'
    """
    with atomic_path(path) as draft, open(draft, "w", encoding="utf-8", newline="\n") as file:
        yield file


@contextlib.contextmanager
def atomic_path(path: str | pathlib.Path) -> Iterator[pathlib.Path]:
    """A draft beside ``path`` that takes its place once the block has ended well.

    For writers that want a file's name, or bytes; see ``atomic_file`` for text.

    Args:
        path: the file, in a directory that exists.

    Yields:
        The empty draft, whose name has the ending of ``path``.

    Raises:
        UserError: if the file cannot be written; the message names ``path``.
    """
    if "\0" in str(path):
        raise UserError(f"{str(path)!r}: no file has a zero character in its name")
    # Through links, so that what is written stands where the link leads to.
    path = pathlib.Path(os.path.realpath(path))
    if os.path.isdir(path):
        raise UserError(f"{path}: is a directory; name a file")
    if os.path.exists(path) and not os.path.isfile(path):
        # A file put in the place of a device would break the machine.
        raise UserError(f"{path}: is a device or a pipe; name a file")
    # Drafts of one file are known by its name, which they cannot hold whole: it may be too long.
    prefix = f"{DRAFT_PREFIX}{zlib.crc32(os.fsencode(path.name)):08x}-"
    with _told(path):
        _delete_abandoned(path.parent, prefix)
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
    draft = pathlib.Path(name)
    try:
        _lock(descriptor)
        with _told(path):
            yield draft
            os.chmod(draft, 0o666 & ~_umask())
            replace_durably(draft, path)
    finally:
        draft.unlink(missing_ok=True)
        os.close(descriptor)


def _delete_abandoned(directory: pathlib.Path, prefix: str) -> None:
    """Deletes drafts whose writers are no more: a process holds a lock on its own until it ends.

    One that was made just now may be about to be locked.
    """
    for draft in directory.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if time.time() - draft.stat().st_mtime < YOUNG_SECONDS:
                continue
            descriptor = os.open(draft, os.O_RDWR)
            try:
                if _lock(descriptor):
                    draft.unlink()
            finally:
                os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether a file could be locked: not where another process has, or the disk knows no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def replace_durably(draft: str | pathlib.Path, path: str | pathlib.Path) -> None:
    """Renames a file or a directory of files to ``path``, all of it synced to disk.

    Args:
        draft: on the same file system; a directory may only replace an empty or absent one.
        path: its name from now on.

    Raises:
        OSError: if the disk refuses.
    """
    draft, path = pathlib.Path(draft), pathlib.Path(path)
    sync_tree(draft)
    os.replace(draft, path)
    sync(path.parent)


def sync_tree(path: pathlib.Path) -> None:
    """Syncs a file, or a directory with all that it holds, to disk.

    Args:
        path: of the file or directory.
    """
    if path.is_dir():
        for entry in path.rglob("*"):
            if not entry.is_symlink():
                sync(entry)
    sync(path)


def sync(path: pathlib.Path) -> None:
    """Syncs one file, or the entries of one directory, to disk.

    Args:
        path: of the file or directory.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
