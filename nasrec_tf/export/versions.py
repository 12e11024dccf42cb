"""Numbered version directories that appear whole or not at all."""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
from collections.abc import Iterator
from typing import NamedTuple

from nasrec_tf.common.atomic_file import replace_durably
from nasrec_tf.export.errors import ExportError

# TF Serving takes only directories whose names are numbers for versions, so that it never sees one
# that is being written.
_DRAFT_PREFIX = ".exporting-"
LAST_VERSION = 2**63 - 1
"""TF Serving counts in 64 bits: a directory of a larger number is no version to it."""

LONGEST_NAME = 200
"""Letters of a model's name; file systems take 255."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Draft(NamedTuple):
    """A version that is being written.

    Args:
        directory: where its files go.
        version: the number that it will have.
    """

    directory: pathlib.Path
    version: int


def versions(model_directory: pathlib.Path) -> list[int]:
    """The versions of a model, rising; none where there is no such directory.

    Args:
        model_directory: ``saved_models/NAME``.
    """
    if not model_directory.is_dir():
        return []
    return sorted(int(child.name) for child in model_directory.iterdir() if _is_version(child))


def models(export_directory: pathlib.Path) -> list[str]:
    """Names of the models that have at least one version, sorted.

    Args:
        export_directory: such as ``saved_models``.
    """
    if not export_directory.is_dir():
        return []
    return sorted(child.name for child in export_directory.iterdir() if versions(child))


def _is_version(path: pathlib.Path) -> bool:
    name = path.name
    is_number = name.isascii() and name.isdigit() and len(name) <= len(str(LAST_VERSION))
    return is_number and int(name) <= LAST_VERSION and path.is_dir()


def check_name(name: str) -> None:
    """Checks a model's name, which becomes a directory and is what clients ask for.

    Args:
        name: of the model.

    Raises:
        ExportError: if it has other letters than TF Serving takes, or too many.

    Example:
        >>> check_name("nasrec-2026.1")
        >>> check_name("../nasrec")
        Traceback (most recent call last):
        nasrec_tf.export.errors.ExportError: export name '../nasrec': use letters, digits, '.', \
'_' and '-', a letter or digit first, at most 200 in all
    """
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        shown = name if len(name) <= 40 else f"{name[:37]}..."
        raise ExportError(
            f"export name {shown!r}: use letters, digits, '.', '_' and '-', a letter or digit "
            f"first, at most {LONGEST_NAME} in all"
        )


def check_request(export_directory: pathlib.Path, name: str, version: int | None) -> None:
    """Finds out cheaply, before long work, whether a version can be written.

    Args:
        export_directory: where all models lie.
        name: of the model.
        version: to write, if it was given.

    Raises:
        ExportError: if it cannot.
    """
    check_name(name)
    if version is None:
        return
    if version < 1:
        raise ExportError(f"export version {version}: versions count from 1")
    target = export_directory / name / str(version)
    if target.exists():
        raise ExportError(
            f"{target}: exists; name another version, or none to get the next free one"
        )


@contextlib.contextmanager
def new_version(
    export_directory: pathlib.Path, name: str, version: int | None = None
) -> Iterator[Draft]:
    """A directory to write, which becomes ``export_directory/name/version`` if the block ends well.

    Only one process at a time writes a model; others wait. What a killed one left is removed.

    Args:
        export_directory: where all models lie.
        name: of the model.
        version: to write; the one after the highest that is there unless given.

    Raises:
        ExportError: if the version exists or cannot be written.
    """
    check_request(export_directory, name, version)
    model_directory = export_directory / name
    try:
        with locked(model_directory):
            _remove_drafts(model_directory)
            check_request(export_directory, name, version)
            number = version or max(versions(model_directory), default=0) + 1
            if number > LAST_VERSION:
                raise ExportError(
                    f"{model_directory / str(LAST_VERSION)}: no version comes after it; name one "
                    "before it, or another model."
                )
            draft = model_directory / f"{_DRAFT_PREFIX}{number}"
            try:
                draft.mkdir()
                yield Draft(draft, number)
                replace_durably(draft, model_directory / str(number))
            finally:
                _remove_drafts(model_directory)
                with contextlib.suppress(OSError):  # not empty: it has versions
                    model_directory.rmdir()
    except OSError as error:
        raise ExportError(
            f"{model_directory}: the export cannot be written: {error.strerror or error}"
        ) from error


@contextlib.contextmanager
def locked(directory: pathlib.Path) -> Iterator[None]:
    """Holds a lock on a directory, made if need be; the system drops it with the process.

    Args:
        directory: to be locked; another process may remove it while this one waits.

    Raises:
        OSError: if it cannot be made.
    """
    descriptor = _lock(directory)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(directory: pathlib.Path) -> int:
    """A descriptor of the directory that holds the lock."""
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(directory, os.O_RDONLY)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(descriptor, directory):
            return descriptor
        os.close(descriptor)


def _is_at(descriptor: int, directory: pathlib.Path) -> bool:
    """Whether the directory was not replaced while the lock was waited for."""
    try:
        return os.path.samestat(os.fstat(descriptor), directory.stat())
    except FileNotFoundError:
        return False


def _remove_drafts(model_directory: pathlib.Path) -> None:
    for leftover in model_directory.glob(f"{_DRAFT_PREFIX}*"):
        shutil.rmtree(leftover)
