"""A run that goes on with other options: which stages are made again, and what of them stays.

An option binds from the first stage that reads it (``SearchConfig.first_reader``, the one table of
that); what stages before have left does not depend on it. What is made again is moved aside first,
into a numbered directory of the run, and what is trained or scored alike is taken from there.
"""

import dataclasses
import pathlib
from collections.abc import Collection, Sequence
from typing import Any

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.made_of import MadeOf, made_of
from nasrec_tf.search.option_files import OPTION_FILES
from nasrec_tf.search.options import STAGES, flag
from nasrec_tf.search.results import RecordsResult
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.search_plan import SEARCH_PROJECT, search_strategy
from nasrec_tf.search.superseded import CONFIG_FILE, RESULT_FILE, moved_aside
from nasrec_tf.search.time_budget import BUDGET_FILE, read_note
from nasrec_tf.search.warm_start_note import WARM_START_FILE, read_warm_start
from nasrec_tf.strategies.mutation import BlockMutation
from nasrec_tf.strategies.random_search import RandomSearch
from nasrec_tf.strategies.regularized_evolution import RegularizedEvolution
from nasrec_tf.strategies.strategy import Strategy

OF_LENGTH = ("generations", "candidates", "top_k")
"""Options of the evolution stage that may leave its candidates as they are."""

STARTED = frozenset({"supernet", "retrain"})
"""Stages that read the run that ``--from`` names."""


@dataclasses.dataclass(frozen=True)
class Applied:
    """What an extension has changed of a run, and what there was.

    Args:
        again: stages that are made again.
        moved: what has been moved aside, by its path in the run directory, in the order in which
            it was made.
        aside: where that is now; ``None`` if there was nothing.
        before: what files held that have been written over or may be, by path in the run directory;
            ``None`` for one that was not there.
        journal: that of a search that goes on, in the run directory, and what it holds now.
    """

    again: tuple[str, ...]
    moved: tuple[str, ...]
    aside: pathlib.Path | None
    before: dict[str, bytes | None]
    journal: tuple[str, bytes] | None


@dataclasses.dataclass(frozen=True)
class Extension:
    """What other options make of a run.

    Args:
        directory: of the run.
        stored: the options that it was made with.
        config: those of this call.
        names: the options that differ and that a stage has read, at least one.
        edited: those of them that name the same file, in which something else stands now.
    """

    directory: pathlib.Path
    stored: SearchConfig
    config: SearchConfig
    names: Sequence[str]
    edited: Collection[str] = ()

    @property
    def again(self) -> tuple[str, ...]:
        """Stages that are made again: from the first one on that reads an option that differs."""
        first = min((self._reader(name) for name in self.names), key=STAGES.index)
        stages = {*self.stored.stages, *self.config.stages}
        later = STAGES[STAGES.index(first) :]
        return tuple(stage for stage in later if stage in stages)

    def _reader(self, name: str) -> str:
        field = next(one for one in dataclasses.fields(SearchConfig) if one.name == name)
        readers = [config.first_reader(field) for config in (self.stored, self.config)]
        return min(readers, key=STAGES.index)

    @property
    def changes(self) -> str:
        """What differs, in words."""
        return ", ".join(map(self._change, self.names))

    @property
    def told(self) -> str:
        """What differs, and what is made again and what stays, in a line."""
        begun = [stage for stage in self.again if (self.directory / stage).is_dir()]
        goes_on = self._search_goes_on()
        again = [
            "evolution (goes on from its candidates)" if stage == "evolution" and goes_on else stage
            for stage in begun
        ]
        stays = [
            stage
            for stage in STAGES
            if stage not in self.again and (self.directory / stage).is_dir()
        ]
        return (
            f"{self.changes}: made again: {', '.join(again) or 'nothing'}; "
            f"kept: {', '.join(stays) or 'nothing'}"
        )

    def _change(self, name: str) -> str:
        old, new = (shown(getattr(config, name)) for config in (self.stored, self.config))
        if name in self.edited:
            return f"what stands in {flag(name)} {old} differs"
        return f"{flag(name)} {old} becomes {new}"

    def refused(self) -> RunError:
        """The error of a call that did not ask for it."""
        name = self.names[0]
        if name in self.edited:
            return RunError(
                f"{self.directory}: {getattr(self.config, name)} has been edited since this run "
                f"was made with {flag(name)}; put back what was in it, which "
                f"{self.directory / OPTION_FILES} has kept, use another --run-dir, or go on with "
                f"--extend ({self.told})."
            )
        old, new = (shown(getattr(config, name)) for config in (self.stored, self.config))
        return RunError(
            f"{self.directory}: this run was made with {flag(name)} {old}, not {new}; repeat it "
            f"with that, use another --run-dir, or go on with --extend ({self.told})."
        )

    def apply(self) -> Applied:
        """Moves aside what is made again.

        Raises:
            RunError: if the run that ``--from`` names is read again and is no longer what it was.
        """
        self._check_start()
        names, journal = list(self.again), None
        if "evolution" in names and self._search_goes_on():
            journal = self._journal
            names[names.index("evolution")] = f"evolution/{RESULT_FILE}"
        if "warm_start" in self.names:
            names.insert(0, WARM_START_FILE)
        files = (CONFIG_FILE, OPTION_FILES, BUDGET_FILE, WARM_START_FILE)
        before = {name: self._held(name) for name in (*files, *filter(None, [journal]))}
        if journal is not None:
            self._lengthen()
        there = tuple(name for name in names if (self.directory / name).exists())
        aside = moved_aside(self.directory, there, self.stored.to_toml(), self._made_of())
        note = read_note(self.directory)
        if note is not None:
            chosen = {n: v for n, v in note.chosen.items() if n not in self.names}
            write_state(self.directory / BUDGET_FILE, dataclasses.replace(note, chosen=chosen))
        now = None if journal is None else (journal, self._held(journal) or b"")
        return Applied(self.again, there, aside, before, now)

    def _made_of(self) -> MadeOf | None:
        try:
            records = self._records()
        except RunError:  # Damaged: who needs it tells that, if it is not made again.
            return None
        if records is None:
            return None
        return made_of(self.directory, self.directory / records.dataset)

    @property
    def _journal(self) -> str:
        from nasrec_tf.strategies.oracle.ledger import JOURNAL

        return f"evolution/{SEARCH_PROJECT}/{JOURNAL}"

    def _check_start(self) -> None:
        """What was begun from another run goes on from the same one."""
        if "warm_start" not in self.names and STARTED & set(self.again):
            note = read_warm_start(self.config)
            if note is not None:
                note.check_files()

    def _held(self, name: str) -> bytes | None:
        path = self.directory / name
        return path.read_bytes() if path.exists() else None

    def _search_goes_on(self) -> bool:
        """Whether its candidates are the first ones of the search that is wanted now."""
        if self.again[0] != "evolution":
            return False
        read = {name for name in self.names if self._reader(name) == "evolution"}
        strategies = self._strategies()
        return read <= set(OF_LENGTH) and strategies is not None and extends(*strategies)

    def _strategies(self) -> tuple[Strategy, Strategy] | None:
        """The search that was begun, and the one that is wanted; ``None`` where none was."""
        if self.config.codesign or not (self.directory / self._journal).exists():
            return None
        records = self._records()
        if records is None:
            return None
        rows = records.rows["train"]
        before, now = (
            search_strategy(config, scale(config, rows), rows)
            for config in (self.stored, self.config)
        )
        return before, now

    def _records(self) -> RecordsResult | None:
        path = self.directory / "records" / RESULT_FILE
        return read_state(path, RecordsResult, "delete it to run the records stage again")

    def _lengthen(self) -> None:
        """Lets the search's journal be gone on with for longer."""
        strategies = self._strategies()
        assert strategies is not None, "a search that goes on has begun"
        _say_strategy(self.directory / "evolution" / SEARCH_PROJECT, strategies[1])


def take_back(project: pathlib.Path, strategy: Strategy) -> None:
    """Lets a search go on as it was where an extension was killed between journal and options.

    Args:
        project: directory of the search, which may not have begun.
        strategy: of the run's options, which no candidate goes beyond.
    """
    from nasrec_tf.strategies.oracle.journal import read_journal
    from nasrec_tf.strategies.oracle.ledger import JOURNAL

    if not (project / JOURNAL).exists():
        return
    begun, events = read_journal(project / JOURNAL)
    added = [event["settings"] for event in events if event.get("event") == "settings"]
    said = [settings["strategy"] for settings in (begun, *added) if "strategy" in settings]
    if repr(strategy) in said[:-1]:
        _say_strategy(project, strategy)


def _say_strategy(project: pathlib.Path, strategy: Strategy) -> None:
    from nasrec_tf.strategies.oracle.ledger import Ledger

    ledger = Ledger(project)
    if ledger.resume().get("strategy") != repr(strategy):
        ledger.add_settings({"strategy": repr(strategy)})
        ledger.sync()


def extends(before: Strategy, now: Strategy) -> bool:
    """Whether a search's first candidates are all those of another one.

    Args:
        before: the other one.
        now: the search.

    Example:
        >>> extends(RandomSearch(10), RandomSearch(20)), extends(RandomSearch(20), RandomSearch(10))
        (True, False)
        >>> few = RegularizedEvolution(generations=4)
        >>> extends(few, RegularizedEvolution(generations=9))
        True
    """
    if before == now:
        return True
    if isinstance(now, RandomSearch):
        return isinstance(before, RandomSearch) and before.trials <= now.trials
    # Other mutations go by how much of the search is over.
    if type(now) is not RegularizedEvolution or type(before) is not RegularizedEvolution:
        return False
    alike = dataclasses.replace(before, generations=now.generations) == now
    return alike and isinstance(now.mutation, BlockMutation) and now.trials >= before.trials


def shown(value: Any) -> str:
    """A value of an option, for people.

    Args:
        value: the value.
    """
    return "left out" if value is None else repr(value)
