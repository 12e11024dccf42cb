"""Building operators and mergers at full width, by masks: one compiled program for every path.

Each computes what the operator of its name does (``nasrec_tf.operators``) on the first units that
a path gives it, with zeros beyond them. Where an operator leaves a projection out because its input
fits, a matrix of ones and zeros takes the place of the kernel.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nasrec_tf.common.lazy import tf
from nasrec_tf.networks.supernet.masked_arithmetic import (
    MaskedArithmetic,
    first_units,
    masked_norm,
    moved_to_front,
    prefix,
)
from nasrec_tf.operators import MergerShape, OperatorShape
from nasrec_tf.operators.attention import attention_by_products
from nasrec_tf.operators.dot_product import dot_product_tokens, static_pairs
from nasrec_tf.operators.mergers import interaction


@dataclasses.dataclass(frozen=True)
class MaskedInputs:
    """What the operators of a block may read, 0 wherever the path has nothing.

    Args:
        dense: (batch, units), all dense sources side by side.
        units: (units,), 1 where the path reads one.
        sparse: (batch, embedding, tokens), all sparse slots side by side.
        tokens: (tokens,), 1 where the path reads one.
        left: (batch, widest source), the left source of pairwise operators.
        right: (batch, widest source).
    """

    dense: Any
    units: Any
    sparse: Any
    tokens: Any
    left: Any
    right: Any


Weights = Mapping[str, Any]
Masked = Callable[[MaskedArithmetic, MaskedInputs, Weights, OperatorShape], Any]


def _fully_connected(arithmetic, inputs, weights, shape):
    return tf.nn.relu(arithmetic.project(inputs.dense, weights, "dense", shape.width))


def _embedded_fully_connected(arithmetic, inputs, weights, shape):
    return tf.nn.relu(arithmetic.project(inputs.sparse, weights, "tokens", shape.width))


def _sigmoid_gating(arithmetic, inputs, weights, shape):
    gate = arithmetic.linear(inputs.left, weights, "gate")
    return _pair_output(arithmetic, tf.sigmoid(gate) * inputs.right, weights, shape)


def _sum(arithmetic, inputs, weights, shape):
    return _pair_output(arithmetic, inputs.left + inputs.right, weights, shape)


def _pair_output(arithmetic, values, weights, shape):
    padded = tf.maximum(shape.left, shape.right)
    fits = tf.equal(padded, shape.width)
    instead = first_units(padded, *weights["output_kernel"].shape)
    output = arithmetic.linear_unless(fits, instead, values, weights, "output")
    return masked_norm(output, weights, "norm", shape.width)


def _dot_product(arithmetic, inputs, weights, shape):
    embedding = shape.options.embedding_dim
    is_token = tf.equal(shape.dense_width, embedding)
    instead = moved_to_front(inputs.units, embedding)
    token = arithmetic.project_unless(is_token, instead, inputs.dense, weights, "dense", embedding)
    tokens, present, count = _balanced_tokens(arithmetic, inputs, weights, shape)
    products = static_pairs(tf.concat([token[:, :, None], tokens], axis=2))
    fits = tf.equal(count * (count + 1) // 2, shape.width)
    instead = moved_to_front(_pairs_mask(present), weights["output_kernel"].shape[1])
    output = arithmetic.linear_unless(fits, instead, products, weights, "output")
    return masked_norm(output, weights, "norm", shape.width)


def _balanced_tokens(arithmetic, inputs, weights, shape):
    """Tokens of a dot product, the mask of those that the path has, and their number."""
    if not shape.options.operator_balancing:
        return inputs.sparse, inputs.tokens, shape.tokens
    kept = dot_product_tokens(shape.width)
    most = weights["tokens_kernel"].shape[1]
    fits = tf.equal(shape.tokens, kept)
    instead = moved_to_front(inputs.tokens, most)
    tokens = arithmetic.project_unless(fits, instead, inputs.sparse, weights, "tokens", kept)
    return tokens, prefix(most, kept), kept


def _pairs_mask(tokens):
    """Which pairs are of two active tokens, the dense one before them being one."""
    active = tf.concat([[1.0], tokens], axis=0)
    later, earlier = (each.astype(np.int32) for each in np.tril_indices(active.shape[0], -1))
    return tf.gather(active, later) * tf.gather(active, earlier)


def _attention(arithmetic, inputs, weights, shape):
    """The encoder of ``attention.encode``, in which no token attends to one that is not there."""
    embedding = shape.options.embedding_dim
    projected = arithmetic.project(inputs.sparse, weights, "tokens", shape.width)
    most = projected.shape[2]
    x = tf.transpose(projected, [0, 2, 1])
    packed = arithmetic.linear(x, weights, "query_key_value")
    present = prefix(most, tf.maximum(shape.width, 1)) > 0
    heads = shape.options.attention_heads
    mixed = attention_by_products(
        packed, heads, most, present, arithmetic.factors, is_compiled=True
    )
    attended = arithmetic.linear(mixed, weights, "attended")
    x = masked_norm(x + attended, weights, "attended_norm", embedding)
    hidden = tf.nn.relu(arithmetic.linear(x, weights, "hidden"))
    output = arithmetic.linear(hidden, weights, "output")
    x = masked_norm(x + output, weights, "output_norm", embedding)
    return tf.transpose(x, [0, 2, 1]) * prefix(most, shape.width)


MASKED_OPERATORS: dict[str, Masked] = {
    "fc": _fully_connected,
    "sigmoid_gating": _sigmoid_gating,
    "sum": _sum,
    "dot_product": _dot_product,
    "efc": _embedded_fully_connected,
    "attention": _attention,
}
"""By name, those that there is such a form of."""


def masked_dense_to_sparse(
    arithmetic: MaskedArithmetic, dense: Any, weights: Weights, shape: MergerShape
) -> Any:
    """The tokens of the dense-to-sparse merger: (batch, embedding, merged tokens).

    Args:
        arithmetic: how to compute.
        dense: (batch, units), 0 beyond the block's width.
        weights: of the merger, at full width.
        shape: what the merger sees on the path.
    """
    options = shape.options
    width = options.merged_tokens * options.embedding_dim
    fits = tf.equal(shape.dense_width, width)
    instead = first_units(shape.dense_width, dense.shape[1], width)
    flat = arithmetic.project_unless(fits, instead, dense, weights, "tokens", width)
    tokens = tf.reshape(flat, [-1, options.merged_tokens, options.embedding_dim])
    return tf.transpose(tokens, [0, 2, 1])


def masked_sparse_to_dense(
    arithmetic: MaskedArithmetic, sparse: Any, weights: Weights, shape: MergerShape
) -> Any:
    """What the factorization machine adds to the dense output: (batch, units).

    Args:
        arithmetic: how to compute.
        sparse: (batch, embedding, tokens), 0 beyond the block's tokens.
        weights: of the merger, at full width.
        shape: what the merger sees on the path.
    """
    fits = tf.equal(shape.dense_width, shape.options.embedding_dim)
    instead = first_units(shape.dense_width, *weights["interaction_kernel"].shape)
    return arithmetic.project_unless(
        fits, instead, interaction(sparse), weights, "interaction", shape.dense_width
    )
