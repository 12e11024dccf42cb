"""Averages of weights over a training are those that NumPy takes of the same weights."""

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.training import weight_average
from nasrec_tf.training.checkpoint import Checkpoint
from nasrec_tf.training.weight_average import WeightAverage

ROWS, WIDTH = 9, 2


class Network(keras.Model):
    """A table whose rows decay, and a kernel."""

    def __init__(self):
        super().__init__()
        self.table = self.add_weight(shape=(ROWS, WIDTH), initializer="ones", name="table")
        self.table.is_embedding_table = True
        self.kernel = self.add_weight(shape=(3,), initializer="ones", name="kernel")
        self.built = True
        self.compile(Adagrad(0.1, row_decay=0.5), "mse", jit_compile=False)
        self.optimizer.build(self.trainable_variables)

    def step(self, row):
        rows = tf.constant([row], tf.int64)
        self.optimizer.catch_up(self.table, rows)
        gradient = tf.IndexedSlices(tf.ones([1, WIDTH]), rows, [ROWS, WIDTH])
        self.optimizer.apply([gradient, tf.ones([3])], self.trainable_variables)


def values(network):
    network.optimizer.settle()
    return [weight.numpy() for weight in network.weights]


@given(
    st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=8),
    st.sampled_from([0.0, 0.5, 0.99]),
    st.integers(1, 3),
)
@settings(max_examples=20, deadline=None)
def test_an_average_is_that_of_the_weights_after_every_nth_step(steps, decay, every):
    before, weight_average.PIECE = weight_average.PIECE, 4  # Several pieces of a table.
    try:
        network, eager = Network(), Network()
        average, wanted = WeightAverage(network, decay, every), None
        for number, row in enumerate(steps, start=1):
            network.step(row), eager.step(row)
            average.after_step(number)
            now = [value.astype(np.float64) for value in values(eager)]
            if number % every == 0:
                kept = decay**every
                wanted = now if wanted is None else [
                    kept * old + (1 - kept) * new for old, new in zip(wanted, now)
                ]  # fmt: skip
        raw = values(network)
        with average.applied():
            for mine, its in zip(values(network), now if wanted is None else wanted):
                np.testing.assert_allclose(mine, its, rtol=1e-5, atol=1e-6)
        for mine, its in zip(values(network), raw):
            np.testing.assert_array_equal(mine, its)
    finally:
        weight_average.PIECE = before


def test_training_goes_on_from_a_checkpoint_with_its_average(tmp_path):
    def made():
        network = Network()
        average = WeightAverage(network, 0.9, 2)
        return network, average, Checkpoint(network, tmp_path, average.variables)

    def on(network, average, steps):
        for step in steps:
            network.step(step % ROWS)
            average.after_step(step)

    network, average, checkpoint = made()
    on(network, average, range(1, 6))
    checkpoint.save()
    on(network, average, range(6, 11))
    again, its_average, its_checkpoint = made()
    assert its_checkpoint.restore()
    on(again, its_average, range(6, 11))
    with average.applied(), its_average.applied():
        for mine, its in zip(values(again), values(network)):
            np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize(("decay", "every"), [(1.0, 1), (-0.1, 1), (0.9, 0)])
def test_arguments_out_of_range_are_refused(decay, every):
    with pytest.raises(ValueError, match="`(decay|every)` must"):
        WeightAverage(Network(), decay, every)
