"""The dot-product operator with its operator-balancing projection (paper 3.1 and 4.2)."""

import numpy as np

from nasrec_tf import native
from nasrec_tf.common.lazy import tf
from nasrec_tf.operators import arithmetic, normalization
from nasrec_tf.operators.base import DENSE, SPARSE, Operator, Prefix, SlotPairs, Slots
from nasrec_tf.operators.kept_units import (
    KeptPart,
    Units,
    joined_units,
    kept_map,
    kept_norm,
    kept_pairs,
    spread_map,
)
from nasrec_tf.operators.traced_sizes import Size, equal, unless, unless_fits
from nasrec_tf.operators.work import DigitalStep


class DotProduct(Operator):
    """Pairwise inner products of the dense vector and the sparse tokens, mapped to ``width``.

    The concatenated dense sources are projected to one token, the sparse tokens to
    k = round(sqrt(2 * width)) tokens, so that the k (k + 1) / 2 products nearly fit the output.
    Each projection is left out where its input already fits.

    Input shapes: (batch, sum of dense widths) and (batch, embedding, sum of tokens).
    Output shape: (batch, width).
    """

    name = "dot_product"
    label = "DP"
    branch = DENSE
    reads = frozenset({DENSE, SPARSE})
    prunable = ("dense", "tokens", "output")

    def weights(self, shape):
        options = shape.options
        embedding = options.embedding_dim
        is_token = equal(shape.dense_width, embedding)
        specs = arithmetic.projection_weights(
            "dense", Slots(_slots_unless(is_token, shape.dense)), embedding, options, is_token
        )
        if options.operator_balancing:
            tokens = dot_product_tokens(shape.width)
            fits = equal(shape.tokens, tokens)
            specs += arithmetic.projection_weights(
                "tokens", Slots(_slots_unless(fits, shape.sparse)), tokens, options, fits
            )
        fits = equal(self._pairs(shape), shape.width)
        columns = Prefix(unless(fits, shape.width))
        linear = arithmetic.linear_weights("output", self._pair_axis(shape, fits), columns)
        norm = normalization.own_norm_weights("norm", shape.width, options)
        return specs + (linear[:1] + norm if norm else linear)

    def work(self, shape):
        options = shape.options
        embedding = options.embedding_dim
        tokens, pairs = self._tokens(shape), self._pairs(shape)
        steps = []
        dense, sparse = DENSE, SPARSE
        if shape.dense_width != embedding:
            dense = arithmetic.projection("dense", DENSE, shape.dense_width, embedding, options)
            steps.append(dense)
        if shape.tokens != tokens:
            sparse = arithmetic.projection(
                "tokens", SPARSE, shape.tokens, tokens, options, positions=embedding
            )
            steps.append(sparse)
        # The whole Gram matrix, as a matrix product computes it and fvcore counts it.
        products = DigitalStep("products", (dense, sparse), products=(tokens + 1) ** 2 * embedding)
        if pairs == shape.width:
            return (*steps, normalization.with_norm(products, shape.width, options))
        output = arithmetic.projection("output", products, pairs, shape.width, options)
        return (*steps, products, output)

    def kept(self, shape, present, columns):
        embedding = shape.options.embedding_dim
        said = {"weights": {}, "whole": (DENSE,)}
        if shape.dense_width != embedding:
            # Its elements are positions of the embedding, which all tokens share.
            token = Units(embedding, columns.get("dense"))
            said = spread_map("dense", present[DENSE], token)
        weights = said["weights"]
        tokens = present[SPARSE]
        if self._tokens(shape) != shape.tokens:
            tokens = Units(self._tokens(shape), columns.get("tokens"))
            weights |= kept_map("tokens", present[SPARSE], tokens)
        pairs = kept_pairs(joined_units([Units(1), tokens]))
        products = (len(tokens) + 1) ** 2 * embedding
        said["steps"] = {"products": {"products": products}}
        if self._pairs(shape) == shape.width:
            weights |= kept_norm("norm", pairs)
            return KeptPart(pairs, **said)
        output = Units(shape.width, columns.get("output"))
        weights |= kept_map("output", pairs, output, norm="norm")
        return KeptPart(output, **said)

    def __call__(self, inputs, weights, shape):
        token = unless_fits(
            equal(shape.dense_width, shape.options.embedding_dim),
            inputs.dense,
            lambda dense: arithmetic.project(dense, weights, "dense"),
        )
        sparse = inputs.sparse
        if shape.options.operator_balancing:
            sparse = unless_fits(
                equal(shape.tokens, dot_product_tokens(shape.width)),
                sparse,
                lambda sparse: arithmetic.project(sparse, weights, "tokens"),
            )
        tokens = tf.concat([tf.expand_dims(token, 2), sparse], axis=2)
        products = pairs(tokens, isinstance(shape.width, int))
        output = unless_fits(
            equal(self._pairs(shape), shape.width),
            products,
            lambda products: arithmetic.linear(products, weights, "output"),
        )
        return normalization.norm_if_any(output, weights, "norm")

    def _tokens(self, shape):
        if shape.options.operator_balancing:
            return dot_product_tokens(shape.width)
        return shape.tokens

    def _pairs(self, shape):
        tokens = self._tokens(shape)
        return tokens * (tokens + 1) // 2

    def _pair_axis(self, shape, absent):
        if shape.options.operator_balancing:
            return Prefix(unless(absent, self._pairs(shape)))
        return SlotPairs(_slots_unless(absent, (1, *shape.sparse)))


def _slots_unless(absent, sizes):
    return tuple(unless(absent, size) for size in sizes)


def pairs(tokens, is_static):
    """Inner products of every token with every earlier one, row by row.

    Args:
        tokens: (batch, embedding, count).
        is_static: whether the count is known, and there are samples.

    Returns:
        (batch, count * (count - 1) / 2): the strictly lower triangle of X^T X.
    """
    library = native.kernels(tokens.dtype)
    if library is not None:
        return library.nasrec_pairs(tokens)
    return static_pairs(tokens) if is_static else dynamic_pairs(tokens)


def static_pairs(tokens):
    """The whole product and its lower triangle, for a count that is known.

    Its gradient gathers too: on a GPU scattering is slow, and adds in an order of its own.

    Args:
        tokens: (batch, embedding, count).
    """
    count = tokens.shape[-1]
    later, earlier = np.tril_indices(count, -1)
    below = (later * count + earlier).astype(np.int32)
    # The pair of each entry of the whole product; the diagonal reads the zero after all pairs.
    pair_of = np.full((count, count), len(below), np.int32)
    pair_of[later, earlier] = pair_of[earlier, later] = np.arange(len(below))

    @tf.custom_gradient
    def products(x):
        gram = tf.matmul(x, x, transpose_a=True)
        flat = tf.reshape(gram, [-1, count * count])

        def gradient(upstream):
            # d(X^T X)_ij reaches tokens i and j alike.
            padded = tf.pad(upstream, [[0, 0], [0, 1]])
            symmetric = tf.gather(padded, pair_of.reshape(-1), axis=1)
            return tf.matmul(x, tf.reshape(symmetric, [-1, count, count]))

        return tf.gather(flat, below, axis=1), gradient

    return products(tokens)


def dynamic_pairs(tokens):
    """As ``static_pairs``, for a count and a batch (perhaps of no sample) that the path decides."""

    @tf.custom_gradient
    def products(x):
        count = tf.shape(x)[2]
        index = tf.range(count)
        row, column = tf.meshgrid(index, index, indexing="ij")
        below = row > column
        flat_index = tf.boolean_mask(row * count + column, below)
        gram = tf.matmul(x, x, transpose_a=True)
        output = tf.gather(tf.reshape(gram, [-1, count * count]), flat_index, axis=1)

        def gradient(upstream):
            # d(X^T X)_ij reaches tokens i and j alike: X times the symmetric matrix of the
            # upstream gradients, whose diagonal is zero (one more column than there are pairs).
            high, low = tf.maximum(row, column), tf.minimum(row, column)
            pair = tf.where(row == column, tf.shape(upstream)[1], high * (high - 1) // 2 + low)
            padded = tf.pad(upstream, [[0, 0], [0, 1]])
            symmetric = tf.gather(padded, tf.reshape(pair, [-1]), axis=1)
            symmetric = tf.reshape(symmetric, [-1, count, count])
            return tf.matmul(x, symmetric)

        return output, gradient

    return products(tokens)


def dot_product_tokens(width: Size) -> Size:
    """Tokens that a balanced dot product of output ``width`` keeps: round(sqrt(2 * width)).

    The paper's text (4.2) says the ceiling; its Table 5 and the authors' code round.

    Example:
        >>> [dot_product_tokens(width) for width in (16, 128, 1024)]
        [6, 16, 45]

    Args:
        width: output width of the dot product.
    """
    if isinstance(width, int):
        return round((2 * int(width)) ** 0.5)
    return tf.cast(tf.round(tf.sqrt(2.0 * tf.cast(width, tf.float32))), tf.int32)
