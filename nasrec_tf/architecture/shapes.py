"""The sizes of every part of a stand-alone network, from its architecture and its inputs."""

import dataclasses
from typing import Any

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.units_walk import BlockUnits, UnitsWalk
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.operators import (
    DEFAULT_OPTIONS,
    DENSE,
    DENSE_TO_SPARSE,
    OPERATORS,
    SPARSE,
    SPARSE_TO_DENSE,
    LinearMap,
    MergerShape,
    NetworkOptions,
    OperatorShape,
)
from nasrec_tf.operators.base import BlockPart, Prefix, Slots, WeightSpec
from nasrec_tf.operators.kept_units import Units, joined_units
from nasrec_tf.operators.work import Step, multiply_accumulates


@dataclasses.dataclass(frozen=True)
class BlockShapes:
    """Sizes within one block.

    Args:
        operators: what each active operator sees, by name.
        merger: what both mergers see.
        sparse_slots: tokens of the sparse output: its operators' and the merged ones.
        kept: what there is of it in a network without some units; ``None`` with all of them.
    """

    operators: dict[str, OperatorShape]
    merger: MergerShape
    sparse_slots: tuple[int, int]
    kept: BlockUnits | None = None

    def weights(self, name: str, part: BlockPart, shape: Any) -> tuple[WeightSpec, ...]:
        """Weights of one of its operators or mergers.

        Args:
            name: of the part.
            part: the operator or merger.
            shape: its shape, with all units.
        """
        specs = part.weights(shape)
        return specs if self.kept is None else self.kept.parts[name].cut_weights(specs)

    def work(self, name: str, part: BlockPart, shape: Any) -> tuple[Step, ...]:
        """Work of one of its operators or mergers.

        Args:
            name: of the part.
            part: the operator or merger.
            shape: its shape, with all units.
        """
        steps = part.work(shape)
        return steps if self.kept is None else self.kept.parts[name].cut_work(steps)

    def steps(self, name: str) -> tuple[Step, ...]:
        """Work of its operator or merger of a name.

        Args:
            name: of the part.
        """
        if name in self.operators:
            return self.work(name, OPERATORS[name], self.operators[name])
        [merger] = [each for each in (DENSE_TO_SPARSE, SPARSE_TO_DENSE) if each.name == name]
        return self.work(name, merger, self.merger)

    def multiply_accumulates(self, name: str, part: BlockPart, shape: Any) -> dict[str, int]:
        """Multiply-accumulates per sample of one of its operators or mergers, by kind.

        Args:
            name: of the part.
            part: the operator or merger.
            shape: its shape, with all units.
        """
        if self.kept is None:
            return part.multiply_accumulates(shape)
        return multiply_accumulates(self.work(name, part, shape))

    @property
    def dense_width(self) -> int:
        """Width of the dense output with all units."""
        return self.merger.dense_width

    @property
    def summed(self) -> tuple[int, int, int]:
        """Units of the operators' dense output, of the dense output, and operator tokens."""
        if self.kept is None:
            return self.dense_width, self.dense_width, self.merger.tokens
        return len(self.kept.operators_dense), len(self.kept.dense), len(self.kept.sparse[0])


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
        if last.kept is not None:
            tokens, merged = (len(slot) for slot in last.kept.sparse)
            return len(last.kept.dense), tokens * embedding, merged * embedding
        operators, merged = last.sparse_slots
        return last.dense_width, operators * embedding, merged * embedding

    @property
    def head_units(self) -> Units:
        """Inputs of the final layer that there are, of all those of a network with all units."""
        last = self.blocks[-1]
        if last.kept is None:
            return Units(sum(self.head_slots))
        tokens = joined_units(last.kept.sparse)
        places = (tokens.indices[:, None] * self.options.embedding_dim) + np.arange(
            self.options.embedding_dim
        )
        flat = Units(tokens.size * self.options.embedding_dim, tuple(map(int, places.flatten())))
        return joined_units([last.kept.dense, flat])

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

    Raises:
        ArchitectureError: if the architecture lacks units that are not there, or that layer norm
            would count in.

    Example:
        >>> block = Block({"fc": 8}, {"efc": 4}, (0,), (0,), dense_to_sparse=True)
        >>> network_shapes(Architecture((block,)), 13, 26).head_slots
        (8, 64, 128)
    """
    with_embeddings = architecture.dense_embeddings
    if architecture.is_pruned and options.layer_norm:
        raise ArchitectureError(
            "A network without some units has no layer norm, which they would count in; leave "
            "normalization layer out."
        )
    dense_widths = [source_0_width(dense_features, sparse_features, options, with_embeddings)]
    sparse_slots: list[tuple[int, ...]] = [(sparse_features,)]
    walk = UnitsWalk(dense_widths[0], sparse_features) if architecture.is_pruned else None
    blocks = []
    for number, block in enumerate(architecture.blocks, start=1):
        shapes = _block_shapes(block, dense_widths, sparse_slots, options)
        if walk is not None:
            kept = walk.block(number, block, shapes.operators, shapes.merger)
            shapes = dataclasses.replace(shapes, kept=kept)
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
