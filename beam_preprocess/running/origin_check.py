"""Whether raw files and their description are still those that a data set was made of."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import pathlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from beam_preprocess.common.checked import build, shown
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.origin import ORIGIN_FILE, Origin, OriginFile
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DenseColumn, SparseColumn, TimeColumn
from beam_preprocess.reading.description import Description
from beam_preprocess.reading.side_table import SideTable
from beam_preprocess.reading.text_blocks import InputFile
from beam_preprocess.running.input_files import find_inputs, find_side_files

_READ_BYTES = 1 << 20
_MARGIN = 4
_HEADER_BYTES = 1 << 10
_REMOTE = "://"


def fingerprint(file: InputFile, directory: str, checked: int | None = None) -> OriginFile:
    """Reads a raw file as it lies on disk.

    Args:
      file: The file.
      directory: Of the data set that is made of it.
      checked: The first bytes alone; None for all.
    """
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    size, checksum, left = 0, 0, math.inf if checked is None else checked
    with FileSystems.open(file.path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        while data := stream.read(int(min(_READ_BYTES, left))):
            size += len(data)
            left -= len(data)
            checksum = zlib.crc32(data, checksum)
    path = _as_seen_from(directory, file.path)
    size = size if checked is None else file.size
    return OriginFile(path, size, checksum, file.split, checked)


def read_part(file: InputFile) -> int | None:
    """The first bytes of a file that hold what is read of it; None for all.

    Args:
      file: The file, with its limit: a quick look at a large log does not read all of it.

    >>> log = InputFile(0, "log.txt", 10**12)
    >>> read_part(log), read_part(dataclasses.replace(log, limit=99))
    (None, 99)
    """
    if file.limit is None:
        return None
    if file.block_rows:
        part = math.ceil(_MARGIN * file.size * file.limit / max(1, sum(file.row_groups)))
    elif file.encoding is not None:
        part = _MARGIN * file.limit  # Of what has become UTF-8, whose letters may be shorter.
    else:
        part = file.limit  # Packed, its lines lie in fewer bytes.
    part += _HEADER_BYTES if file.in_one_go else 0
    return part if part < file.size else None


def _as_seen_from(directory: str, path: str) -> str:
    if _REMOTE in path:
        return path
    path, home = os.path.realpath(path), os.path.realpath(directory)
    beside = os.path.commonpath((os.path.dirname(home), path)) == os.path.dirname(home)
    return os.path.relpath(path, home) if beside else path


def describe_origin(description: Description, files: Iterable[OriginFile]) -> Origin:
    """What a data set is made of.

    Args:
      description: Of the raw data, its columns known.
      files: The raw files, in any order.
    """
    body = json.loads(json.dumps(dataclasses.asdict(description)))
    return Origin(body, tuple(sorted(files, key=lambda file: (file.split or "", file.path))))


def recorded_description(body: Mapping[str, Any], where: str) -> Description:
    """The description that a data set was made by.

    Args:
      body: ``Origin.description``.
      where: What it was read from, for messages.

    Raises:
      DataError: It is none that this version knows.
    """
    fields = dict(body)
    tables = [
        {**_with_columns(table, where), "columns": tuple(table["columns"])}
        for table in fields.get("side_tables", ())
    ]
    fields["side_tables"] = [build(SideTable, table, where) for table in tables]
    fields["times"] = [build(TimeColumn, entry, where) for entry in fields.get("times", ())]
    return build(Description, _with_columns(fields, where), where)


def _with_columns(fields: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields with their dense and sparse columns made."""
    made = dict(fields)
    for key, kind in (("dense", DenseColumn), ("sparse", SparseColumn)):
        if made.get(key) is not None:
            made[key] = [build(kind, entry, where) for entry in made[key]]
    return made


def check_unchanged(directory: str | pathlib.Path, config: PreprocessConfig) -> None:
    """Compares what a data set was made of with what its command would read now.

    A file that was written or moved since is read again; one that was only copied passes.

    Args:
      directory: The data set.
      config: The run, as it was told.

    Raises:
      DataError: The description, or a file, is another one, or there are more or fewer of them.
    """
    origin = Origin.load(directory)
    if origin is None:
        return
    limited = config.max_rows is not None
    config, files = find_inputs(dataclasses.replace(config, max_rows=None))
    side_files = [file for members in find_side_files(config) for file in members]
    now = describe_origin(config.description, ())
    for key, value in now.description.items():
        before = origin.description.get(key, _default(key))
        if _differs(before, value):
            raise DataError(
                f"{config.description.name}: the description has changed since the records were "
                f"made: {key} was {shown(before)} and is {shown(value)}"
            )
    directory = pathlib.Path(directory)
    read = _first_files(directory, origin, files) if limited else list(files)
    _check_files(directory, origin, read + side_files)


def _first_files(
    directory: pathlib.Path, origin: Origin, files: Iterable[InputFile]
) -> list[InputFile]:
    """Those of each split group up to the last one that was read: its rows were enough."""
    known = {(file.split, _place(directory, file.path)) for file in origin.files}
    kept: list[InputFile] = []
    for split, group in itertools.groupby(files, key=lambda file: file.split):
        members = list(group)
        while members and (split, _place(pathlib.Path(), members[-1].path)) not in known:
            members.pop()
        kept += members
    return kept


def _check_files(directory: pathlib.Path, origin: Origin, files: list[InputFile]) -> None:
    made = os.stat(directory / ORIGIN_FILE).st_mtime_ns
    before = {(file.split, _place(directory, file.path)): file for file in origin.files}
    for file in files:
        known = before.pop((file.split, _place(pathlib.Path(), file.path)), None)
        if known is None:
            raise DataError(f"{file.path}: was not there when the records were made")
        same = file.size == known.bytes
        if _changed(file.path) >= made if same else known.checked is not None:
            # What comes behind the part that was read may be other or more.
            same = fingerprint(file, str(directory), known.checked).crc32 == known.crc32
        if not same:
            raise DataError(
                f"{file.path}: has changed since the records were made of it ({known.bytes:,} "
                f"bytes then, {file.size:,} now)"
            )
    for _, gone in before:
        raise DataError(f"{gone}: was read when the records were made, and is not there now")


def _place(directory: pathlib.Path, path: str) -> str:
    return path if _REMOTE in path else os.path.realpath(directory / path)


def _changed(path: str) -> float:
    """When anything of a file was changed, in nanoseconds since 1970."""
    try:
        return os.stat(path).st_ctime_ns
    except OSError:  # on a remote store, which does not say
        return float("inf")


def _default(key: str) -> Any:
    """What a field meant in a description that was written before there was the field."""
    (field,) = (field for field in dataclasses.fields(Description) if field.name == key)
    return None if field.default is dataclasses.MISSING else field.default


def _differs(before: Any, now: Any) -> bool:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        # A key of a later version means what there was before it, unless it says something.
        added = any(now[key] for key in now.keys() - before.keys())
        return added or any(_differs(before[key], now[key]) for key in before.keys() & now.keys())
    if isinstance(before, list | tuple) and isinstance(now, list | tuple):
        pairs = zip(before, now, strict=False)
        return len(before) != len(now) or any(_differs(*pair) for pair in pairs)
    return bool(before != now)
