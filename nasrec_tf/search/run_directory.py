"""The directory of a run, where every stage leaves its results and finds those before it."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from nasrec_tf.common.atomic_file import DRAFT_PREFIX, atomic_file
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.locked_directory import LOCK_FILE, is_passing, locked
from nasrec_tf.common.own_modules import IMPORT, is_imported
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.common.time_spent import SPENT_FILE, time_spent
from nasrec_tf.search.config import SearchConfig, load_options
from nasrec_tf.search.environment import (
    Environment,
    EnvironmentLog,
    note_environment,
    read_environments,
)
from nasrec_tf.search.extension import Applied, Extension
from nasrec_tf.search.named_data_set import named_data_set, same_data_set
from nasrec_tf.search.option_changes import (
    READERS,
    changed_options,
    completed,
    digest_up_to,
    is_same_place,
)
from nasrec_tf.search.option_files import OPTION_FILES, edited_files, keep_option_files
from nasrec_tf.search.options import STAGES, modules_of
from nasrec_tf.search.results import STAGE_RESULTS, RecordsResult, StageResult
from nasrec_tf.search.superseded import CONFIG_FILE, RESULT_FILE, SUPERSEDED
from nasrec_tf.search.time_budget import BUDGET_FILE
from nasrec_tf.search.warm_start_note import WARM_START_FILE

REPORT_FILE = "report.html"
LEADERBOARD_FILE = "leaderboard.csv"
ARCHITECTURE_FILE = "architecture.json"
EXPLANATION_FILE = "explain/explanation.md"
MLFLOW_FILE = "mlflow.json"

OWN_FILES = (
    CONFIG_FILE, REPORT_FILE, LEADERBOARD_FILE, ARCHITECTURE_FILE, LOCK_FILE, MLFLOW_FILE,
    BUDGET_FILE, SUPERSEDED, WARM_START_FILE, OPTION_FILES,
)  # fmt: skip
"""Files of a run that lie beside the directories of its stages."""

T = TypeVar("T", bound=StageResult)


class RunDirectory:
    """The directory of one run.

    Args:
        path: where it is.
        option: by which the user named it.

    Raises:
        RunError: if a file stands there, or on the way to it.
    """

    def __init__(self, path: str | pathlib.Path, option: str = "--run-dir"):
        self.path, self.option = pathlib.Path(path), option
        there = next((p for p in (self.path, *self.path.parents) if os.path.lexists(p)), None)
        if there is not None and not there.is_dir():
            raise RunError(f"{there}: is not a directory; use another {option}.")
        self.applied: Applied | None = None  # What this object has made of the run.
        self._stored: tuple[tuple[int, int, int], SearchConfig] | None = None

    @contextlib.contextmanager
    def opened(self, config: SearchConfig | None, extend: bool = False) -> Iterator[None]:
        """Makes the directory this run's own, or finds that it is, and locks it meanwhile.

        Args:
            config: the options; ``None`` for a finished run as it is, of which only what it has
                left is read.
            extend: whether options may differ that stages have read, which are then made again.

        Raises:
            RunError: if it belongs to a run with other settings, or is in use, or is no run's.
        """
        self._make()
        with locked(self.path, "run directory"):
            if config is not None:
                self._claim(config, extend)
            yield

    def check_no_strangers(self) -> None:
        """Finds out whether what stands there is a run, if anything does.

        Raises:
            RunError: if it is something else.
        """
        if self.path.is_dir() and not (self.path / CONFIG_FILE).exists():
            strangers = [entry.name for entry in self.path.iterdir() if not is_passing(entry)]
            if strangers:
                raise RunError(
                    f"{self.path}: holds {sorted(strangers)[0]!r} but no {CONFIG_FILE}, so it is "
                    f"not a run directory; use another {self.option}."
                )

    def _make(self) -> None:
        self.check_no_strangers()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be created: {error.strerror}") from error

    def _claim(self, config: SearchConfig, extend: bool) -> None:
        stored = self.stored_config()
        if stored is not None:
            extension = self.extension(config, stored)
            if extension is not None and not extend:
                raise extension.refused()
            self._note_place_of_data(config)
            config = self._spelt_as(config, stored)
            if extension is not None:
                self._extend(extension)
            elif extend:
                print(f"{self.path}: no option differs; there is nothing to extend", flush=True)
            if not self.is_settled("records") and changed_options(config, stored, "records"):
                shutil.rmtree(self.path / "records", ignore_errors=True)
            if changed_options(config, stored, "explain"):
                # It is told anew, by what it has kept of each model and measurement.
                (self.path / "explain" / RESULT_FILE).unlink(missing_ok=True)
        for draft in self.path.rglob(f"{DRAFT_PREFIX}*"):
            draft.unlink(missing_ok=True)  # Of a process that was killed.
        # First of all: it makes the directory a run's.
        with atomic_file(self.path / CONFIG_FILE) as file:
            file.write(config.to_toml())
        keep_option_files(self.path, config)

    def stored_config(self) -> SearchConfig | None:
        """The options that the run was begun with, or ``None`` if it has not begun.

        Raises:
            RunError: if the file is damaged.
        """
        path = self.path / CONFIG_FILE
        if not path.exists():
            return None
        # Every look at a stage's result asks: one file is read once.
        status = path.stat()
        file = status.st_ino, status.st_mtime_ns, status.st_size
        if self._stored is None or self._stored[0] != file:
            self._stored = file, self._options(path)
        return self._stored[1]

    def _options(self, path: pathlib.Path) -> SearchConfig:
        try:
            options = load_options(path)
            if not options:
                raise RunError("is empty")
            missing = [module for module in modules_of(options) if not is_imported(module)]
            if not missing:
                return SearchConfig(**completed(options))
        except UserError as error:
            raise RunError(
                f"{path}: damaged: {str(error).removeprefix(f'{path}: ')}; write into it the "
                "options that the run was begun with."
            ) from error
        raise RunError(
            f"{self.path}: the run was made with {' '.join(f'{IMPORT} {m}' for m in missing)}: "
            "give that here as well, or import it in Python."
        )

    def check_same(self, config: SearchConfig, stored: SearchConfig) -> None:
        """Compares options with those that the run was begun with.

        An option may change until the stage that reads it first has begun.

        Args:
            config: the options of this call.
            stored: those of ``stored_config``.

        Raises:
            RunError: if one differs that may not; the message names it and both values.
        """
        extension = self.extension(config, stored)
        if extension is not None:
            raise extension.refused()

    def check_made_with(self, config: SearchConfig, mend: str) -> None:
        """As ``check_same``, for what keeps a run as a part of its own and has other options.

        Args:
            config: the options of this call.
            mend: what the user can do, such as ``"use another --dir"``.

        Raises:
            RunError: if the run is there and was made otherwise.
        """
        stored = self.stored_config()
        other = None if stored is None else self.extension(config, stored)
        if other is not None:
            raise RunError(f"{self.path}: was made with other options: {other.changes}; {mend}.")

    def extension(self, config: SearchConfig, stored: SearchConfig) -> Extension | None:
        """What options that differ from those of the run make of it; ``None`` if it just goes on.

        Args:
            config: the options of this call.
            stored: those of ``stored_config``.
        """
        config = self._spelt_as(config, stored)
        edited = edited_files(self.path, config)
        changed = {field.name for field in changed_options(config, stored)}
        # Which stage reads one first may hang on the others: a strategy that learns its choices is
        # the supernet's, and another one is not.
        names = [
            field.name
            for field in dataclasses.fields(SearchConfig)
            if field.name in changed | edited
            and any(self.binds(each.first_reader(field)) for each in (stored, config))
        ]
        return Extension(self.path, stored, config, names, edited - changed) if names else None

    def _spelt_as(self, config: SearchConfig, stored: SearchConfig) -> SearchConfig:
        """The options with the words of the stored ones for the same files: results go by these."""
        same = {
            field.name: getattr(stored, field.name)
            for field in dataclasses.fields(SearchConfig)
            if is_same_place(field, getattr(config, field.name), getattr(stored, field.name))
        }
        if "data" not in same and self._place_of_data(config) is not None:
            same["data"] = stored.data
        return dataclasses.replace(config, **same)

    def _note_place_of_data(self, config: SearchConfig) -> None:
        """Lets the run know where its data set lies now, if it has been moved."""
        place = self._place_of_data(config)
        if place is None:
            return
        result = self.finished("records", RecordsResult)
        if str(place) != result.dataset:
            moved = dataclasses.replace(result, dataset=str(place))
            write_state(self.path / "records" / RESULT_FILE, moved)

    def _place_of_data(self, config: SearchConfig) -> pathlib.Path | None:
        """Where options name the run's data set of records; ``None`` where they name none."""
        if named_data_set(config) is None or not self.is_settled("records"):
            return None
        return same_data_set(config, self.finished("records", RecordsResult))

    def _extend(self, extension: Extension) -> None:
        """Says what is made again, and moves it aside."""
        print(f"{self.path}: {extension.told}", flush=True)
        self.applied = extension.apply()
        if self.applied.aside is not None:
            print(f"{self.path}: what is made again lies in {self.applied.aside}", flush=True)

    def binds(self, stage: str) -> bool:
        """Whether options that a stage is the first to read may no longer change.

        A stage after it binds them as well: what stands there was made of what has gone.

        Args:
            stage: that reads them.
        """
        return any(map(self.is_settled, STAGES[STAGES.index(stage) :]))

    def is_settled(self, stage: str) -> bool:
        """Whether the first stage that reads an option has begun; has ended, of some stages.

        The records stage leaves all or nothing, and the export is made in a moment. Explaining
        changes nothing that was found, and may go further at any time.

        Args:
            stage: that reads it.
        """
        if stage == "explain":
            return False
        directory = self.path / stage
        if stage == "records":
            return (directory / RESULT_FILE).exists()
        if stage == "export":
            return self.result(stage) is not None
        return directory.is_dir() and any(map(_is_of_work, directory.iterdir()))

    def environments(self) -> EnvironmentLog | None:
        """What the run was computed with so far, or ``None`` where that is not known.

        Raises:
            RunError: if the file is damaged, or the directory's format is not known.
        """
        return read_environments(self.path)

    def note_environment(self, now: Environment) -> None:
        """Records what the run goes on with, and warns if it is something else than before.

        Args:
            now: the present environment.

        Raises:
            RunError: if the file is damaged, or the directory's format is not known.
        """
        changes = note_environment(self.path, now)
        if changes:
            print(
                f"warning: {self.path}: begun with {'; '.join(changes)}: what comes out may "
                "differ in the last bits from a run that was not continued so.",
                file=sys.stderr,
                flush=True,
            )

    def stage(self, name: str) -> pathlib.Path:
        """The directory of a stage, made if need be.

        Args:
            name: of the stage.
        """
        path = self.path / name
        path.mkdir(exist_ok=True)
        return path

    def result(self, stage: str) -> Any | None:
        """What a finished stage left, of its type in ``STAGE_RESULTS``; ``None`` before that.

        Args:
            stage: name of the stage.

        Raises:
            RunError: if the file is damaged; the message says what to delete.
        """
        path = self.path / stage / RESULT_FILE
        mend = f"delete it to run the {stage} stage again"
        result = read_state(path, STAGE_RESULTS[stage], mend)
        digests = (None, *(self._made_with(stage, version) for version in range(READERS)))
        if result is not None and result.made_with not in digests:
            raise RunError(f"{path}: is of a run with other options than this one; {mend}.")
        return result

    def finished(self, stage: str, kind: type[T]) -> T:
        """What a stage left that must have finished.

        Args:
            stage: of ``STAGES``.
            kind: type of its result.

        Raises:
            RunError: if it has not finished, was skipped, or the file is damaged.
        """
        result = self.result(stage)
        if not isinstance(result, kind):
            path = self.path / stage / RESULT_FILE
            what = "is missing" if result is None else "tells of a stage that was skipped"
            raise RunError(f"{path}: {what}; delete {path.parent} to run the {stage} stage again.")
        return result

    def timed(self, stage: str) -> contextlib.AbstractContextManager[Callable[[], float]]:
        """Counts the time of a stage, as ``time_spent`` does, over all calls that go on with it.

        Args:
            stage: of ``STAGES``.

        Raises:
            RunError: if what earlier calls have kept of it is damaged.
        """
        return time_spent(self.stage(stage))

    def finish(self, stage: str, result: StageResult, seconds: float) -> None:
        """Marks a stage as finished.

        Args:
            stage: of ``STAGES``.
            result: what it leaves.
            seconds: wall time that it took.
        """
        result = dataclasses.replace(result, seconds=seconds, made_with=self._made_with(stage))
        write_state(self.stage(stage) / RESULT_FILE, result)

    def _made_with(self, stage: str, version: int = 0) -> str | None:
        """Digest of the run's options up to a stage; ``None`` where there are none yet."""
        config = self.stored_config()
        return None if config is None else digest_up_to(stage, config, version)

    def missing_before(self, stage: str, stages: Sequence[str]) -> str | None:
        """The first of a run's stages before ``stage`` that has not finished.

        Args:
            stage: name of the stage.
            stages: those of the run, in order.

        Raises:
            RunError: if what a stage left is damaged.
        """
        for name in stages[: stages.index(stage)]:
            if self.result(name) is None:
                return name
        return None


def _is_of_work(path: pathlib.Path) -> bool:
    """Whether something in a stage's directory is more than how long the stage was tried."""
    return path.name != SPENT_FILE and not path.name.startswith(DRAFT_PREFIX)
