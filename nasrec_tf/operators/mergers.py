"""Dense-sparse mergers (paper 3.1): what carries one branch of a block into the other."""

import dataclasses
from typing import Any

from nasrec_tf import native
from nasrec_tf.common.lazy import tf
from nasrec_tf.operators import arithmetic
from nasrec_tf.operators.base import DENSE, SPARSE, BlockPart, Prefix
from nasrec_tf.operators.kept_units import KeptPart, Units, kept_map, spread_map
from nasrec_tf.operators.network_options import NetworkOptions
from nasrec_tf.operators.traced_sizes import Size, equal, unless, unless_fits
from nasrec_tf.operators.work import DigitalStep


@dataclasses.dataclass(frozen=True)
class MergerShape:
    """Sizes that a merger sees.

    Args:
        dense_width: width of the block's dense output.
        tokens: operator tokens of the block's sparse output.
        options: what holds for the whole network.
    """

    dense_width: Size
    tokens: Size
    options: NetworkOptions


class Merger(BlockPart):
    """What carries one branch of a block into the other.

    Attributes:
        name: its name in architectures and files.
        label: its short name in drawings.
        reads: the branch that it reads.
    """

    name: str
    label: str
    reads: str


class SparseToDense(Merger):
    """A factorization machine over the block's operator tokens, added to its dense output.

    (sum of tokens)^2 - sum of squared tokens, projected to the dense width, where the projection
    is left out if the width is that of an embedding.

    Input shape: (batch, embedding, tokens). Output shape: (batch, dense width).

    Reference: Rendle, Factorization Machines, 2010; factor and projection as in the authors' code.
    """

    name = "sparse_to_dense"
    label = "FM"
    reads = SPARSE
    prunable = ("interaction",)

    def weights(self, shape: MergerShape):
        fits = equal(shape.dense_width, shape.options.embedding_dim)
        rows = Prefix(unless(fits, shape.options.embedding_dim))
        return arithmetic.projection_weights(
            "interaction", rows, shape.dense_width, shape.options, fits
        )

    def work(self, shape: MergerShape):
        embedding = shape.options.embedding_dim
        products = DigitalStep(
            "products",
            (SPARSE,),
            additions=2 * shape.tokens * embedding,
            multiplications=(shape.tokens + 1) * embedding,
        )
        if shape.dense_width == embedding:
            return (products,)
        return products, arithmetic.projection(
            "interaction", products, embedding, shape.dense_width, shape.options
        )

    def kept(self, shape: MergerShape, present, columns):
        embedding, tokens = shape.options.embedding_dim, len(present[SPARSE])
        steps = {
            "products": {
                "additions": 2 * tokens * embedding,
                "multiplications": (tokens + 1) * embedding,
            }
        }
        if shape.dense_width == embedding:
            return KeptPart(Units(embedding), steps=steps)
        output = Units(shape.dense_width, columns.get("interaction"))
        return KeptPart(output, kept_map("interaction", Units(embedding), output), steps=steps)

    def __call__(self, sparse: Any, weights, shape: MergerShape) -> Any:
        return unless_fits(
            equal(shape.dense_width, shape.options.embedding_dim),
            interaction(sparse),
            lambda interaction: arithmetic.project(interaction, weights, "interaction"),
        )


def interaction(tokens):
    """(sum of tokens)^2 - sum of squared tokens, of (batch, embedding, token).

    Args:
        tokens: (batch, embedding, count).

    Returns:
        (batch, embedding).
    """
    library = native.kernels(tokens.dtype)
    if library is not None:
        return library.nasrec_interaction(tokens)
    square_of_sum = tf.square(tf.reduce_sum(tokens, axis=2))
    return square_of_sum - tf.reduce_sum(tf.square(tokens), axis=2)


class DenseToSparse(Merger):
    """Tokens made of the block's dense operator output, appended to its sparse output.

    Reads the dense output before the factorization machine is added to it. The projection is
    left out where the dense width already is that of the tokens.

    Input shape: (batch, dense width). Output shape: (batch, embedding, merged tokens).
    """

    name = "dense_to_sparse"
    label = "D2S"
    reads = DENSE
    prunable = ("tokens",)

    def weights(self, shape: MergerShape):
        width = self._width(shape)
        fits = equal(shape.dense_width, width)
        rows = Prefix(unless(fits, shape.dense_width))
        return arithmetic.projection_weights("tokens", rows, width, shape.options, fits)

    def work(self, shape: MergerShape):
        width = self._width(shape)
        if shape.dense_width == width:
            return ()
        return (arithmetic.projection("tokens", DENSE, shape.dense_width, width, shape.options),)

    def kept(self, shape: MergerShape, present, columns):
        width = self._width(shape)
        if shape.dense_width == width:
            return KeptPart(Units(width), whole=(DENSE,))
        # Tokens have the width of an embedding, whichever of their elements are 0.
        units = Units(width, columns.get("tokens"))
        return KeptPart(Units(width), **spread_map("tokens", present[DENSE], units))

    def __call__(self, dense: Any, weights, shape: MergerShape) -> Any:
        options = shape.options
        flat = unless_fits(
            equal(shape.dense_width, self._width(shape)),
            dense,
            lambda dense: arithmetic.project(dense, weights, "tokens"),
        )
        tokens = tf.reshape(flat, [-1, options.merged_tokens, options.embedding_dim])
        return tf.transpose(tokens, [0, 2, 1])

    @staticmethod
    def _width(shape: MergerShape) -> int:
        return shape.options.merged_tokens * shape.options.embedding_dim
