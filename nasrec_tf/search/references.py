"""Hand-made networks of our blocks that a run measures with."""

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.space import NEVER, SearchSpace

PLAIN = Architecture(
    (
        Block({"dot_product": 64}, {"efc": 16}, (0,), (0,)),
        Block({"fc": 256}, {"efc": 16}, (1,), (1,)),
        Block({"fc": 128}, {"efc": 16}, (2,), (2,)),
    )
)
"""DLRM's shape in our blocks: products of pairs of embeddings, then two fully connected layers."""

FLAT = Architecture(
    (
        Block({"fc": 256}, {"efc": 16}, (0,), (0,)),
        Block({"fc": 256}, {"efc": 16}, (1,), (0,)),
    ),
    dense_embeddings=True,
)
"""Wide & Deep's shape in our blocks: two fully connected layers over all embeddings side by side,
and linear terms of these beside them."""

OF_MANY_KINDS = Architecture(
    (
        Block(
            {"dot_product": 64, "fc": 128},
            {"efc": 16},
            (0,),
            (0,),
            sparse_to_dense=True,
        ),
        Block(
            {"fc": 128, "sigmoid_gating": 64},
            {"efc": 16},
            (0, 1),
            (0, 1),
            left_source=0,
            right_source=1,
            dense_to_sparse=True,
            sparse_to_dense=True,
        ),
        Block({"fc": 128}, {"efc": 16}, (1, 2), (2,), sparse_to_dense=True),
    )
)
"""Operators and mergers whose outputs differ in size, as in most of what a search finds."""


def other_plain(space: SearchSpace) -> Architecture | None:
    """What a recipe is tried on beside ``PLAIN``: ``FLAT``, where source 0 may hold embeddings.

    Args:
        space: that of the run.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_FULL
        >>> other_plain(NASREC_FULL) is None
        True
    """
    return None if space.dense_embeddings == NEVER else FLAT
