"""Products' factors and a network's weights are trained by turns, on rows of their own."""

import numpy as np
import pytest
import tensorflow as tf
from baseline_cases import small
from core_cases import FEATURES, raw_inputs, raw_labels

from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.training.product_training import ProductTrainer, hold_factors
from nasrec_tf.training.row_parts import rows_of_choices

ROWS = 64
FACTORS = {"interaction/order_2", "interaction/order_3"}


@pytest.fixture(scope="module")
def batch():
    inputs = raw_inputs(FEATURES, ROWS)
    of_factors = rows_of_choices({k: tf.constant(v) for k, v in inputs.items()}).numpy()
    assert 0 < of_factors.sum() < ROWS
    return inputs, raw_labels(ROWS), of_factors


def after_a_step(inputs, labels, rate=0.1, order=3, row_weights=None):
    """Every weight before and after one step, by name."""
    network = BaselineNetwork(small("profit", embedding_deviation=0.5), FEATURES, seed=3)
    hold_factors(network)
    network.compile(Adagrad(rate), "binary_crossentropy", jit_compile=False)
    network.optimizer.build(network.trainable_variables)
    before = {name: value.numpy() for name, value in network.named_weights().items()}
    given = [inputs, labels] if row_weights is None else [inputs, labels, row_weights]
    rows = tf.data.Dataset.from_tensors(tuple(given))
    ProductTrainer(network, order, rate=0.05).steps(iter(rows), 1)
    return before, {name: value.numpy() for name, value in network.named_weights().items()}


def moved(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_a_step_trains_the_weights_and_the_factors_of_one_order(batch):
    inputs, labels, _ = batch
    before, after = after_a_step(inputs, labels, order=3)
    assert moved(before, after) == before.keys() - {"interaction/order_2"}
    before, after = after_a_step(inputs, labels, order=2)
    assert moved(before, after) == before.keys() - {"interaction/order_3"}


def test_weights_never_see_the_rows_of_the_factors(batch):
    inputs, labels, of_factors = batch
    _, one = after_a_step(inputs, labels)
    _, other = after_a_step(inputs, np.where(of_factors[:, None], 1 - labels, labels))
    assert moved(one, other) == {"interaction/order_3"}


def test_factors_never_see_the_rows_of_the_weights(batch):
    inputs, labels, of_factors = batch
    # Weights that hardly move, so that nothing of their rows comes by way of them.
    _, one = after_a_step(inputs, labels, rate=1e-30)
    flipped = np.where(of_factors[:, None], labels, 1 - labels)
    _, other = after_a_step(inputs, flipped, rate=1e-30)
    assert not moved(one, other) & FACTORS


def test_rows_without_weight_teach_the_factors_nothing(batch):
    inputs, labels, of_factors = batch
    weights = np.where(of_factors, 0.0, 1.0).astype(np.float32)
    before, after = after_a_step(inputs, labels, row_weights=weights)
    assert moved(before, after) == before.keys() - FACTORS
