"""Gradients that are stated in closed form equal those by the chain rule."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from nasrec_tf.operators.arithmetic import LAYER_NORM_EPSILON, layer_norm, linear
from nasrec_tf.operators.attention import self_attention
from nasrec_tf.supernet.joining import concat_first, sum_of_active

WITHIN = {"rtol": 1e-4, "atol": 1e-4}


def output_and_gradients(function, *arguments, seed=0):
    """What a function yields, and its gradients for a random direction, with unknown shapes."""
    signature = [tf.TensorSpec([None] * argument.ndim, tf.float32) for argument in arguments]

    @tf.function(input_signature=signature, autograph=False)
    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            output = function(*tensors)
        direction = tf.random.stateless_normal(tf.shape(output), [seed, 1])
        return output, *tape.gradient(output, tensors, direction)

    return [result.numpy() for result in run(*map(tf.constant, arguments))]


def assert_same(ours, plain, *arguments):
    for found, expected in zip(
        output_and_gradients(ours, *arguments), output_and_gradients(plain, *arguments)
    ):
        np.testing.assert_allclose(found, expected, **WITHIN)


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def plain_attention(packed, heads):
    batch, tokens, triple = tf.unstack(tf.shape(packed))
    size = triple // 3 // heads
    parts = tf.reshape(packed, [batch, tokens, 3, heads, size])
    query, key, value = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]), num=3)
    scores = tf.matmul(query, key, transpose_b=True) / tf.sqrt(tf.cast(size, tf.float32))
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


@given(st.data(), st.sampled_from([(2,), (2, 3)]))
@settings(max_examples=15, deadline=None)
def test_concatenation_of_first_entries(data, leading):
    widths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    sizes = [data.draw(st.integers(0, width)) for width in widths]
    values = [normal(*leading, width, seed=index) for index, width in enumerate(widths)]
    counts = [tf.constant(size) for size in sizes]

    def plain(*values):
        taken = [value[..., :size] for value, size in zip(values, sizes)]
        return tf.concat(taken, axis=-1)

    assert_same(lambda *values: concat_first(values, counts), plain, *values)


@given(st.data(), st.sampled_from([(), (3,)]))
@settings(max_examples=15, deadline=None)
def test_sum_of_active_outputs(data, middle):
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

    assert_same(lambda *values: sum_of_active(values, batch, width), plain, *outputs)
