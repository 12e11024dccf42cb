"""Decay of untouched rows, applied when they are next read, is decay at every step."""

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from nasrec_tf import native
from nasrec_tf.optimizers import row_decay
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.adam import Adam
from nasrec_tf.optimizers.schedules import WarmupCosine

ROWS, WIDTH = 7, 3
EPSILON = 1e-2

STEPS = st.lists(
    st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4, unique=True), min_size=1, max_size=12
)


def table(seed):
    value = np.random.default_rng(seed).normal(size=(ROWS, WIDTH)).astype(np.float32)
    variable = keras.Variable(value)
    variable.is_embedding_table = True
    return variable, value.astype(np.float64)


def eager(weights, steps, gradients, rates, decay):
    """The whole table decays after every step."""
    accumulator = np.zeros_like(weights)
    for rows, gradient, rate in zip(steps, gradients, rates):
        accumulator[rows] += gradient**2
        denominator = np.sqrt(accumulator) + EPSILON
        weights[rows] -= rate * gradient / denominator[rows]
        weights *= np.exp(-rate * decay / denominator)
    return weights


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 2**31), decay=st.sampled_from([0.001, 0.01, 0.3]))
def test_lazy_decay_is_eager_decay(steps, seed, decay):
    variable, weights = table(seed)
    rng = np.random.default_rng(seed)
    gradients = [rng.normal(size=(len(rows), WIDTH)).astype(np.float32) for rows in steps]
    schedule = WarmupCosine(0.12, len(steps))
    optimizer = Adagrad(schedule, epsilon=EPSILON, clip_norm=None, row_decay=decay)
    optimizer.build([variable])
    rates = [float(schedule(step)) for step in range(len(steps))]
    for rows, gradient in zip(steps, gradients):
        rows = tf.constant(rows, tf.int64)
        optimizer.catch_up(variable, rows)
        optimizer.apply([tf.IndexedSlices(tf.constant(gradient), rows, [ROWS, WIDTH])], [variable])
    optimizer.settle()
    wanted = eager(weights, steps, gradients, rates, decay)
    np.testing.assert_allclose(variable.numpy(), wanted, rtol=2e-5, atol=2e-6)


def test_settling_twice_is_settling_once(monkeypatch):
    monkeypatch.setattr(row_decay, "PIECE_ROWS", 2)
    variable, _ = table(0)
    optimizer = Adagrad(0.1, row_decay=0.01)
    optimizer.build([variable])
    rows = tf.constant([1, 1, 4], tf.int64)
    optimizer.catch_up(variable, rows)
    optimizer.apply([tf.IndexedSlices(tf.ones([3, WIDTH]), rows, [ROWS, WIDTH])], [variable])
    before = variable.numpy()
    optimizer.settle()
    settled = variable.numpy()
    optimizer.settle()
    np.testing.assert_array_equal(variable.numpy(), settled)
    assert (np.abs(settled) < np.abs(before)).all()


@pytest.mark.parametrize("kind", [Adagrad, Adam])
def test_rows_that_several_threads_come_to_decay_once(kind, library):
    """By our kernel as by TensorFlow's operations, however often a row is named."""
    rng = np.random.default_rng(0)
    rows = tf.constant(rng.integers(0, 50, 20_000))
    start = rng.normal(size=(60, 17)).astype(np.float32)

    def caught_up():
        variable = keras.Variable(start)
        variable.is_embedding_table = True
        optimizer = kind(0.1, clip_norm=None, row_decay=0.2)
        optimizer.build([variable])
        for _ in range(3):
            gradient = tf.IndexedSlices(tf.ones([2, 17]), tf.constant([1, 55], tf.int64), [60, 17])
            optimizer.catch_up(variable, rows)
            optimizer.apply([gradient], [variable])
        optimizer.catch_up(variable, rows)
        return variable.numpy()

    with native.portable():
        wanted = caught_up()
    first, second = caught_up(), caught_up()
    np.testing.assert_allclose(first, wanted, rtol=1e-6)
    np.testing.assert_array_equal(first, second)
    assert (np.abs(first[0]) < np.abs(start[0])).all()
    np.testing.assert_array_equal(first[57], start[57])


@pytest.mark.parametrize("decay", [-0.1, float("nan"), float("inf"), "much"])
def test_a_decay_that_is_none_is_refused(decay):
    with pytest.raises(ValueError, match="row_decay"):
        Adagrad(row_decay=decay)
