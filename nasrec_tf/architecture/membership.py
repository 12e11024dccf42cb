"""Whether an architecture is one of a search space."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.space_rules import ALWAYS, ANY, NEVER, PER_BRANCH, SINGLE
from nasrec_tf.common.errors import ArchitectureError

if TYPE_CHECKING:
    from nasrec_tf.architecture.space import SearchSpace


def check_membership(architecture: Architecture, space: "SearchSpace") -> None:
    """Checks that an architecture is of a space.

    Args:
        architecture: the architecture.
        space: the space.

    Raises:
        ArchitectureError: if it is not; the message names block and field.
    """
    if len(architecture) != space.num_blocks:
        raise ArchitectureError(
            f"The architecture has {len(architecture)} blocks; search space {space.name!r} "
            f"has {space.num_blocks}."
        )
    allowed = {NEVER: (False,), ALWAYS: (True,), ANY: (False, True)}[space.dense_embeddings]
    if architecture.dense_embeddings not in allowed:
        raise ArchitectureError(
            f"The architecture is {'with' if architecture.dense_embeddings else 'without'} "
            f"dense embeddings; search space {space.name!r} has them {space.dense_embeddings}."
        )
    for number, block in enumerate(architecture.blocks, start=1):
        if block.kept_units:
            raise _outside(space, number, "kept_units", "has all units")
        _check_branch(space, number, "dense", block.dense_operators, block.dense_sources)
        _check_branch(space, number, "sparse", block.sparse_operators, block.sparse_sources)
        if not space.mergers and (block.dense_to_sparse or block.sparse_to_dense):
            raise _outside(space, number, "mergers", "are off")
        _check_bits_of(space, number, block)


def _check_bits_of(space: "SearchSpace", number: int, block: Block) -> None:
    if bool(block.bits) != bool(space.bits):
        why = "needs the bits of every operator" if space.bits else "has no bits"
        raise _outside(space, number, "bits", why)
    for name, bits in block.bits.items():
        for width in (bits.weights, bits.activations):
            if width not in space.bits:
                raise _outside(space, number, "bits", f"has no {width} bits for {name!r}")
        if not space.separate_bits and bits.weights != bits.activations:
            raise _outside(space, number, "bits", f"takes one width for {name!r}")


def _check_branch(
    space: "SearchSpace", number: int, branch: str, operators: Mapping, sources: tuple
) -> None:
    allowed = getattr(space, f"{branch}_operators")
    widths = getattr(space, f"{branch}_widths")
    for name, width in operators.items():
        if name not in allowed:
            raise _outside(space, number, f"{branch}_operators", f"has no {name!r}")
        if width not in widths:
            raise _outside(space, number, f"{branch}_operators", f"has no width {width}")
    if space.operators == SINGLE and len(operators) > 1:
        raise _outside(space, number, f"{branch}_operators", "takes a single operator")
    if space.widths == PER_BRANCH and len(set(operators.values())) > 1:
        raise _outside(space, number, f"{branch}_operators", "takes one width per branch")
    if len(sources) not in space.source_counts(number):
        raise _outside(space, number, f"{branch}_sources", f"takes at most {space.max_sources}")


def _outside(space: "SearchSpace", number: int, field: str, why: str) -> ArchitectureError:
    return ArchitectureError(f"Block {number}: {field}: search space {space.name!r} {why}.")
