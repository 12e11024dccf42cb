"""The functional model: integer products as the analog arrays compute them."""

import numpy as np

from pim.errors import PimError
from pim.hardware.cells import ProgrammedArrays, check_bits, program, whole_matrix
from pim.hardware.converters import CLIP, largest_sum
from pim.hardware.encoding import OFFSET, TWOS_COMPLEMENT
from pim.hardware.hardware import Hardware

_CHUNK_VALUES = 1 << 22
"""Converted values worked on at once, to bound memory."""

_EXACT_FLOAT32 = 1 << 24

_EXACT_BITS = 53
"""Of whole numbers in double precision."""


def analog_matmul(
    x_int: np.ndarray,
    w_int: np.ndarray,
    hardware: Hardware,
    rng: np.random.Generator,
    *,
    activation_bits: int | None = None,
    weight_bits: int | None = None,
) -> np.ndarray:
    """x_int @ w_int as the hardware computes it: bit-sliced, bit-serial, converted, shifted, added.

    The result equals the integer product bit by bit if the device is ideal and the ADC has
    ``hardware.lossless_adc_bits``. With fewer bits the ADC's range policy decides what is lost.

    Example:
        >>> import numpy as np
        >>> from pim import changed, hardware_preset
        >>> x, w = np.array([[1, 0, 3]]), np.array([[2, -1], [5, 4], [-3, 7]])
        >>> hardware = hardware_preset("isaac32")
        >>> analog_matmul(x, w, hardware, np.random.default_rng(0))
        array([[-7., 20.]])
        >>> noisy = changed(hardware, {"device.variation": 0.5})
        >>> bool((analog_matmul(x, w, noisy, np.random.default_rng(0)) == x @ w).all())
        False

    Args:
        x_int: (samples, K) integers, with or without sign.
        w_int: (K, M) integers of magnitude at most 2**(weight_bits - 1) - 1.
        hardware: the design.
        rng: source of variation and stuck cells.
        activation_bits: bits of an input, with its sign if any is negative; by default the
            fewest that hold all.
        weight_bits: bits of a weight with its sign; by default the fewest that hold all.

    Returns:
        (samples, M), floating point, in units of one input times one weight.

    Raises:
        PimError: if integers do not fit their bits, shapes do not match, cells have more bits than
            a weight, or wires take more current than a first-order model allows.
    """
    arrays = program(w_int, hardware, rng, weight_bits)
    return multiply(x_int, arrays, hardware, activation_bits=activation_bits)


def multiply(
    x_int: np.ndarray,
    arrays: ProgrammedArrays,
    hardware: Hardware,
    *,
    activation_bits: int | None = None,
    signed: bool | None = None,
) -> np.ndarray:
    """Multiplies inputs by arrays that are already programmed.

    Args:
        x_int: (samples, K) integers.
        arrays: the result of ``program`` on the same hardware.
        hardware: the design.
        activation_bits: bits of an input; by default the fewest that hold all.
        signed: whether inputs have a sign; by default whether any is negative.

    Returns:
        (samples, M), floating point, in units of one input times one weight.

    Raises:
        PimError: if inputs do not fit their bits or the arrays.
    """
    x = whole_matrix("inputs", x_int)
    if x.shape[1] != arrays.rows:
        raise PimError(f"inputs have {x.shape[1]} columns; the weights have {arrays.rows} rows")
    if signed is None:
        signed = bool((x < 0).any())
    elif not signed and (x < 0).any():
        raise PimError("inputs without sign must not be negative")
    bits = check_bits("inputs", x, activation_bits, signed)
    if arrays.rows.bit_length() + bits + arrays.weight_bits > _EXACT_BITS:
        raise PimError(
            f"{arrays.rows} products of weights of {arrays.weight_bits} and inputs of {bits} bits "
            "do not add up exactly in double precision; give fewer bits"
        )
    digits, weights = _pulses(x, bits, signed, hardware)
    planes = arrays.levels[0].shape[1]
    per_sample = len(weights) * planes * arrays.columns * arrays.levels[0].shape[3]
    step = max(1, _CHUNK_VALUES // per_sample)
    parts = [
        _accumulate(digits[:, start : start + step], weights, arrays, hardware)
        for start in range(0, len(x), step)
    ]
    return np.concatenate(parts)


def _pulses(x, bits: int, signed: bool, hardware) -> tuple[np.ndarray, np.ndarray]:
    """The inputs read by read, (reads, samples, K), and the worth of each read."""
    base = hardware.dac.bits
    magnitude_bits = bits - 1 if signed else bits
    shifts = np.arange(0, magnitude_bits, base)
    worth = 2.0**shifts
    mask = 2**base - 1
    if signed and hardware.encoding.inputs == TWOS_COMPLEMENT:
        low = x & (2**magnitude_bits - 1)
        digits = (low[None] >> shifts[:, None, None]) & mask
        # The sign bit has a read of its own, which is subtracted.
        sign = (x < 0).astype(np.int64)[None]
        return np.concatenate([digits, sign]), np.append(worth, -(2.0**magnitude_bits))
    digits = (np.abs(x)[None] >> shifts[:, None, None]) & mask
    return digits * np.sign(x)[None], worth


def _accumulate(digits, weights, arrays: ProgrammedArrays, hardware) -> np.ndarray:
    """Sums conversions over row tiles, slices and reads."""
    reads, samples, _ = digits.shape
    cell_worth = 2.0 ** (np.arange(arrays.levels[0].shape[1]) * hardware.device.bits_per_cell)
    top = largest_sum(
        hardware.array.rows, hardware.dac.bits, hardware.device.bits_per_cell, hardware.encoding
    )
    kind = np.float32 if top < _EXACT_FLOAT32 else np.float64
    total = np.zeros((samples, arrays.columns))
    start = 0
    for levels, flipped, reference in zip(arrays.levels, arrays.flipped, arrays.references):
        rows = levels.shape[0]
        part = digits[:, :, start : start + rows].reshape(reads * samples, rows)
        start += rows
        current = part.astype(kind) @ levels.reshape(rows, -1).astype(kind)
        code = convert(current, hardware, top).reshape(reads, samples, *levels.shape[1:])
        if hardware.encoding.weights == OFFSET:
            sums = convert(part.astype(kind) @ reference.astype(kind), hardware, top)
            value = _corrected(code[..., 0], sums.reshape(reads, samples, -1), flipped, arrays)
        else:
            value = code[..., 0] - code[..., 1] if code.shape[-1] == 2 else code[..., 0]
        total += np.einsum("rspm,r,p->sm", value, weights, cell_worth, optimize=True)
    return total


def _corrected(code, sums, flipped, arrays: ProgrammedArrays) -> np.ndarray:
    """Codes of offset columns without their offset, flipped ones turned back (ISAAC, section V).

    Both take the sum of the inputs, which is what a column of the same array gave through the same
    converter. A flipped column holds L - 1 - level in each cell, so that its value is (L - 1) sum -
    code. The offset 2^(w-1) of a weight is one level of the last slice, at its lowest bit or above.

    Args:
        code: (reads, samples, planes, outputs).
        sums: (reads, samples, arrays), the code of each array's reference column.
        flipped: (planes, outputs) of 0 or 1.
        arrays: the arrays.
    """
    # Differences of large sums: in double precision, as the digital adders lose nothing.
    sums = sums[..., arrays.array_of].astype(np.float64)
    top_level = 2**arrays.bits_per_cell - 1
    value = np.where(flipped == 1, top_level * sums - code, code)
    offset = 2 ** ((arrays.weight_bits - 1) % arrays.bits_per_cell)
    value[:, :, -1] -= offset * sums[:, :, -1]
    return value


def convert(current: np.ndarray, hardware: Hardware, top: int) -> np.ndarray:
    """What the ADC makes of column currents, in units of one input times one level.

    Args:
        current: the currents, of any shape.
        hardware: the design; its ADC's bits and range policy decide.
        top: the largest magnitude that can occur (see ``converters.largest_sum``).

    Returns:
        Of the same shape, what the codes stand for in the same units.

    Raises:
        PimError: if values have a sign and the ADC has a single bit.
    """
    bits, signed = hardware.adc.bits, hardware.encoding.signed_conversion
    if signed and bits < 2:
        raise PimError("adc.bits must be at least 2 where converted values have a sign")
    highest = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    lowest = -(2 ** (bits - 1)) if signed else 0
    step = 1.0
    if hardware.adc.range_policy != CLIP:
        step = max(1.0, top / highest)
    return np.clip(np.rint(current / step), lowest, highest) * step


def normalized_error(approximate: np.ndarray, exact: np.ndarray) -> float:
    """Mean squared error over the mean square of the exact values (NMSE).

    Example:
        >>> normalized_error([1.0, 2.5], [1.0, 2.0])
        0.05

    Args:
        approximate: values of any shape.
        exact: values of the same shape.

    Raises:
        PimError: if the exact values are all zero.
    """
    exact = np.asarray(exact, dtype=np.float64)
    power = float(np.mean(exact**2))
    if power == 0:
        raise PimError("the exact values are all zero")
    return float(np.mean((np.asarray(approximate) - exact) ** 2)) / power
