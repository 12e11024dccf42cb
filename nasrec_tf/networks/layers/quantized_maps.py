"""Quantization-aware linear maps: TF-MOT's quantizers in Keras 3 layers (paper 3.3 and 5.1)."""

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from nasrec_tf.networks.layers.spec_config import specs_from_config, specs_to_config
from nasrec_tf.operators.base import Prefix, WeightSpec
from nasrec_tf.operators.network_options import CHANNEL

KERNEL = "_kernel"
"""End of the name of a linear map's weights; what stands before it is the map's name."""

SCALE_MANTISSA_BITS = 15
"""A scale times an integer of 8 bits is then exact in float32, which has 24."""

SMALLEST_SCALE = 2.0**-100
"""Scale of weights that are all zero."""

KERAS_SWITCH = "TF_USE_LEGACY_KERAS"
"""Environment variable that makes ``tf.keras`` Keras 2; TF-MOT sets it when it is imported."""

MOVING_AVERAGE_DECAY = 0.999
"""Decay that TF-MOT's ``MovingAverageQuantizer`` has built in."""


@keras.saving.register_keras_serializable("nasrec_tf")
class MapQuantizers(keras.layers.Layer):
    """Quantizers of all linear maps of one operator, merger or head.

    Weights are quantized symmetrically by TF-MOT's ``LastValueQuantizer`` over the range of their
    active slice, which is taken anew at each call, so that a path of the supernet and the
    stand-alone network agree and no other path leaves a trace. Inputs are quantized symmetrically
    by TF-MOT's ``MovingAverageQuantizer``; its range is the state that this layer holds.

    Args:
        specs: the weights of the part; those called ``…_kernel`` belong to linear maps.
        weight_ranges: ``"channel"`` or ``"tensor"``, see ``NetworkOptions``.
        widths: bit widths that paths may have; ``None`` where bits are known integers.
    """

    def __init__(
        self,
        specs: Sequence[WeightSpec],
        weight_ranges: str = CHANNEL,
        widths: tuple[int, ...] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.specs = tuple(specs)
        self.weight_ranges = weight_ranges
        self.per_channel = weight_ranges == CHANNEL
        self.widths = None if widths is None else tuple(widths)
        maps = [spec.name.removesuffix(KERNEL) for spec in specs if spec.name.endswith(KERNEL)]
        self.ranges = {name: InputRange(name=f"{name}_input") for name in maps}
        self.built = True

    @property
    def variables_by_name(self) -> dict[str, keras.Variable]:
        """State by the name that it has in files."""
        return {
            f"{map_name}_input_{name}": variable
            for map_name, input_range in self.ranges.items()
            for name, variable in input_range.variables_by_name.items()
        }

    def take_ranges(self, other: "MapQuantizers") -> None:
        """Takes over the ranges of inputs.

        Args:
            other: of a part that has these maps, and may have others.
        """
        known = other.variables_by_name
        for name, variable in self.variables_by_name.items():
            variable.assign(known[name])

    def quantized(
        self,
        weights: dict[str, Any],
        specs: Sequence[WeightSpec],
        weight_bits: Any,
        activation_bits: Any,
        training: bool,
    ) -> dict[str, Any]:
        """The part's weights with quantized kernels, and the quantizers of the maps' inputs.

        Args:
            weights: weights by name.
            specs: the weights at the shape in use.
            weight_bits: an integer, or a scalar tensor that is one of ``widths``, or 0 for a part
                that is not active.
            activation_bits: the same for inputs.
            training: whether the ranges of inputs follow what they see.
        """
        result = dict(weights)
        for spec in specs:
            if not spec.name.endswith(KERNEL):
                continue
            name = spec.name.removesuffix(KERNEL)
            result[spec.name] = self.kernel(weights[spec.name], spec, weight_bits)
            result[f"{name}_input"] = self._input_quantizer(name, activation_bits, training)
        return result

    def kernel(self, value: Any, spec: WeightSpec, bits: Any) -> Any:
        """The quantized weights of one linear map: (inputs, outputs).

        Args:
            value: the weights, (inputs, outputs).
            spec: what they are.
            bits: an integer, or a tensor of one of ``widths`` or of 0, which changes nothing.
        """
        return by_width(
            bits,
            self.widths,
            lambda width: quantize_active_part(value, spec, width, self.per_channel),
            lambda: value,
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again, with no range seen yet."""
        own = {
            "specs": specs_to_config(self.specs),
            "weight_ranges": self.weight_ranges,
            "widths": None if self.widths is None else list(self.widths),
        }
        return super().get_config() | own

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MapQuantizers":
        """The layer that ``get_config`` told."""
        return cls(**config | {"specs": specs_from_config(config["specs"])})

    def _input_quantizer(self, name, bits, training) -> Callable[[Any], Any]:
        def quantize(x):
            return by_width(
                # No input at all has no range.
                bits if isinstance(bits, int) else tf.where(tf.size(x) > 0, bits, 0),
                self.widths,
                lambda width: self.ranges[name].rounded(x, width, training),
                lambda: x,
            )

        return quantize


@keras.saving.register_keras_serializable("nasrec_tf")
class InputRange(keras.layers.Layer):
    """The range of one linear map's inputs, and their quantization within it.

    TF-MOT averages with a fixed decay, at which a range takes thousands of steps to forget where
    it started. So at the update after n others the range is first moved to where an average of
    decay n / (9 + n) would have it, until that reaches TF-MOT's own decay; the first batch sets it.

    A range that has seen nothing, or nothing but zeros, is 0: within it everything rounds to 0, so
    that a map yields its bias.

    Example:
        >>> inputs = InputRange()
        >>> seen = inputs.rounded(tf.constant([0.5, -3.0]), bits=8, training=True)
        >>> seen.numpy().round(1).tolist()
        [0.5, -3.0]
        >>> inputs.rounded(tf.constant([10.0]), bits=8).numpy().round(1).tolist()
        [3.0]
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.variables_by_name = {
            name: self.add_weight(name=name, shape=(), initializer="zeros", trainable=False)
            for name in ("low", "high", "updates")
        }
        self.built = True

    def rounded(self, x: Any, bits: int, training: bool = False) -> Any:
        """Quantizes ``x`` within the range.

        Args:
            x: a tensor of any shape.
            bits: of a value, sign included.
            training: whether the range follows ``x`` first.

        Returns:
            Of the shape of ``x``.
        """
        quantizer = _tfmot().MovingAverageQuantizer(
            bits, per_axis=False, symmetric=True, narrow_range=True
        )
        low, high, updates = (variable.value for variable in self.variables_by_name.values())
        if training:
            self._lead(x, low, high, updates)
        return quantizer(x, training, {"min_var": low, "max_var": high})

    @staticmethod
    def _lead(x, low, high, updates):
        """Moves the range so that TF-MOT's update ends where a younger average would be."""
        seen = tf.stop_gradient(tf.reduce_max(tf.abs(x)))
        decay = tf.minimum(updates / (9.0 + updates), MOVING_AVERAGE_DECAY)
        wanted = decay * high + (1.0 - decay) * seen
        before = (wanted - (1.0 - MOVING_AVERAGE_DECAY) * seen) / MOVING_AVERAGE_DECAY
        high.assign(before)
        low.assign(-before)
        updates.assign_add(1.0)


def by_width(bits: Any, widths: tuple[int, ...] | None, quantize, unchanged) -> Any:
    """What ``quantize`` gives for bits that may be known only while the graph runs.

    Args:
        bits: an integer, or a tensor of 0 or one of ``widths``.
        widths: what the tensor may be, rising; ``None`` with integers.
        quantize: gives the outcome for an integer.
        unchanged: gives it for 0.

    Raises:
        ValueError: if ``bits`` is a tensor and ``widths`` is not given.
    """
    if isinstance(bits, int):
        return quantize(bits)
    if widths is None:
        raise ValueError("`widths` must be given for bits that are no integer")
    index = tf.reduce_sum(tf.cast(bits >= tf.constant(widths), tf.int32))
    branches = [unchanged, *(lambda width=width: quantize(width) for width in widths)]
    return tf.switch_case(index, branches)


def quantize_active_part(kernel: Any, spec: WeightSpec, bits: int, per_channel: bool) -> Any:
    """Quantizes what of a kernel ever meets a value; the rest, which meets padding, becomes 0.

    Args:
        kernel: (inputs, outputs).
        spec: what it is; tells the active part.
        bits: of the weights.
        per_channel: whether each output has a range of its own.
    """
    rows, columns = (axis.active if isinstance(axis, Prefix) else None for axis in spec.axes)
    if not isinstance(kernel.shape[0], int) or not isinstance(columns, int):
        return quantize_kernel(kernel, bits, per_channel)  # A path's slice is active as it is.
    rows = kernel.shape[0] if rows is None else rows
    quantized = quantize_kernel(kernel[:rows, :columns], bits, per_channel)
    missing = [[0, kernel.shape[0] - rows], [0, kernel.shape[1] - columns]]
    return tf.pad(quantized, missing)


def quantize_kernel(kernel: Any, bits: int, per_channel: bool) -> Any:
    """Weights rounded to ``bits`` bits, sign included; gradients pass as if they were not.

    Args:
        kernel: (inputs, outputs).
        bits: at least 2.
        per_channel: one scale per output instead of one for all.

    Returns:
        (inputs, outputs).

    Example:
        >>> quantize_kernel(tf.constant([[1.0], [0.4], [-0.1]]), 2, False).numpy().tolist()
        [[1.0], [0.0], [0.0]]
    """
    reach = kernel_scale(kernel, bits, per_channel) * (2.0 ** (bits - 1) - 1.0)
    quantizer = _tfmot().LastValueQuantizer(
        bits, per_axis=per_channel, symmetric=True, narrow_range=True
    )
    # Outside of training the quantizer takes a range as given: that of these very weights.
    return quantizer(kernel, False, {"min_var": -reach, "max_var": reach})


def kernel_scale(kernel: Any, bits: int, per_channel: bool) -> Any:
    """The weight that an integer of 1 stands for: (outputs,), or a scalar.

    It is rounded up to few bits, so that every integer times the scale is exact in float32 and
    the fake-quantized weights are nothing but integers and scales.

    Args:
        kernel: (inputs, outputs).
        bits: of the weights.
        per_channel: whether each output has a scale of its own.
    """
    largest = tf.reduce_max(tf.abs(tf.stop_gradient(kernel)), axis=0 if per_channel else None)
    scale = tf.maximum(largest / (2.0 ** (bits - 1) - 1.0), SMALLEST_SCALE)
    dropped = (1 << (24 - SCALE_MANTISSA_BITS)) - 1
    pattern = tf.bitcast(scale, tf.int32)
    return tf.bitcast(tf.bitwise.bitwise_and(pattern + dropped, ~dropped), tf.float32)


@functools.cache
def _tfmot():
    """TF-MOT's quantizers, imported where a network is quantized.

    TF-MOT would make ``tf.keras`` Keras 2 for the whole program, and leaves the environment
    variable set that asks for it. Its quantizers need neither, so both stay as the program around
    us has them: whichever Keras ``tf.keras`` is by then, TF-MOT finds Keras 2 by itself.
    """
    # The first look at it settles which Keras ``tf.keras`` is.
    getattr(tf.keras, "version", None)
    chosen = os.environ.get(KERAS_SWITCH)
    try:
        import tensorflow_model_optimization
    finally:
        if chosen is None:
            os.environ.pop(KERAS_SWITCH, None)
        else:
            os.environ[KERAS_SWITCH] = chosen
    return tensorflow_model_optimization.quantization.keras.quantizers
