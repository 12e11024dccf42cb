"""Gradients that are stated in closed form or computed by our kernels are those by the chain rule.

Every test runs with our kernels, and with TensorFlow's own operations alone.
"""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nasrec_tf.networks.supernet.joining import joins
from nasrec_tf.operators.arithmetic import linear, pad_last_axis
from nasrec_tf.operators.attention import encode, encoder_weights, self_attention
from nasrec_tf.operators.dot_product import pairs
from nasrec_tf.operators.mergers import interaction
from nasrec_tf.operators.normalization import LAYER_NORM_EPSILON, layer_norm
from nasrec_tf.operators.traced_sizes import unless_fits

pytestmark = pytest.mark.usefixtures("arithmetic")

# Of the largest number of an array: what float32 leaves after some hundred sums and two norms.
ROUNDING = 1e-4


def output_and_gradients(function, *arguments, seed=0):
    """What a function yields, and its gradients for a random direction, with unknown shapes.

    But for the last axis of a first argument of rank 3, of which the embedding is known.
    """
    signature = [tf.TensorSpec([None] * argument.ndim, argument.dtype) for argument in arguments]
    if arguments[0].ndim == 3:
        signature[0] = tf.TensorSpec([None, None, arguments[0].shape[2]], arguments[0].dtype)

    @tf.function(input_signature=signature, autograph=False)
    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            output = function(*tensors)
        direction = tf.cast(tf.random.stateless_normal(tf.shape(output), [seed, 1]), output.dtype)
        return output, *tape.gradient(output, tensors, direction)

    return [result.numpy() for result in run(*map(tf.constant, arguments))]


def assert_same(ours, plain, *arguments):
    """Ours in float32 is the plain function in float64, but for rounding."""
    exact = [argument.astype(np.float64) for argument in arguments]
    for found, expected in zip(
        output_and_gradients(ours, *arguments), output_and_gradients(plain, *exact)
    ):
        within = ROUNDING * max(1.0, np.abs(expected).max(initial=0.0))
        np.testing.assert_allclose(found, expected, rtol=0.0, atol=within)


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def plain_attention(packed, heads):
    batch, tokens, triple = tf.unstack(tf.shape(packed))
    size = triple // 3 // heads
    parts = tf.reshape(packed, [batch, tokens, 3, heads, size])
    query, key, value = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]), num=3)
    scores = tf.matmul(query, key, transpose_b=True) / tf.sqrt(tf.cast(size, packed.dtype))
    mixed = tf.transpose(tf.matmul(tf.nn.softmax(scores), value), [0, 2, 1, 3])
    return tf.reshape(mixed, [batch, tokens, heads * size])


@given(
    batch=st.integers(0, 3),
    tokens=st.integers(1, 9),
    heads=st.sampled_from([1, 2, 4]),
    size=st.integers(1, 4),
    spread=st.sampled_from([0.1, 1.0, 5.0]),
)
@settings(max_examples=15, deadline=None)
def test_attention(batch, tokens, heads, size, spread):
    packed = normal(batch, tokens, 3 * heads * size) * np.float32(spread)
    assert_same(lambda x: self_attention(x, heads), lambda x: plain_attention(x, heads), packed)


def plain_encoder(x, named, heads):
    """The encoder's output, and what its rectifier reads."""

    def linear_map(x, name):
        return tf.einsum("bti,io->bto", x, named[f"{name}_kernel"]) + named[f"{name}_bias"]

    def norm(x, name):
        return plain_layer_norm(x, named[f"{name}_scale"], named[f"{name}_offset"])

    x = tf.transpose(x, [0, 2, 1])
    attended = plain_attention(linear_map(x, "query_key_value"), heads)
    x = norm(x + linear_map(attended, "attended"), "attended_norm")
    hidden = linear_map(x, "hidden")
    output = norm(x + linear_map(tf.nn.relu(hidden), "output"), "output_norm")
    return tf.transpose(output, [0, 2, 1]), hidden


@given(
    batch=st.integers(0, 20),
    tokens=st.integers(1, 40),
    heads=st.sampled_from([2, 3, 4]),
    size=st.sampled_from([1, 2, 4]),
)
@settings(max_examples=15, deadline=None)
def test_encoder(batch, tokens, heads, size):
    embedding = heads * size
    # Few units may be nearly alike, and their norm makes much of what rounding leaves of that.
    assume(embedding >= 4)
    names = [spec.name for spec in encoder_weights(embedding)]
    values = [normal(*spec.shape, seed=2) for spec in encoder_weights(embedding)]
    inputs = normal(batch, embedding, tokens)
    exact = [value.astype(np.float64) for value in (inputs, *values)]
    _, hidden = plain_encoder(exact[0], dict(zip(names, exact[1:])), heads)
    # Next to its kink, rounding decides which gradient a rectifier has.
    assume(np.abs(hidden).min(initial=1.0) > 1e-5)

    def ours(x, *weights):
        x.set_shape([None, embedding, None])
        return encode(x, dict(zip(names, weights)), heads)

    def plain(x, *weights):
        return plain_encoder(x, dict(zip(names, weights)), heads)[0]

    assert_same(ours, plain, inputs, *values)


def plain_layer_norm(x, scale, offset):
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + LAYER_NORM_EPSILON) * scale + offset


@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 6), (1, 1), (0, 5), (2, 0, 3)])
def test_layer_norm(shape):
    def ours(x, scale, offset):
        return layer_norm(x, {"norm_scale": scale, "norm_offset": offset}, "norm")

    assert_same(
        ours, plain_layer_norm, normal(*shape), normal(shape[-1]), normal(shape[-1], seed=1)
    )


@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 5), (0, 5)])
def test_linear_map(shape):
    def ours(x, kernel, bias):
        return linear(x, {"map_kernel": kernel, "map_bias": bias}, "map")

    def plain(x, kernel, bias):
        return tf.einsum("...i,ij->...j", x, kernel) + bias

    assert_same(ours, plain, normal(*shape), normal(5, 3), normal(3))


@pytest.mark.parametrize("batch, tokens", [(3, 1), (3, 2), (3, 7), (3, 20), (0, 7)])
def test_pairs(batch, tokens):
    def plain(x):
        later, earlier = np.tril_indices(tokens, -1)
        gram = tf.einsum("bei,bej->bij", x, x)
        return tf.gather(tf.reshape(gram, [-1, tokens**2]), later * tokens + earlier, axis=1)

    assert_same(lambda x: pairs(x, is_static=False), plain, normal(batch, 4, tokens))


@pytest.mark.parametrize("missing", [0, 1, 2, 5])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 1), (2, 0)])
def test_padding_is_zeros_on_the_right_up_to_the_size(shape, known, missing):
    x = tf.constant(normal(*shape))
    size = shape[-1] + missing
    padded = pad_last_axis(x, size if known else tf.constant(size)).numpy()
    assert padded.shape == (*shape[:-1], size)
    np.testing.assert_array_equal(padded[..., : shape[-1]], x)
    assert not padded[..., shape[-1] :].any()


@pytest.mark.parametrize("shape", [(3, 4, 6), (0, 4, 6), (2, 4, 1), (2, 4, 0)])
def test_interaction(shape):
    def plain(tokens):
        total = tf.einsum("bei,bej->be", tokens, tokens)
        return total - tf.einsum("bei,bei->be", tokens, tokens)

    assert_same(interaction, plain, normal(*shape))


@given(st.data(), st.sampled_from([(2,), (2, 3)]))
@settings(max_examples=15, deadline=None)
def test_concatenation_of_what_is_read(arithmetic, data, leading):
    widths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    read = [data.draw(st.booleans()) for _ in widths]
    values = [normal(*leading, width, seed=index) for index, width in enumerate(widths)]
    counts = [tf.constant(width * on) for width, on in zip(widths, read)]
    steps = joins(arithmetic)

    def ours(*values):
        # Gradients of what is left out have their shape where the readers come together.
        aliased = [steps.aliases(value, 1)[0] for value in values]
        return steps.concat(aliased, counts)

    def plain(*values):
        taken = [value[..., : width * on] for value, width, on in zip(values, widths, read)]
        return tf.concat(taken, axis=-1)

    assert_same(ours, plain, *values)


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 5)])
@pytest.mark.parametrize("on", [(1, 1), (0, 1), (0, 0)])
def test_what_is_present_for_several_readers(arithmetic, shape, on):
    steps = joins(arithmetic)

    def ours(value):
        batch, width = tf.shape(value)[0], tf.shape(value)[-1]
        read = [
            steps.present(alias, tf.constant(each), batch, width * each)
            for each, alias in zip(on, steps.aliases(value, len(on)))
        ]
        return steps.sum([tf.square(part) for part in read], batch, width)

    def plain(value):
        return tf.square(value) * sum(on)

    assert_same(ours, plain, normal(*shape))


@pytest.mark.parametrize("fits", [True, False])
def test_a_projection_that_may_be_left_out(fits):
    def ours(x, kernel):
        kernel = kernel[: 0 if fits else 5, : 0 if fits else 5]
        return unless_fits(tf.constant(fits), x, lambda x: tf.matmul(x, kernel))

    def plain(x, kernel):
        # The kernel is no part of what fits, and has a gradient of zero.
        return x + 0.0 * tf.reduce_sum(kernel) if fits else tf.matmul(x, kernel)

    assert_same(ours, plain, normal(3, 5), normal(5, 5))


@given(st.data(), st.sampled_from([(), (3,)]))
@settings(max_examples=15, deadline=None)
def test_sum_of_active_outputs(arithmetic, data, middle):
    batch, width = 2, 5
    rows = data.draw(st.lists(st.sampled_from([0, batch]), min_size=1, max_size=4))
    rows[0] = batch
    widths = [data.draw(st.integers(0, width)) for _ in rows]
    outputs = [
        normal(count, *middle, units, seed=index)
        for index, (count, units) in enumerate(zip(rows, widths))
    ]

    def plain(*outputs):
        padding = [[0, 0]] * (1 + len(middle))
        active = [output for output, count in zip(outputs, rows) if count]
        return tf.add_n(
            [tf.pad(output, [*padding, [0, width - tf.shape(output)[-1]]]) for output in active]
        ) + 0.0 * tf.add_n([tf.reduce_sum(output) for output in outputs])

    assert_same(lambda *values: joins(arithmetic).sum(values, batch, width), plain, *outputs)
