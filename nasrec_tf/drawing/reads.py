"""What each part of an architecture reads, as the drawing shows it: live connections only."""

import dataclasses

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.liveness import dense_operators_read_sparse
from nasrec_tf.operators import DENSE, OPERATORS, PAIR, SPARSE

DENSE_WIRE = "dense"
LEFT_WIRE = "left"
RIGHT_WIRE = "right"
SAME_WIRE = "same"
SPARSE_WIRE = "sparse"


@dataclasses.dataclass(frozen=True)
class Wire:
    """One input line of a block: the sources on it and the operators that it leads to.

    Args:
        kind: the concatenated ``"dense"`` or ``"sparse"`` sources; the ``"left"`` or ``"right"``
            source of pairwise operators, or ``"same"`` where both are one.
        sources: the numbers of the sources, 0 for the raw features.
        operators: names of the operators that read it.
    """

    kind: str
    sources: tuple[int, ...]
    operators: tuple[str, ...]

    @property
    def branch(self) -> str:
        """The branch whose outputs it carries."""
        return SPARSE if self.kind == SPARSE_WIRE else DENSE


def embeddings_are_dense(architecture: Architecture) -> bool:
    """Whether the flattened embeddings reach the logit as part of dense source 0.

    Args:
        architecture: the architecture.
    """
    return architecture.dense_embeddings and architecture.liveness.raw_dense


def raw_name(architecture: Architecture, branch: str) -> str:
    """What source 0 of a branch is.

    Args:
        architecture: the architecture.
        branch: ``"dense"`` or ``"sparse"``.
    """
    if branch == DENSE and embeddings_are_dense(architecture):
        return "raw dense features with the flattened embeddings"
    return f"raw {branch} features"


def block_wires(architecture: Architecture, number: int) -> tuple[Wire, ...]:
    """The lines into block ``number`` that reach the logit, bottom to top.

    Args:
        architecture: the architecture.
        number: of the block, from 1.
    """
    block = architecture.blocks[number - 1]
    live = architecture.liveness.blocks[number - 1]
    wires = list(_dense_wires(block)) if live.dense_operators else []
    readers = tuple(block.sparse_operators) if live.sparse_operators else ()
    if live.dense_operators and dense_operators_read_sparse(block):
        readers = _readers(block, SPARSE) + readers
    if readers:
        wires.append(Wire(SPARSE_WIRE, block.sparse_sources, readers))
    return tuple(wires)


def _dense_wires(block: Block):
    pairwise = _readers(block, PAIR)
    if pairwise and block.left_source == block.right_source:
        yield Wire(SAME_WIRE, (block.left_source,), pairwise)
    elif pairwise:
        # The right one lies lower, so that it passes below where the left one turns up.
        yield Wire(RIGHT_WIRE, (block.right_source,), pairwise)
        yield Wire(LEFT_WIRE, (block.left_source,), pairwise)
    if readers := _readers(block, DENSE):
        yield Wire(DENSE_WIRE, block.dense_sources, readers)


def _readers(block: Block, kind: str) -> tuple[str, ...]:
    return tuple(name for name in block.dense_operators if kind in OPERATORS[name].reads)


def sources_read(architecture: Architecture, branch: str) -> dict[int, int]:
    """For each source of a branch that is read, the last block that reads it.

    Args:
        architecture: the architecture.
        branch: ``"dense"`` or ``"sparse"``.
    """
    last_reader = {}
    for number in range(1, len(architecture) + 1):
        for wire in block_wires(architecture, number):
            if wire.branch == branch:
                last_reader.update(dict.fromkeys(wire.sources, number))
    return dict(sorted(last_reader.items()))
