"""Quantized linear maps in integers, and on analog arrays."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from pim import checks
from pim.errors import PimError
from pim.functional.analog import multiply
from pim.hardware.cells import MAX_BITS, ProgrammedArrays, check_bits, plain, program, whole_matrix
from pim.hardware.hardware import Hardware
from pim.workload.operators import MIN_WEIGHT_BITS


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedLinear:
    """A linear map y = x W + b in integers and scales.

    Real weights are ``weights * weight_scale``; an input x becomes the integer
    clip(round(x / input_scale) + input_zero), and stands for (integer - input_zero) * input_scale
    (the affine quantization of Jacob et al., 2018).

    Example:
        >>> import numpy as np
        >>> linear = QuantizedLinear(np.array([[3], [-2]]), 0.5, 0.25, bias=np.array([1.0]))
        >>> linear.quantize(np.array([[1.0, 0.5]]))
        array([[4, 2]])
        >>> linear(np.array([[1.0, 0.5]]))  # 1.5 * 1 - 1 * 0.5 + 1
        array([[2.]])

    Args:
        weights: (K, M) integers, symmetric.
        weight_scale: a number, or one per output.
        input_scale: what one step of an input is worth.
        weight_bits: bits of a weight, with its sign.
        activation_bits: bits of an input, with its sign if it has one.
        signed_inputs: whether the input's integers have a sign.
        input_zero: the integer that stands for 0.
        bias: real numbers, one per output, added digitally; None for none.

    Raises:
        PimError: if weights or ``input_zero`` do not fit their bits, scales are not positive, a
            number is not finite, or shapes differ.
    """

    weights: np.ndarray
    weight_scale: Any
    input_scale: float
    weight_bits: int = 8
    activation_bits: int = 8
    signed_inputs: bool = True
    input_zero: int = 0
    bias: np.ndarray | None = None

    def __post_init__(self):
        weights = whole_matrix("weights", self.weights)
        check_bits("weights", weights, self.weight_bits, True)
        object.__setattr__(self, "weights", weights)
        scale = _reals("weight_scale", self.weight_scale)
        if scale.shape not in ((), (weights.shape[1],)) or not np.all(scale > 0):
            raise PimError("weight_scale must be one positive number, or one per output")
        object.__setattr__(self, "weight_scale", scale)
        checks.flag("signed_inputs", self.signed_inputs)
        top = _input_top(self.activation_bits, self.signed_inputs)
        scale = _reals("input_scale", self.input_scale)
        if scale.shape != () or not scale > 0:
            raise PimError(f"input_scale must be positive. Received: {self.input_scale!r}")
        checks.whole("input_zero", plain(self.input_zero), -top if self.signed_inputs else 0, top)
        if self.bias is not None:
            bias = _reals("bias", self.bias)
            if bias.shape != (weights.shape[1],):
                raise PimError(f"bias must have one value per output ({weights.shape[1]})")
            object.__setattr__(self, "bias", bias)

    def quantize(self, x: np.ndarray) -> np.ndarray:
        """The integers that stand for real inputs of any shape; what lies beyond saturates.

        Args:
            x: real inputs of any shape.

        Raises:
            PimError: if one is NaN, for which no integer can stand.
        """
        top = _input_top(self.activation_bits, self.signed_inputs)
        bottom = -top if self.signed_inputs else 0
        x = np.asarray(x, dtype=np.float64)
        if np.isnan(x).any():
            raise PimError("inputs must be numbers; one is NaN")
        integers = np.rint(x / self.input_scale) + self.input_zero
        return np.clip(integers, bottom, top).astype(np.int64)

    def from_products(self, products: np.ndarray) -> np.ndarray:
        """Real outputs (samples, M) from products of integers.

        Args:
            products: (samples, M), of quantized inputs and weights.
        """
        if self.input_zero:
            products = products - self.input_zero * self.weights.sum(axis=0)
        result = products * (self.input_scale * self.weight_scale)
        return result if self.bias is None else result + self.bias

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The map in exact integer arithmetic: (..., K) real inputs to (..., M) real outputs."""
        return _on_last_axis(lambda x: self.quantize(x) @ self.weights, self, x)


@dataclasses.dataclass(frozen=True, eq=False)
class AnalogLinear:
    """A quantized linear map on arrays that were programmed once.

    Calling it maps the last axis of a real input. Every call reads the same cells, with the same
    variation and the same stuck cells.

    Args:
        linear: the map.
        hardware: the design.
        rng: source of variation and stuck cells.

    Raises:
        PimError: if the hardware's cells have more bits than the weights.
    """

    linear: QuantizedLinear
    hardware: Hardware
    rng: dataclasses.InitVar[np.random.Generator]
    _arrays: ProgrammedArrays = dataclasses.field(init=False, repr=False)

    def __post_init__(self, rng):
        arrays = program(self.linear.weights, self.hardware, rng, self.linear.weight_bits)
        object.__setattr__(self, "_arrays", arrays)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return _on_last_axis(self._products, self.linear, x)

    def _products(self, x: np.ndarray) -> np.ndarray:
        return multiply(
            self.linear.quantize(x),
            self._arrays,
            self.hardware,
            activation_bits=self.linear.activation_bits,
            signed=self.linear.signed_inputs,
        )


def _on_last_axis(products: Callable, linear: QuantizedLinear, x: np.ndarray) -> np.ndarray:
    """The map of the last axis, by a function that multiplies (samples, K) inputs."""
    x, (rows, columns) = np.asarray(x), linear.weights.shape
    if x.ndim < 1 or x.shape[-1] != rows:
        raise PimError(f"inputs need a last axis of {rows}. Received shape: {x.shape}")
    flat = x.reshape(-1, rows)
    if not len(flat):
        return np.zeros((*x.shape[:-1], columns))
    return linear.from_products(products(flat)).reshape(*x.shape[:-1], columns)


def _input_top(bits: int, signed: bool) -> int:
    """The largest integer of an input."""
    bits = plain(bits)
    checks.whole("activation_bits", bits, 2 if signed else 1, MAX_BITS)
    return 2 ** (bits - 1 if signed else bits) - 1


def _reals(name: str, values: Any) -> np.ndarray:
    """One finite number, or an array of them."""
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise PimError(f"{name} must be numbers. Received: {checks.shown(values)}") from None
    if not np.all(np.isfinite(values)):
        raise PimError(f"{name} must be finite")
    return values


def quantize_linear(
    kernel: np.ndarray,
    bias: np.ndarray | None,
    inputs: np.ndarray,
    *,
    weight_bits: int = 8,
    activation_bits: int = 8,
) -> QuantizedLinear:
    """Quantizes a real linear map after training: symmetric, weights per output.

    Example:
        >>> import numpy as np
        >>> linear = quantize_linear(np.array([[0.5], [-1.0]]), None, np.array([[0.0, 2.55]]))
        >>> linear.weights.tolist(), linear.signed_inputs, round(linear.input_scale, 4)
        ([[64], [-127]], False, 0.01)

    Args:
        kernel: (K, M) real weights.
        bias: (M,) or None.
        inputs: typical real inputs (..., K); their largest magnitude sets the input's scale, and a
            negative one among them gives the inputs a sign.
        weight_bits: bits of a weight, with its sign.
        activation_bits: bits of an input, with its sign if it has one.

    Raises:
        PimError: if the kernel is no matrix, kernel or inputs are not finite, there are no inputs,
            widths are out of range, or the bias does not have one value per output.
    """
    kernel, inputs = _reals("kernel", kernel), _reals("inputs", inputs)
    if kernel.ndim != 2 or not kernel.size:
        raise PimError(f"kernel must be a matrix. Received shape: {kernel.shape}")
    if not inputs.size or inputs.shape[-1:] != kernel.shape[:1]:
        raise PimError(f"inputs need a last axis of {len(kernel)}. Received shape: {inputs.shape}")
    weight_bits = plain(weight_bits)
    checks.whole("weight_bits", weight_bits, MIN_WEIGHT_BITS, MAX_BITS)
    largest = np.abs(kernel).max(axis=0)
    top = 2 ** (weight_bits - 1) - 1
    scale = np.where(largest > 0, largest, 1.0) / top
    signed = bool((inputs < 0).any())
    input_top = _input_top(activation_bits, signed)
    reach = float(np.abs(inputs).max()) or 1.0
    return QuantizedLinear(
        weights=np.rint(kernel / scale).astype(np.int64),
        weight_scale=scale,
        input_scale=reach / input_top,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        signed_inputs=signed,
        bias=bias,
    )
