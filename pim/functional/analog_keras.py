"""Keras models whose ``Dense`` layers run on analog arrays.

Keras is loaded once a model is at hand.
"""

from typing import Any

import numpy as np

from pim.errors import PimError
from pim.functional.quantized import AnalogLinear, quantize_linear
from pim.hardware.hardware import Hardware
from pim.workload.keras_models import NORMS
from pim.workload.precision import EIGHT_BITS, Precision


def analog_keras_model(
    model: Any,
    hardware: Hardware,
    rng: np.random.Generator,
    *,
    calibration: Any,
    precision: Precision = EIGHT_BITS,
) -> Any:
    """A copy of a Keras model whose ``Dense`` layers run on analog arrays.

    The kernels are quantized symmetrically per output; every layer's inputs get the scale of the
    largest magnitude that the calibration samples bring there. The copy runs eagerly.

    Args:
        model: a built functional or sequential model.
        hardware: the design.
        rng: source of variation and stuck cells.
        calibration: inputs of some samples, as ``model`` takes them.
        precision: bit widths by layer name.

    Returns:
        A Keras model of the same inputs and outputs, whose layers keep their names.

    Raises:
        PimError: if the model is not built or has no ``Dense`` layer, one is used twice, another
            layer would multiply by its weights off the arrays, bits are given for what is no
            ``Dense`` layer, or the hardware cannot hold one.
    """
    import keras

    if not model.built:
        raise PimError(f"{model.name}: build the model first, for instance by calling it")
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if not dense:
        raise PimError(f"{model.name}: has no Dense layer to run on arrays")
    for layer in model.layers:
        _check_place(model, layer)
    precision.check([layer.name for layer in dense])
    inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]
    probe = keras.Model(inputs, [layer.input for layer in dense])
    seen = probe(calibration)
    seen = seen if isinstance(seen, (list, tuple)) else [seen]
    maps = {}
    for layer, inputs in zip(dense, seen):
        weight_bits, activation_bits = precision.of(layer.name)
        linear = quantize_linear(
            keras.ops.convert_to_numpy(layer.kernel),
            keras.ops.convert_to_numpy(layer.bias) if layer.use_bias else None,
            keras.ops.convert_to_numpy(inputs),
            weight_bits=weight_bits,
            activation_bits=activation_bits,
        )
        maps[layer.name] = AnalogLinear(linear, hardware, rng)
    analog_layer = _analog_layer_class()

    def replaced(layer):
        if layer.name in maps:
            return analog_layer(maps[layer.name], layer.activation, name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=replaced)
    for layer in model.layers:
        if layer.name not in maps and layer.weights:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    copy.run_eagerly = True
    return copy


_OFF_ARRAYS = ("Embedding", "PReLU", *NORMS)
"""Layers whose weights belong to memories and digital units."""


def _check_place(model, layer) -> None:
    """Raises where a layer would be passed over, so that part of the model ran off the arrays."""
    kind = type(layer).__name__
    if kind != "Dense" and layer.weights and kind not in _OFF_ARRAYS:
        raise PimError(f"layer {layer.name} is a {kind}, whose weights no array would hold")
    # Keras has no public way to ask for a layer's uses.
    if kind == "Dense" and len(layer._inbound_nodes) > 1:
        raise PimError(f"{model.name}: layer {layer.name} is used more than once")


def _analog_layer_class():
    import keras

    class AnalogDense(keras.layers.Layer):
        """A linear map on arrays, then its activation in real arithmetic."""

        def __init__(self, analog, activation, **options):
            super().__init__(**options)
            self._analog = analog
            self._activation = activation

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], self._analog.linear.weights.shape[1])

        def compute_output_spec(self, inputs):
            return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

        def call(self, inputs):
            y = self._analog(keras.ops.convert_to_numpy(inputs))
            return self._activation(keras.ops.convert_to_tensor(y, dtype="float32"))

    return AnalogDense
