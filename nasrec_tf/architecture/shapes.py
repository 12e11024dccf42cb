"""The sizes of every part of a stand-alone network, from its architecture and its inputs."""

import dataclasses

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.operators import (
    DEFAULT_OPTIONS,
    DENSE,
    SPARSE,
    LinearMap,
    MergerShape,
    NetworkOptions,
    OperatorShape,
)
from nasrec_tf.operators.base import Prefix, Slots, WeightSpec


@dataclasses.dataclass(frozen=True)
class BlockShapes:
    """Sizes within one block.

    Args:
        operators: what each active operator sees, by name.
        merger: what both mergers see.
        sparse_slots: tokens of the sparse output: its operators' and the merged ones.
    """

    operators: dict[str, OperatorShape]
    merger: MergerShape
    sparse_slots: tuple[int, int]

    @property
    def dense_width(self) -> int:
        return self.merger.dense_width


@dataclasses.dataclass(frozen=True)
class NetworkShapes:
    """Sizes of a whole network.

    Args:
        blocks: one entry per block.
        options: what holds for the whole network.
    """

    blocks: tuple[BlockShapes, ...]
    options: NetworkOptions

    @property
    def head_slots(self) -> tuple[int, int, int]:
        """Inputs of the final layer: dense units, operator tokens, merged tokens (flattened)."""
        last = self.blocks[-1]
        embedding = self.options.embedding_dim
        operators, merged = last.sparse_slots
        return last.dense_width, operators * embedding, merged * embedding

    @property
    def head_weights(self) -> tuple[WeightSpec, WeightSpec]:
        """Weights of the final fully connected layer, which gives the logit."""
        return head_weights(self.head_slots)

    @property
    def head_work(self) -> LinearMap:
        """Work of the final fully connected layer, with the sigmoid of its one output."""
        return LinearMap("head", (DENSE, SPARSE), sum(self.head_slots), columns=1, functions=1)


def head_weights(slots) -> tuple[WeightSpec, WeightSpec]:
    """Weights of a final layer that reads ``slots``.

    Args:
        slots: sizes of the dense output, of the flattened tokens, and so on, as the layer reads
            them.
    """
    return (
        WeightSpec("head_kernel", (Slots(tuple(slots)), Prefix(1))),
        WeightSpec("head_bias", (Prefix(1),), 0.0),
    )


def source_0_width(
    dense_features: int, sparse_features: int, options: NetworkOptions, dense_embeddings: bool
) -> int:
    """Units of dense source 0: the raw dense features, and the embeddings if these are part of it.

    Args:
        dense_features: number of raw dense columns; may be 0.
        sparse_features: number of raw sparse fields.
        options: what holds for the whole network.
        dense_embeddings: whether the flattened embeddings are part of it.

    Example:
        >>> [source_0_width(13, 26, DEFAULT_OPTIONS, with_them) for with_them in (False, True)]
        [13, 429]
    """
    return dense_features + (sparse_features * options.embedding_dim if dense_embeddings else 0)


def network_shapes(
    architecture: Architecture,
    dense_features: int,
    sparse_features: int,
    options: NetworkOptions = DEFAULT_OPTIONS,
) -> NetworkShapes:
    """Walks the blocks from the raw features up.

    Args:
        architecture: the architecture.
        dense_features: number of raw dense columns; may be 0.
        sparse_features: number of raw sparse fields.
        options: what holds for the whole network.

    Example:
        >>> block = Block({"fc": 8}, {"efc": 4}, (0,), (0,), dense_to_sparse=True)
        >>> network_shapes(Architecture((block,)), 13, 26).head_slots
        (8, 64, 128)
    """
    with_embeddings = architecture.dense_embeddings
    dense_widths = [source_0_width(dense_features, sparse_features, options, with_embeddings)]
    sparse_slots: list[tuple[int, ...]] = [(sparse_features,)]
    blocks = []
    for block in architecture.blocks:
        shapes = _block_shapes(block, dense_widths, sparse_slots, options)
        blocks.append(shapes)
        dense_widths.append(shapes.dense_width)
        sparse_slots.append(shapes.sparse_slots)
    return NetworkShapes(tuple(blocks), options)


def _block_shapes(block: Block, dense_widths, sparse_slots, options) -> BlockShapes:
    dense = tuple(
        width if source in block.dense_sources else 0 for source, width in enumerate(dense_widths)
    )
    sparse = tuple(
        tokens if source in block.sparse_sources else 0
        for source, slots in enumerate(sparse_slots)
        for tokens in slots
    )
    operators = {
        name: OperatorShape(
            dense=dense,
            sparse=sparse,
            left=dense_widths[block.left_source],
            right=dense_widths[block.right_source],
            width=width,
            options=options,
        )
        for name, width in (*block.dense_operators.items(), *block.sparse_operators.items())
    }
    merged = options.merged_tokens if block.dense_to_sparse else 0
    return BlockShapes(
        operators=operators,
        merger=MergerShape(block.dense_width, block.operator_tokens, options),
        sparse_slots=(block.operator_tokens, merged),
    )
