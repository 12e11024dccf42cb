"""Which parts of a stack of blocks reach the logit."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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
        raw_dense: whether dense source 0 is read.
        raw_sparse: whether the raw sparse features are read, be it as part of dense source 0.
    """

    blocks: tuple[BlockLiveness, ...]
    raw_dense: bool
    raw_sparse: bool


class Flags(NamedTuple):
    """Truth values by which the rules below go: Python's, NumPy's or scalar tensors.

    Args:
        dense_output: whether the block's dense output is read.
        sparse_output: whether its sparse output is read.
        dense_to_sparse: whether the block has that merger.
        sparse_to_dense: whether the block has that merger.
    """

    dense_output: Any
    sparse_output: Any
    dense_to_sparse: Any
    sparse_to_dense: Any


class Runs(NamedTuple):
    """What of one block has to run, in the kind of truth values that were given.

    Args:
        dense_operators: whether its dense operators have to run.
        sparse_operators: whether its sparse operators have to run.
        dense_to_sparse: whether that merger has to run.
        sparse_to_dense: whether that merger has to run.
    """

    dense_operators: Any
    sparse_operators: Any
    dense_to_sparse: Any
    sparse_to_dense: Any


def runs(block: Flags) -> Runs:
    """The rule of what has to run in a block: a branch if it is read, or a merger of it is.

    Written with ``&`` and ``|`` alone, so that it stands once for blocks of Python and for paths
    in a traced graph.

    Args:
        block: what reads the block, and which mergers it has.

    Example:
        >>> tokens_alone = Flags(False, True, dense_to_sparse=True, sparse_to_dense=True)
        >>> runs(tokens_alone).dense_operators, runs(tokens_alone).sparse_to_dense
        (True, False)
    """
    to_sparse = block.dense_to_sparse & block.sparse_output
    to_dense = block.sparse_to_dense & block.dense_output
    return Runs(
        dense_operators=block.dense_output | to_sparse,
        sparse_operators=block.sparse_output | to_dense,
        dense_to_sparse=to_sparse,
        sparse_to_dense=to_dense,
    )


class Reads(NamedTuple):
    """Which of a block's sources are read, in the kind of truth values that were given.

    Args:
        dense: whether its dense sources are.
        sparse: whether its sparse sources are.
        pair: whether its left and right source are.
    """

    dense: Any
    sparse: Any
    pair: Any


def reads(part: Runs, uses: Mapping[str, Any]) -> Reads:
    """The rule of what a block reads: what its running operators read.

    Args:
        part: what of the block has to run.
        uses: for each of ``"dense"``, ``"sparse"`` and ``"pair"``, whether an active dense operator
            reads it. Sparse operators read the sparse sources, whichever they are.
    """
    return Reads(
        dense=part.dense_operators & uses[DENSE],
        sparse=part.sparse_operators | (part.dense_operators & uses[SPARSE]),
        pair=part.dense_operators & uses[PAIR],
    )


def uses_of(block: Block) -> dict[str, bool]:
    """What the block's dense operators read, as ``reads`` wants to know it.

    Args:
        block: the block.

    Example:
        >>> uses_of(Block({"dot_product": 8}, {"efc": 4}, (0,), (0,)))
        {'dense': True, 'sparse': True, 'pair': False}
    """
    kinds = frozenset().union(*(OPERATORS[name].reads for name in block.dense_operators))
    return {kind: kind in kinds for kind in (DENSE, SPARSE, PAIR)}


def dense_operators_read_sparse(block: Block) -> bool:
    """Whether a dense operator of the block reads its sparse sources.

    Args:
        block: the block.
    """
    return uses_of(block)[SPARSE]


def liveness(blocks: Sequence[Block], dense_embeddings: bool = False) -> Liveness:
    """Walks back from the head, which reads both outputs of the last block.

    Args:
        blocks: the choice blocks, first to last.
        dense_embeddings: whether the flattened embeddings are part of dense source 0.

    Example:
        >>> first = Block({"fc": 8}, {"efc": 4}, (0,), (0,))
        >>> last = Block({"fc": 8}, {"efc": 4}, (1,), (0,))
        >>> [part.sparse_output for part in liveness([first, last]).blocks]
        [False, True]
    """
    count = len(blocks)
    dense, sparse = {count}, {count}
    parts = []
    for number in range(count, 0, -1):
        block = blocks[number - 1]
        part = runs(
            Flags(number in dense, number in sparse, block.dense_to_sparse, block.sparse_to_dense)
        )
        read = reads(part, uses_of(block))
        if read.dense:
            dense.update(block.dense_sources)
        if read.pair:
            dense |= {block.left_source, block.right_source}
        if read.sparse:
            sparse.update(block.sparse_sources)
        parts.append(BlockLiveness(number in dense, number in sparse, *part))
    raw_dense = 0 in dense
    return Liveness(
        tuple(reversed(parts)), raw_dense, 0 in sparse or (raw_dense and dense_embeddings)
    )
