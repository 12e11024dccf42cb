"""Which files a path, a glob or a directory means."""

from __future__ import annotations

import dataclasses
import fnmatch
import glob
import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence

from beam_preprocess.dataset.file_format import MANIFEST_FILE
from beam_preprocess.errors import DataError

_REMOTE = "://"
_PARTITION = re.compile(r"([^=]+)=(.*)")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # how Hive and Spark write a null


@dataclasses.dataclass(frozen=True)
class FoundFile:
    """A file that a pattern means.

    Attributes:
      path: Where it lies.
      size: Its bytes.
      named: Whether it was named itself, and not found by a glob or in a directory.
      partitions: Columns in the names of directories between what was named and the file, as Hive
        and Spark write them (``day=3/part-0.parquet``), with their values.
      above: Likewise of the directories in what was named (``log/day=3``), which are columns only
        where one of that name is asked for: they may tell of something else.
    """

    path: str
    size: int
    named: bool
    partitions: tuple[tuple[str, str], ...] = ()
    above: tuple[tuple[str, str], ...] = ()


def find_files(patterns: Sequence[str]) -> list[FoundFile]:
    """The files of patterns, each once however it is named, sorted by path.

    A name that exists is that file or directory, whatever characters it has. In directories and
    globs, names that begin with ``_`` or ``.`` are passed over, as are files without a byte.

    Args:
      patterns: Paths or globs, local or of any file system that Beam knows.

    Raises:
      DataError: A pattern means no file, a file that is named has no byte, or one has a name that
        is no text.
    """
    found: dict[str, FoundFile] = {}  # by place
    for pattern in patterns:
        files = list(_remote(pattern) if _REMOTE in pattern else _local(pattern))
        if not files and os.path.isdir(pattern):
            raise DataError(
                f"{pattern}: no file lies in this directory, names that begin with _ or . aside"
            )
        if not files:
            raise DataError(f"{pattern}: no such file")
        kept = [file for file in files if file.size]
        for file in kept:
            _check_name(file.path)
        if not kept:
            what = "the file is empty" if files[0].named else "all of its files are empty"
            raise DataError(f"{pattern}: {what}; leave it out or fetch it again")
        for file in kept:
            found.setdefault(place_of(file.path), _with_those_above(file))
    return sorted(found.values(), key=lambda file: file.path)


def _check_name(path: str) -> None:
    """Refuses a name that could be written into no data card, before the rows are read for one."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise DataError(f"{path}: the name is not valid UTF-8; rename it") from None


def place_of(path: str) -> str:
    """What all names of one file have in common.

    Args:
      path: One of them.
    """
    return path if _REMOTE in path else os.path.realpath(path)


def exists(pattern: str) -> bool:
    """Whether a local pattern means anything at all.

    Args:
      pattern: A path or a glob.
    """
    return os.path.exists(pattern) or any(_matches(*_split(pattern)))


def would_read(pattern: str, place: str | os.PathLike[str]) -> bool:
    """Whether a file in a directory that need not be there yet would be one of a pattern's.

    Args:
      pattern: A path or a glob, local or not.
      place: The directory.

    >>> would_read("/tmp", "/tmp/run"), would_read("/tmp", "/tmp/_run"), would_read("/tmp", "/run")
    (True, False, False)
    >>> would_read("/tmp/*", "/tmp/run"), would_read("/tmp/day*.csv", "/tmp/run")
    (True, False)
    """
    place = os.fspath(place)
    if _REMOTE in pattern or _REMOTE in place:
        return False
    root, rest = (pattern, "") if os.path.isdir(pattern) else _split(pattern)
    between = os.path.relpath(os.path.realpath(place), os.path.realpath(root or "."))
    names = () if between == os.curdir else tuple(between.split(os.sep))
    if names[:1] == (os.pardir,):
        return False
    wanted = rest.split(os.sep) if rest else []
    if "**" in wanted:
        return not any(name.startswith(".") for name in names)
    if not all(map(fnmatch.fnmatchcase, names, wanted)):
        return False
    # Of a directory above, what lies in it is told by its name, which only a bare star takes all.
    is_deep = all(name == "*" for name in wanted[len(names) :])
    passed = (_is_passed_over(name, *wanted[at : at + 1]) for at, name in enumerate(names))
    return is_deep and not any(passed)


def _local(pattern: str) -> Iterator[FoundFile]:
    if os.path.isdir(pattern):
        yield from _in_directory(pattern, pattern)
    elif os.path.exists(pattern):
        yield FoundFile(pattern, _size(pattern), named=True)
    else:
        root, rest = _split(pattern)
        for name in sorted(_matches(root, rest)):
            path = os.path.join(root, name)
            if _is_passed_over(os.path.basename(path), os.path.basename(rest)):
                continue
            if not os.path.isdir(path):
                yield _found(path, root)
            elif "**" not in rest:  # which finds what lies in it by itself
                yield from _in_directory(path, root)


def _split(pattern: str) -> tuple[str, str]:
    """The leading directories of a glob that exist as they stand, and the rest of it.

    >>> _split("/*.csv"), _split("*.csv")
    (('/', '*.csv'), ('', '*.csv'))
    """
    parts = pattern.split(os.sep)
    for count in range(len(parts) - 1, 0, -1):
        head = os.sep.join(parts[:count]) or os.sep
        if os.path.isdir(head):
            return head, os.sep.join(parts[count:])
    return "", pattern


def _matches(root: str, rest: str) -> Iterator[str]:
    return glob.iglob(rest, root_dir=root or None, recursive=True)


def _in_directory(directory: str, root: str) -> Iterator[FoundFile]:
    # Links are followed: a part of a log may lie elsewhere. Each place once, as they may lead back.
    seen: set[str] = set()
    for top, directories, names in os.walk(directory, onerror=_refuse, followlinks=True):
        if (place := os.path.realpath(top)) in seen:
            directories.clear()
            continue
        seen.add(place)
        directories[:] = sorted(name for name in directories if not _is_passed_over(name))
        for name in sorted(names):
            if not _is_passed_over(name) and name != MANIFEST_FILE:
                yield _found(os.path.join(top, name), root)


def _refuse(error: OSError) -> None:
    """A directory that cannot be read is no empty one."""
    raise DataError(f"{error.filename}: cannot be read ({error.strerror}); mend it or take it out")


def _found(path: str, root: str) -> FoundFile:
    between = os.path.relpath(os.path.dirname(path) or ".", root or ".").split(os.sep)
    return FoundFile(path, _size(path), False, _partitions(between))


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError as error:
        if os.path.islink(path):
            raise DataError(
                f"{path}: is a link that leads to no file ({error.strerror}); mend it or take it "
                "out"
            ) from None
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _partitions(directories: Iterable[str]) -> tuple[tuple[str, str], ...]:
    columns = []
    for directory in directories:
        if named := _PARTITION.fullmatch(directory):
            value = urllib.parse.unquote(named[2])
            columns.append((urllib.parse.unquote(named[1]), "" if value == _NO_VALUE else value))
    return tuple(columns)


def _with_those_above(file: FoundFile) -> FoundFile:
    named = _partitions(file.path.replace(os.sep, "/").split("/")[:-1])
    inner = {name for name, _ in file.partitions}
    return dataclasses.replace(
        file, above=tuple((name, value) for name, value in named if name not in inner)
    )


def _is_passed_over(name: str, pattern: str = "*") -> bool:
    return name[:1] in ("_", ".") and pattern[:1] != name[:1]


def _remote(pattern: str) -> Iterator[FoundFile]:
    matches = _beam_match(pattern)
    if not matches and not glob.has_magic(pattern):  # stores have no directories, only names
        matches = _beam_match(f"{pattern.rstrip('/')}/**")
    root = pattern.rstrip("/") if not glob.has_magic(pattern) else pattern[: _magic_at(pattern)]
    for path, size in matches:
        directories = path[len(root) :].split("/")[:-1]
        named = path == pattern
        hidden = any(map(_is_passed_over, path[len(root) :].split("/")))
        if named or not (hidden or path.endswith(f"/{MANIFEST_FILE}")):
            yield FoundFile(path, size, named, _partitions(directories))


def _magic_at(pattern: str) -> int:
    first = min(pattern.find(character) for character in "*?[" if character in pattern)
    return pattern.rfind("/", 0, first) + 1


def _beam_match(pattern: str) -> list[tuple[str, int]]:
    from apache_beam.io.filesystem import BeamIOError
    from apache_beam.io.filesystems import FileSystems

    try:
        matches = FileSystems.match([pattern])[0].metadata_list
    except (BeamIOError, ValueError, ImportError) as error:
        raise DataError(f"{pattern}: cannot be listed ({error})") from None
    return [(match.path, match.size_in_bytes) for match in matches]
