"""The attention operator: a transformer encoder over the tokens (paper 3.1)."""

from nasrec_tf import native
from nasrec_tf.common.lazy import tf
from nasrec_tf.operators import arithmetic, normalization
from nasrec_tf.operators.base import SPARSE, Operator, Prefix, Slots, WeightSpec
from nasrec_tf.operators.kept_units import KeptPart, Units, kept_map
from nasrec_tf.operators.work import DigitalStep, LinearMap

NORM_SCALE = 0.17
"""Initial scale of the encoder's own layer norms (the authors' code)."""

NATIVE_HEAD_SIZES = (1, 2, 4, 8)
"""Widths of a head that there is a kernel for."""


class Attention(Operator):
    """A post-norm transformer encoder over tokens that are first projected to ``width``.

    Queries, keys and values are the projected tokens; the feed-forward part does not expand; the
    encoder's two layer norms over the embedding are always there.

    Input shape: (batch, embedding, sum of tokens). Output shape: (batch, embedding, width).

    Reference: Vaswani et al., Attention Is All You Need, 2017.
    """

    name = "attention"
    label = "Attn"
    branch = SPARSE
    reads = frozenset({SPARSE})

    def weights(self, shape):
        options = shape.options
        return (
            *arithmetic.projection_weights("tokens", Slots(shape.sparse), shape.width, options),
            *encoder_weights(options.embedding_dim),
        )

    def work(self, shape):
        options = shape.options
        projected = arithmetic.projection(
            "tokens",
            SPARSE,
            shape.tokens,
            shape.width,
            options,
            positions=options.embedding_dim,
        )
        return projected, *encoder_work(projected, shape.width, options)

    def kept(self, shape, present, columns):
        # Softmax weighs a token of zeros like any other, so that all of its own stay.
        output = Units(shape.width)
        return KeptPart(output, kept_map("tokens", present[SPARSE], output))

    def __call__(self, inputs, weights, shape):
        projected = arithmetic.project(inputs.sparse, weights, "tokens")
        return encode(projected, weights, shape.options.attention_heads)


def encoder_weights(embedding: int) -> tuple[WeightSpec, ...]:
    """Weights of the encoder proper, of tokens of the given embedding.

    Args:
        embedding: width of a token.
    """
    square = (Prefix(embedding), Prefix(embedding))
    packed = Prefix(3 * embedding)
    return (
        WeightSpec("query_key_value_kernel", (Prefix(embedding), packed)),
        WeightSpec("query_key_value_bias", (packed,), 0.0),
        *arithmetic.linear_weights("attended", *square),
        *normalization.norm_weights("attended_norm", embedding, NORM_SCALE),
        *arithmetic.linear_weights("hidden", *square),
        *arithmetic.linear_weights("output", *square),
        *normalization.norm_weights("output_norm", embedding, NORM_SCALE),
    )


def encoder_work(source, tokens, options):
    """The work of the encoder proper.

    Args:
        source: the step that gives its tokens.
        tokens: how many.
        options: width of the embedding, and heads.
    """
    embedding = options.embedding_dim
    elements = tokens * embedding

    def linear(name, step, columns=embedding, functions=0):
        return LinearMap(name, (step,), embedding, columns, tokens, functions=functions)

    def residual(name, *steps):
        return DigitalStep(name, steps, additions=elements, normalized=elements)

    packed = linear("query_key_value", source, 3 * embedding)
    # Scores of every pair of tokens and the weighted values; softmax per head.
    scores = DigitalStep(
        "scores",
        (packed,),
        products=2 * tokens**2 * embedding,
        functions=options.attention_heads * tokens**2,
    )
    attended = linear("attended", scores)
    normed = residual("attended_norm", attended, source)
    hidden = linear("hidden", normed, functions=elements)
    output = linear("output", hidden)
    return packed, scores, attended, normed, hidden, output, residual("output_norm", output, normed)


def encode(tokens, weights, heads):
    """What the encoder makes of tokens.

    Args:
        tokens: (batch, embedding, token).
        weights: with those of ``encoder_weights``.
        heads: how many, each of embedding / heads.

    Returns:
        Of the shape of ``tokens``.
    """
    library = native.kernels(tokens.dtype)
    specs = encoder_weights(tokens.shape[1] or 0)
    if library is not None and _has_kernel(tokens.shape[1], heads, specs, weights):
        given = [weights[spec.name] for spec in specs]
        epsilon = normalization.LAYER_NORM_EPSILON
        return library.nasrec_encoder(tokens, given, heads=heads, epsilon=epsilon)[0]
    x = tf.transpose(tokens, [0, 2, 1])
    packed = arithmetic.linear(x, weights, "query_key_value")
    attended = arithmetic.linear(self_attention(packed, heads, x.shape[1]), weights, "attended")
    x = normalization.layer_norm(tf.add_n([x, attended]), weights, "attended_norm")
    hidden = tf.nn.relu(arithmetic.linear(x, weights, "hidden"))
    output = arithmetic.linear(hidden, weights, "output")
    x = normalization.layer_norm(tf.add_n([x, output]), weights, "output_norm")
    return tf.transpose(x, [0, 2, 1])


def _has_kernel(embedding, heads, specs, weights):
    """Whether the kernel serves these tokens, and no map is quantized or computed elsewhere."""
    if (embedding or 0) // heads not in NATIVE_HEAD_SIZES:
        return False
    maps = {spec.name.removesuffix("_kernel") for spec in specs if spec.name.endswith("_kernel")}
    return not any(f"{name}_{hook}" in weights for name in maps for hook in ("input", "map"))


def self_attention(packed, heads, tokens=None):
    """Scaled dot-product attention of every token to all.

    Args:
        packed: queries, keys and values, (batch, token, 3 * embedding).
        heads: how many, each of embedding / heads.
        tokens: how many, if it is known.

    Returns:
        (batch, token, embedding).
    """
    library = native.kernels(packed.dtype)
    size = (packed.shape[2] or 0) // 3 // heads
    if library is not None and size in NATIVE_HEAD_SIZES:
        return library.nasrec_attention(packed, heads=heads)[0]
    return attention_by_products(packed, heads, tokens)


def attention_by_products(
    packed, heads, tokens=None, present=None, factors=None, is_compiled=False
):
    """As ``self_attention``, with TensorFlow's own products.

    Heads are so narrow (2 of an embedding of 16) that all cost lies in passing over the scores.
    The gradient passes over them once, instead of four times by the chain rule: the mean that
    softmax's gradient subtracts, sum_k weight_k dL/dweight_k = mixed . dL/dmixed, is one more term
    of the product that yields dL/dweight. Its products run with the tokens last, where those over
    a narrow head are fastest.

    Args:
        packed: queries, keys and values, (batch, token, 3 * embedding).
        heads: how many, each of embedding / heads.
        tokens: how many, if it is known.
        present: (token,) bool, which tokens are attended to, at least one; all if left out.
        factors: the type that weights are kept in, and that the factors of their products have;
            that of ``packed`` if left out. Scores and sums are of the type of ``packed`` with any.
        is_compiled: whether XLA compiles it, for a GPU: scores are sums of outer products then,
            which it computes where they are read, and does not store (docs/gpu.md).

    Returns:
        (batch, token, embedding).
    """
    factors = packed.dtype if factors is None else factors

    pairs = _pairs_by_sums if is_compiled else _pairs_by_product

    def product(x, y, **transposed):
        return arithmetic.widened_matmul(x, y, factors, packed.dtype, **transposed)

    @tf.custom_gradient
    def attend(packed):
        batch, count, triple = tf.unstack(tf.shape(packed), num=3)
        count = count if tokens is None else tokens
        embedding = triple // 3 if packed.shape[2] is None else packed.shape[2] // 3
        size = embedding // heads
        scale = tf.math.rsqrt(tf.cast(size, packed.dtype))
        by_head = tf.reshape(packed, [batch, count, 3, heads, size])
        query, key, value = tf.unstack(tf.transpose(by_head, [2, 0, 3, 1, 4]), num=3)
        scores = pairs(query * scale, key)
        if present is not None:
            scores = tf.where(present, scores, scores.dtype.min)
        weights = tf.cast(tf.nn.softmax(scores), factors)
        mixed = tf.transpose(product(weights, value), [0, 2, 1, 3])
        mixed = tf.reshape(mixed, [batch, count, embedding])

        def gradient(upstream):
            tokens_last = [batch, heads, size, count]
            query, key, value = tf.unstack(
                tf.transpose(tf.reshape(packed, [batch, count, 3, embedding]), [2, 0, 3, 1]), num=3
            )
            query, key, value, of_mixed = (
                tf.reshape(part, tokens_last)
                for part in (query * scale, key, value, tf.transpose(upstream, [0, 2, 1]))
            )
            products = tf.reshape(upstream * mixed, [batch, count, heads, size])
            mean = tf.transpose(tf.reduce_sum(products, axis=3), [0, 2, 1])[:, :, None]
            of_weights = pairs(
                tf.concat([of_mixed, -mean], axis=2),
                tf.concat([value, tf.ones_like(mean)], axis=2),
                tokens_last=True,
            )
            of_scores = tf.cast(weights, packed.dtype) * of_weights
            of_scores = tf.cast(of_scores, factors)
            of_query = product(key, of_scores, transpose_b=True) * scale
            of_packed = tf.stack([of_query, product(query, of_scores), product(of_mixed, weights)])
            of_packed = tf.reshape(of_packed, [3, batch, embedding, count])
            return tf.reshape(tf.transpose(of_packed, [1, 3, 0, 2]), [batch, count, 3 * embedding])

        return mixed, gradient

    return attend(packed)


def _pairs_by_product(x, y, tokens_last=False):
    """The scalar products of every pair of tokens: (..., token, token)."""
    return tf.matmul(x, y, transpose_a=tokens_last, transpose_b=not tokens_last)


def _pairs_by_sums(x, y, tokens_last=False):
    """As ``_pairs_by_product``, by an outer product for each unit of the tokens."""
    axis = -2 if tokens_last else -1
    units = zip(tf.unstack(x, axis=axis), tf.unstack(y, axis=axis))
    return tf.add_n([first[..., :, None] * second[..., None, :] for first, second in units])
