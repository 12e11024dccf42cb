"""Every way in which a single file of a run may be damaged."""

import dataclasses
import json
import pathlib
import random
import re
from collections.abc import Iterator
from typing import Any

OTHER_JSON = (b"[]", b"{}", b"null", b"7", b'"text"', b"[[1, 2]]", b'{"value": []}')
OTHER_VALUES: tuple[Any, ...] = (None, [], {}, "text", -1, 10**30, 0.5, True, [[]], {"a": 1})
BITS = 3
DIGITS = 3


@dataclasses.dataclass(frozen=True)
class Damage:
    """One damage to one file.

    Args:
        path: the file.
        way: what is done to it, in words.
        content: what it holds then; ``None`` if it is gone.
        believable: whether nobody can know that it was not written so: no checksum is left.
    """

    path: pathlib.Path
    way: str
    content: bytes | None
    believable: bool = False

    def apply(self) -> None:
        """Does it."""
        if self.content is None:
            self.path.unlink()
        else:
            self.path.write_bytes(self.content)

    def __str__(self) -> str:
        return f"{self.path}: {self.way}"


def damages(path: pathlib.Path, seed: int) -> Iterator[Damage]:
    """The damages of a file: deleted, emptied, cut, zeros, bits, digits, other content.

    Args:
        path: the file, as it should be.
        seed: of the places of bits and digits.
    """
    content = path.read_bytes()
    rng = random.Random(f"{seed} {path.name} {len(content)}")
    yield Damage(path, "deleted", None)
    if not content:
        return
    yield Damage(path, "emptied", b"")
    yield Damage(path, "cut in half", content[: len(content) // 2])
    yield Damage(path, "cut by a byte", content[:-1])
    half = len(content) // 2
    yield Damage(path, "second half zeros", content[:half] + bytes(len(content) - half))
    yield Damage(path, "other text", b"something else\n")
    for _ in range(BITS):
        bit = rng.randrange(8 * len(content))
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        yield Damage(path, f"bit {bit} flipped", bytes(flipped))
    yield from _digits(path, content, rng)
    if path.suffix == ".json":
        yield from _json(path, content, rng)


def _digits(path: pathlib.Path, content: bytes, rng: random.Random) -> Iterator[Damage]:
    if path.suffix not in (".json", ".csv", ".toml", ".jsonl", ".txt"):
        return
    places = [match.start() for match in re.finditer(rb"\d", content)]
    for place in rng.sample(places, min(DIGITS, len(places))):
        other = rng.choice([d for d in b"0123456789" if d != content[place]])
        changed = content[:place] + bytes([other]) + content[place + 1 :]
        yield Damage(path, f"digit {place} is {chr(other)}", changed)


def _json(path: pathlib.Path, content: bytes, rng: random.Random) -> Iterator[Damage]:
    """Other JSON in its place, and in the place of its values with the checksum taken away."""
    for other in OTHER_JSON:
        yield Damage(path, f"{other.decode()} in its place", other)
    value = json.loads(content)
    if not isinstance(value, dict):
        return
    value.pop("checksum", None)
    for name in value:
        without = {key: part for key, part in value.items() if key != name}
        yield Damage(path, f"without {name!r}", json.dumps(without).encode(), True)
        for other in rng.sample(OTHER_VALUES, 3):
            if type(other) is not type(value[name]):
                changed = json.dumps({**value, name: other}).encode()
                yield Damage(path, f"{name!r} is {other!r}", changed, True)


class Snapshot:
    """The files of a directory as they are now, to go back to.

    Args:
        directory: with all that lies below.
    """

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.contents = {path: path.read_bytes() for path in files(directory)}
        self._directories = set(_directories(directory))
        self._seen = {path: _seen(path) for path in self.contents}

    def restore(self) -> None:
        """Puts back what was changed or removed, and removes what was added."""
        for path in files(self.directory):
            if path not in self.contents:
                path.unlink()
        for path in reversed(_directories(self.directory)):
            if path not in self._directories:
                path.rmdir()
        for path, content in self.contents.items():
            if not path.exists() or _seen(path) != self._seen[path]:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                self._seen[path] = _seen(path)


def files(directory: pathlib.Path) -> list[pathlib.Path]:
    """All files below a directory, sorted."""
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _directories(directory: pathlib.Path) -> list[pathlib.Path]:
    """All directories below one, those that hold others first."""
    return sorted(path for path in directory.rglob("*") if path.is_dir())


def _seen(path: pathlib.Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
