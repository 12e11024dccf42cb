"""Which parts of a stack of blocks reach the logit."""

import dataclasses
from collections.abc import Sequence

from nasrec_tf.architecture.blocks import Block
from nasrec_tf.operators import DENSE, OPERATORS, PAIR, SPARSE


@dataclasses.dataclass(frozen=True)
class BlockLiveness:
    """What of one block reaches the logit.

    Args:
        dense_output: whether its dense output is read.
        sparse_output: whether its sparse output is read.
        dense_operators: whether its dense operators have to run.
        sparse_operators: whether its sparse operators have to run.
        dense_to_sparse: whether that merger has to run.
        sparse_to_dense: whether that merger has to run.
    """

    dense_output: bool
    sparse_output: bool
    dense_operators: bool
    sparse_operators: bool
    dense_to_sparse: bool
    sparse_to_dense: bool

    @property
    def anything(self) -> bool:
        return self.dense_output or self.sparse_output


@dataclasses.dataclass(frozen=True)
class Liveness:
    """Liveness of every block, and of the raw features.

    Args:
        blocks: one entry per block.
        raw_dense: whether the raw dense features are read.
        raw_sparse: whether the raw sparse features are read.
    """

    blocks: tuple[BlockLiveness, ...]
    raw_dense: bool
    raw_sparse: bool


def dense_sources_read(block: Block) -> set[int]:
    """Sources whose dense outputs the block's dense operators read."""
    sources: set[int] = set()
    for name in block.dense_operators:
        if DENSE in OPERATORS[name].reads:
            sources.update(block.dense_sources)
        if PAIR in OPERATORS[name].reads:
            sources.update((block.left_source, block.right_source))
    return sources


def dense_operators_read_sparse(block: Block) -> bool:
    """Whether a dense operator of the block reads its sparse sources."""
    return any(SPARSE in OPERATORS[name].reads for name in block.dense_operators)


def liveness(blocks: Sequence[Block]) -> Liveness:
    """Walks back from the head, which reads both outputs of the last block."""
    count = len(blocks)
    dense, sparse = {count}, {count}
    parts = []
    for number in range(count, 0, -1):
        block = blocks[number - 1]
        part = _block_liveness(block, number in dense, number in sparse)
        if part.dense_operators:
            dense |= dense_sources_read(block)
            if dense_operators_read_sparse(block):
                sparse.update(block.sparse_sources)
        if part.sparse_operators:
            sparse.update(block.sparse_sources)
        parts.append(part)
    return Liveness(tuple(reversed(parts)), 0 in dense, 0 in sparse)


def _block_liveness(block: Block, dense: bool, sparse: bool) -> BlockLiveness:
    dense_to_sparse = block.dense_to_sparse and sparse
    sparse_to_dense = block.sparse_to_dense and dense
    return BlockLiveness(
        dense_output=dense,
        sparse_output=sparse,
        dense_operators=dense or dense_to_sparse,
        sparse_operators=sparse or sparse_to_dense,
        dense_to_sparse=dense_to_sparse,
        sparse_to_dense=sparse_to_dense,
    )
