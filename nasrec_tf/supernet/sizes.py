"""Sizes of every part of a path, as scalar tensors, and bounds on them."""

import dataclasses
from typing import Any

from nasrec_tf.features import Features
from nasrec_tf.lazy import tf
from nasrec_tf.operators import OPERATORS, MergerShape, NetworkOptions, OperatorShape
from nasrec_tf.operators.base import UpperBound
from nasrec_tf.space import SearchSpace
from nasrec_tf.supernet.path import Path


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


def path_sizes(
    path: Path, space: SearchSpace, features: Features, options: NetworkOptions
) -> list[BlockSizes]:
    """Sizes of every block of a path, whose dead parts have been dropped."""
    count = space.num_blocks
    width = tf.reduce_max(path.dense_widths, axis=1)
    tokens = tf.reduce_max(path.sparse_widths, axis=1)
    merged = options.merged_tokens * tf.cast(path.dense_to_sparse, tf.int32)
    source_width = tf.concat([[features.dense], width[:-1]], axis=0)
    block_slots = tf.reshape(tf.stack([tokens[:-1], merged[:-1]], axis=1), [-1])
    source_tokens = tf.concat([[features.sparse], block_slots], axis=0)
    dense_slots = tf.where(path.dense_sources, source_width, 0)
    reads_slot = tf.repeat(path.sparse_sources, [1] + [2] * (count - 1), axis=1)
    sparse_slots = tf.where(reads_slot, source_tokens, 0)
    pair_slots = [
        tf.where(tf.one_hot(side, count, on_value=True, off_value=False), source_width, 0)
        for side in (path.left, path.right)
    ]
    names = (*space.dense_operators, *space.sparse_operators)
    widths = tf.concat([path.dense_widths, path.sparse_widths], axis=1)
    blocks = []
    for index in range(count):
        operators, active = {}, {}
        left, right = (tf.reduce_sum(slots[index]) for slots in pair_slots)
        for position, name in enumerate(names):
            on = tf.cast(widths[index, position] > 0, tf.int32)
            active[name] = on
            operators[name] = OperatorShape(
                dense=_scaled(dense_slots[index, : index + 1], on, "dense", name),
                sparse=_scaled(sparse_slots[index, : 2 * index + 1], on, "sparse", name),
                left=left * on,
                right=right * on,
                width=widths[index, position],
                options=options,
            )
        uses_pair = [active[name] for name in names if "pair" in OPERATORS[name].reads]
        on = tf.reduce_max(tf.stack(uses_pair)) if uses_pair else 0
        blocks.append(
            BlockSizes(
                dense_slots=tuple(tf.unstack(dense_slots[index, : index + 1])),
                sparse_slots=tuple(tf.unstack(sparse_slots[index, : 2 * index + 1])),
                left_slots=tuple(tf.unstack(pair_slots[0][index, : index + 1] * on)),
                right_slots=tuple(tf.unstack(pair_slots[1][index, : index + 1] * on)),
                operators=operators,
                active=active,
                merger=MergerShape(width[index], tokens[index], options),
                has_sparse_to_dense=tf.cast(path.sparse_to_dense[index], tf.int32),
                has_dense_to_sparse=tf.cast(path.dense_to_sparse[index], tf.int32),
            )
        )
    return blocks


def _scaled(slots, on, kind, name):
    if kind not in OPERATORS[name].reads:
        return ()
    return tuple(tf.unstack(slots * on))


def widest_shape(
    number: int, width: int, space: SearchSpace, features: Features, options: NetworkOptions
) -> OperatorShape:
    """The largest shape that an operator of block ``number`` may see at output ``width``."""
    dense = UpperBound(space.dense_widths[-1])
    tokens = UpperBound(space.sparse_widths[-1])
    merged = UpperBound(options.merged_tokens if space.mergers else 0)
    raw = UpperBound(features.dense)
    pair = raw if number == 1 else UpperBound(max(features.dense, dense))
    return OperatorShape(
        dense=(raw,) + (dense,) * (number - 1),
        sparse=(UpperBound(features.sparse),) + (tokens, merged) * (number - 1),
        left=pair,
        right=pair,
        width=UpperBound(width),
        options=options,
    )
