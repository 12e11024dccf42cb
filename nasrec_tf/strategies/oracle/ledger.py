"""The history of a search, kept on disk as it grows."""

import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from nasrec_tf.common.errors import RunError
from nasrec_tf.strategies.oracle.history import Candidate, History, Outcome
from nasrec_tf.strategies.oracle.journal import Journal, read_journal

JOURNAL = "journal.jsonl"
"""The journal's name in a project directory."""


class Ledger:
    """A history of which every step is in a journal before it counts.

    Attributes:
        history: what the journal tells.

    Args:
        directory: the project directory.
    """

    def __init__(self, directory: str | pathlib.Path):
        self.history = History()
        self._journal = Journal(pathlib.Path(directory) / JOURNAL)

    def exists(self) -> bool:
        """Whether the directory holds a search already."""
        return self._journal.exists()

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Begins an empty search."""
        self._journal.create(settings)

    def resume(self) -> dict[str, Any]:
        """Takes up the search that the directory holds, and returns its settings.

        Raises:
            RunError: if the journal is damaged.
        """
        settings, events = self._journal.read()
        self.history = replay(self._journal.path, events)
        return settings

    def replace(self, settings: Mapping[str, Any], events: list[Mapping[str, Any]]) -> None:
        """Writes another search over the one in the directory, whole or not at all."""
        history = replay("state", events)
        target = self._journal.path
        draft = Journal(target.with_suffix(".new"))
        draft.create(settings)
        for event in events:
            draft.append(event)
        os.replace(draft.path, target)
        self._journal.read()
        self.history = history

    def events(self) -> Iterator[dict[str, Any]]:
        """The shortest events that tell the history."""
        for candidate in self.history.candidates:
            yield _created(candidate)
        for number in self.history.end_order:
            yield _ended(number, self.history.outcomes[number])

    def add(self, candidate: Candidate) -> None:
        """Records a new candidate."""
        self._journal.append(_created(candidate))
        self.history.add(candidate)

    def end(self, number: int, outcome: Outcome) -> None:
        """Records how an open candidate ended."""
        self._journal.append(_ended(number, outcome))
        self.history.end(number, outcome)

    def reopen_last_failures(self) -> None:
        """Lets the last failures be scored again."""
        for number in tuple(self.history.last_failures):
            self._journal.append({"event": "reopened", "number": number})
            self.history.reopen(number)


def read_history(directory: str | pathlib.Path) -> tuple[dict[str, Any], History]:
    """Settings and history of a search, also of one that another process is running.

    Raises:
        RunError: if the directory holds none, or the journal is damaged.
    """
    path = pathlib.Path(directory) / JOURNAL
    settings, events = read_journal(path)
    return settings, replay(path, events)


def replay(source: str | pathlib.Path, events: list[Mapping[str, Any]]) -> History:
    """The history that events tell.

    Raises:
        RunError: if they contradict each other; the message names ``source`` and the event.
    """
    history = History()
    for index, event in enumerate(events, start=1):
        try:
            _apply(history, event)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{source}, event {index}: not usable: {error}") from error
    return history


def _apply(history: History, event: Mapping[str, Any]) -> None:
    fields = dict(event)
    kind = fields.pop("event")
    if kind == "created":
        history.add(Candidate.from_json(fields))
        return
    number = fields.pop("number")
    if kind == "ended":
        history.end(number, Outcome.from_json(fields))
    elif kind == "reopened":
        history.reopen(number)
    else:
        raise ValueError(f"unknown event {kind!r}")


def _created(candidate: Candidate) -> dict[str, Any]:
    return {"event": "created", **candidate.to_json()}


def _ended(number: int, outcome: Outcome) -> dict[str, Any]:
    return {"event": "ended", "number": number, **outcome.to_json()}
