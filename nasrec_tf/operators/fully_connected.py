"""Fully connected operators of the dense and of the sparse branch (paper 3.1: FC, EFC)."""

from nasrec_tf.common.lazy import tf
from nasrec_tf.operators import arithmetic
from nasrec_tf.operators.base import DENSE, SPARSE, Operator, Slots
from nasrec_tf.operators.kept_units import KeptPart, Units, kept_map


class FullyConnected(Operator):
    """relu(norm(X_d W)) over the concatenated dense sources.

    Input shape: (batch, sum of dense widths). Output shape: (batch, width).
    """

    name = "fc"
    label = "FC"
    branch = DENSE
    reads = frozenset({DENSE})
    prunable = ("dense",)

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

    def kept(self, shape, present, columns):
        return _kept("dense", shape, present[DENSE], columns)

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
    prunable = ("tokens",)

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

    def kept(self, shape, present, columns):
        return _kept("tokens", shape, present[SPARSE], columns)

    def __call__(self, inputs, weights, shape):
        return tf.nn.relu(arithmetic.project(inputs.sparse, weights, "tokens"))


def _kept(name, shape, present, columns):
    output = Units(shape.width, columns.get(name))
    return KeptPart(output, kept_map(name, present, output))
