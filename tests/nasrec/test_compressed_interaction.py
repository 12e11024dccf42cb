"""xDeepFM's compressed interaction network: its equation, its count, and what is left out of it."""

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from executed_graph import executed_of_batch
from hypothesis import given, settings

from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines import baseline
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.baselines.compressed_interaction import CompressedInteraction
from nasrec_tf.operators.work import multiply_accumulates

EVEN = st.sampled_from([2, 4, 6])


def piece(vectors, embedding, rows, activation="identity", split=False, bias=True):
    return CompressedInteraction(
        vectors, embedding, tuple(rows), activation, split, bias, "glorot_uniform"
    )


def equation(vectors, weights, cin):
    """What the paper's (6) and (8) say, row by row, and the multiply-accumulates that it takes."""
    read, pooled, count = vectors, [], 0
    for number, rows in enumerate(cin.rows, start=1):
        fields, below = vectors.shape[1], read.shape[1]
        kernel = tf.reshape(weights[f"layer_{number}_kernel"], [fields, below, rows])
        layer = tf.einsum("bhd,bmd,hmo->bod", vectors, read, kernel)
        count += fields * below * rows * cin.embedding
        if cin.bias:
            layer += weights[f"layer_{number}_bias"][:, None]
        layer = tf.nn.relu(layer) if cin.activation == "relu" else layer
        half = rows // 2 if cin.split and number < len(cin.rows) else 0
        read, kept = (layer[:, :half], layer[:, half:]) if half else (layer, layer)
        pooled.append(tf.reduce_sum(kept, axis=2))
    sums = tf.concat(pooled, axis=1)
    output = sums @ weights["output_kernel"]
    return (output + weights["output_bias"] if cin.bias else output), count + sums.shape[1]


def with_gradients(call, vectors, weights):
    """The output, and the gradients of its squares by what it is made of."""
    with tf.GradientTape() as tape:
        tape.watch([vectors, weights])
        output = call(vectors, weights)
        squares = tf.reduce_sum(tf.square(output))
    return output, *tf.nest.flatten(tape.gradient(squares, [vectors, weights]))


@settings(max_examples=15, deadline=None)
@given(
    st.builds(
        piece,
        st.integers(1, 6),
        st.integers(1, 4),
        st.lists(EVEN, min_size=1, max_size=4),
        st.sampled_from(["identity", "relu"]),
        st.booleans(),
        st.booleans(),
    ),
    st.sampled_from([1, 2, 9]),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_it_is_its_equation_and_so_are_its_gradients(cin, batch, batch_is_known, seed):
    rng = np.random.default_rng(seed)
    vectors = tf.constant(rng.normal(size=(batch, cin.vectors, cin.embedding)), tf.float32)
    weights = {
        spec.name: tf.constant(rng.normal(size=spec.shape, scale=0.5), tf.float32)
        for spec in cin.weights()
    }
    known = tf.TensorSpec([batch if batch_is_known else None, *vectors.shape[1:]], tf.float32)
    specs = {name: tf.TensorSpec(value.shape, value.dtype) for name, value in weights.items()}

    @tf.function(input_signature=[known, specs], autograph=False)
    def found(vectors, weights):
        return with_gradients(lambda x, w: cin(x, weights=w), vectors, weights)

    exact = tf.nest.map_structure(lambda each: tf.cast(each, tf.float64), (vectors, weights))
    wanted = with_gradients(lambda x, w: equation(x, w, cin)[0], *exact)
    for one, other in zip(found(vectors, weights), wanted, strict=True):
        scale = max(float(tf.reduce_max(tf.abs(other))), 1e-3)
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-5 * scale)


@pytest.mark.parametrize("split", [False, True])
def test_it_is_counted_as_published(split):
    cin = piece(5, 3, (6, 4, 2), split=split)
    weights = {spec.name: tf.ones(spec.shape) for spec in cin.weights()}
    counted = multiply_accumulates(cin.work())
    assert sum(counted.values()) == equation(tf.ones((1, 5, 3)), weights, cin)[1]


def test_without_an_activation_few_of_its_rows_are_made():
    model = baseline("xdeepfm", cin=(64, 64, 64), hidden=(), embedding_dim=16)
    features = Features(0, (3,) * 10)
    cost = model.complexity(features)
    counted = sum(part.linear + part.matmul for part in cost.parts)
    network = BaselineNetwork(model, features, seed=None)
    few, many = (executed_of_batch(network, batch)["linear_and_matmul"] for batch in (1, 512))
    # A large batch computes a tenth of what is counted, and a single request at most two thirds.
    assert many < 0.1 * 512 * counted
    assert few < 0.67 * counted
