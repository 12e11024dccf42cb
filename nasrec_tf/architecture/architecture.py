"""The one value that describes a model's architecture (paper 3.1 and 3.3)."""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nasrec_tf.architecture.blocks import (
    MAX_BLOCKS,
    Block,
    block_from_json,
    check_block,
    wrong_field,
)
from nasrec_tf.architecture.identity import identity
from nasrec_tf.architecture.liveness import Liveness, liveness
from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.common.strict_json import parse_json, read_short_text, shown

FORMAT = "nasrec_tf.architecture"
VERSION = 1
DENSE_EMBEDDINGS_VERSION = 2
"""Of architectures with dense embeddings alone: programs that do not know these refuse them."""
KEPT_UNITS_VERSION = 3
"""Of pruned ones alone, which lack units that their widths count."""
READ_VERSIONS = (VERSION, DENSE_EMBEDDINGS_VERSION, KEPT_UNITS_VERSION)


@dataclasses.dataclass(frozen=True, eq=False)
class Architecture:
    """A stack of choice blocks below a final fully connected layer over the last block.

    The value is immutable. Two architectures are equal, and hash alike, if they have one identity:
    they compute the same function then, and choices that cannot reach the logit do not count.

    Args:
        blocks: the choice blocks, first to last.
        dense_embeddings: whether dense source 0 is the raw dense features followed by the
            embeddings of all sparse fields, flattened field by field, in place of the raw dense
            features alone, as in the paper.

    Raises:
        ArchitectureError: if a block is not valid; the message names the block and the field.

    Example:
        >>> block = Block({"fc": 8}, {"efc": 4}, dense_sources=(0,), sparse_sources=(0,))
        >>> architecture = Architecture((block, block))
        >>> len(architecture), [part.anything for part in architecture.liveness.blocks]
        (2, [False, True])
        >>> architecture == Architecture((block,))
        True
        >>> Architecture.loads(architecture.dumps()).blocks == architecture.blocks
        True
    """

    blocks: tuple[Block, ...]
    dense_embeddings: bool = False

    def __post_init__(self):
        blocks = tuple(self.blocks) if isinstance(self.blocks, Iterable) else None
        if blocks is None or not all(isinstance(block, Block) for block in blocks):
            raise ArchitectureError(
                f"`blocks` must be a list of Block. Received: {shown(self.blocks)}"
            )
        if not isinstance(self.dense_embeddings, bool):
            raise _wrong_dense_embeddings(self.dense_embeddings)
        object.__setattr__(self, "blocks", blocks)
        _check_count(self.blocks)
        for number, block in enumerate(self.blocks, start=1):
            check_block(number, block)
            if bool(block.bits) != self.is_quantized:
                raise wrong_field(number, "bits", "must be given for every block or for none", {})

    @property
    def is_quantized(self) -> bool:
        """Whether its linear maps have quantized weights and inputs."""
        return bool(self.blocks[0].bits)

    @property
    def is_pruned(self) -> bool:
        """Whether it lacks units that its widths count (``Block.kept_units``)."""
        return any(block.kept_units for block in self.blocks)

    def unpruned(self) -> "Architecture":
        """The same architecture with all units."""
        blocks = tuple(dataclasses.replace(block, kept_units={}) for block in self.blocks)
        return dataclasses.replace(self, blocks=blocks)

    def with_kept_units(self, kept: Sequence[Mapping[str, tuple[int, ...]]]) -> "Architecture":
        """The same architecture without the other units.

        Args:
            kept: of each block, as ``Block.kept_units``.

        Raises:
            ArchitectureError: if a block has no such map.

        Example:
            >>> architecture = Architecture((Block({"fc": 8}, {"efc": 4}, (0,), (0,)),))
            >>> pruned = architecture.with_kept_units([{"fc/dense": (0, 2, 5)}])
            >>> pruned.is_pruned, pruned == architecture, pruned.unpruned() == architecture
            (True, False, True)
        """
        blocks = tuple(
            dataclasses.replace(block, kept_units=units)
            for block, units in zip(self.blocks, kept, strict=True)
        )
        return dataclasses.replace(self, blocks=blocks)

    def in_floating_point(self) -> "Architecture":
        """The same architecture without bit widths."""
        blocks = tuple(dataclasses.replace(block, bits={}) for block in self.blocks)
        return dataclasses.replace(self, blocks=blocks)

    def __len__(self) -> int:
        return len(self.blocks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        return self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    @functools.cached_property
    def identity(self) -> str:
        """A stable name of the function that the architecture computes.

        Equal names mean equal functions; ``nasrec_tf.architecture.identity`` says where one
        function may have two.
        """
        return identity(self.blocks, self.liveness, self.dense_embeddings)

    @functools.cached_property
    def liveness(self) -> Liveness:
        """Which parts reach the logit."""
        return liveness(self.blocks, self.dense_embeddings)

    def to_json(self) -> dict[str, Any]:
        """The architecture as plain JSON values; ``from_json`` reads it back."""
        return self._header() | {"blocks": [block.to_json() for block in self.blocks]}

    def _header(self) -> dict[str, Any]:
        """What stands before the blocks."""
        if not self.dense_embeddings and not self.is_pruned:
            return {"format": FORMAT, "version": VERSION}
        version = KEPT_UNITS_VERSION if self.is_pruned else DENSE_EMBEDDINGS_VERSION
        header = {"format": FORMAT, "version": version}
        return header | {"dense_embeddings": self.dense_embeddings}

    def dumps(self) -> str:
        """The JSON form as text, one block a line."""
        blocks = ",\n  ".join(json.dumps(block.to_json()) for block in self.blocks)
        header = json.dumps(self._header()).removesuffix("}")
        return f'{header}, "blocks": [\n  {blocks}\n]}}\n'

    def save(self, path: str | pathlib.Path) -> None:
        """Writes the JSON form to a file that is there whole or not at all.

        Args:
            path: the file.

        Raises:
            UserError: if it cannot be written; the message names it.
        """
        with atomic_file(path) as file:
            file.write(self.dumps())

    @classmethod
    def from_json(cls, value: Any) -> "Architecture":
        """Reads the JSON form.

        Args:
            value: what a JSON file holds.

        Raises:
            ArchitectureError: if the value is not of that form.
        """
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise ArchitectureError(f'Not an architecture: no "format": "{FORMAT}" in it.')
        dense_embeddings = _dense_embeddings_of(value)
        blocks = value.get("blocks")
        if not isinstance(blocks, list):
            raise ArchitectureError('"blocks" must be a list.')
        _check_count(blocks)
        read = tuple(block_from_json(n, block) for n, block in enumerate(blocks, start=1))
        if value["version"] != KEPT_UNITS_VERSION and any(block.kept_units for block in read):
            raise ArchitectureError(f'"kept_units" goes with "version": {KEPT_UNITS_VERSION}.')
        return cls(read, dense_embeddings)

    @classmethod
    def loads(cls, text: str) -> "Architecture":
        """Reads the JSON form from text.

        Args:
            text: the JSON text.

        Raises:
            ArchitectureError: if it is no JSON or not of that form.
        """
        try:
            value = parse_json(text)
        except ValueError as error:
            raise ArchitectureError(str(error)) from error
        return cls.from_json(value)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "Architecture":
        """Reads the JSON form from a file.

        Args:
            path: the file.

        Raises:
            ArchitectureError: if it cannot be read or is not of that form; the message names it.
        """
        try:
            return cls.loads(read_short_text(path))
        except ArchitectureError as error:
            raise ArchitectureError(f"{path}: {error}") from error
        except OSError as error:
            raise ArchitectureError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ArchitectureError(f"{path}: cannot be read: {error}") from error


def _dense_embeddings_of(value: dict[str, Any]) -> bool:
    """The field of a JSON form, whose version says whether it has to be there."""
    version, field = value.get("version"), "dense_embeddings"
    if type(version) is not int or version not in READ_VERSIONS:
        raise ArchitectureError(
            f"Architecture of version {shown(version)}; this program reads "
            f"{', '.join(map(str, READ_VERSIONS))}."
        )
    if version == VERSION:
        if field in value:
            raise ArchitectureError(f'"{field}" goes with "version": {DENSE_EMBEDDINGS_VERSION}.')
        return False
    if field not in value:
        raise ArchitectureError(f'"{field}" is missing, which version {version} needs.')
    if not isinstance(value[field], bool):
        raise _wrong_dense_embeddings(value[field])
    return value[field]


def _wrong_dense_embeddings(received: Any) -> ArchitectureError:
    return ArchitectureError(
        f"`dense_embeddings` must be true or false. Received: {shown(received)}"
    )


def _check_count(blocks: Sequence[Any]) -> None:
    if not blocks:
        raise ArchitectureError("An architecture needs at least one block.")
    if len(blocks) > MAX_BLOCKS:
        raise ArchitectureError(
            f"An architecture has at most {MAX_BLOCKS} blocks. Received: {len(blocks)} blocks."
        )
