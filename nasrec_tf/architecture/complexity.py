"""Cost of an architecture: multiply-accumulates and parameters (paper 5.3, Table 5)."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.shapes import NetworkShapes, network_shapes
from nasrec_tf.data.features import ATTENTION, Features
from nasrec_tf.operators import (
    DENSE_TO_SPARSE,
    NO_NORM,
    OPERATORS,
    SPARSE_TO_DENSE,
    NetworkOptions,
)
from nasrec_tf.operators.base import Prefix, WeightSpec
from nasrec_tf.operators.work import LAYER_NORM, LINEAR, MATMUL, multiply_accumulates

FINAL_OPTIONS = NetworkOptions(normalization=NO_NORM)
"""How the published models were trained in the end, and so how their FLOPs were counted."""

BEFORE_BLOCKS = 0


@dataclasses.dataclass(frozen=True)
class Part:
    """Cost of one operator, merger or head.

    Args:
        block: number of the block, from 1; 0 for what comes before the first, and one more than
            the last for the head.
        name: the operator's or merger's name, or ``"head"``.
        live: whether it reaches the logit; dead parts are neither built nor counted.
        linear: multiply-accumulates per sample in linear maps.
        matmul: multiply-accumulates per sample in products of activations.
        layer_norm: operations per sample in layer normalisations, 5 an element.
        parameters: trainable weights; the moving statistics of batch norm are none.
    """

    block: int
    name: str
    live: bool
    linear: int
    matmul: int
    layer_norm: int
    parameters: int

    @classmethod
    def of(
        cls,
        block: int,
        name: str,
        live: bool,
        cost: Mapping[str, int],
        weights: Iterable[WeightSpec],
    ) -> "Part":
        """The cost of a part by what it computes and by those of its weights that are trainable.

        Args:
            block: as of the part.
            name: as of the part.
            live: as of the part.
            cost: as ``multiply_accumulates`` of its work gives it.
            weights: its weights.
        """
        return cls(
            block=block,
            name=name,
            live=live,
            linear=cost[LINEAR],
            matmul=cost[MATMUL],
            layer_norm=cost[LAYER_NORM],
            parameters=sum(math.prod(weight.shape) for weight in weights if weight.trainable),
        )

    @property
    def multiply_accumulates(self) -> int:
        """Of all kinds, per sample."""
        return self.linear + self.matmul + self.layer_norm


@dataclasses.dataclass(frozen=True)
class Complexity:
    """Cost of a whole network.

    Args:
        parts: cost of each part, dead ones included.
        embedding_parameters: weights of the embedding tables.
    """

    parts: tuple[Part, ...]
    embedding_parameters: int

    @property
    def multiply_accumulates(self) -> int:
        """Per sample, over what reaches the logit."""
        return sum(part.multiply_accumulates for part in self.parts if part.live)

    @property
    def mflops(self) -> float:
        """Millions of multiply-accumulates per sample, which the paper calls FLOPs."""
        return self.multiply_accumulates / 1e6

    @property
    def linear_mflops(self) -> float:
        """Millions of multiply-accumulates per sample in linear maps alone, as AutoCTR counts."""
        return sum(part.linear for part in self.parts if part.live) / 1e6

    @property
    def parameters(self) -> int:
        """Trainable weights without embedding tables, over what reaches the logit."""
        return sum(part.parameters for part in self.parts if part.live)

    @property
    def parameters_with_dead_parts(self) -> int:
        """Trainable weights without embedding tables if dead parts were built too."""
        return sum(part.parameters for part in self.parts)


def complexity(
    architecture: Architecture,
    features: Features,
    options: NetworkOptions = FINAL_OPTIONS,
) -> Complexity:
    """Counts the cost of an architecture by the rules of fvcore, as the paper does.

    One FLOP is one multiply-accumulate; linear maps, products of activations (attention
    included) and layer normalisations (5 an element) count; biases, activations, sums,
    factorization machines and embedding look-ups do not, nor does batch norm, which is no more
    than a scale and a bias of each unit once a network is trained (``normalization.with_norm``).
    Lists that are pooled by attention count the products of their longest, those by mean or sum
    nothing.

    Args:
        architecture: the architecture.
        features: what the network reads.
        options: what holds for the whole network; by default without layer norm, as the
            published figures are.
    """
    shapes = network_shapes(architecture, features.dense, features.sparse, options)
    parts = (
        *pooling_part(features, options.embedding_dim, architecture.liveness.raw_sparse),
        *_block_parts(architecture, shapes),
        _head_part(shapes),
    )
    return Complexity(parts, sum(features.table_rows) * options.embedding_dim)


def pooling_part(features: Features, embedding_dim: int, live: bool = True) -> tuple[Part, ...]:
    """The cost of pooling lists by attention; no part where none are.

    Each item is multiplied by the query, and by its weight.

    Args:
        features: what the network reads.
        embedding_dim: width of an embedding.
        live: whether embeddings reach the logit.
    """
    longest = [each.longest for each in features.lists if each.pooling == ATTENTION]
    if not longest:
        return ()
    cost = {LINEAR: 0, MATMUL: 2 * sum(longest) * embedding_dim, LAYER_NORM: 0}
    queries = Prefix(len(longest)), Prefix(embedding_dim)
    return (Part.of(BEFORE_BLOCKS, "pooling", live, cost, [WeightSpec("queries", queries)]),)


def _block_parts(architecture: Architecture, shapes: NetworkShapes) -> Iterator[Part]:
    for number, sizes in enumerate(shapes.blocks, start=1):
        block = architecture.blocks[number - 1]
        live = architecture.liveness.blocks[number - 1]
        for name, shape in sizes.operators.items():
            operator = OPERATORS[name]
            runs = live.dense_operators if operator.branch == "dense" else live.sparse_operators
            cost = sizes.multiply_accumulates(name, operator, shape)
            yield Part.of(number, name, runs, cost, sizes.weights(name, operator, shape))
        for merger, present, runs in (
            (DENSE_TO_SPARSE, block.dense_to_sparse, live.dense_to_sparse),
            (SPARSE_TO_DENSE, block.sparse_to_dense, live.sparse_to_dense),
        ):
            if present:
                cost = sizes.multiply_accumulates(merger.name, merger, sizes.merger)
                weights = sizes.weights(merger.name, merger, sizes.merger)
                yield Part.of(number, merger.name, runs, cost, weights)


def _head_part(shapes: NetworkShapes) -> Part:
    cost = multiply_accumulates([shapes.head_work])
    return Part.of(len(shapes.blocks) + 1, "head", True, cost, shapes.head_weights)
