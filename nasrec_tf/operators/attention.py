"""The attention operator: a transformer encoder over the tokens (paper 3.1)."""

from nasrec_tf.lazy import tf
from nasrec_tf.operators import arithmetic
from nasrec_tf.operators.base import SPARSE, Operator, Prefix, Slots, WeightSpec

NORM_SCALE = 0.17
"""Initial scale of the encoder's own layer norms (the authors' code)."""


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
        embedding = options.embedding_dim
        square = (Prefix(embedding), Prefix(embedding))
        packed = Prefix(3 * embedding)
        return (
            *arithmetic.projection_weights("tokens", Slots(shape.sparse), shape.width, options),
            WeightSpec("query_key_value_kernel", (Prefix(embedding), packed)),
            WeightSpec("query_key_value_bias", (packed,), 0.0),
            *arithmetic.linear_weights("attended", *square),
            *arithmetic.norm_weights("attended_norm", embedding, NORM_SCALE),
            *arithmetic.linear_weights("hidden", *square),
            *arithmetic.linear_weights("output", *square),
            *arithmetic.norm_weights("output_norm", embedding, NORM_SCALE),
        )

    def multiply_accumulates(self, shape):
        embedding, tokens = shape.options.embedding_dim, shape.width
        projection = arithmetic.projection_cost(shape.tokens, tokens, embedding, shape.options)
        # Query, key, value, output and two feed-forward maps; scores and weighted values.
        encoder = {
            "linear": 6 * tokens * embedding**2,
            "matmul": 2 * tokens**2 * embedding,
            "layer_norm": 2 * arithmetic.elements_of_norm(tokens * embedding),
        }
        return arithmetic.add_costs(projection, encoder)

    def __call__(self, inputs, weights, shape):
        projected = arithmetic.project(inputs.sparse, weights, "tokens")
        x = tf.transpose(projected, [0, 2, 1])
        attended = arithmetic.linear(self._attend(x, weights, shape), weights, "attended")
        x = arithmetic.layer_norm(x + attended, weights, "attended_norm")
        hidden = tf.nn.relu(arithmetic.linear(x, weights, "hidden"))
        x = x + arithmetic.linear(hidden, weights, "output")
        x = arithmetic.layer_norm(x, weights, "output_norm")
        return tf.transpose(x, [0, 2, 1])

    def _attend(self, x, weights, shape):
        """Multi-head self-attention of (batch, token, embedding)."""
        heads = shape.options.attention_heads
        size = shape.options.embedding_dim // heads
        batch, tokens = tf.shape(x)[0], x.shape[1]
        if tokens is None:
            tokens = tf.shape(x)[1]
        packed = arithmetic.linear(x, weights, "query_key_value")
        packed = tf.reshape(packed, [batch, tokens, 3, heads * size])
        packed = tf.reshape(tf.transpose(packed, [2, 0, 3, 1]), [3, batch, heads, size, tokens])
        query, key, value = tf.unstack(packed, num=3)
        mixed = mix_tokens(query * size**-0.5, key, value)
        return tf.transpose(tf.reshape(mixed, [batch, heads * size, tokens]), [0, 2, 1])


def mix_tokens(query, key, value):
    """Every token's mean of the values, weighted by the softmax of its scores with all keys.

    Heads are so narrow (2 of an embedding of 16) that all cost lies in passing over the scores.
    So heads are laid out with tokens last, where products over them are fastest, and the gradient
    passes over the scores once, instead of four times by the chain rule: the mean that softmax's
    gradient subtracts, sum_k weight_k dL/dweight_k = mixed . dL/dmixed, is one more term of the
    product that yields dL/dweight.

    Args:
        query: (batch, head, size, token), already scaled.
        key: (batch, head, size, token).
        value: (batch, head, size, token).

    Returns:
        (batch, head, size, token).
    """

    @tf.custom_gradient
    def mix(query, key, value):
        weights = tf.nn.softmax(tf.matmul(query, key, transpose_a=True))
        mixed = tf.matmul(value, weights, transpose_b=True)

        def gradient(upstream):
            mean = tf.reduce_sum(upstream * mixed, axis=2, keepdims=True)
            of_weights = tf.matmul(
                tf.concat([upstream, -mean], axis=2),
                tf.concat([value, tf.ones_like(mean)], axis=2),
                transpose_a=True,
            )
            of_scores = weights * of_weights
            return (
                tf.matmul(key, of_scores, transpose_b=True),
                tf.matmul(query, of_scores),
                tf.matmul(upstream, weights),
            )

        return mixed, gradient

    return mix(query, key, value)
