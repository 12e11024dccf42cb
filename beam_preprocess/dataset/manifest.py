"""``manifest.json``: sizes and SHA-256 checksums of every other file of a data set."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from beam_preprocess.common.checked import Count, build, check_fields, shown
from beam_preprocess.dataset.file_format import (
    FORMAT,
    MANIFEST_FILE,
    SCHEMA_FILE,
    VERSION_WITHOUT_LISTS,
    check_format,
    read_json,
)
from beam_preprocess.errors import DataError

VOCABULARIES = "vocabularies/"
SHARD_ENDING = ".tfrecord.gz"
MEND = "restore it or preprocess the data again"

_READ_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the manifest says of one file.

    Attributes:
      bytes: Its size.
      sha256: Its checksum in hexadecimal.

    Raises:
      DataError: A value is of another form.
    """

    bytes: Count
    sha256: Annotated[str, pydantic.Field(pattern="^[0-9a-f]{64}$")]

    def __post_init__(self) -> None:
        check_fields(self)


def manifest_body(files: Mapping[str, tuple[int, str]]) -> dict[str, Any]:
    """The content of the manifest.

    Args:
      files: From a path relative to the data set to (size in bytes, SHA-256 in hexadecimal).
    """
    return {
        "format": FORMAT,
        "version": VERSION_WITHOUT_LISTS,  # Its own form is the same.
        "files": {
            path: {"bytes": size, "sha256": digest}
            for path, (size, digest) in sorted(files.items())
        },
    }


def is_data_set(directory: str | pathlib.Path) -> bool:
    """Whether a directory is a data set; other programs have manifests of other forms.

    Args:
      directory: Anything that may be one.

    >>> is_data_set("/tmp")
    False
    """
    directory = pathlib.Path(directory)
    if not os.path.isfile(directory / MANIFEST_FILE):  # False for a name that no file can have
        return False
    if (directory / SCHEMA_FILE).is_file():
        return True
    try:
        body = read_json(directory / MANIFEST_FILE)
    except DataError:
        return False
    return isinstance(body, Mapping) and body.get("format") == FORMAT


def verify(directory: str | pathlib.Path) -> int:
    """Checks every file of a data set against its manifest; returns the number of files.

    Args:
      directory: The data set.

    Raises:
      DataError: The first file that is missing, has another size or another checksum.
    """
    directory = pathlib.Path(directory)
    if not (directory / MANIFEST_FILE).is_file():
        raise DataError(
            f"{directory}: not a complete data set (no {MANIFEST_FILE}); "
            "run the preprocessing again"
        )
    files = _listed(directory)
    for name, entry in files.items():
        _verify_file(directory / name, entry)
    return len(files)


def verify_file(directory: str | pathlib.Path, name: str) -> None:
    """Checks one file of a data set against the manifest.

    Args:
      directory: The data set.
      name: Path of the file relative to it, such as ``schema.json``.

    Raises:
      DataError: It is missing, not listed, or has another size or another checksum.
    """
    directory = pathlib.Path(directory)
    entry = _listed(directory).get(name)
    if entry is None:
        raise DataError(
            f"{directory / MANIFEST_FILE}: does not list {name}; preprocess the data again"
        )
    _verify_file(directory / name, entry)


def verify_what_is_read(directory: str | pathlib.Path) -> None:
    """Checks quickly what trainings and exports read: shards by size, all else by checksum too.

    Damage inside of a shard is found while it is read: its format has checksums of its own.

    Args:
      directory: The data set.

    Raises:
      DataError: The first file that is missing or not as it was written.
    """
    directory = pathlib.Path(directory)
    for name, entry in _listed(directory).items():
        if name == SCHEMA_FILE or name.startswith(VOCABULARIES):
            _verify_file(directory / name, entry)
        elif name.endswith(SHARD_ENDING):
            _verify_size(directory / name, entry)


def _listed(directory: pathlib.Path) -> dict[str, Entry]:
    """The manifest's entries by file.

    Raises:
      DataError: It cannot be read, or has another form.
    """
    path = directory / MANIFEST_FILE
    body = read_json(path)
    check_format(body, str(path))
    files = body.get("files")
    try:
        if not isinstance(files, Mapping) or not files:
            raise DataError(f"files must be a table of files, not {shown(files)}")
        return {name: build(Entry, entry, shown(name)) for name, entry in files.items()}
    except DataError as error:
        raise DataError(f"{path}: damaged ({error}); {MEND}") from None


def _verify_file(path: pathlib.Path, entry: Entry) -> None:
    _verify_size(path, entry)
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != entry.sha256:
        raise DataError(f"{path}: checksum differs from {MANIFEST_FILE}; {MEND}")


def _verify_size(path: pathlib.Path, entry: Entry) -> None:
    if not path.is_file():
        raise DataError(f"{path}: listed in {MANIFEST_FILE} but missing; {MEND}")
    size = path.stat().st_size
    if size != entry.bytes:
        raise DataError(f"{path}: {size} bytes, {entry.bytes} in {MANIFEST_FILE}; {MEND}")
