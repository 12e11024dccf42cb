"""The weights that a supernet has to hold, stated before any is made."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from nasrec_tf.architecture.memory import weights_bytes
from nasrec_tf.architecture.shapes import head_weights, source_0_width
from nasrec_tf.architecture.space import NEVER, SearchSpace
from nasrec_tf.data.features import Features
from nasrec_tf.networks.layers.feature_embedding import POOLING, pooling_weights
from nasrec_tf.networks.part_names import HEAD, part_name
from nasrec_tf.networks.supernet.sizes import widest_shape
from nasrec_tf.operators import (
    DEFAULT_OPTIONS,
    DENSE_TO_SPARSE,
    OPERATORS,
    PAIR,
    SPARSE_TO_DENSE,
    MergerShape,
    NetworkOptions,
)
from nasrec_tf.operators.base import WeightSpec
from nasrec_tf.operators.traced_sizes import UpperBound


class StoredPart(NamedTuple):
    """Weights of one operator, merger or head in its widest form.

    Args:
        name: of the part, such as ``block_1_fc``.
        specs: its weights.
        column_ends: for each weight of two axes, the numbers of columns that paths may use.
    """

    name: str
    specs: tuple[WeightSpec, ...]
    column_ends: dict[str, set[int]]


def stored_parts(
    space: SearchSpace, features: Features, options: NetworkOptions
) -> Iterator[StoredPart]:
    """Every part of a supernet: what pools lists, if anything, the blocks, the head last.

    Args:
        space: the search space.
        features: what the network reads.
        options: what holds for the whole network.
    """
    queries = pooling_weights(features.attention_fields, options.embedding_dim)
    if queries:
        yield StoredPart(POOLING, queries, {})
    for number in range(1, space.num_blocks + 1):
        for names, widths in (
            (space.dense_operators, space.dense_widths),
            (space.sparse_operators, space.sparse_widths),
        ):
            for name in names:
                shapes = _operator_shapes(number, name, widths, space, features, options)
                yield _part(part_name(number, name), OPERATORS[name], shapes)
        if space.mergers:
            tokens = UpperBound(space.sparse_widths[-1])
            merged = [MergerShape(UpperBound(w), tokens, options) for w in space.dense_widths]
            for merger in (DENSE_TO_SPARSE, SPARSE_TO_DENSE):
                yield _part(part_name(number, merger.name), merger, merged)
    yield StoredPart(HEAD, head_weights(_head_slots(space, options)), {})


def supernet_memory_bytes(
    space: SearchSpace,
    features: Features,
    options: NetworkOptions = DEFAULT_OPTIONS,
    training: bool = False,
) -> int:
    """Bytes that the weights of a supernet take, and what training keeps beside them.

    A step's own gradients are of its path alone; what is counted is the widest path's.

    Args:
        space: the search space.
        features: what the network reads, with the sizes of its embedding tables.
        options: what holds for the whole network.
        training: count the optimizer's accumulators and the gradients as well.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> features = Features(dense=13, table_rows=(500_000,) * 26)
        >>> round(supernet_memory_bytes(NASREC_SMALL, features, training=True) / 2**30, 1)
        1.9
    """
    parts = stored_parts(space, features, options)
    others = sum(math.prod(map(int, spec.shape)) for part in parts for spec in part.specs)
    tables = sum(features.table_rows) * options.embedding_dim
    return weights_bytes(tables, others, bool(space.bits), training)


def _operator_shapes(number, name, widths, space, features, options) -> list:
    shapes = [widest_shape(number, width, space, features, options) for width in widths]
    if PAIR not in OPERATORS[name].reads:
        return shapes
    with_embeddings = {False, space.dense_embeddings != NEVER}
    sources = {
        source_0_width(features.dense, features.sparse, options, present)
        for present in with_embeddings
    }
    if number > 1:
        sources |= {*space.dense_widths}
    return [
        dataclasses.replace(shape, right=UpperBound(right))
        for shape in shapes
        for right in sorted(sources)
    ]


def _part(name: str, operator: Any, shapes: Sequence[Any]) -> StoredPart:
    """The weights of the last and widest shape; the others tell where columns end."""
    column_ends: dict[str, set[int]] = {}
    for shape in shapes:
        for spec in operator.weights(shape):
            if len(spec.axes) == 2:
                column_ends.setdefault(spec.name, set()).add(int(spec.axes[1].active))
    return StoredPart(name, operator.weights(shapes[-1]), column_ends)


def _head_slots(space: SearchSpace, options: NetworkOptions) -> tuple[UpperBound, ...]:
    embedding = options.embedding_dim
    tokens = UpperBound(space.sparse_widths[-1] * embedding)
    merged = options.merged_tokens * embedding if space.mergers else 0
    return (UpperBound(space.dense_widths[-1]), tokens, UpperBound(merged))
