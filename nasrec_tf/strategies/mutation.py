"""How a child architecture is made from its parent (paper 4.4)."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Bits, Block
from nasrec_tf.architecture.space import ANY, PER_BRANCH, SINGLE, SearchSpace
from nasrec_tf.operators import DENSE, SPARSE


class Mutation(Protocol):
    """Makes a child of an architecture.

    A mutation keeps no state: what it returns depends on its arguments alone.
    """

    def __call__(
        self,
        architecture: Architecture,
        space: SearchSpace,
        rng: np.random.Generator,
        generation: int,
        generations: int,
    ) -> Architecture:
        """Returns a child that lies in the space if the parent does.

        Re-drawn choices may come out as they were, so that a child may equal its parent.

        Args:
            architecture: the parent.
            space: the rules that the child keeps.
            rng: the only source of randomness.
            generation: number of the child's generation, from 0.
            generations: how many generations the search has.
        """


@dataclasses.dataclass(frozen=True)
class BlockMutation:
    """The paper's mutation (4.4): six actions in sequence in one choice block.

    The block is drawn uniformly; then are re-drawn, in this order, the width of one dense and of
    one sparse operator, one dense and one sparse operator, the block's connections (all four
    source fields), and its two mergers. Where architectures choose whether they have dense
    embeddings, that choice is one more place beside the blocks: if it is drawn, it alone is
    re-drawn.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> parent = NASREC_SMALL.sample(np.random.default_rng(0))
        >>> child = BlockMutation()(parent, NASREC_SMALL, np.random.default_rng(1), 0, 240)
        >>> sum(new != old for new, old in zip(child.blocks, parent.blocks))
        1
    """

    def __call__(self, architecture, space, rng, generation, generations):
        number = _draw_place(space, rng)
        if number == RAW_FEATURES:
            return _with_dense_embeddings(architecture, space, rng)
        block = architecture.blocks[number - 1]
        dense = _redraw_width(block.dense_operators, DENSE, space, rng)
        sparse = _redraw_width(block.sparse_operators, SPARSE, space, rng)
        dense = _redraw_operator(dense, DENSE, space, rng)
        sparse = _redraw_operator(sparse, SPARSE, space, rng)
        child = Block(
            dense_operators=dense,
            sparse_operators=sparse,
            **space.sample_connections(number, rng),
            bits=_redraw_bits(block, dense, sparse, space, rng) if space.bits else {},
        )
        return _with_block(architecture, number, child)


@dataclasses.dataclass(frozen=True)
class AnnealedFieldMutation:
    """The mutation of the authors' code: single fields, fewer of them as the search goes on.

    A child differs by (G - g) // max(20, G // 5) + 1 field changes, g of G generations being
    over: 6 at first and 1 at last if G is 240. For each change a block is drawn uniformly; one
    time in two one of its four source fields is re-drawn, else one of: its operators (of both
    branches), a dense width, a sparse width, either merger, and, in a quantized space, the bits of
    an operator of each branch. Where architectures choose whether they have dense embeddings, that
    choice is one more place beside the blocks.

    Source: facebookresearch/NasRec (Apache-2.0), regularized evolution of the searcher.
    """

    def changes(self, generation: int, generations: int) -> int:
        """How many fields are re-drawn for a child of a generation.

        Args:
            generation: from 0.
            generations: of the whole search.

        Example:
            >>> [AnnealedFieldMutation().changes(generation, 240) for generation in (0, 120, 239)]
            [6, 3, 1]
        """
        return (generations - generation) // max(20, generations // 5) + 1

    def __call__(self, architecture, space, rng, generation, generations):
        for _ in range(self.changes(generation, generations)):
            number = _draw_place(space, rng)
            if number == RAW_FEATURES:
                architecture = _with_dense_embeddings(architecture, space, rng)
                continue
            block = architecture.blocks[number - 1]
            redraw = self._redraw_source if rng.integers(2) else self._redraw_inside
            child = dataclasses.replace(block, **redraw(number, block, space, rng))
            architecture = _with_block(architecture, number, child)
        return architecture

    def _redraw_source(self, number, block, space, rng):
        field = _pick(("dense_sources", "sparse_sources", "left_source", "right_source"), rng)
        if field in ("left_source", "right_source"):
            return {field: int(rng.integers(number))}
        count = int(rng.choice(space.source_counts(number)))
        return {field: tuple(rng.choice(number, size=count, replace=False).tolist())}

    def _redraw_inside(self, number, block, space, rng):
        mergers = ("dense_to_sparse", "sparse_to_dense") if space.mergers else ()
        quantization = ("bits",) if space.bits else ()
        choices = ("operators", "dense_width", "sparse_width", *mergers, *quantization)
        choice = _pick(choices, rng)
        if choice == "operators":
            dense = _redraw_operators(block.dense_operators, DENSE, space, rng)
            sparse = _redraw_operators(block.sparse_operators, SPARSE, space, rng)
            bits = _kept_bits(block, (*dense, *sparse), space, rng)
            return {"dense_operators": dense, "sparse_operators": sparse, "bits": bits}
        if choice == "bits":
            dense, sparse = block.dense_operators, block.sparse_operators
            return {"bits": _redraw_bits(block, dense, sparse, space, rng)}
        if choice == "dense_width":
            return {"dense_operators": _redraw_width(block.dense_operators, DENSE, space, rng)}
        if choice == "sparse_width":
            return {"sparse_operators": _redraw_width(block.sparse_operators, SPARSE, space, rng)}
        return {choice: bool(rng.integers(2))}


@dataclasses.dataclass(frozen=True)
class FieldMutation(AnnealedFieldMutation):
    """A single field, as ``AnnealedFieldMutation`` draws it, however far the search has come.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> parent = NASREC_SMALL.sample(np.random.default_rng(0))
        >>> child = FieldMutation()(parent, NASREC_SMALL, np.random.default_rng(1), 0, 240)
        >>> sum(new != old for new, old in zip(child.blocks, parent.blocks))
        1
    """

    def changes(self, generation, generations):
        """One.

        Args:
            generation: from 0.
            generations: of the whole search.
        """
        return 1


MUTATIONS: dict[str, Callable[[], Mutation]] = {
    "block": BlockMutation,
    "annealed": AnnealedFieldMutation,
}
"""Mutations by the names that command lines and files use."""


RAW_FEATURES = 0
"""Source 0 as a place that a mutation draws; blocks are those from 1."""


def _draw_place(space: SearchSpace, rng: np.random.Generator) -> int:
    """A block, or the raw features where what a space leaves open is of them too."""
    first = RAW_FEATURES if space.dense_embeddings == ANY else 1
    return int(rng.integers(first, space.num_blocks + 1))


def _with_dense_embeddings(
    architecture: Architecture, space: SearchSpace, rng: np.random.Generator
) -> Architecture:
    drawn = space.sample_dense_embeddings(rng)
    return dataclasses.replace(architecture, dense_embeddings=drawn)


def _with_block(architecture: Architecture, number: int, block: Block) -> Architecture:
    blocks = list(architecture.blocks)
    blocks[number - 1] = block
    return dataclasses.replace(architecture, blocks=tuple(blocks))


def _pick(values, rng):
    return values[int(rng.integers(len(values)))]


def _redraw_width(operators: Mapping[str, int], branch: str, space, rng) -> dict[str, int]:
    """Re-draws the width of one active operator, or the branch's one width."""
    width = int(_pick(space.candidates(branch)[1], rng))
    if space.widths == PER_BRANCH:
        return dict.fromkeys(operators, width)
    return {**operators, _pick(tuple(operators), rng): width}


def _redraw_operator(operators: Mapping[str, int], branch: str, space, rng) -> dict[str, int]:
    """Re-draws one operator: which one it is, or, where any may be active, whether it is.

    The last active operator stays.
    """
    name = _pick(space.candidates(branch)[0], rng)
    if space.operators == SINGLE:
        return _with_widths((name,), operators, branch, space, rng)
    names = set(operators) | {name} if rng.integers(2) else set(operators) - {name}
    return _with_widths(tuple(names) or (name,), operators, branch, space, rng)


def _redraw_operators(operators: Mapping[str, int], branch: str, space, rng) -> dict[str, int]:
    """Re-draws all operators of a branch and keeps widths where it can."""
    names = tuple(space.sample_operators(branch, rng))
    return _with_widths(names, operators, branch, space, rng)


def _with_widths(names, operators: Mapping[str, int], branch, space, rng) -> dict[str, int]:
    """Widths for ``names``: an operator keeps its own, a lone one or a branch its common one."""
    if space.operators == SINGLE or space.widths == PER_BRANCH:
        return dict.fromkeys(names, next(iter(operators.values())))
    widths = space.candidates(branch)[1]
    in_order = (name for name in space.candidates(branch)[0] if name in names)
    return {
        name: operators[name] if name in operators else int(_pick(widths, rng)) for name in in_order
    }


def _kept_bits(block: Block, names, space, rng) -> dict[str, Bits]:
    """Bits for ``names``: an operator keeps its own, a new one gets drawn ones."""
    new = tuple(name for name in names if name not in block.bits)
    drawn = space.sample_bits(new, rng)
    return {name: drawn.get(name, block.bits.get(name)) for name in names} if space.bits else {}


def _redraw_bits(block: Block, dense, sparse, space, rng) -> dict[str, Bits]:
    """Bits of a block's new operators, those of one operator of each branch drawn anew."""
    bits = _kept_bits(block, (*dense, *sparse), space, rng)
    for operators in (dense, sparse):
        bits |= space.sample_bits((_pick(tuple(operators), rng),), rng)
    return bits
