"""An architecture as numbers, for models that learn from scores."""

import math

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import MAX_BITS, Bits, Block
from nasrec_tf.architecture.liveness import BlockLiveness, Runs, reads, uses_of
from nasrec_tf.architecture.space import SearchSpace


def architecture_vector(architecture: Architecture, space: SearchSpace) -> np.ndarray:
    """What of an architecture reaches the logit, block by block; all else is 0.

    For each block: every operator's presence and, where there are several widths, its width on a
    scale of logarithms from 0 to 1; a bit for every source that its branches and its pairwise
    operators read; a bit for each merger; in a quantized space the bits of each operator, as shares
    of 8. Last, where architectures choose, whether dense source 0 holds the embeddings. A field
    that nothing reads would be noise to whatever learns from it.

    Args:
        architecture: one of the space.
        space: the search space.

    Returns:
        (numbers,) float64, from 0 to 1; as many for every architecture of the space.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> space = NASREC_SMALL.replace(num_blocks=2, dense_widths=(8, 16), sparse_widths=(4,))
        >>> architecture_vector(space.widest, space).shape
        (27,)
    """
    numbers: list[float] = []
    parts = zip(architecture.blocks, architecture.liveness.blocks)
    for number, (block, live) in enumerate(parts, start=1):
        numbers += _operators(block, live, space)
        numbers += _sources(number, block, live)
        numbers += [float(live.dense_to_sparse), float(live.sparse_to_dense)]
        if space.bits:
            numbers += _bits(block, live, space)
    embeddings = architecture.dense_embeddings and architecture.liveness.raw_dense
    return np.array([*numbers, float(embeddings)])


def _operators(block: Block, live: BlockLiveness, space: SearchSpace) -> list[float]:
    numbers: list[float] = []
    for names, widths, active, runs in (
        (space.dense_operators, space.dense_widths, block.dense_operators, live.dense_operators),
        (
            space.sparse_operators,
            space.sparse_widths,
            block.sparse_operators,
            live.sparse_operators,
        ),
    ):
        span = math.log(widths[-1] / widths[0])
        for name in names:
            width = active.get(name) if runs else None
            numbers.append(float(width is not None))
            if span:
                numbers.append(0.0 if width is None else math.log(width / widths[0]) / span)
    return numbers


def _sources(number: int, block: Block, live: BlockLiveness) -> list[float]:
    part = Runs(
        live.dense_operators, live.sparse_operators, live.dense_to_sparse, live.sparse_to_dense
    )
    read = reads(part, uses_of(block))
    sets = (
        (read.dense, block.dense_sources),
        (read.sparse, block.sparse_sources),
        (read.pair, (block.left_source,)),
        (read.pair, (block.right_source,)),
    )
    return [float(is_read and source in sources) for is_read, sources in sets
            for source in range(number)]  # fmt: skip


def _bits(block: Block, live: BlockLiveness, space: SearchSpace) -> list[float]:
    numbers: list[float] = []
    for names, runs in (
        (space.dense_operators, live.dense_operators),
        (space.sparse_operators, live.sparse_operators),
    ):
        for name in names:
            bits = block.bits.get(name) if runs else None
            bits = bits or Bits(0, 0)
            numbers += [bits.weights / MAX_BITS, bits.activations / MAX_BITS]
    return numbers
