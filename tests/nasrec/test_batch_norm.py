"""Batch norm in the operators of a stand-alone network."""

import dataclasses
import json
import math

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from core_cases import (
    FEATURES,
    FULL,
    NO_DENSE,
    SMALL_OPTIONS,
    architectures,
    raw_inputs,
    raw_labels,
    shake,
)
from hypothesis import given, settings

from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.layers.operator_layer import WeightedPart
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.networks.weights import load_network, save_weights
from nasrec_tf.operators import NORMALIZATIONS, NetworkOptions
from nasrec_tf.operators.normalization import norm_if_any, own_norm_weights
from nasrec_tf.optimizers.adagrad import Adagrad

BATCH_NORM = dataclasses.replace(SMALL_OPTIONS, normalization="batch")
ARCHITECTURE = FULL.replace(num_blocks=2).widest


def network(options=BATCH_NORM, seed=4, features=FEATURES, architecture=ARCHITECTURE):
    model = Subnet(architecture, features, options, seed=seed)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(Adagrad(0.05), loss, run_eagerly=True)
    return model


def trained(**options):
    """A network that has seen a few batches, so that nothing of it is as it was drawn."""
    model = network(**options)
    shake(model)
    for step in range(3):
        model.train_on_batch(raw_inputs(model.features, 16, step), raw_labels(16, step))
    return model


# Keras's own layer.


@pytest.mark.parametrize("shape", [(9, 5), (6, 4, 5), (1, 5)])
def test_it_is_kerass_batch_normalization(shape):
    ours = WeightedPart(own_norm_weights("norm", 5, BATCH_NORM), seed=0)
    theirs = keras.layers.BatchNormalization()
    theirs.build(shape)
    rng = np.random.default_rng(0)
    scale, offset = rng.normal(size=(2, 5)).astype(np.float32)
    theirs.gamma.assign(scale)
    theirs.beta.assign(offset)
    ours.variables_by_name["norm_scale"].assign(scale)
    ours.variables_by_name["norm_offset"].assign(offset)

    def outcome_and_gradients(function, x, scale, offset):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
            loss = tf.reduce_sum(tf.sin(y) * tf.range(1.0, 6.0))
        return [y, *tape.gradient(loss, [x, scale.value, offset.value])]

    for step in range(4):
        x = tf.constant(3 * rng.normal(size=shape) + step, tf.float32)
        weights = (ours.variables_by_name["norm_scale"], ours.variables_by_name["norm_offset"])
        mine = outcome_and_gradients(
            lambda x: norm_if_any(x, ours.values(training=True), "norm"), x, *weights
        )
        its = outcome_and_gradients(
            lambda x: theirs(x, training=True), x, theirs.gamma, theirs.beta
        )
        for one, other in zip(mine, its):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
        for name in ("mean", "variance"):
            np.testing.assert_allclose(
                ours.variables_by_name[f"norm_{name}"], getattr(theirs, f"moving_{name}"), rtol=1e-5
            )
    at_rest = norm_if_any(x, ours.values(), "norm")
    np.testing.assert_allclose(at_rest, theirs(x, training=False), rtol=1e-4, atol=1e-5)


def test_a_part_that_is_frozen_normalises_by_what_it_saw():
    part = WeightedPart(own_norm_weights("norm", 5, BATCH_NORM), seed=0)
    part.trainable = False
    x = tf.random.stateless_normal((9, 5), (1, 2))
    np.testing.assert_allclose(
        norm_if_any(x, part.values(training=True), "norm"), x / (1 + 1e-3) ** 0.5, rtol=1e-6
    )
    assert not part.variables_by_name["norm_mean"].numpy().any()


# Whole networks.


def test_batches_count_in_training_and_what_was_seen_at_inference():
    model = trained()
    inputs = raw_inputs(FEATURES, 16, 9)
    statistics = [v.numpy() for v in model.non_trainable_variables]
    alone = np.concatenate(
        [model({name: value[i : i + 1] for name, value in inputs.items()}) for i in range(16)]
    )
    np.testing.assert_allclose(model(inputs), alone, rtol=1e-4, atol=1e-5)
    for before, variable in zip(statistics, model.non_trainable_variables):
        np.testing.assert_array_equal(before, variable)
    assert not np.allclose(model(inputs), model(inputs, training=True))
    assert any(
        (before != v.numpy()).any() for before, v in zip(statistics, model.non_trainable_variables)
    )


@settings(max_examples=10, deadline=None)
@given(architectures(), st.sampled_from([FEATURES, NO_DENSE]), st.booleans())
def test_every_architecture_trains_with_it(architecture, features, balancing):
    options = dataclasses.replace(BATCH_NORM, operator_balancing=balancing)
    model = Subnet(architecture, features, options, seed=1)
    cost = complexity(architecture, features, options)
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    assert cost.parameters + cost.embedding_parameters == trained
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(raw_inputs(features, 8), training=True) ** 2)
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()
    seen = {name for name in model.named_weights() if name.endswith(("_mean", "_variance"))}
    assert len(seen) == len(model.non_trainable_variables)
    assert all(np.isfinite(v).all() for v in model.non_trainable_variables)
    assert np.isfinite(model(raw_inputs(features, 3))).all()


def test_files_hold_what_it_saw(tmp_path):
    model = trained()
    inputs = raw_inputs(FEATURES, 9, 5)
    save_weights(model, tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as file:
        assert file["block_1_fc/dense_norm_mean"].any()
    model.save(tmp_path / "net.keras")
    for again in (
        load_network(tmp_path / "net.npz"),
        keras.saving.load_model(tmp_path / "net.keras"),
    ):
        assert again.options == BATCH_NORM
        np.testing.assert_array_equal(again(inputs), model(inputs))
    # It goes on training as well.
    batch = raw_inputs(FEATURES, 16), raw_labels(16)
    assert model.train_on_batch(*batch) == again.train_on_batch(*batch)
    for one, other in zip(model.variables, again.variables):
        np.testing.assert_array_equal(one, other)


def test_a_quantized_network_has_it_behind_its_rounded_maps():
    from nasrec_tf.networks.quantization import quantized_weights

    quantized = FULL.replace(num_blocks=2, bits=(8,)).widest
    model = trained(architecture=quantized)
    inputs = raw_inputs(FEATURES, 9, 5)
    maps = quantized_weights(model)
    assert maps["block_1_fc/dense"].bias is None
    by_arrays = model.logits_with_maps(inputs, maps)
    logits = model(inputs).numpy()
    np.testing.assert_allclose(by_arrays, logits, rtol=0, atol=1e-4 * np.abs(logits).max())


def test_a_supernet_refuses_it_in_one_line():
    with pytest.raises(UserError, match="A supernet has no batch norm") as error:
        Supernet(FULL, FEATURES, BATCH_NORM)
    assert "\n" not in str(error.value)


# Options.


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_options_are_read_back(normalization):
    options = NetworkOptions(normalization=normalization)
    assert options.layer_norm == (normalization == "layer")
    told = json.loads(json.dumps(dataclasses.asdict(options)))
    assert NetworkOptions.from_json(told) == options


@pytest.mark.parametrize("layer_norm", [True, False])
def test_networks_from_before_there_was_batch_norm_are_read(layer_norm):
    old = {
        "embedding_dim": 4, "layer_norm": layer_norm, "operator_balancing": True,
        "attention_heads": 2, "merged_tokens": 2, "weight_ranges": "channel",
    }  # fmt: skip
    options = dataclasses.replace(SMALL_OPTIONS, normalization="layer" if layer_norm else "none")
    assert NetworkOptions.from_json(old) == options
    for make in (network(options), Supernet(FULL, FEATURES, options)):
        again = type(make).from_config(make.get_config() | {"options": old})
        assert again.options == options


@pytest.mark.parametrize("normalization", ["group", True, None, ""])
def test_an_unknown_normalization_is_told_in_one_line(normalization):
    with pytest.raises(ValueError, match="`normalization` must be one of 'none'") as error:
        NetworkOptions(normalization=normalization)
    assert "\n" not in str(error.value)
