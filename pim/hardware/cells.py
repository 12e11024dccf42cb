"""Programming integer weights into cells, with what real cells do to them."""

import dataclasses
from typing import Any

import numpy as np

from pim import checks
from pim.errors import PimError
from pim.hardware.encoding import ANALOG, DIFFERENTIAL, OFFSET, PACKED
from pim.hardware.hardware import Device, Hardware

MAX_BITS = 32
"""Of a weight or an input: beyond any hardware, and sums of shifted slices stay whole numbers."""


@dataclasses.dataclass(frozen=True, eq=False)
class ProgrammedArrays:
    """The arrays of one linear map after programming.

    Conductances are in units of one level, the lowest level being 0, so that an ideal cell holds
    its slice of the weight as a whole number.

    Args:
        levels: by row tile: (rows, planes, outputs, converted polarities).
        flipped: by row tile: (planes, outputs) of 0 or 1: columns stored inverted.
        references: by row tile: (rows, arrays side by side) of offset weights: the column of each
            array whose cells hold one level each, so that its current is the sum of the inputs;
            no array for differential weights, which need none.
        array_of: (planes, outputs): the array in which each column of offset weights stands.
        rows: inputs of the map.
        columns: outputs of the map.
        weight_bits: bits of a weight.
        bits_per_cell: bits of a cell.
    """

    levels: tuple[np.ndarray, ...]
    flipped: tuple[np.ndarray, ...]
    references: tuple[np.ndarray, ...]
    array_of: np.ndarray
    rows: int
    columns: int
    weight_bits: int
    bits_per_cell: int


def program(
    weights: np.ndarray,
    hardware: Hardware,
    rng: np.random.Generator,
    weight_bits: int | None = None,
) -> ProgrammedArrays:
    """Writes an integer matrix into arrays.

    Args:
        weights: (K, M) integers of magnitude at most 2**(weight_bits - 1) - 1.
        hardware: the design; its device gives variation, stuck cells and levels.
        rng: source of variation and stuck cells.
        weight_bits: bits of a weight with its sign; by default the fewest that hold all.

    Raises:
        PimError: if the weights do not fit.
    """
    weights = whole_matrix("weights", weights)
    weight_bits = check_bits("weights", weights, weight_bits, True, hardware.device.bits_per_cell)
    magnitude_bits = hardware.encoding.weight_magnitude_bits(weight_bits)
    cell_bits = hardware.device.bits_per_cell
    if cell_bits > magnitude_bits:
        raise PimError(
            f"cells of {cell_bits} bits are more than weights of {weight_bits} bits need; lower "
            "device.bits_per_cell or raise weight_bits"
        )
    planes = -(-magnitude_bits // cell_bits)
    if hardware.encoding.weights == DIFFERENTIAL:
        halves = [np.maximum(weights, 0), np.maximum(-weights, 0)]
    else:
        halves = [weights + 2 ** (weight_bits - 1)]
    slices = np.stack([_slices(half, planes, cell_bits) for half in halves], axis=-1)
    places = array_places(planes, weights.shape[1], hardware)
    levels, flipped, references = [], [], []
    for start in range(0, len(weights), hardware.array.rows):
        tile = slices[start : start + hardware.array.rows]
        flips = _flips(tile, hardware)
        tile = np.where(flips[None, :, :, None] == 1, hardware.device.levels - 1 - tile, tile)
        cells, reference = _real_arrays(tile, places, hardware, rng)
        levels.append(_read_out(cells, hardware))
        flipped.append(flips)
        references.append(reference)
    rows, columns = weights.shape
    return ProgrammedArrays(
        tuple(levels),
        tuple(flipped),
        tuple(references),
        places[:, :, 0],
        rows,
        columns,
        weight_bits,
        cell_bits,
    )


def array_places(planes: int, outputs: int, hardware: Hardware) -> np.ndarray:
    """The array, of those side by side, in which each column stands, as the cost model maps them.

    Packed slices of a weight, of both polarities, stand side by side; spread ones have arrays of
    their own. The columns of an array are in the order of outputs, slices, polarities.

    Args:
        planes: slices of a weight.
        outputs: outputs of the map.
        hardware: the design.

    Returns:
        (planes, outputs, polarities) whole numbers.
    """
    polarities = hardware.encoding.polarities
    width = hardware.encoding.usable_columns(hardware.array.columns)
    plane, output, polarity = np.indices((planes, outputs, polarities))
    if hardware.encoding.slice_packing == PACKED:
        return ((output * planes + plane) * polarities + polarity) // width
    arrays_per_slice = -(-outputs // width)
    return (plane * polarities + polarity) * arrays_per_slice + output // width


def whole_matrix(name: str, values: np.ndarray) -> np.ndarray:
    """The values as a matrix of 64-bit integers.

    Args:
        name: what messages call them.
        values: (rows, columns), of any numeric type.

    Raises:
        PimError: if they are no matrix, no whole numbers, or larger than ``MAX_BITS`` bits hold.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise PimError(f"{name} must be whole numbers. Received values of type {values.dtype}")
    if values.ndim != 2 or 0 in values.shape:
        raise PimError(f"{name} must be a matrix that is not empty. Received shape: {values.shape}")
    if values.dtype.kind == "f":
        if not np.all(np.isfinite(values)) or np.any(values != np.rint(values)):
            raise PimError(f"{name} must be whole numbers; quantize them first")
    # Compared as they are: the absolute value of the least integer of a type has no place in it.
    if values.max() >= 2**MAX_BITS or values.min() <= -(2**MAX_BITS):
        raise PimError(f"{name} must be whole numbers of at most {MAX_BITS} bits")
    return values.astype(np.int64)


def check_bits(name, values, bits: int | None, signed: bool, least: int = 1) -> int:
    """The bit width of the values, checked against the one given, if any.

    Args:
        name: what messages call them.
        values: whole numbers.
        bits: the width given, or None for the fewest bits that hold all.
        signed: whether one bit is a sign.
        least: bits of magnitude to take at least, where no width is given.

    Raises:
        PimError: if the values do not fit, or the width is no whole number from 1 to ``MAX_BITS``.
    """
    largest = int(np.abs(values).max())
    needed = max(largest.bit_length(), least) + (1 if signed else 0)
    bits = needed if bits is None else plain(bits)
    checks.whole(f"bits of {name}", bits, 1, MAX_BITS)
    if bits < largest.bit_length() + (1 if signed else 0):
        bound = 2 ** (bits - 1 if signed else bits) - 1
        raise PimError(f"{name} of {bits} bits reach {bound}; the largest here is {largest}")
    return bits


def plain(value: Any) -> Any:
    """A number of NumPy's as the same number of Python's; anything else as it is.

    Args:
        value: a width, of whatever type it was given.

    Example:
        >>> plain(np.int8(7)) + 1000
        1007
    """
    return value.item() if isinstance(value, np.generic) else value


def _slices(values: np.ndarray, planes: int, cell_bits: int) -> np.ndarray:
    """(K, M) into (K, planes, M), the least significant slice first."""
    shifts = np.arange(planes) * cell_bits
    return (values[:, None, :] >> shifts[None, :, None]) & (2**cell_bits - 1)


def _flips(tile: np.ndarray, hardware: Hardware) -> np.ndarray:
    """Which columns are stored inverted: those whose cells sum to more than half."""
    if not hardware.encoding.flip:
        return np.zeros(tile.shape[1:3], dtype=np.int64)
    half = tile.shape[0] * (hardware.device.levels - 1) / 2
    return (tile[..., 0].sum(axis=0) > half).astype(np.int64)


def _floor_level(device: Device) -> float:
    """Conductance of the lowest level, in units of one level's step."""
    on, off = 1 / device.low_resistance_ohm, 1 / device.high_resistance_ohm
    return (device.levels - 1) * off / (on - off)


def _real_arrays(
    tile: np.ndarray, places: np.ndarray, hardware: Hardware, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The cells of a row tile's weights and of its reference columns, one in each array."""
    cells = _real_cells(tile, hardware.device, rng)
    arrays = places.max() + 1 if hardware.encoding.weights == OFFSET else 0
    references = _real_cells(np.ones((len(tile), arrays)), hardware.device, rng)
    if hardware.array.wire_resistance_ohm:
        _drop_along_wires(cells, references, places, hardware)
    return cells, references


def _real_cells(ideal: np.ndarray, device: Device, rng: np.random.Generator) -> np.ndarray:
    """Ideal levels with stuck cells and variation."""
    cells = ideal.astype(np.float64)
    if device.stuck_high_resistance or device.stuck_low_resistance:
        draw = rng.random(cells.shape)
        low = device.stuck_high_resistance
        cells = np.where(draw < low, 0.0, cells)
        stuck_on = (draw >= low) & (draw < low + device.stuck_low_resistance)
        cells = np.where(stuck_on, device.levels - 1.0, cells)
    if device.variation:
        floor = _floor_level(device)
        noise = rng.standard_normal(cells.shape) * device.variation
        cells = np.maximum(cells + (cells + floor) * noise, -floor)
    return cells


def _drop_along_wires(
    cells: np.ndarray, references: np.ndarray, places: np.ndarray, hardware: Hardware
) -> None:
    """Takes from each cell what its current loses in the wires, array by array, in place.

    The reference column of an array stands behind its last column.
    """
    floor = _floor_level(hardware.device)
    # In the order in which an array holds its columns.
    order = np.transpose(np.indices(places.shape), (2, 1, 3, 0)).reshape(-1, 3)
    array_of = places[tuple(order.T)]
    for array in range(int(places.max()) + 1):
        planes, outputs, polarities = order[array_of == array].T
        columns = cells[:, planes, outputs, polarities]
        whole = np.concatenate([columns, references[:, array : array + 1]], axis=1) + floor
        whole = whole * (1 - _lost_shares(whole, hardware)) - floor
        cells[:, planes, outputs, polarities] = whole[:, : columns.shape[1]]
        references[:, array : array + 1] = whole[:, columns.shape[1] :]


def _lost_shares(conductance: np.ndarray, hardware: Hardware) -> np.ndarray:
    """Share of each cell's current that is lost in the wires, to first order.

    The network of wires and cells is linear, so the loss does not depend on the inputs. A word
    line is driven at its first column, a bit line is read at its last row.

    Args:
        conductance: (rows, columns) of one array, in units of one level.
        hardware: the design.
    """
    device = hardware.device
    step_s = (1 / device.low_resistance_ohm - 1 / device.high_resistance_ohm) / (device.levels - 1)
    segments = _along(conductance, axis=1) + _along(conductance[::-1], axis=0)[::-1]
    lost = segments * (step_s * hardware.array.wire_resistance_ohm)
    if lost.max() > 0.5:
        raise PimError(
            f"array.wire_resistance_ohm = {hardware.array.wire_resistance_ohm:g}: the wires would "
            f"take {lost.max() * 100:.0f} % of a cell's current, too much for a first-order "
            "model; lower it, the array's size or the cells' conductance"
        )
    return lost


def _along(g: np.ndarray, axis: int) -> np.ndarray:
    """sum over j' of g[j'] (1 + min(j, j')): segments that two cells' currents share."""
    distance = np.arange(1, g.shape[axis] + 1, dtype=np.float64)
    distance = distance.reshape((-1, 1) if axis == 0 else (1, -1))
    nearer = np.cumsum(g * distance, axis=axis)
    farther = g.sum(axis=axis, keepdims=True) - np.cumsum(g, axis=axis)
    return nearer + distance * farther


def _read_out(cells: np.ndarray, hardware: Hardware) -> np.ndarray:
    """What the converters see: pairs subtracted, where that happens before the conversion."""
    encoding = hardware.encoding
    if encoding.weights == DIFFERENTIAL and encoding.subtraction == ANALOG:
        return cells[..., :1] - cells[..., 1:]
    return cells
