"""A path through the supernet: an architecture as arrays that enter the traced graph."""

from typing import Any, NamedTuple

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Bits, Block
from nasrec_tf.architecture.liveness import Flags, reads, runs
from nasrec_tf.architecture.space import ANY, NEVER, SearchSpace
from nasrec_tf.common.lazy import tf
from nasrec_tf.operators import DENSE, OPERATORS, PAIR, SPARSE


class Path(NamedTuple):
    """What one path activates; arrays or tensors, N blocks.

    Args:
        dense_widths: (N, dense operators) int32, output width of each; 0 for an inactive one.
        sparse_widths: (N, sparse operators) int32, output tokens of each; 0 for an inactive one.
        dense_sources: (N, N) bool, whether a block reads source 0 to N - 1.
        sparse_sources: (N, N) bool.
        left: (N,) int32, the left source of pairwise operators.
        right: (N,) int32.
        dense_to_sparse: (N,) bool.
        sparse_to_dense: (N,) bool.
        dense_bits: (N, dense operators, 2) int32, bits of weights and of activations; 0 for an
            inactive operator, and in floating point.
        sparse_bits: (N, sparse operators, 2) int32.
        dense_embeddings: () bool, whether dense source 0 holds the flattened embeddings.
    """

    dense_widths: Any
    sparse_widths: Any
    dense_sources: Any
    sparse_sources: Any
    left: Any
    right: Any
    dense_to_sparse: Any
    sparse_to_dense: Any
    dense_bits: Any
    sparse_bits: Any
    dense_embeddings: Any


def encode(architecture: Architecture, space: SearchSpace) -> Path:
    """The path of an architecture of the space's blocks, operators and widths, as arrays.

    Whether it also keeps the space's rules (one operator a branch, capped sources) does not
    matter: the supernet holds every path.

    Args:
        architecture: the architecture.
        space: the search space.

    Raises:
        ArchitectureError: if the supernet of the space does not hold the architecture.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> space = NASREC_SMALL.replace(num_blocks=2, dense_widths=(8, 16))
        >>> path = encode(space.widest, space)
        >>> path.dense_widths.tolist(), path.dense_sources.tolist()
        ([[16, 16], [16, 16]], [[True, False], [True, True]])
        >>> decode(path, space).blocks == space.widest.blocks
        True
    """
    any_path = {"operators": "any", "widths": "operator", "max_sources": None}
    embeddings = NEVER if space.dense_embeddings == NEVER else ANY
    everything = space.replace(**any_path, separate_bits=True, dense_embeddings=embeddings)
    everything.check(architecture)
    blocks = architecture.blocks
    count = len(blocks)
    sources = np.arange(count)

    def sources_of(field):
        return np.array([np.isin(sources, getattr(block, field)) for block in blocks])

    def widths(field):
        names = getattr(space, field)
        rows = [[getattr(block, field).get(name, 0) for name in names] for block in blocks]
        return np.array(rows, np.int32)

    def bits(field):
        names = getattr(space, field)
        rows = [[block.bits.get(name, _NO_BITS) for name in names] for block in blocks]
        return np.array([[(b.weights, b.activations) for b in row] for row in rows], np.int32)

    def column(field, dtype):
        return np.array([getattr(block, field) for block in blocks], dtype)

    return Path(
        widths("dense_operators"),
        widths("sparse_operators"),
        sources_of("dense_sources"),
        sources_of("sparse_sources"),
        column("left_source", np.int32),
        column("right_source", np.int32),
        column("dense_to_sparse", bool),
        column("sparse_to_dense", bool),
        bits("dense_operators"),
        bits("sparse_operators"),
        np.array(architecture.dense_embeddings),
    )


_NO_BITS = Bits(0, 0)


def decode(path: Path, space: SearchSpace) -> Architecture:
    """The architecture of a path, the inverse of ``encode``.

    Args:
        path: arrays or tensors.
        space: the search space.
    """
    path = Path(*(np.asarray(part) for part in path))

    def operators(widths, names):
        return {name: int(width) for name, width in zip(names, widths) if width}

    def bits(values, names):
        pairs = zip(names, values.tolist())
        return {name: Bits(*widths) for name, widths in pairs if widths[0]}

    return Architecture(
        tuple(
            Block(
                operators(path.dense_widths[index], space.dense_operators),
                operators(path.sparse_widths[index], space.sparse_operators),
                tuple(np.flatnonzero(path.dense_sources[index]).tolist()),
                tuple(np.flatnonzero(path.sparse_sources[index]).tolist()),
                int(path.left[index]),
                int(path.right[index]),
                bool(path.dense_to_sparse[index]),
                bool(path.sparse_to_dense[index]),
                bits(path.dense_bits[index], space.dense_operators)
                | bits(path.sparse_bits[index], space.sparse_operators),
            )
            for index in range(space.num_blocks)
        ),
        bool(path.dense_embeddings),
    )


def live_part(path: Path, space: SearchSpace) -> Path:
    """The path without what cannot reach the logit, as tensors.

    Dead operators get width 0, dead mergers are off, and sources that no live operator reads are
    dropped, as are embeddings in a dense source 0 that none reads, by the rules of
    ``nasrec_tf.architecture.liveness`` inside the graph.

    Args:
        path: a path, dead parts included.
        space: its search space.
    """
    count = space.num_blocks
    readers = {
        kind: np.array([kind in OPERATORS[name].reads for name in space.dense_operators])
        for kind in (DENSE, SPARSE, PAIR)
    }
    left, right = (
        tf.unstack(tf.one_hot(side, count, on_value=True, off_value=False))
        for side in (path.left, path.right)
    )
    of_blocks = path._replace(dense_embeddings=None)
    block = Path(*(part if part is None else tf.unstack(part, num=count) for part in of_blocks))
    # Outputs 1 to N - 1 may be read as sources; that of block N is read by the head.
    dense_read = tf.zeros([count], tf.bool)
    sparse_read = tf.zeros([count], tf.bool)
    rows: list[dict[str, Any]] = []
    dense_live = sparse_live = tf.constant(True)
    for index in reversed(range(count)):
        flags = Flags(
            dense_live, sparse_live, block.dense_to_sparse[index], block.sparse_to_dense[index]
        )
        part = runs(flags)
        active = block.dense_widths[index] > 0
        uses = {kind: tf.reduce_any(active & mask) for kind, mask in readers.items()}
        read = reads(part, uses)
        dense_sources = block.dense_sources[index] & read.dense
        sparse_sources = block.sparse_sources[index] & read.sparse
        pair = (left[index] | right[index]) & read.pair
        dense_read = dense_read | dense_sources | pair
        sparse_read = sparse_read | sparse_sources
        rows.append(
            {
                "dense_widths": tf.where(part.dense_operators, block.dense_widths[index], 0),
                "sparse_widths": tf.where(part.sparse_operators, block.sparse_widths[index], 0),
                "dense_sources": dense_sources,
                "sparse_sources": sparse_sources,
                "dense_to_sparse": part.dense_to_sparse,
                "sparse_to_dense": part.sparse_to_dense,
            }
        )
        # Source k is the output of block k.
        dense_live, sparse_live = dense_read[index], sparse_read[index]
    rows.reverse()
    live = {name: tf.stack([row[name] for row in rows]) for name in rows[0]}
    return path._replace(**live, dense_embeddings=path.dense_embeddings & dense_read[0])
