"""One choice block, its bit widths, and what either must keep to (paper 3.1 and 3.3)."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.common.own_modules import OR_ONES_OWN
from nasrec_tf.common.strict_json import shown
from nasrec_tf.common.value_checks import is_whole
from nasrec_tf.operators import DENSE, DENSE_TO_SPARSE, OPERATORS, SPARSE, SPARSE_TO_DENSE
from nasrec_tf.operators.base import BlockPart

MIN_BITS, MAX_BITS = 2, 8
"""Bit widths that TF-MOT's quantizers take."""

MAX_WIDTH = 1 << 20
"""Widest dense output: a thousand times the paper's, and as much as ``pim`` takes."""

MAX_TOKENS = 1 << 14
"""Most tokens of a sparse output: 256 times the paper's. Pairs of the tokens of a few sources can
still be counted in 32 bits, as TensorFlow counts rows."""

MAX_BLOCKS = 64
"""Most choice blocks: nine times the paper's. Identity and a supernet's graph look at every block
from every other."""


@dataclasses.dataclass(frozen=True)
class Bits:
    """Bit widths of a quantized operator (paper 3.3 and 5.1), each with its sign.

    Args:
        weights: of the weights of its linear maps, 2 to 8.
        activations: of their inputs, 2 to 8.

    Example:
        >>> Bits(weights=4, activations=8).to_json()
        {'weights': 4, 'activations': 8}
    """

    weights: int
    activations: int

    def to_json(self) -> dict[str, int]:
        """The bit widths as plain JSON values."""
        return {"weights": self.weights, "activations": self.activations}


HEAD_BITS = Bits(8, 8)
"""Bits of the final layer of a quantized network: one column, on which every prediction rests."""


@dataclasses.dataclass(frozen=True)
class Block:
    """One choice block.

    Sources are numbered 0 for the raw features and j for the output of block j.

    Args:
        dense_operators: active operators of the dense branch, each with its output width.
        sparse_operators: active operators of the sparse branch, each with its output tokens.
        dense_sources: sources whose dense outputs are concatenated.
        sparse_sources: sources whose sparse outputs are concatenated.
        left_source: dense source on the left of a pairwise operator.
        right_source: dense source on its right.
        dense_to_sparse: whether tokens made of the dense output join the sparse output.
        sparse_to_dense: whether a factorization machine of the sparse output joins the dense one.
        bits: bit widths of each active operator; empty for a network in floating point.
        kept_units: columns that linear maps keep in a network without some units, by part and map,
            such as ``"fc/dense"``; empty where all have all of them, as in every search.

    What a field may hold is checked where the block becomes part of an ``Architecture``.

    Example:
        >>> block = Block(
        ...     dense_operators={"fc": 64, "dot_product": 128},
        ...     sparse_operators={"attention": 16},
        ...     dense_sources=(1, 0),
        ...     sparse_sources=(0,),
        ...     dense_to_sparse=True,
        ... )
        >>> block.dense_width, block.operator_tokens, block.dense_sources
        (128, 16, (0, 1))
    """

    dense_operators: Mapping[str, int]
    sparse_operators: Mapping[str, int]
    dense_sources: tuple[int, ...]
    sparse_sources: tuple[int, ...]
    left_source: int = 0
    right_source: int = 0
    dense_to_sparse: bool = False
    sparse_to_dense: bool = False
    bits: Mapping[str, Bits] = dataclasses.field(default_factory=dict)
    kept_units: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        kept = {name: tuple(units) for name, units in sorted(self.kept_units.items())}
        object.__setattr__(self, "kept_units", _FrozenByOperator(kept))
        for field in ("dense_operators", "sparse_operators", "bits"):
            object.__setattr__(self, field, _FrozenByOperator(getattr(self, field)))
        for field in ("dense_sources", "sparse_sources"):
            object.__setattr__(self, field, tuple(sorted(getattr(self, field))))

    @property
    def dense_width(self) -> int:
        """Width of the dense output: that of the widest active operator."""
        return max(self.dense_operators.values())

    @property
    def operator_tokens(self) -> int:
        """Tokens of the sparse output before the merged ones are appended."""
        return max(self.sparse_operators.values())

    def branch_bits(self, branch: str) -> Bits | None:
        """The largest bit widths of a branch, which are those of the merger that reads it.

        Args:
            branch: ``"dense"`` or ``"sparse"``.

        Returns:
            The bit widths; ``None`` in floating point.
        """
        operators = self.dense_operators if branch == DENSE else self.sparse_operators
        if not self.bits:
            return None
        bits = [self.bits[name] for name in operators]
        return Bits(max(b.weights for b in bits), max(b.activations for b in bits))

    def to_json(self) -> dict[str, Any]:
        """The block as plain JSON values; ``block_from_json`` reads them back."""
        value = {
            "dense_operators": dict(self.dense_operators),
            "sparse_operators": dict(self.sparse_operators),
            "dense_sources": list(self.dense_sources),
            "sparse_sources": list(self.sparse_sources),
            "left_source": self.left_source,
            "right_source": self.right_source,
            "dense_to_sparse": self.dense_to_sparse,
            "sparse_to_dense": self.sparse_to_dense,
        }
        if self.bits:
            value["bits"] = {name: bits.to_json() for name, bits in self.bits.items()}
        if self.kept_units:
            value["kept_units"] = {name: list(units) for name, units in self.kept_units.items()}
        return value

    def columns(self, part: str) -> dict[str, tuple[int, ...]]:
        """Columns that the maps of an operator or merger keep, where these are not all.

        Args:
            part: its name.
        """
        return {
            name.removeprefix(f"{part}/"): units
            for name, units in self.kept_units.items()
            if name.startswith(f"{part}/")
        }


class _FrozenByOperator(Mapping):
    """Something for each operator: immutable, hashable, in the registry's order."""

    def __init__(self, values: Mapping[str, Any]):
        known = {name: index for index, name in enumerate(OPERATORS)}
        order = sorted(values, key=lambda name: known.get(name, len(known)))
        self._values = {name: values[name] for name in order}

    def __getitem__(self, name):
        return self._values[name]

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def __hash__(self):
        return hash(tuple(self._values.items()))

    def __repr__(self):
        return repr(self._values)


_FIELDS = {field.name: field for field in dataclasses.fields(Block)}
_REQUIRED = [
    name
    for name, field in _FIELDS.items()
    if field.default is field.default_factory is dataclasses.MISSING
]


def block_from_json(number: int, value: Any) -> Block:
    """Reads the JSON form of a block.

    Args:
        number: of the block, from 1.
        value: what a JSON file holds.

    Raises:
        ArchitectureError: if it is not of that form; the message names block and field.
    """
    if not isinstance(value, dict):
        raise ArchitectureError(f"Block {number}: must be an object. Received: {shown(value)}")
    unknown = sorted(set(value) - set(_FIELDS))
    if unknown:
        raise ArchitectureError(
            f"Block {number}: unknown field {shown(unknown[0])}; the fields are "
            f"{', '.join(_FIELDS)}."
        )
    for name in _REQUIRED:
        if name not in value:
            raise ArchitectureError(f"Block {number}: field {name!r} is missing.")
    for name in ("dense_operators", "sparse_operators"):
        if not isinstance(value[name], dict):
            raise wrong_field(number, name, "must map operators to widths", value[name])
    for name in ("dense_sources", "sparse_sources"):
        if not isinstance(value[name], list) or not all(map(is_whole, value[name])):
            raise wrong_field(number, name, "must be a list of integers", value[name])
    if "bits" in value:
        value = {**value, "bits": _bits_from_json(number, value["bits"])}
    kept = value.get("kept_units", {})
    if not isinstance(kept, dict) or not all(isinstance(units, list) for units in kept.values()):
        raise wrong_field(number, "kept_units", "must map linear maps to lists of columns", kept)
    return Block(**value)


def _bits_from_json(number: int, value: Any) -> dict[str, Bits]:
    if not isinstance(value, dict):
        raise wrong_field(number, "bits", "must map operators to their bits", value)
    for name, bits in value.items():
        if not isinstance(bits, dict) or set(bits) != {"weights", "activations"}:
            mend = f'needs {{"weights": …, "activations": …}} for {shown(name)}'
            raise wrong_field(number, "bits", mend, bits)
    return {name: Bits(**bits) for name, bits in value.items()}


def check_block(number: int, block: Block) -> None:
    """Checks that a block may stand at its place.

    Args:
        number: of the block, from 1.
        block: the block.

    Raises:
        ArchitectureError: if it may not; the message names block and field.
    """
    for field, branch in (("dense_operators", DENSE), ("sparse_operators", SPARSE)):
        _check_operators(number, field, branch, getattr(block, field))
    for field in ("dense_sources", "sparse_sources"):
        sources = getattr(block, field)
        if not sources:
            raise wrong_field(number, field, "needs at least one source", list(sources))
        if len(set(sources)) < len(sources):
            raise wrong_field(number, field, "names a source twice", list(sources))
        _check_sources(number, field, sources)
    for field in ("left_source", "right_source"):
        _check_sources(number, field, (getattr(block, field),))
    for field in ("dense_to_sparse", "sparse_to_dense"):
        if not isinstance(getattr(block, field), bool):
            raise wrong_field(number, field, "must be true or false", getattr(block, field))
    if block.bits:
        _check_bits(number, block)
    _check_kept_units(number, block)


def _check_bits(number: int, block: Block) -> None:
    names = {*block.dense_operators, *block.sparse_operators}
    for name in sorted(names ^ set(block.bits)):
        mend = "is missing for" if name in names else "names an operator that is not active:"
        raise wrong_field(number, "bits", f"{mend} {shown(name)}", sorted(block.bits))
    for name, bits in block.bits.items():
        for width in (bits.weights, bits.activations):
            if not is_whole(width, MIN_BITS, MAX_BITS):
                mend = f"of {shown(name)} must be whole numbers from {MIN_BITS} to {MAX_BITS}"
                raise wrong_field(number, "bits", mend, width)


def _check_kept_units(number: int, block: Block) -> None:
    mergers = [merger for merger in (DENSE_TO_SPARSE, SPARSE_TO_DENSE)
               if getattr(block, merger.name)]  # fmt: skip
    active = {name: OPERATORS[name] for name in (*block.dense_operators, *block.sparse_operators)}
    parts: dict[str, BlockPart] = active | {merger.name: merger for merger in mergers}
    known = [f"{name}/{each}" for name, part in parts.items() for each in part.prunable]
    for name, units in block.kept_units.items():
        if name not in known:
            raise wrong_field(number, "kept_units", f"knows {', '.join(known) or 'none'}", name)
        rising = all(before < after for before, after in zip(units, units[1:]))
        if not units or not all(is_whole(unit, 0, MAX_WIDTH) for unit in units) or not rising:
            mend = f"of {name!r} must be rising whole numbers from 0"
            raise wrong_field(number, "kept_units", mend, list(units))


def _check_operators(number: int, field: str, branch: str, operators: Mapping) -> None:
    known = [name for name, operator in OPERATORS.items() if operator.branch == branch]
    most = MAX_WIDTH if branch == DENSE else MAX_TOKENS
    if not operators:
        raise wrong_field(number, field, f"needs at least one of {', '.join(known)}", {})
    for name, width in operators.items():
        if name not in known:
            raise wrong_field(number, field, f"knows {', '.join(known)}; {OR_ONES_OWN}", name)
        if not is_whole(width, 1, most):
            mend = f"needs a positive width of at most {most} for {name!r}"
            raise wrong_field(number, field, mend, width)


def _check_sources(number: int, field: str, sources: Iterable[int]) -> None:
    for source in sources:
        if not is_whole(source, 0, number - 1):
            mend = f"may only read sources 0 (raw features) to {number - 1}"
            raise wrong_field(number, field, mend, source)


def wrong_field(number: int, field: str, mend: str, received: Any) -> ArchitectureError:
    """The error for a field of a block: what it must be, and what it is.

    Args:
        number: of the block, from 1.
        field: name of the field.
        mend: what it must be, as the sentence goes on.
        received: what it is.

    Example:
        >>> str(wrong_field(2, "left_source", "must be at most 1", 5))
        'Block 2: left_source must be at most 1. Received: 5'
    """
    return ArchitectureError(f"Block {number}: {field} {mend}. Received: {shown(received)}")
