"""The history of a search, kept on disk as it grows.

Events, a line of the journal each: ``created`` (a candidate, as ``Candidate.to_json`` tells it),
``ended`` (its outcome, by ``number``), ``reopened`` (a failure that is scored again), and
``settings`` (settings that an older journal did not have, or that hold from now on in the place of
those of its first line, as for a search that goes on for longer).
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import pydantic

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import SAVED, first_fault
from nasrec_tf.strategies.history import COMPLETED, LOG_LOSS, Candidate, History, Outcome
from nasrec_tf.strategies.oracle.journal import Journal, read_journal

JOURNAL = "journal.jsonl"
"""The journal's name in a project directory."""

_Count = Annotated[int, pydantic.Field(ge=0)]
_Seconds = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


@dataclasses.dataclass(kw_only=True)
class _Created:
    __pydantic_config__ = SAVED

    event: Literal["created"]
    number: _Count
    generation: _Count
    parent: _Count | None
    architecture: dict[str, Any]
    costs: dict[str, float]
    hardware: dict[str, int] | None = None

    def candidate(self) -> Candidate:
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del fields["event"]
        return Candidate.from_json(fields)


@dataclasses.dataclass(kw_only=True)
class _Ended:
    __pydantic_config__ = SAVED

    event: Literal["ended"]
    number: _Count
    status: Literal["completed", "diverged", "failed"]
    metrics: dict[str, float]
    seconds: _Seconds
    message: str | None = None

    def outcome(self) -> Outcome:
        if self.status == COMPLETED and LOG_LOSS not in self.metrics:
            raise ValueError(f"completed without a {LOG_LOSS}")
        return Outcome(self.status, self.metrics, self.seconds, self.message)


@dataclasses.dataclass(kw_only=True)
class _Reopened:
    __pydantic_config__ = SAVED

    event: Literal["reopened"]
    number: _Count


@dataclasses.dataclass(kw_only=True)
class _Settings:
    __pydantic_config__ = SAVED

    event: Literal["settings"]
    settings: dict[str, Any]


_EVENT = pydantic.TypeAdapter(
    Annotated[_Created | _Ended | _Reopened | _Settings, pydantic.Field(discriminator="event")]
)


class Ledger:
    """A history of which every step is in a journal before it counts.

    Attributes:
        history: what the journal tells.

    Args:
        directory: the project directory, which exists.

    Example:
        >>> import tempfile
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> directory = tempfile.mkdtemp()
        >>> ledger = Ledger(directory)
        >>> ledger.begin({"seed": 0})
        >>> ledger.add(Candidate(0, 0, None, NASREC_SMALL.widest))
        >>> ledger.end(0, Outcome("completed", {"log_loss": 0.45}, seconds=1.0))
        >>> read_history(directory)[1].best
        0
    """

    def __init__(self, directory: str | pathlib.Path):
        self.history = History()
        self._journal = Journal(pathlib.Path(directory) / JOURNAL)

    @property
    def path(self) -> pathlib.Path:
        """The journal."""
        return self._journal.path

    def exists(self) -> bool:
        """Whether the directory holds a search already, be it a damaged one."""
        return self._journal.exists()

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Begins an empty search.

        Args:
            settings: what a resumed search must have in common with it, as JSON values.

        Raises:
            UserError: if the journal cannot be written.
        """
        self._journal.create(settings)

    def resume(self) -> dict[str, Any]:
        """Takes up the search that the directory holds, and returns its settings.

        Raises:
            RunError: if the journal cannot be read or is damaged.
        """
        settings, events = self._journal.read()
        self.history, added = replay(events, _lines_of(self.path))
        return settings | added

    def add_settings(self, settings: Mapping[str, Any]) -> None:
        """Keeps settings that the journal does not have, or that hold from now on.

        Args:
            settings: of the search, by name.
        """
        self._journal.append({"event": "settings", "settings": dict(settings)})

    def replace(self, settings: Mapping[str, Any], events: list[Mapping[str, Any]]) -> None:
        """Writes another search over the one in the directory, whole or not at all.

        Args:
            settings: of the other search.
            events: of its journal.

        Raises:
            RunError: if the events are not those of a search.
            UserError: if the journal cannot be written.
        """
        history, _ = replay(events, lambda index: f"state, event {index + 1}")
        self._journal.create(settings, events)
        self.history = history

    def events(self) -> Iterator[dict[str, Any]]:
        """The shortest events that tell the history."""
        for candidate in self.history.candidates:
            yield _created(candidate)
        for number in self.history.end_order:
            yield _ended(number, self.history.outcomes[number])

    def add(self, candidate: Candidate) -> None:
        """Records a new candidate.

        Args:
            candidate: the candidate.

        Raises:
            RunError: if the journal cannot be written; the candidate does not count then.
        """
        self._journal.append(_created(candidate))
        self.history.add(candidate)

    def end(self, number: int, outcome: Outcome) -> None:
        """Records how an open candidate ended.

        Args:
            number: of the candidate.
            outcome: how it ended.

        Raises:
            RunError: if the journal cannot be written; the candidate stays open then.
        """
        self._journal.append(_ended(number, outcome))
        self.history.end(number, outcome)

    def reopen_last_failures(self) -> None:
        """Lets the last failures be scored again."""
        for number in tuple(self.history.last_failures):
            self._journal.append({"event": "reopened", "number": number})
            self.history.reopen(number)

    def sync(self) -> None:
        """Syncs what was recorded to disk.

        Raises:
            RunError: if the disk refuses.
        """
        self._journal.sync()


def read_history(directory: str | pathlib.Path) -> tuple[dict[str, Any], History]:
    """Settings and history of a search, also of one that another process is running.

    Args:
        directory: the project directory.

    Raises:
        RunError: if the directory holds none, or the journal is damaged.
    """
    path = pathlib.Path(directory) / JOURNAL
    settings, events = read_journal(path)
    history, added = replay(events, _lines_of(path))
    return settings | added, history


def replay(
    events: Sequence[Mapping[str, Any]], place: Callable[[int], str]
) -> tuple[History, dict[str, Any]]:
    """The history that events tell, and the settings that were added to it.

    Args:
        events: JSON values.
        place: how a message names the event of an index.

    Raises:
        RunError: if an event is not of its form, or contradicts those before; the message names
            its place.
    """
    history = History()
    added: dict[str, Any] = {}
    for index, value in enumerate(events):
        try:
            _apply(history, added, _EVENT.validate_json(json.dumps(value)))
        except pydantic.ValidationError as error:
            raise RunError(f"{place(index)}: not usable: {first_fault(error)}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{place(index)}: not usable: {error}") from error
    return history, added


def _lines_of(path: pathlib.Path) -> Callable[[int], str]:
    return lambda index: f"{path}, line {index + 2}"


def _apply(history: History, added: dict[str, Any], event: Any) -> None:
    match event:
        case _Created():
            history.add(event.candidate())
        case _Ended():
            history.end(event.number, event.outcome())
        case _Reopened():
            history.reopen(event.number)
        case _Settings():
            added.update(event.settings)


def _created(candidate: Candidate) -> dict[str, Any]:
    return {"event": "created", **candidate.to_json()}


def _ended(number: int, outcome: Outcome) -> dict[str, Any]:
    return {"event": "ended", "number": number, **outcome.to_json()}
