"""What a run is computed with: versions of packages, the machine, and the kernels.

Results are equal to the bit as long as all of it stays the same. ``versions.json`` of a run
directory keeps it, with all that came before, and tells the format of the directory.
"""

import contextlib
import dataclasses
import importlib.metadata
import pathlib
import platform
from collections.abc import Iterable
from typing import Any

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.own_modules import digests
from nasrec_tf.common.saved_state import SAVED, read_state, write_state

VERSIONS_FILE = "versions.json"

FORMAT_VERSION = 2
"""Of run directories. 1 had no checksums, and ``versions.json`` was a table of packages."""

PACKAGES = ("tensorflow", "keras", "keras-tuner", "apache-beam", "numpy", "nasrec_tf")


@dataclasses.dataclass(frozen=True)
class Environment:
    """What results are computed with.

    Args:
        packages: version by name, Python's own among them.
        machine: architecture and processor; ``None`` if it is not known.
        kernels: fingerprint of ``nasrec_tf.native``; ``None`` if it is not known yet.
    """

    __pydantic_config__ = SAVED

    packages: dict[str, str]
    machine: str | None = None
    kernels: str | None = None

    def changes(self, now: "Environment") -> list[str]:
        """What differs, such as ``"numpy 2.1.0, now 2.4.6"``; what is not known does not count.

        Args:
            now: the present one.

        Example:
            >>> begun = Environment({"numpy": "2.1.0"}, kernels="5f3a")
            >>> begun.changes(Environment({"numpy": "2.4.6"}, "x86_64", "none"))
            ['numpy 2.1.0, now 2.4.6', 'kernels 5f3a, now none']
        """
        names = [*self.packages, *(name for name in now.packages if name not in self.packages)]
        pairs = [
            (n, self.packages.get(n, "missing"), now.packages.get(n, "missing")) for n in names
        ]
        for name in ("machine", "kernels"):
            if None not in (getattr(self, name), getattr(now, name)):
                pairs.append((name, getattr(self, name), getattr(now, name)))
        return [f"{name} {before}, now {after}" for name, before, after in pairs if before != after]


def current_environment(
    kernels: str | None = None, modules: Iterable[str] | None = None
) -> Environment:
    """That of this process, found without TensorFlow.

    Args:
        kernels: of ``nasrec_tf.native.kernel_fingerprint``, where they have been made ready.
        modules: of the user's own that were imported, which have a digest in place of a version.
    """
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    for module, digest in digests(modules or ()).items():
        found[f"{module} (digest)"] = digest
    return Environment(found, _machine(), kernels)


def _machine() -> str:
    """Architecture and, on Linux, the processor's model: kernels and libraries go by both."""
    with contextlib.suppress(OSError):
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return f"{platform.machine()}, {value.strip()}"
    return platform.machine()


@dataclasses.dataclass(frozen=True)
class EnvironmentLog:
    """The content of ``versions.json``.

    Args:
        run_directory: version of the directory's format.
        environments: all that the run was computed with, the present one last.
    """

    __pydantic_config__ = SAVED

    run_directory: int
    environments: tuple[Environment, ...]

    def with_latest(self, now: Environment) -> "EnvironmentLog":
        """The log with the present environment last; what was not known is filled in.

        Args:
            now: the present environment.
        """
        last = self.environments[-1] if self.environments else Environment({})
        if self.environments and not last.changes(now):
            now = Environment(
                now.packages, now.machine or last.machine, now.kernels or last.kernels
            )
            return EnvironmentLog(FORMAT_VERSION, (*self.environments[:-1], now))
        return EnvironmentLog(FORMAT_VERSION, (*self.environments, now))


def read_environments(directory: pathlib.Path) -> EnvironmentLog | None:
    """What a run directory was computed with, or ``None`` where that is not known.

    Args:
        directory: the run directory, of this or of an earlier format.

    Raises:
        RunError: if the file is damaged, or the directory's format is not known to this program.
    """
    path = directory / VERSIONS_FILE
    mend = "delete it to go on without knowing what the run was computed with"
    value = read_state(path, dict[str, Any], mend)
    if value is None:
        return None
    version = value.get("run_directory", 1)
    if version == 1:
        return EnvironmentLog(1, (Environment(read_state(path, dict[str, str], mend) or {}),))
    if version != FORMAT_VERSION:
        raise RunError(
            f"{path}: a run directory of format {version!r}; this program knows formats 1 to "
            f"{FORMAT_VERSION}: go on with the version of nasrec_tf that made it."
        )
    return read_state(path, EnvironmentLog, mend)


def note_environment(directory: pathlib.Path, now: Environment) -> list[str]:
    """Adds what a run goes on with to ``versions.json``.

    Args:
        directory: the run directory.
        now: the present environment.

    Returns:
        What differs from what the run was last computed with.

    Raises:
        RunError: if the file is damaged, or the directory's format is not known to this program.
    """
    before = read_environments(directory)
    log = (before or EnvironmentLog(FORMAT_VERSION, ())).with_latest(now)
    if log != before:
        write_state(directory / VERSIONS_FILE, log)
    if before is None or not before.environments:
        return []
    return before.environments[-1].changes(now)
