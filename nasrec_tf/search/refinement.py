"""Candidates that the search did not propose, made from those that trained best.

A supernet ranks candidates of small data sets poorly, and training one from scratch takes seconds
there: some trainings are better spent on what lies beside the best network so far
(docs/recipes.md has what that gained).
"""

import dataclasses
from collections.abc import Callable, Set

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.space import ALWAYS, ArchitectureError, SearchSpace
from nasrec_tf.search.references import FLAT, PLAIN
from nasrec_tf.strategies.draws import REFINEMENT, random_stream
from nasrec_tf.strategies.mutation import AnnealedFieldMutation

MOST_DRAWS = 1000
"""Draws after which no new neighbour is expected."""

GENERATIONS = 240
"""Of ``AnnealedFieldMutation``, the last of which changes one field."""


def plain_candidates(space: SearchSpace) -> tuple[Architecture, ...]:
    """Shapes of hand-made models as members of a space, as far as they are.

    DLRM's, and Wide & Deep's where dense source 0 may hold the embeddings.

    Args:
        space: the space.

    Example:
        >>> from nasrec_tf.architecture.space import ANY, NASREC_FULL
        >>> [len(plain_candidates(NASREC_FULL.replace(dense_embeddings=rule)))
        ...  for rule in ("never", ANY)]
        [1, 2]
    """
    found = (_member(PLAIN, space, space.dense_embeddings == ALWAYS), _member(FLAT, space, True))
    return tuple(architecture for architecture in found if architecture is not None)


def _member(
    network: Architecture, space: SearchSpace, dense_embeddings: bool
) -> Architecture | None:
    """A network of fewer blocks as a member of a space; ``None`` if it is none.

    Blocks that the space has and the network does not need come first, dead.
    """
    missing = space.num_blocks - len(network)
    if missing < 0:
        return None
    unused = Block(
        {space.dense_operators[0]: space.dense_widths[0]},
        {space.sparse_operators[0]: space.sparse_widths[0]},
        (0,),
        (0,),
    )
    blocks = [unused] * missing + [_moved(block, missing) for block in network.blocks]
    found = Architecture(tuple(blocks), dense_embeddings=dense_embeddings)
    try:
        space.check(found)
    except ArchitectureError:
        return None
    return found


def neighbour(
    parent: Architecture,
    space: SearchSpace,
    allows: Callable[[Architecture], bool],
    tried: Set[str],
    seed: int,
    number: int,
) -> Architecture | None:
    """An architecture that differs from another by one choice, or by few where those were tried.

    Args:
        parent: what is changed, of the space.
        space: the space.
        allows: whether an architecture is within the budget.
        tried: identities that the neighbour must not have.
        seed: of the run.
        number: of the draw; the same number gives the same neighbour.

    Returns:
        The neighbour; ``None`` if none was found.
    """
    rng = random_stream(seed, REFINEMENT, number)
    mutate, child = AnnealedFieldMutation(), parent
    for _ in range(MOST_DRAWS):
        child = mutate(child, space, rng, GENERATIONS - 1, GENERATIONS)
        if child.identity in tried:
            continue
        if allows(child):
            return child
        child = parent
    return None


def _moved(block: Block, by: int) -> Block:
    """A block that reads the same with so many blocks before it."""

    def moved(source: int) -> int:
        return source + by if source else 0

    return dataclasses.replace(
        block,
        dense_sources=tuple(moved(source) for source in block.dense_sources),
        sparse_sources=tuple(moved(source) for source in block.sparse_sources),
        left_source=moved(block.left_source),
        right_source=moved(block.right_source),
    )
