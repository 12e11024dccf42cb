"""An append-only file of events, from which a search is taken up again.

Each event costs the same however long the search has run. An event that was written stays written
whenever the process is killed; should the machine itself fail, the system may lose the events of
the last half minute, and the search goes on from those before.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from nasrec_tf.common.errors import RunError

FORMAT = "nasrec_tf.search_journal"
VERSION = 1


class Journal:
    """A file of JSON lines: settings first, then events.

    Args:
        path: the file.
    """

    def __init__(self, path: str | pathlib.Path):
        self.path = pathlib.Path(path)
        self._size = 0

    def exists(self) -> bool:
        """Whether there is a journal with settings in it."""
        return self.path.exists() and b"\n" in self.path.read_bytes()[:_FIRST_LINE_LIMIT]

    def create(self, settings: Mapping[str, Any]) -> None:
        """Begins a journal; what a killed process left of a first line is overwritten."""
        self._size = 0
        header = {"format": FORMAT, "version": VERSION, "settings": dict(settings)}
        self._write(header, "wb")

    def append(self, event: Mapping[str, Any]) -> None:
        """Adds an event, which outlives this process from now on.

        Raises:
            RunError: if the file cannot be written, or another process writes it too.
        """
        self._write(event, "ab")

    def read(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Settings and events; an event cut off by a kill was never written and is cut away.

        Raises:
            RunError: if the file cannot be read; the message names file and line.
        """
        try:
            whole, end, cut = self.path.read_bytes().rpartition(b"\n")
            if cut:
                os.truncate(self.path, len(whole) + len(end))
        except OSError as error:
            raise RunError(f"{self.path}: cannot be read: {error.strerror}.") from error
        self._size = len(whole) + len(end)
        return parse(self.path, whole + end)

    def _write(self, value: Mapping[str, Any], mode: str) -> None:
        line = json.dumps(value, allow_nan=False).encode() + b"\n"
        try:
            with open(self.path, mode) as file:
                if file.tell() != self._size:
                    raise RunError(
                        f"{self.path}: another process writes it too: let one search at a time "
                        f"run in {self.path.parent}."
                    )
                file.write(line)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error.strerror}.") from error
        self._size += len(line)


_FIRST_LINE_LIMIT = 1 << 20


def read_journal(path: str | pathlib.Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Settings and events of a journal that another process may be writing; changes nothing.

    Raises:
        RunError: if the file cannot be read; the message names file and line.
    """
    try:
        whole, end, _ = pathlib.Path(path).read_bytes().rpartition(b"\n")
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}.") from error
    return parse(path, whole + end)


def parse(path: str | pathlib.Path, content: bytes) -> tuple[dict, list[dict]]:
    """Reads the content of a journal whose lines are whole."""
    values = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            values.append(json.loads(line))
        except ValueError as error:
            raise RunError(
                f"{path}, line {number}: not an event; the file is damaged: restore it, or begin "
                f"the search in another directory."
            ) from error
    header = values[0] if values and isinstance(values[0], dict) else {}
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise RunError(f"{path}, line 1: not a search journal of version {VERSION}.")
    return header["settings"], values[1:]
