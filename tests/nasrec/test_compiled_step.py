"""A step whose arithmetic XLA compiles, as a GPU runs it, is the network's own step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from core_cases import FEATURES, FULL, SMALL_OPTIONS, raw_inputs, raw_labels, shake

from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.adam import Adam
from nasrec_tf.training.compiled_step import CompiledStep, can_be_compiled

SPACE = FULL.replace(num_blocks=2)


OPTIMIZERS = {
    "adagrad": lambda: Adagrad(0.05, clip_norm=0.5, row_decay=1e-3, weight_decay=1e-3),
    # Of a gradient that is rounding alone, a small epsilon would make a step like any other.
    "adam": lambda: Adam(0.01, epsilon=0.1, clip_norm=0.5, table_rate_scale=0.5),
}


@pytest.fixture(params=["adagrad", pytest.param("adam", marks=pytest.mark.slow)])
def pair(request):
    """Two networks alike, of every operator."""
    networks = []
    for _ in range(2):
        model = Subnet(SPACE.widest, FEATURES, SMALL_OPTIONS, seed=2)
        shake(model)
        model.compile(
            OPTIMIZERS[request.param](),
            loss=keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
        )
        model.optimizer.build(model.trainable_variables)
        networks.append(model)
    return networks


def test_whole_steps_are_those_of_the_network(pair):
    plain, compiled = pair
    assert can_be_compiled(compiled)
    of_plain = tf.function(plain.train_step, autograph=False)
    of_compiled = tf.function(CompiledStep(compiled), autograph=False)
    for seed in range(4):
        inputs = {name: tf.constant(value) for name, value in raw_inputs(FEATURES, 6, seed).items()}
        data = (inputs, tf.constant(raw_labels(6, seed)))
        plain.reset_metrics()
        np.testing.assert_allclose(of_compiled(data)["loss"], of_plain(data)["loss"], rtol=1e-4)
    ours, theirs = (model.variables + model.optimizer.variables for model in (compiled, plain))
    for found, expected in zip(ours, theirs):
        np.testing.assert_allclose(
            found.numpy(), expected.numpy(), rtol=1e-3, atol=2e-5, err_msg=expected.path
        )


def test_quantized_networks_and_other_models_train_as_before():
    quantized = FULL.replace(bits=(4, 8), num_blocks=1).widest
    assert not can_be_compiled(Subnet(quantized, FEATURES, SMALL_OPTIONS))
    assert not can_be_compiled(keras.Sequential())
    whole_tables = Subnet(SPACE.widest, FEATURES, SMALL_OPTIONS)
    whole_tables.compile(Adagrad(0.05, table_l2=1e-6))
    assert not can_be_compiled(whole_tables)
