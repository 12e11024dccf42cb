"""Files and directories of the local disk that appear whole, and that a power cut does not undo.

The one place of this rule: what is published is on the disk before its name is, and the name is on
the disk before the next step relies on it.
"""

from __future__ import annotations

import os
import pathlib


def sync_file(path: str | pathlib.Path) -> None:
    """Waits until a file's bytes, or a directory's entries, are on the disk.

    Args:
      path: A file or a directory.

    Raises:
      OSError: The disk refuses.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(descriptor)


def write_whole(path: str | pathlib.Path, data: bytes) -> None:
    """Writes a file that has either its old content or all of the new one, whatever happens.

    Args:
      path: The file, in a directory that exists.
      data: Its new content.

    Raises:
      OSError: The disk refuses; what was there stays.

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "notes.txt")
    >>> write_whole(path, b"all of it")
    >>> path.read_bytes(), len(list(path.parent.iterdir()))
    (b'all of it', 1)
    """
    path = pathlib.Path(path)
    draft = path.with_name(f".{path.name[:64]}.{os.getpid()}.draft")
    try:
        draft.write_bytes(data)
        sync_file(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_file(path.parent)


def publish_directory(draft: str | pathlib.Path, path: str | pathlib.Path) -> None:
    """Renames a directory whose files are synced, such that the name stays.

    Args:
      draft: The finished directory.
      path: Its name from now on; absent or an empty directory, on the same file system.

    Raises:
      OSError: The disk refuses; the draft keeps its name.
    """
    draft, path = pathlib.Path(draft), pathlib.Path(path)
    for directory, _, _ in os.walk(draft, topdown=False):
        sync_file(directory)
    os.replace(draft, path)
    try:
        sync_file(path.parent)
    except OSError:
        os.replace(path, draft)  # a name that may not last is no name
        raise
