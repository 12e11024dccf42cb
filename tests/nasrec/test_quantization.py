"""Quantized networks: one meaning for a path, exact integers, and ranges that follow the data."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from core_cases import EMBEDDED, FEATURES, FULL, SMALL_OPTIONS, raw_inputs, raw_labels, shake

from nasrec_tf import native
from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.layers.quantized_maps import InputRange, kernel_scale, quantize_kernel
from nasrec_tf.networks.quantization import quantized_table, quantized_weights
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.operators.network_options import TENSOR
from nasrec_tf.optimizers.adagrad import Adagrad

QUANTIZED = EMBEDDED.replace(name="tiny-quantized", bits=(4, 6, 8), separate_bits=True)
ARCHITECTURES = 12


@pytest.fixture(scope="module")
def supernet():
    """A quantized supernet whose ranges have seen some paths."""
    model = Supernet(QUANTIZED, FEATURES, SMALL_OPTIONS, seed=3)
    model.compile(
        optimizer=Adagrad(0.02),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    shake(model)
    inputs = {name: tf.constant(value) for name, value in raw_inputs(FEATURES, 16).items()}
    labels = tf.constant(raw_labels(16))
    step = tf.function(model.train_on_path, autograph=False)
    widest = model.encode(QUANTIZED.widest)
    step(widest, inputs, labels)
    rng = np.random.default_rng(5)
    for _ in range(6):
        step(model.encode(QUANTIZED.sample(rng)), inputs, labels)
    assert step.experimental_get_tracing_count() == 1
    return model


@pytest.fixture(scope="module")
def path_logits(supernet):
    function = tf.function(
        lambda inputs, path: supernet(inputs, path=path), autograph=False, reduce_retracing=True
    )
    return lambda inputs, architecture: function(inputs, supernet.encode(architecture)).numpy()


# One meaning for a quantized subnet.


def test_extracted_quantized_subnets_have_the_logits_of_their_paths(supernet, path_logits):
    rng = np.random.default_rng(11)
    for seed in range(ARCHITECTURES):
        architecture = QUANTIZED.sample(rng)
        inputs = raw_inputs(FEATURES, 8, seed)
        alone = supernet.extract(architecture)(inputs).numpy()
        scale = max(1.0, np.abs(alone).max())
        found = path_logits(inputs, architecture)
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-5 * scale)


def test_bit_widths_change_what_a_path_computes(supernet, path_logits):
    rng = np.random.default_rng(2)
    inputs = raw_inputs(FEATURES, 8)
    one_width = QUANTIZED.replace(bits=(4,))
    coarse = one_width.sample(rng)
    fine = QUANTIZED.replace(bits=(8,)).sample(np.random.default_rng(2))
    assert coarse.liveness == fine.liveness
    assert not np.allclose(path_logits(inputs, coarse), path_logits(inputs, fine), atol=1e-4)


def test_evaluation_leaves_the_ranges_as_they_are(supernet, path_logits):
    before = [variable.numpy() for variable in supernet.non_trainable_variables]
    path_logits(raw_inputs(FEATURES, 8, seed=9), QUANTIZED.widest)
    after = [variable.numpy() for variable in supernet.non_trainable_variables]
    np.testing.assert_array_equal(before, after)


def test_training_a_path_moves_the_ranges_of_its_own_operators_alone():
    model = Supernet(QUANTIZED, FEATURES, SMALL_OPTIONS, seed=3)
    architecture = QUANTIZED.replace(operators="single").sample(np.random.default_rng(1))
    model(raw_inputs(FEATURES, 8), path=model.encode(architecture), training=True)
    moved = {
        name
        for name, quantizers in model.quantizers.items()
        if any(variable.numpy() for variable in quantizers.variables_by_name.values())
    }
    parts = Subnet(architecture, FEATURES, SMALL_OPTIONS).quantizers
    with_maps = {name for name in parts if parts[name].ranges}
    assert moved <= with_maps
    assert "head" in moved


def test_gradients_reach_every_weight_of_a_quantized_subnet():
    subnet = Subnet(QUANTIZED.widest, FEATURES, SMALL_OPTIONS)
    shake(subnet)
    inputs = raw_inputs(FEATURES, 32)
    subnet(inputs, training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(subnet(inputs, training=True)))
    variables = subnet.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables])):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.path


# Weights.


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", [4, 5, 6, 7, 8])
def test_fake_quantized_weights_are_integers_times_scales_exactly(bits, per_channel):
    kernel = tf.random.stateless_normal((37, 11), (bits, 1)) * 3.7
    fake = quantize_kernel(kernel, bits, per_channel).numpy()
    scale = kernel_scale(kernel, bits, per_channel).numpy()
    integers = np.rint(fake / scale)
    np.testing.assert_array_equal(integers.astype(np.float32) * scale, fake)
    assert np.abs(integers).max() == 2 ** (bits - 1) - 1
    assert len(np.unique(integers)) <= 2**bits - 1
    assert np.abs(fake - kernel).max() <= 0.5001 * scale.max()


def test_weights_that_are_all_zero_stay_zero():
    np.testing.assert_array_equal(quantize_kernel(tf.zeros((3, 2)), 4, True), np.zeros((3, 2)))


@pytest.mark.parametrize("ranges", ["channel", TENSOR])
def test_integers_and_scales_of_a_trained_subnet_are_its_fake_quantized_weights(ranges):
    options = dataclasses.replace(SMALL_OPTIONS, weight_ranges=ranges)
    subnet = Subnet(QUANTIZED.widest, FEATURES, options)
    shake(subnet)
    subnet(raw_inputs(FEATURES, 16), training=True)
    maps = quantized_weights(subnet)
    values = subnet.values()
    for name, linear in maps.items():
        part, map_name = name.split("/")
        fake = values[part][f"{map_name}_kernel"].numpy()
        scale = linear.weight_scale.astype(np.float32)
        np.testing.assert_array_equal(linear.weights.astype(np.float32) * scale, fake)
        assert linear.weight_bits == subnet.bits[part].weights
        assert linear.activation_bits == subnet.bits[part].activations
    kernels = [name for name in subnet.named_weights() if name.endswith("_kernel")]
    assert sorted(maps) == sorted(name.removesuffix("_kernel") for name in kernels)


def test_integer_arithmetic_gives_the_logits_of_the_fake_quantized_network():
    subnet = Subnet(QUANTIZED.widest, FEATURES, SMALL_OPTIONS)
    shake(subnet)
    inputs = raw_inputs(FEATURES, 64)
    subnet(inputs, training=True)
    expected = subnet(inputs).numpy()
    found = subnet.logits_with_maps(inputs, quantized_weights(subnet))
    # Rounding of sums may move an input across a step of its quantizer, in few rows.
    close = np.isclose(found, expected, rtol=0, atol=1e-4 * max(1.0, np.abs(expected).max()))
    assert close.mean() > 0.9


def test_a_network_without_bits_or_without_training_has_no_integers():
    with pytest.raises(UserError, match="gives no bits"):
        quantized_weights(Subnet(FULL.widest, FEATURES, SMALL_OPTIONS))
    with pytest.raises(UserError, match="train the network first"):
        quantized_weights(Subnet(QUANTIZED.widest, FEATURES, SMALL_OPTIONS))


def test_tables_are_rounded_with_a_scale_each():
    subnet = Subnet(FULL.widest, FEATURES, SMALL_OPTIONS)
    table, original = quantized_table(subnet, bits=4), subnet.embedding.table.numpy()
    start = 0
    for rows in FEATURES.table_rows:
        found, own = table[start : start + rows], original[start : start + rows]
        assert len(np.unique(found)) <= 15
        step = np.abs(own).max() / 7
        assert np.abs(found - own).max() <= step * 0.5001
        assert np.abs(found).max() == pytest.approx(7 * step)
        start += rows
    assert 0 < np.abs(table - original).max() < 0.1 * np.abs(original).max()


# Inputs.


def test_the_first_batch_sets_the_range_and_later_ones_move_it():
    input_range = InputRange()
    input_range.rounded(tf.constant([[0.5, -3.0]]), 8, training=True)
    first = input_range.variables_by_name["high"].numpy()
    assert first == pytest.approx(3.0, rel=1e-5)
    for _ in range(200):
        input_range.rounded(tf.constant([[0.5, 7.0]]), 8, training=True)
    assert input_range.variables_by_name["high"].numpy() == pytest.approx(7.0, rel=1e-3)
    assert input_range.variables_by_name["low"].numpy() == pytest.approx(-7.0, rel=1e-3)


def test_inputs_take_all_levels_of_their_width_and_none_beyond_the_range():
    input_range = InputRange()
    x = tf.linspace(-2.0, 2.0, 4001)[:, None]
    for _ in range(300):
        input_range.rounded(x, 4, training=True)
    levels = np.unique(input_range.rounded(2 * x, 4).numpy())
    assert len(levels) == 15
    assert levels.max() == pytest.approx(2.0, rel=1e-2)


# Maps that no training met, whose inputs have no range.


def test_inputs_without_a_range_are_rounded_to_0():
    for bits in (4, 8):
        rounded = InputRange().rounded(tf.constant([[-2.0, 0.0, 3e30, 1e-30]]), bits)
        np.testing.assert_array_equal(rounded, np.zeros((1, 4)))


def test_an_untrained_network_computes_its_head_bias_and_so_does_its_path():
    untrained = Supernet(QUANTIZED, FEATURES, SMALL_OPTIONS, seed=3)
    shake(untrained)
    inputs = raw_inputs(FEATURES, 8)
    architecture = QUANTIZED.sample(np.random.default_rng(4))
    subnet = untrained.extract(architecture)
    bias = subnet.named_weights()["head/head_bias"].numpy()
    expected = np.broadcast_to(bias, (8, 1))
    np.testing.assert_array_equal(untrained.logits(inputs, architecture), expected)
    np.testing.assert_array_equal(subnet(inputs), expected)
    with native.portable():  # as an export computes it
        np.testing.assert_array_equal(subnet(inputs), expected)


def test_the_first_training_step_of_an_untrained_network_is_finite():
    subnet = Subnet(QUANTIZED.widest, FEATURES, SMALL_OPTIONS)
    inputs = raw_inputs(FEATURES, 16)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(subnet(inputs, training=True)))
    for gradient in tape.gradient(loss, [v.value for v in subnet.trainable_variables]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()
    assert np.isfinite(subnet(inputs)).all()


def test_a_path_of_maps_that_other_paths_never_trained_is_that_of_its_subnet():
    model = Supernet(QUANTIZED, FEATURES, SMALL_OPTIONS, seed=3)
    shake(model)
    inputs = raw_inputs(FEATURES, 16)
    single = QUANTIZED.replace(operators="single")
    model(inputs, path=model.encode(single.sample(np.random.default_rng(1))), training=True)
    widest = QUANTIZED.widest
    subnet = model.extract(widest)
    ranges = [r for q in subnet.quantizers.values() for r in q.ranges.values()]
    highs = [float(r.variables_by_name["high"].numpy()) for r in ranges]
    assert min(highs) == 0.0 < max(highs)
    alone = subnet(inputs).numpy()
    assert np.isfinite(alone).all()
    scale = max(1.0, np.abs(alone).max())
    np.testing.assert_allclose(model.logits(inputs, widest), alone, rtol=0, atol=1e-5 * scale)
    # In integers as well: such a map yields its bias.
    found = subnet.logits_with_maps(inputs, quantized_weights(subnet))
    close = np.isclose(found, alone, rtol=0, atol=1e-4 * scale)
    assert np.isfinite(found).all() and close.mean() > 0.9


def test_a_map_whose_inputs_were_0_in_all_of_training_does_not_stop_the_integers():
    subnet = Subnet(QUANTIZED.widest, FEATURES, SMALL_OPTIONS)
    shake(subnet)
    inputs = raw_inputs(FEATURES, 16)
    # A hidden layer that the rectifier shuts: what follows it sees zeros alone.
    for name, variable in subnet.named_weights().items():
        if name.endswith("attention/hidden_bias"):
            variable.assign(np.full(variable.shape, -1e6, np.float32))
    subnet(inputs, training=True)
    maps = quantized_weights(subnet)
    shut = [linear for name, linear in maps.items() if name.endswith("attention/output")]
    assert shut and all(0 < linear.input_scale < 1e-25 for linear in shut)
    assert np.isfinite(subnet.logits_with_maps(inputs, maps)).all()
