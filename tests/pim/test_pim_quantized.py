"""Quantized linear maps and Keras models on arrays."""

import os

import numpy as np
import pytest

from pim.errors import PimError
from pim.functional.quantized import QuantizedLinear, quantize_linear
from pim.functional.to_analog import to_analog
from pim.hardware.hardware_json import changed
from pim.hardware.presets import hardware_preset
from pim.workload.precision import Precision

HARDWARE = hardware_preset("isaac32")


@pytest.fixture(scope="module")
def linear():
    rng = np.random.default_rng(0)
    return QuantizedLinear(
        weights=rng.integers(-127, 128, (50, 12)),
        weight_scale=rng.uniform(0.001, 0.01, 12),
        input_scale=0.02,
        input_zero=3,
        bias=rng.normal(size=12),
    )


def test_a_quantized_map_stands_for_its_real_one(linear):
    x = np.random.default_rng(1).uniform(-1, 1, (7, 50))
    real = ((linear.quantize(x) - 3) * 0.02) @ (linear.weights * linear.weight_scale) + linear.bias
    assert np.allclose(linear(x), real, rtol=1e-12)


def test_an_ideal_lossless_array_computes_the_quantized_map_exactly(linear):
    x = np.random.default_rng(1).uniform(-2, 2, (3, 4, 50))
    analog = to_analog(linear, HARDWARE, np.random.default_rng(0))
    assert np.array_equal(analog(x), linear(x)) and analog(x).shape == (3, 4, 12)


def test_a_network_is_a_mapping_of_maps_with_cells_of_their_own(linear):
    noisy = changed(HARDWARE, {"device.variation": 0.1})
    network = to_analog({"a": linear, "b": linear}, noisy, np.random.default_rng(0))
    x = np.random.default_rng(1).uniform(-1, 1, (5, 50))
    assert set(network) == {"a", "b"}
    assert not np.array_equal(network["a"](x), network["b"](x))
    assert np.array_equal(network["a"](x), network["a"](x))


def test_inputs_beyond_their_range_saturate():
    linear = QuantizedLinear(np.ones((1, 1), int), 1.0, 0.5, activation_bits=4)
    assert linear.quantize(np.array([[100.0], [-100.0], [0.6]])).tolist() == [[7], [-7], [1]]
    unsigned = QuantizedLinear(
        np.ones((1, 1), int), 1.0, 0.5, activation_bits=4, signed_inputs=False
    )
    assert unsigned.quantize(np.array([[100.0], [-100.0]])).tolist() == [[15], [0]]


def test_quantizing_a_real_map_errs_by_its_rounding_steps():
    rng = np.random.default_rng(2)
    kernel, x = rng.normal(size=(64, 8)), rng.normal(size=(100, 64))
    coarse, fine = (
        np.abs(quantize_linear(kernel, None, x, weight_bits=b, activation_bits=b)(x) - x @ kernel)
        for b in (4, 8)
    )
    assert fine.max() < coarse.max() / 5
    assert fine.max() < 0.5


def test_each_output_and_the_inputs_are_scaled_by_their_largest_magnitude():
    kernel = np.array([[1.27, -0.0254], [-0.64, 0.0127]])
    linear = quantize_linear(kernel, None, np.array([[-2.54, 1.0], [0.5, 2.0]]))
    np.testing.assert_allclose(linear.weight_scale, [0.01, 0.0002])
    assert linear.weights.tolist() == [[127, -127], [-64, 64]]
    assert linear.signed_inputs and linear.input_scale == pytest.approx(0.02)


def test_bad_scales_and_weights_are_one_clear_line():
    with pytest.raises(PimError, match="weights of 4 bits reach 7; the largest here is 9"):
        QuantizedLinear(np.array([[9]]), 1.0, 1.0, weight_bits=4)
    with pytest.raises(PimError, match="weight_scale must be one positive number"):
        QuantizedLinear(np.array([[1, 1]]), np.ones(3), 1.0)
    with pytest.raises(PimError, match="input_scale must be positive"):
        QuantizedLinear(np.array([[1]]), 1.0, 0.0)
    with pytest.raises(PimError, match=r"bias must have one value per output \(1\)"):
        QuantizedLinear(np.array([[1]]), 1.0, 1.0, bias=np.zeros(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_scale": np.inf}, "weight_scale must be finite"),
        ({"weight_scale": "half"}, "weight_scale must be numbers"),
        ({"input_scale": np.nan}, "input_scale must be finite"),
        ({"bias": [np.nan]}, "bias must be finite"),
        ({"input_zero": 0.5}, "input_zero must be a whole number from -127 to 127"),
        ({"input_zero": 128}, "input_zero must be a whole number from -127 to 127"),
        ({"input_zero": -1, "signed_inputs": False}, "input_zero must be a whole number from 0"),
        ({"activation_bits": 1}, "activation_bits must be a whole number from 2 to 32"),
        ({"activation_bits": 64}, "activation_bits must be a whole number from 2 to 32"),
        ({"weight_bits": "8"}, "bits of weights must be a whole number from 1 to 32"),
    ],
)
def test_what_no_map_can_be_made_of_is_one_clear_line(options, message):
    with pytest.raises(PimError, match=message):
        QuantizedLinear(np.array([[1]]), **{"weight_scale": 1.0, "input_scale": 1.0, **options})


def test_widths_may_be_numbers_of_numpys():
    linear = QuantizedLinear(
        np.array([[3]]), 1.0, 1.0, np.int8(8), np.int8(8), input_zero=np.int8(2)
    )
    x = np.array([[40.0]])
    assert linear(x) == to_analog(linear, HARDWARE, np.random.default_rng(0))(x) == 120


@pytest.mark.parametrize("on_arrays", [False, True])
def test_no_integer_stands_for_an_input_that_is_no_number(linear, on_arrays):
    network = to_analog(linear, HARDWARE, np.random.default_rng(0)) if on_arrays else linear
    inputs = np.zeros((3, 50))
    inputs[1, 7] = np.nan
    with pytest.raises(PimError, match="inputs must be numbers; one is NaN"):
        network(inputs)
    with pytest.raises(PimError, match=r"inputs need a last axis of 50. Received shape: \(3, 49\)"):
        network(np.zeros((3, 49)))
    assert network(np.zeros((0, 2, 50))).shape == (0, 2, 12)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.ones((2, 1)), None, np.ones((4, 3))), {}, "inputs need a last axis of 2"),
        ((np.ones((2, 1)), None, np.ones((0, 2))), {}, "inputs need a last axis of 2"),
        ((np.ones((2, 1)), None, np.ones((4, 2))), {"weight_bits": 1}, "from 2 to 32. Received: 1"),
        ((np.ones((2, 1)), None, -np.ones((4, 2))), {"activation_bits": 1}, "from 2 to 32"),
        ((np.ones((2, 1)), None, np.ones((4, 2)) * np.nan), {}, "inputs must be finite"),
    ],
)
def test_what_cannot_be_quantized_is_one_clear_line(arguments, options, message):
    with pytest.raises(PimError, match=message):
        quantize_linear(*arguments, **options)


def test_options_of_keras_models_are_not_passed_over(linear):
    with pytest.raises(PimError, match="only a Keras model takes calibration"):
        to_analog({"a": linear}, HARDWARE, np.random.default_rng(0), calibration=np.zeros((1, 50)))


@pytest.fixture(scope="module")
def keras():
    # As nasrec_tf does: other tests of the process need Keras 2 behind tf.keras.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def model(keras):
    keras.utils.set_random_seed(1)
    dense, fields = keras.Input((13,)), keras.Input((3,), dtype="int32")
    tokens = keras.layers.Permute((2, 1))(keras.layers.Embedding(100, 16, name="tables")(fields))
    tokens = keras.layers.Dense(8, activation="relu", name="efc")(tokens)
    products = keras.layers.Dot(axes=1, name="products")([tokens, tokens])
    fc = keras.layers.Dense(32, activation="relu", name="fc")(dense)
    joined = keras.layers.Concatenate()([fc, keras.layers.Flatten()(products)])
    joined = keras.layers.LayerNormalization(name="norm")(joined)
    logit = keras.layers.Dense(1, activation="sigmoid", name="head")(joined)
    return keras.Model([dense, fields], logit, name="small")


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(4)
    return [rng.normal(size=(64, 13)).astype("float32"), rng.integers(0, 100, (64, 3))]


def test_a_keras_model_is_a_workload(model):
    from pim.cost.estimate import estimate
    from pim.workload.keras_models import workload_from_keras
    from pim.workload.precision import Precision

    workload = workload_from_keras(
        model, batch=2, precision=Precision(8, 8, {"efc": 4}), embedding_bits=16
    )
    operators = {operator.name: operator for operator in workload.operators}
    efc = operators["efc"]
    assert (efc.rows, efc.columns, efc.positions, efc.weight_bits) == (3, 8, 16, 4)
    assert efc.inputs == ("tables",) and efc.functions == 8 * 16
    assert operators["products"].multiply_accumulates == 8 * 8 * 16
    assert operators["tables"].parameters == 1600
    assert set(operators["norm"].inputs) == {"fc", "products"}
    assert operators["norm"].layer_norm == 5 * (32 + 64)
    assert estimate(workload, HARDWARE).latency_ns > 0


def test_a_layer_without_a_place_is_named(keras):
    from pim.workload.keras_models import workload_from_keras

    convolution = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, name="image")]
    )
    with pytest.raises(PimError, match="layer image is a Conv2D"):
        workload_from_keras(convolution)


def test_a_keras_model_runs_on_arrays(model, inputs):
    exact = np.asarray(model(inputs))
    rng = np.random.default_rng(0)
    ideal = to_analog(model, HARDWARE, rng, calibration=inputs)
    close = np.abs(ideal.predict(inputs, verbose=0) - exact).max()
    noisy = to_analog(model, changed(HARDWARE, {"device.variation": 0.3}), rng, calibration=inputs)
    assert close < 0.03 < np.abs(noisy.predict(inputs, verbose=0) - exact).max()


def test_no_part_of_a_keras_model_stays_off_the_arrays_unsaid(keras, model, inputs):
    layers = keras.layers

    def refused(model, message, **options):
        with pytest.raises(PimError, match=message):
            to_analog(
                model,
                HARDWARE,
                np.random.default_rng(0),
                calibration=np.ones((4, 5), "float32"),
                **options,
            )

    inner = keras.Sequential([keras.Input((5,)), layers.Dense(4)], name="inner")
    head = layers.Dense(1, name="head")
    entry = keras.Input((5,))
    refused(keras.Model(entry, head(inner(entry))), "layer inner is a Sequential, whose weights")
    einsum = layers.EinsumDense("ab,bc->ac", 4, name="product")
    refused(keras.Sequential([entry, einsum, layers.Dense(1)]), "layer product is a EinsumDense")
    twice = layers.Dense(5, name="twice")
    refused(keras.Model(entry, twice(twice(entry))), "layer twice is used more than once")
    plain = keras.Sequential([entry, layers.Dense(1, name="only")])
    refused(plain, "bits given for 'block_2'", precision=Precision(weight_bits_of={"block_2": 4}))
