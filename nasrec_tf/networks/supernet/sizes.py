"""Sizes of every part of a path, as scalar tensors, and bounds on them."""

import dataclasses
from typing import Any

import numpy as np

from nasrec_tf.architecture.shapes import source_0_width
from nasrec_tf.architecture.space import NEVER, SearchSpace
from nasrec_tf.common.lazy import tf
from nasrec_tf.data.features import Features
from nasrec_tf.networks.supernet.path import Path
from nasrec_tf.operators import OPERATORS, MergerShape, NetworkOptions, OperatorShape
from nasrec_tf.operators.traced_sizes import UpperBound, total


@dataclasses.dataclass(frozen=True)
class BlockSizes:
    """Sizes within block n of a path.

    Args:
        dense_slots: units read from each of the n dense sources.
        sparse_slots: tokens read from each of the 2 n - 1 sparse slots.
        left_slots: units that the left source has, at its place among the dense sources.
        right_slots: likewise for the right source.
        operators: shape of each operator, all zero if it is inactive, by name.
        active: whether each operator is active, 0 or 1, by name.
        merger: what both mergers see.
        has_sparse_to_dense: 0 or 1.
        has_dense_to_sparse: 0 or 1.
    """

    dense_slots: tuple
    sparse_slots: tuple
    left_slots: tuple
    right_slots: tuple
    operators: dict[str, OperatorShape]
    active: dict[str, Any]
    merger: MergerShape
    has_sparse_to_dense: Any
    has_dense_to_sparse: Any

    @property
    def sparse_sizes(self) -> list:
        """Tokens read from each of the n sparse sources."""
        first, *rest = self.sparse_slots
        return [first, *(total(pair) for pair in zip(rest[::2], rest[1::2]))]


def path_sizes(
    path: Path, space: SearchSpace, features: Features, options: NetworkOptions
) -> list[BlockSizes]:
    """Sizes of every block of a path, whose dead parts have been dropped.

    Args:
        path: as ``live_part`` gives it.
        space: its search space.
        features: what the network reads.
        options: what holds for the whole network.
    """
    count = space.num_blocks
    width = tf.reduce_max(path.dense_widths, axis=1)
    tokens = tf.reduce_max(path.sparse_widths, axis=1)
    merged = options.merged_tokens * tf.cast(path.dense_to_sparse, tf.int32)
    raw_width = dense_source_0_width(path, space, features, options)
    source_width = tf.concat([[raw_width], width[:-1]], axis=0)
    block_slots = tf.reshape(tf.stack([tokens[:-1], merged[:-1]], axis=1), [-1])
    source_tokens = tf.concat([[features.sparse], block_slots], axis=0)
    dense_slots = tf.where(path.dense_sources, source_width, 0)
    reads_slot = tf.repeat(path.sparse_sources, [1] + [2] * (count - 1), axis=1)
    sparse_slots = tf.where(reads_slot, source_tokens, 0)
    widths = tf.concat([path.dense_widths, path.sparse_widths], axis=1)
    active = tf.cast(widths > 0, tf.int32)
    names = (*space.dense_operators, *space.sparse_operators)
    read = _ReadSizes(
        names,
        widths=_scalars(widths),
        active=_scalars(active),
        dense=_scalars(dense_slots[:, None] * active[:, :, None]),
        sparse=_scalars(sparse_slots[:, None] * active[:, :, None]),
        pair=_scalars(_pair_sizes(path, source_width, active)),
    )
    uses_pair = tf.reduce_any(
        (active > 0) & np.array(["pair" in OPERATORS[name].reads for name in names]), axis=1
    )
    source_slots = [
        tf.where(tf.one_hot(side, count, on_value=True, off_value=False), source_width, 0)
        * tf.cast(uses_pair, tf.int32)[:, None]
        for side in (path.left, path.right)
    ]
    dense_slots, sparse_slots, left_slots, right_slots = (
        _scalars(slots) for slots in (dense_slots, sparse_slots, *source_slots)
    )
    mergers = zip(_scalars(width), _scalars(tokens))
    to_dense = _scalars(tf.cast(path.sparse_to_dense, tf.int32))
    to_sparse = _scalars(tf.cast(path.dense_to_sparse, tf.int32))
    return [
        BlockSizes(
            dense_slots=tuple(dense_slots[index, : index + 1]),
            sparse_slots=tuple(sparse_slots[index, : 2 * index + 1]),
            left_slots=tuple(left_slots[index, : index + 1]),
            right_slots=tuple(right_slots[index, : index + 1]),
            operators={name: read.shape(index, name, options) for name in names},
            active=dict(zip(names, read.active[index])),
            merger=MergerShape(*merger, options),
            has_sparse_to_dense=to_dense[index],
            has_dense_to_sparse=to_sparse[index],
        )
        for index, merger in enumerate(mergers)
    ]


def dense_source_0_width(
    path: Path, space: SearchSpace, features: Features, options: NetworkOptions
) -> Any:
    """Units of dense source 0 on a path: an integer where no path of the space adds embeddings.

    Args:
        path: the path.
        space: its search space.
        features: what the network reads.
        options: what holds for the whole network.
    """
    if space.dense_embeddings == NEVER:
        return features.dense
    without, with_them = (
        source_0_width(features.dense, features.sparse, options, present)
        for present in (False, True)
    )
    return tf.where(path.dense_embeddings, with_them, without)


@dataclasses.dataclass(frozen=True)
class _ReadSizes:
    """What every operator of every block reads and yields, as arrays of scalar tensors.

    Args:
        names: the operators.
        widths: (N, operators), output width of each; 0 for an inactive one.
        active: (N, operators), 0 or 1.
        dense: (N, operators, N), units of each dense source, none if the operator is inactive.
        sparse: (N, operators, 2 N - 1), tokens of each sparse slot, likewise.
        pair: (N, operators, 2), units of the left and right source, likewise.
    """

    names: tuple[str, ...]
    widths: np.ndarray
    active: np.ndarray
    dense: np.ndarray
    sparse: np.ndarray
    pair: np.ndarray

    def shape(self, index: int, name: str, options: NetworkOptions) -> OperatorShape:
        """The shape of one operator of block ``index`` + 1."""
        position, reads = self.names.index(name), OPERATORS[name].reads
        left, right = self.pair[index, position]
        return OperatorShape(
            dense=tuple(self.dense[index, position, : index + 1]) if "dense" in reads else (),
            sparse=tuple(self.sparse[index, position, : 2 * index + 1])
            if "sparse" in reads
            else (),
            left=left,
            right=right,
            width=self.widths[index, position],
            options=options,
        )


def _pair_sizes(path, source_width, active):
    """(N, operators, 2): units of the left and right source, none of an inactive operator."""
    sides = [tf.gather(source_width, side) for side in (path.left, path.right)]
    return tf.stack(sides, axis=1)[:, None] * active[:, :, None]


def _scalars(tensor) -> np.ndarray:
    """The entries of a tensor of known shape, as scalar tensors in an array of that shape."""
    parts = tf.unstack(tf.reshape(tensor, [-1]))
    result = np.empty(len(parts), object)
    for index, part in enumerate(parts):
        result[index] = part
    return result.reshape(tensor.shape)


def widest_shape(
    number: int, width: int, space: SearchSpace, features: Features, options: NetworkOptions
) -> OperatorShape:
    """The largest shape that an operator of a block may see at one output width.

    Args:
        number: of the block, from 1.
        width: of the output: units, or tokens.
        space: the search space.
        features: what the network reads.
        options: what holds for the whole network.
    """
    dense = UpperBound(space.dense_widths[-1])
    tokens = UpperBound(space.sparse_widths[-1])
    merged = UpperBound(options.merged_tokens if space.mergers else 0)
    with_embeddings = space.dense_embeddings != NEVER
    raw = UpperBound(source_0_width(features.dense, features.sparse, options, with_embeddings))
    pair = raw if number == 1 else UpperBound(max(raw, dense))
    return OperatorShape(
        dense=(raw,) + (dense,) * (number - 1),
        sparse=(UpperBound(features.sparse),) + (tokens, merged) * (number - 1),
        left=pair,
        right=pair,
        width=UpperBound(width),
        options=options,
    )
