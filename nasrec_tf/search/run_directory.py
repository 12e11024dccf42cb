"""The directory of a run, where every stage leaves its results and finds those before it."""

import contextlib
import dataclasses
import fcntl
import importlib.metadata
import json
import pathlib
import platform
from collections.abc import Iterator, Sequence
from typing import Any

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import RunError
from nasrec_tf.search.config import SearchConfig, flag, load_options

CONFIG_FILE = "config.toml"
VERSIONS_FILE = "versions.json"
RESULT_FILE = "result.json"
REPORT_FILE = "report.html"
LOCK_FILE = ".lock"

PACKAGES = ("tensorflow", "keras", "keras-tuner", "apache-beam", "numpy", "nasrec_tf")

FREE_OPTIONS = ("run_dir", "workers", "checkpoint_seconds", "distribute")
"""Options that may change from one call to the next: they do not change what comes out."""

EXPORT_OPTIONS = ("export_dir", "name", "export_version")
"""Options that may change until the export stage has run."""


class RunDirectory:
    """The directory of one run.

    Args:
        path: where it is.
    """

    def __init__(self, path: str | pathlib.Path):
        self.path = pathlib.Path(path)

    @contextlib.contextmanager
    def opened(self, config: SearchConfig) -> Iterator[None]:
        """Makes the directory this run's own, or finds that it is, and locks it meanwhile.

        Raises:
            RunError: if it belongs to a run with other settings, or is in use, or is no run's.
        """
        self._make()
        with open(self.path / LOCK_FILE, "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RunError(
                    f"{self.path}: another process is working in this run directory; wait for it "
                    "or use another --run-dir."
                ) from error
            self._claim(config)
            yield

    def _make(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path}: is not a directory; use another --run-dir.")
        is_new = not (self.path / CONFIG_FILE).exists()
        if self.path.is_dir() and is_new:
            strangers = [entry.name for entry in self.path.iterdir() if entry.name != LOCK_FILE]
            if strangers:
                raise RunError(
                    f"{self.path}: holds {sorted(strangers)[0]!r} but no {CONFIG_FILE}, so it is "
                    "not a run directory; use another --run-dir."
                )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be created: {error.strerror}") from error

    def _claim(self, config: SearchConfig) -> None:
        stored = self.path / CONFIG_FILE
        if stored.exists():
            self._check_same(config, SearchConfig(**load_options(stored)))
        write_json(self.path / VERSIONS_FILE, versions())
        with atomic_file(stored) as file:
            file.write(config.to_toml())

    def _check_same(self, config: SearchConfig, stored: SearchConfig) -> None:
        free = FREE_OPTIONS if self.result("export") else FREE_OPTIONS + EXPORT_OPTIONS
        for field in dataclasses.fields(SearchConfig):
            new, old = getattr(config, field.name), getattr(stored, field.name)
            if field.name not in free and new != old:
                raise RunError(
                    f"{self.path}: this run was made with {flag(field.name)} {_shown(old)}, not "
                    f"{_shown(new)}; repeat it with that, or use another --run-dir."
                )

    def stage(self, name: str) -> pathlib.Path:
        """The directory of a stage, made if need be."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        return path

    def result(self, stage: str) -> dict[str, Any] | None:
        """What a finished stage left, or ``None`` if it has not finished."""
        path = self.path / stage / RESULT_FILE
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"{path}: damaged; delete it to run the {stage} stage again.") from error

    def finish(self, stage: str, result: dict[str, Any]) -> None:
        """Marks a stage as finished."""
        write_json(self.stage(stage) / RESULT_FILE, result)

    def missing_before(self, stage: str, stages: Sequence[str]) -> str | None:
        """The first of a run's stages before ``stage`` that has not finished."""
        for name in stages[: stages.index(stage)]:
            if self.result(name) is None:
                return name
        return None


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a JSON file that is there whole or not at all."""
    with atomic_file(path) as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _shown(value: Any) -> str:
    return "left out" if value is None else repr(value)
