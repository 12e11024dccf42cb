"""``manifest.json``: sizes and SHA-256 checksums of every other file of a data set."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

from beam_preprocess.dataset.schema import FORMAT, MANIFEST_FILE, VERSION, read_json
from beam_preprocess.errors import DataError

_READ_BYTES = 1 << 20


def manifest_body(files: Mapping[str, tuple[int, str]]) -> dict[str, Any]:
    """The content of the manifest.

    Args:
      files: From a path relative to the data set to (size in bytes, SHA-256 in hexadecimal).
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "files": {
            path: {"bytes": size, "sha256": digest}
            for path, (size, digest) in sorted(files.items())
        },
    }


def verify(directory: str | pathlib.Path) -> int:
    """Checks every file of a data set against its manifest; returns the number of files.

    Raises:
      DataError: The first file that is missing, has another size or another checksum.
    """
    directory = pathlib.Path(directory)
    if not (directory / MANIFEST_FILE).is_file():
        raise DataError(
            f"{directory}: not a complete data set (no {MANIFEST_FILE}); "
            "run the preprocessing again"
        )
    files = read_json(directory / MANIFEST_FILE).get("files", {})
    for name, entry in files.items():
        _verify_file(directory / name, entry)
    return len(files)


def _verify_file(path: pathlib.Path, entry: Mapping[str, Any]) -> None:
    mend = "restore it or preprocess the data again"
    if not path.is_file():
        raise DataError(f"{path}: listed in {MANIFEST_FILE} but missing; {mend}")
    size = path.stat().st_size
    if size != entry["bytes"]:
        raise DataError(f"{path}: {size} bytes, {entry['bytes']} in {MANIFEST_FILE}; {mend}")
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != entry["sha256"]:
        raise DataError(f"{path}: checksum differs from {MANIFEST_FILE}; {mend}")
