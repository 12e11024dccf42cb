"""An append-only file of events, from which a search is taken up again.

Format, version 2: lines of JSON. The first one is ``{"format": "nasrec_tf.search_journal",
"version": 2, "settings": {…}}``, each other one an event (see ``ledger.py``). Every line ends with
a checksum that covers all lines so far: the first 16 hexadecimal digits of SHA-256 over the
checksum of the line before and the line without its own. Version 1 had no checksums; its journals
are read and continued, and the first line that is added to one covers those before.

Each event costs the same however long the search has run. An event that was written stays written
whenever the process is killed. The file is synced to disk when it is begun, when the search stops,
and in between with the first event that comes a second or more after the last sync: if the machine
itself fails, at most what came after that is lost, and the search goes on from the event before.
"""

import dataclasses
import hashlib
import json
import logging
import os
import pathlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import pydantic

from nasrec_tf.common.atomic_file import atomic_path, sync
from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import SAVED, first_fault

FORMAT = "nasrec_tf.search_journal"
VERSION = 2

SYNC_SECONDS = 1.0
"""Shortest time between two syncs: one costs some milliseconds, and events may come by hundreds."""

_CHECKSUM = re.compile(rb', "checksum": "([0-9a-f]{16})"\}\Z')

logger = logging.getLogger(__name__)


class Journal:
    """A file of JSON lines: settings first, then events.

    Args:
        path: the file, in a directory that exists.
        clock: seconds that never run backwards.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "journal.jsonl"
        >>> journal = Journal(path)
        >>> journal.create({"seed": 0})
        >>> journal.append({"event": "reopened", "number": 3})
        >>> read_journal(path)
        ({'seed': 0}, [{'event': 'reopened', 'number': 3}])
    """

    def __init__(self, path: str | pathlib.Path, clock: Callable[[], float] = time.monotonic):
        self.path = pathlib.Path(path)
        self._clock = clock
        self._size = 0
        self._last = b""
        self._synced_at = clock()
        self._unsynced = False

    def exists(self) -> bool:
        """Whether there is a journal, be it a damaged one.

        A first line cut off, which a kill could leave of a search that had just begun in version
        1, is none.

        Raises:
            RunError: if the file cannot be read.
        """
        try:
            with open(self.path, "rb") as file:
                start = file.readline()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise RunError(f"{self.path}: cannot be read: {error.strerror}.") from error
        opening = b'{"format": "'
        length = min(len(start), len(opening))
        if not start or start.endswith(b"\n") or start[:length] != opening[:length]:
            return True
        logger.warning("%s, line 1: cut off by a kill: the search begins anew.", self.path)
        return False

    def create(self, settings: Mapping[str, Any], events: Iterable[Mapping[str, Any]] = ()) -> None:
        """Writes a journal, whole or not at all, in place of what is there.

        Args:
            settings: JSON values.
            events: the first events, JSON values too.

        Raises:
            UserError: if the file cannot be written.
        """
        size, last = 0, b""
        with atomic_path(self.path) as draft, open(draft, "wb") as file:
            header = {"format": FORMAT, "version": VERSION, "settings": dict(settings)}
            for value in (header, *events):
                line, last = _line(value, last)
                size += file.write(line)
        try:
            # The directory is itself new in its parent.
            sync(self.path.parent.parent)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error.strerror}.") from error
        self._size, self._last = size, last
        self._synced_at, self._unsynced = self._clock(), False

    def append(self, event: Mapping[str, Any]) -> None:
        """Adds an event, which outlives this process from now on.

        Args:
            event: JSON values.

        Raises:
            RunError: if the file cannot be written, or another process writes it too; the event
                has not been added.
        """
        line, last = _line(event, self._last)
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                self._check_ours(descriptor)
                self._write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be written: {error.strerror}; mend the cause and repeat the "
                f"call: it goes on from the last whole line."
            ) from error
        self._size += len(line)
        self._last = last

    def sync(self) -> None:
        """Syncs what was appended to disk.

        Raises:
            RunError: if the disk refuses.
        """
        if not self._unsynced:
            return
        try:
            sync(self.path)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error.strerror}.") from error
        self._synced_at, self._unsynced = self._clock(), False

    def read(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Settings and events, to go on from.

        What follows the last whole line, half a line or zeros, is what a kill or a power cut leaves
        of an event that was never counted: it is cut away, and a warning says so.

        Raises:
            RunError: if the file cannot be read or is damaged; the message names file and line.
        """
        content = _content(self.path)
        parsed = _parse(self.path, content)
        if parsed.size < len(content):
            logger.warning(
                "%s, line %d: cut off by a kill or a power cut: %d bytes are cut away.",
                self.path,
                len(parsed.events) + 2,
                len(content) - parsed.size,
            )
            try:
                os.truncate(self.path, parsed.size)
                sync(self.path)
            except OSError as error:
                raise RunError(f"{self.path}: cannot be written: {error.strerror}.") from error
        self._size, self._last = parsed.size, parsed.last
        return parsed.settings, parsed.events

    def _check_ours(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_size != self._size:
            raise RunError(
                f"{self.path}: another process writes it too: let one search at a time run in "
                f"{self.path.parent}."
            )

    def _write(self, descriptor: int, line: bytes) -> None:
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(descriptor, left) :]
            self._unsynced = True
            if self._clock() - self._synced_at >= SYNC_SECONDS:
                os.fsync(descriptor)
                self._synced_at, self._unsynced = self._clock(), False
        except OSError:
            os.ftruncate(descriptor, self._size)
            raise


def read_journal(path: str | pathlib.Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Settings and events of a journal that another process may be writing; changes nothing.

    Args:
        path: the file.

    Raises:
        RunError: if the file cannot be read or is damaged; the message names file and line.
    """
    parsed = _parse(path, _content(path))
    return parsed.settings, parsed.events


@dataclasses.dataclass
class _Header:
    __pydantic_config__ = SAVED

    format: Literal["nasrec_tf.search_journal"]
    version: int
    settings: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class _Parsed:
    """A journal's whole lines; ``size`` in bytes, ``last`` the checksum of the last one."""

    settings: dict[str, Any]
    events: list[dict[str, Any]]
    size: int
    last: bytes


def _content(path: str | pathlib.Path) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}.") from error


def _parse(path: str | pathlib.Path, content: bytes) -> _Parsed:
    whole, end, _ = content.rpartition(b"\n")
    if not end:
        what = "holds no whole line" if content.strip(b"\0") else "is empty or all zeros"
        raise RunError(
            f"{path}, line 1: damaged: the file {what}; restore it, or delete it to begin the "
            f"search anew."
        )
    values, last, checked = [], b"", False
    for number, line in enumerate(whole.split(b"\n"), start=1):
        try:
            body, last = _verified(line, last, checked)
            values.append(json.loads(body))
        except (ValueError, RecursionError) as error:
            raise RunError(_damage(path, number, f"not an event ({error})")) from error
        if number == 1:
            header = _header(path, values[0])
        checked = checked or header.version > 1 or body != line
    return _Parsed(header.settings, values[1:], len(whole) + 1, last)


def _header(path: str | pathlib.Path, value: Any) -> _Header:
    try:
        header = pydantic.TypeAdapter(_Header).validate_json(json.dumps(value))
    except pydantic.ValidationError as error:
        raise RunError(
            f"{path}, line 1: not a search journal: {first_fault(error)}; restore it, or delete it "
            f"to begin the search anew."
        ) from error
    if header.version not in (1, VERSION):
        raise RunError(
            f"{path}, line 1: a search journal of version {header.version}, not 1 or {VERSION}: go "
            f"on with the nasrec_tf that began it, or begin the search in another directory."
        )
    return header


def _damage(path: str | pathlib.Path, number: int, what: str) -> str:
    mend = "restore it, or delete it to begin the search anew"
    if number > 1:
        mend = f"restore it, or cut it before that line (head -n {number - 1}) to go on from there"
    return f"{path}, line {number}: {what}; the file is damaged: {mend}."


def _line(value: Mapping[str, Any], last: bytes) -> tuple[bytes, bytes]:
    """The line of a value that follows one with checksum ``last``, and its checksum."""
    body = json.dumps(value, allow_nan=False).encode()
    checksum = _digest(last, body)
    return body[:-1] + b', "checksum": "' + checksum + b'"}\n', checksum


def _verified(line: bytes, last: bytes, must: bool) -> tuple[bytes, bytes]:
    """A line's JSON without checksum, and the checksum that the next line goes on from.

    Raises:
        ValueError: if the checksum is wrong, or missing where it must be.
    """
    found = _CHECKSUM.search(line)
    if found is None:
        if must:
            raise ValueError("it has no checksum")
        return line, _digest(last, line)
    body = line[: found.start()] + b"}"
    if found[1] != _digest(last, body):
        raise ValueError("its checksum is not that of its content after the line before")
    return body, found[1]


def _digest(last: bytes, body: bytes) -> bytes:
    return hashlib.sha256(last + body).hexdigest()[:16].encode()
