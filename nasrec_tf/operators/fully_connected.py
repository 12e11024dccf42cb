"""Fully connected operators of the dense and of the sparse branch (paper 3.1: FC, EFC)."""

from nasrec_tf.common.lazy import tf
from nasrec_tf.operators import arithmetic
from nasrec_tf.operators.base import DENSE, SPARSE, Operator, Slots


class FullyConnected(Operator):
    """relu(norm(X_d W)) over the concatenated dense sources.

    Input shape: (batch, sum of dense widths). Output shape: (batch, width).
    """

    name = "fc"
    label = "FC"
    branch = DENSE
    reads = frozenset({DENSE})

    def weights(self, shape):
        return arithmetic.projection_weights(
            "dense", Slots(shape.dense), shape.width, shape.options
        )

    def work(self, shape):
        return (
            arithmetic.projection(
                "dense",
                DENSE,
                shape.dense_width,
                shape.width,
                shape.options,
                functions=shape.width,
            ),
        )

    def __call__(self, inputs, weights, shape):
        return tf.nn.relu(arithmetic.project(inputs.dense, weights, "dense"))


class EmbeddedFullyConnected(Operator):
    """relu(norm(X_s W)) over the token axis, the same W at every embedding position.

    Input shape: (batch, embedding, sum of tokens). Output shape: (batch, embedding, width).
    """

    name = "efc"
    label = "EFC"
    branch = SPARSE
    reads = frozenset({SPARSE})

    def weights(self, shape):
        return arithmetic.projection_weights(
            "tokens", Slots(shape.sparse), shape.width, shape.options
        )

    def work(self, shape):
        positions = shape.options.embedding_dim
        return (
            arithmetic.projection(
                "tokens",
                SPARSE,
                shape.tokens,
                shape.width,
                shape.options,
                positions=positions,
                functions=positions * shape.width,
            ),
        )

    def __call__(self, inputs, weights, shape):
        return tf.nn.relu(arithmetic.project(inputs.sparse, weights, "tokens"))
