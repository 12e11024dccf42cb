"""Compiled libraries, kept where nobody else writes, and checked before they are used.

What is loaded runs with the rights of the user. So a library is taken only from a directory that is
the user's (or root's) and that nobody else may write to, and only if it is to the bit what was put
there. An entry is a directory of the library and its SHA-256, which appears whole or not at all.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator

from nasrec_tf.common.atomic_file import replace_durably
from nasrec_tf.native.errors import CacheError

LIBRARY = "kernels.so"
DIGEST = "sha256"
PRIVATE = 0o700
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH

KEPT = 8
"""Entries that are kept, those used last: of some virtual environments, machines and versions."""

DRAFT_AGE = 24 * 3600
"""Seconds after which a draft is a dead process's; a compiler takes no more than minutes."""

WAIT_LIMIT = 600
"""Seconds to wait for another process that compiles, before compiling as well."""


def user_directory() -> pathlib.Path:
    """``nasrec_tf`` in the user's cache: in ``XDG_CACHE_HOME``, or else in ``~/.cache``.

    Raises:
        CacheError: if the user has no home directory.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # The standard says that a relative one is to be ignored.
        return pathlib.Path(base) / "nasrec_tf"
    home = os.path.expanduser("~")
    # Where there is no home, this is "~" as it was or, of an empty HOME, "/".
    if not os.path.isabs(home) or home == "/":
        raise CacheError("there is no home directory; set HOME or XDG_CACHE_HOME")
    return pathlib.Path(home) / ".cache" / "nasrec_tf"


def temporary_directory() -> pathlib.Path:
    """A directory of the user's own among temporary files, which the system may delete.

    Raises:
        CacheError: if temporary files cannot be written at all.
    """
    with _told(pathlib.Path("temporary files")):
        return pathlib.Path(tempfile.gettempdir()) / f"nasrec_tf-{os.geteuid()}"


PLACES = (user_directory, temporary_directory)
"""Where compiled kernels may be kept, the best place first."""


class LibraryCache:
    """Compiled libraries in one directory, by key; used by any number of processes at once.

    Args:
        directory: made if it is not there, for the user alone.
        say: told in one line when something is waited for or made again.

    Raises:
        CacheError: if the directory cannot be made, is not the user's, or others may write to it.

    Example:
        >>> import pathlib, tempfile
        >>> directory = pathlib.Path(tempfile.mkdtemp()) / "cache"
        >>> cache = LibraryCache(directory, say=print)
        >>> cache.find_or_make("1a2b", lambda path: path.write_bytes(b"...")).name
        'kernels.so'
    """

    def __init__(self, directory: pathlib.Path, say: Callable[[str], None]):
        self.directory = directory
        self._say = say
        with _told(directory):
            directory.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
            reason = _distrust(directory.lstat())
        if reason:
            raise CacheError(
                f"{directory} {reason}, so nothing is loaded from it: "
                "make it yours and chmod 700, or delete it"
            )

    def find_or_make(self, key: str, make: Callable[[pathlib.Path], None]) -> pathlib.Path:
        """The library of that key, made now if there is none, or none that can be trusted.

        Processes that want it at the same time wait for the one that makes it.

        Args:
            key: differs wherever another library would be made; letters and digits.
            make: makes the library as the file that it is given.

        Returns:
            The library, which is to the bit what was made.

        Raises:
            CacheError: if it cannot be kept.
        """
        entry = self._entry(key)
        if _damage(entry):
            with self._lock():
                # Another process may have made it in the meantime.
                reason = _damage(entry)
                if reason:
                    if entry.exists():
                        self._say(f"{entry}: {reason}; it is made again")
                    self._add(key, make)
        with contextlib.suppress(OSError):  # A cache may be one that can only be read.
            os.utime(entry)
        return entry / LIBRARY

    def _add(self, key: str, make: Callable[[pathlib.Path], None]) -> None:
        entry = self._entry(key)
        with _told(self.directory):
            draft = pathlib.Path(tempfile.mkdtemp(prefix="draft-", dir=self.directory))
        try:
            make(draft / LIBRARY)
            with _told(self.directory):
                os.chmod(draft / LIBRARY, PRIVATE)
                (draft / DIGEST).write_text(_digest(draft / LIBRARY), encoding="ascii")
                self._put(draft, entry)
                self._prune(entry)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @staticmethod
    def _put(draft: pathlib.Path, entry: pathlib.Path) -> None:
        _remove(entry)
        try:
            replace_durably(draft, entry)
        except OSError:
            # Where there are no locks, another process may have been a moment earlier.
            if _damage(entry):
                raise

    def _entry(self, key: str) -> pathlib.Path:
        return self.directory / f"kernels-{key}"

    def _prune(self, new: pathlib.Path) -> None:
        """Removes entries that were used longest ago, and drafts of dead processes.

        A process that has loaded a library keeps it; an entry that is about to be loaded is among
        those used last, unless as many others have been since.
        """
        others = [path for path in self.directory.glob("kernels-*") if path != new]
        for path in sorted(others, key=_last_use, reverse=True)[KEPT - 1 :]:
            _remove(path)
        for path in self.directory.glob("draft-*"):
            if _last_use(path) < time.time() - DRAFT_AGE:
                _remove(path)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Held by one process at a time; it falls with the process, however that ends."""
        with _told(self.directory):
            descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        deadline, is_told = time.monotonic() + WAIT_LIMIT, False
        while time.monotonic() < deadline:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not is_told:
                    self._say("waiting for another process that compiles the kernels")
                is_told = True
                time.sleep(0.1)
            except OSError:
                return  # A file system without locks: both compile, and the last one stays.


def _damage(entry: pathlib.Path) -> str | None:
    """Why an entry is not to be loaded, if so."""
    try:
        for path in (entry, entry / LIBRARY, entry / DIGEST):
            reason = _distrust(path.lstat())
            if reason:
                return f"{path.name} {reason}"
        if (entry / DIGEST).read_bytes() != _digest(entry / LIBRARY).encode():
            return "is damaged"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None


def _distrust(status: os.stat_result) -> str | None:
    """Why nothing that has this status is to be loaded, if so."""
    if status.st_uid not in (os.geteuid(), 0):
        return f"belongs to user {status.st_uid}"
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if status.st_mode & OTHERS_MAY_WRITE:
        return "can be written by others"
    return None


def _digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _last_use(path: pathlib.Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # Somebody else has removed it.


def _remove(path: pathlib.Path) -> None:
    """Removes a file or a directory of whatever kind; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        # Under another name first: nobody shall find half of it.
        grave = pathlib.Path(tempfile.mkdtemp(prefix="draft-", dir=path.parent))
        os.replace(path, grave / path.name)
        shutil.rmtree(grave, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CacheError(f"{error.filename or path}: {error.strerror}") from error
