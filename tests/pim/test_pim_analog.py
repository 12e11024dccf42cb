"""The functional model: exact where it should be, and wrong in the way real arrays are."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pim.cost.mapping import map_operators
from pim.errors import PimError
from pim.functional.analog import _pulses, analog_matmul, convert, multiply, normalized_error
from pim.hardware.cells import array_places, program
from pim.hardware.converters import largest_sum
from pim.hardware.encoding import (
    ANALOG,
    DIFFERENTIAL,
    DIGITAL,
    OFFSET,
    PACKED,
    SIGN_MAGNITUDE,
    SPREAD,
    TWOS_COMPLEMENT,
    Encoding,
)
from pim.hardware.genes import Candidates, genes_of
from pim.hardware.hardware_json import changed
from pim.hardware.presets import hardware_preset
from pim.workload.operators import CrossbarOperator, Workload

BASE = hardware_preset("handcrafted")

ENCODINGS = [
    Encoding(weights, subtraction, packing, inputs, flip)
    for weights in (DIFFERENTIAL, OFFSET)
    for subtraction in (ANALOG, DIGITAL)
    for packing in (SPREAD, PACKED)
    for inputs in (SIGN_MAGNITUDE, TWOS_COMPLEMENT)
    for flip in ((False, True) if weights == OFFSET else (False,))
]


@st.composite
def cases(draw):
    """A design with just enough converter bits, and integers that reach their bounds."""
    encoding = draw(st.sampled_from(ENCODINGS))
    weight_bits = draw(st.integers(2, 9))
    activation_bits = draw(st.integers(1, 9))
    signed = draw(st.booleans()) and activation_bits > 1
    magnitude = weight_bits - 1 if encoding.weights == DIFFERENTIAL else weight_bits
    hardware = dataclasses.replace(BASE, encoding=encoding)
    hardware = changed(
        hardware,
        {
            "array.rows": draw(st.sampled_from([1, 2, 7, 32, 128, 1024])),
            "array.columns": draw(st.sampled_from([1, 8, 128])),
            "device.bits_per_cell": draw(st.integers(1, min(magnitude, 5))),
            "dac.bits": draw(st.integers(1, 4)),
            "adc.range_policy": draw(st.sampled_from(["clip", "round"])),
        },
    )
    hardware = changed(hardware, {"adc.bits": hardware.lossless_adc_bits})
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns, samples = (draw(st.integers(1, n)) for n in (70, 6, 4))
    top = 2 ** (weight_bits - 1) - 1
    reach = 2 ** (activation_bits - 1) - 1 if signed else 2**activation_bits - 1
    extreme = draw(st.booleans())
    w = rng.integers(-top, top + 1, (rows, columns))
    x = rng.integers(-reach if signed else 0, reach + 1, (samples, rows))
    if extreme:
        w = np.where(w > 0, top, -top)
        x = np.where(x > 0, reach, -reach if signed else reach)
    return hardware, x, w, activation_bits, weight_bits


@settings(max_examples=400, deadline=None)
@given(cases())
def test_enough_converter_bits_make_the_product_exact(case):
    hardware, x, w, activation_bits, weight_bits = case
    rng = np.random.default_rng(0)
    got = analog_matmul(
        x, w, hardware, rng, activation_bits=activation_bits, weight_bits=weight_bits
    )
    assert np.array_equal(got, x @ w)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_bit_widths_follow_from_the_integers_if_they_are_not_given(case):
    hardware, x, w, _, _ = case
    smallest = changed(hardware, {"device.bits_per_cell": 1})
    got = analog_matmul(x, w, smallest, np.random.default_rng(0))
    assert np.array_equal(got, x @ w)


@pytest.fixture(scope="module")
def layer():
    """A layer of Criteo's size with 8-bit integers."""
    rng = np.random.default_rng(3)
    w = np.clip(np.rint(rng.normal(size=(429, 64)) * 30), -127, 127).astype(int)
    return rng.integers(0, 256, (32, 429)), w


def error(layer, seed=0, **options):
    x, w = layer
    hardware = changed(BASE, {"adc.bits": BASE.lossless_adc_bits})
    hardware = changed(hardware, {name.replace("__", "."): v for name, v in options.items()})
    return normalized_error(analog_matmul(x, w, hardware, np.random.default_rng(seed)), x @ w)


def test_too_few_converter_bits_are_not_hidden(layer):
    clipped = [error(layer, adc__bits=b, adc__range_policy="clip") for b in (9, 5, 4, 3)]
    rounded = [error(layer, adc__bits=b, adc__range_policy="round") for b in (9, 8, 7, 6, 5)]
    assert clipped[0] == rounded[0] == 0
    assert sorted(clipped) == clipped and clipped[-1] > 0.01
    assert sorted(rounded) == rounded and rounded[1] > 0
    # Columns of differential pairs stay near zero: clipping them costs less than coarse codes.
    assert clipped[1] < rounded[-1]


def test_error_rises_with_variation(layer):
    errors = [error(layer, device__variation=sigma) for sigma in (0.0, 0.01, 0.05, 0.1, 0.2)]
    assert errors[:2] == [0, 0]
    assert 0 < errors[2] < errors[3] < errors[4] < 0.2


@pytest.mark.parametrize("cell_bits", [1, 2, 3])
def test_cells_of_level_0_conduct_and_vary_by_the_same_share_as_others(cell_bits):
    off_share = 0.1  # of the conductance of the highest level
    hardware = changed(
        BASE,
        {
            "device.bits_per_cell": cell_bits,
            "device.low_resistance_ohm": 1e4,
            "device.high_resistance_ohm": 1e4 / off_share,
            "device.variation": 0.2,
        },
    )
    levels = 2**cell_bits
    arrays = program(np.zeros((128, 400), int), hardware, np.random.default_rng(0), 8)
    floor = (levels - 1) * off_share / (1 - off_share)  # in steps from one level to the next
    # A pair of such cells is subtracted.
    spread = np.concatenate(arrays.levels).std()
    assert spread == pytest.approx(np.sqrt(2) * 0.2 * floor, rel=0.02)


@pytest.mark.parametrize("cell_bits", [1, 2, 3])
def test_a_cell_by_itself_loses_the_drop_over_its_two_wires(cell_bits):
    hardware = changed(
        BASE,
        {
            "encoding.weights": "offset",
            "array.rows": 1,
            "array.columns": 1,
            "array.wire_resistance_ohm": 5.0,
            "device.bits_per_cell": cell_bits,
            "device.low_resistance_ohm": 1e4,
            "device.high_resistance_ohm": 1e6,
        },
    )
    # Every slice but the last holds ones, whose cells have the lowest resistance.
    weight = np.array([[2**11 - 1]])
    (found,) = program(weight, hardware, np.random.default_rng(0), 12).levels
    on, off = 1 / 1e4, 1 / 1e6
    step = (on - off) / (2**cell_bits - 1)
    reference = step + off  # the cell beside it, behind it on the word line
    lost = 5.0 * (on + on + reference)
    assert found[0, 0, 0, 0] == pytest.approx((on * (1 - lost) - off) / step, rel=1e-9)


def test_a_code_below_zero_reaches_one_further_than_one_above():
    clipped = changed(BASE, {"adc.bits": 8, "adc.range_policy": "clip"})
    assert clipped.encoding.signed_conversion
    current = np.array([-200.0, -128.0, -127.0, 127.0, 200.0])
    assert convert(current, clipped, 1000).tolist() == [-128, -128, -127, 127, 127]


def test_sums_beyond_single_precision_are_exact_too():
    hardware = changed(
        BASE,
        {"array.rows": 1024, "device.bits_per_cell": 8, "dac.bits": 8, "adc.bits": 36},
    )
    x = np.full((1, 1024), 255)
    x[0, 0] = 254
    weights = np.full((1024, 1), 255)
    assert int((x @ weights)[0, 0]) > 1 << 24 and int((x @ weights)[0, 0]) % 2
    product = analog_matmul(x, weights, hardware, np.random.default_rng(0))
    np.testing.assert_array_equal(product, x @ weights)


def test_error_rises_with_stuck_cells(layer):
    errors = [
        error(layer, device__stuck_high_resistance=p, device__stuck_low_resistance=p)
        for p in (0.0, 0.001, 0.005, 0.01)
    ]
    assert errors[0] == 0 and sorted(errors) == errors
    assert 1e-3 < errors[1] < 5e-2 < errors[3] < 0.5


def test_cells_stuck_everywhere_compute_nothing(layer):
    x, w = layer
    dead = changed(BASE, {"device.stuck_high_resistance": 1.0, "adc.bits": 9})
    assert not analog_matmul(x, w, dead, np.random.default_rng(0)).any()


# Offset weights: what takes the offset away, and turns flipped columns back, is a column of cells
# in each array, read through the same converter.

ISAAC = hardware_preset("isaac32")


def _offset_designs():
    return [
        dataclasses.replace(BASE, encoding=encoding, name=f"offset {number}")
        for number, encoding in enumerate(ENCODINGS)
        if encoding.weights == OFFSET
    ]


@st.composite
def offset_cases(draw):
    """A design of offset weights with real cells and any converter, weights and inputs."""
    weight_bits = draw(st.integers(3, 8))
    hardware = changed(
        draw(st.sampled_from(_offset_designs())),
        {
            "array.rows": draw(st.sampled_from([3, 16, 64])),
            "array.columns": draw(st.sampled_from([1, 5, 8])),
            "device.bits_per_cell": draw(st.integers(1, 3)),
            "device.variation": draw(st.sampled_from([0.0, 0.2])),
            "device.stuck_high_resistance": draw(st.sampled_from([0.0, 0.2])),
            "device.stuck_low_resistance": draw(st.sampled_from([0.0, 0.2])),
            "dac.bits": draw(st.integers(1, 2)),
            "adc.bits": draw(st.integers(2, 12)),
            "adc.range_policy": draw(st.sampled_from(["clip", "round"])),
        },
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    top = 2 ** (weight_bits - 1) - 1
    return (
        hardware,
        rng.integers(-top, top + 1, (rows, columns)),
        rng.integers(draw(st.sampled_from([0, -15])), 16, (2, rows)),
        weight_bits,
        rng,
    )


def _by_equation(x, arrays, hardware, weight_bits):
    """sum of 2^read 2^slice (column or (L - 1) S - column) - 2^(w-1) 2^read S, all converted."""
    cell_bits, encoding = hardware.device.bits_per_cell, hardware.encoding
    top = largest_sum(hardware.array.rows, hardware.dac.bits, cell_bits, encoding)
    signed = bool((x < 0).any())
    bits = max(int(np.abs(x).max()).bit_length(), 1) + signed
    digits, worths = _pulses(x, bits, signed, hardware)
    digits = digits.astype(np.float32)
    result = np.zeros((len(x), arrays.columns))
    for tile, cells in enumerate(arrays.levels):
        _, planes, outputs, _ = cells.shape
        cells, references = (a.astype(np.float32) for a in (cells, arrays.references[tile]))
        rows = slice(tile * hardware.array.rows, tile * hardware.array.rows + len(cells))
        for digit, worth in zip(digits[:, :, rows], worths):
            sums = convert(digit @ references, hardware, top).astype(float)
            for plane in range(planes):
                for output in range(outputs):
                    if encoding.slice_packing == PACKED:
                        array = (output * planes + plane) // hardware.array.columns
                    else:
                        spread = -(-outputs // hardware.array.columns)
                        array = plane * spread + output // hardware.array.columns
                    value = convert(digit @ cells[:, plane, output, 0], hardware, top).astype(float)
                    if arrays.flipped[tile][plane, output]:
                        value = (2**cell_bits - 1) * sums[:, array] - value
                    result[:, output] += worth * 2 ** (plane * cell_bits) * value
                    if plane == planes - 1:
                        result[:, output] -= worth * 2 ** (weight_bits - 1) * sums[:, array]
    return result


@settings(max_examples=150, deadline=None)
@given(offset_cases())
def test_offset_and_flips_are_corrected_by_what_the_reference_columns_give(case):
    hardware, w, x, weight_bits, rng = case
    arrays = program(w, hardware, rng, weight_bits)
    wanted = _by_equation(x, arrays, hardware, weight_bits)
    differs = np.abs(multiply(x, arrays, hardware) - wanted) > 1e-6 * (1 + np.abs(wanted))
    # Sums of real conductances may take another code where they lie just between two.
    assert differs.sum() <= (1 if hardware.device.variation else 0)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ENCODINGS), *(st.integers(1, n) for n in (300, 40, 40)), st.integers(1, 3))
def test_as_many_values_are_converted_as_the_cost_model_charges(
    encoding, rows, outputs, width, cell_bits
):
    hardware = changed(
        dataclasses.replace(BASE, encoding=encoding),
        {"array.rows": 64, "array.columns": width, "device.bits_per_cell": cell_bits},
    )
    workload = Workload("one", (CrossbarOperator("fc", (), rows, outputs, weight_bits=8),))
    mapping = map_operators(workload, hardware, genes_of(workload, hardware, Candidates()))
    arrays = program(np.ones((rows, outputs), int), hardware, np.random.default_rng(0), 8)
    converted = sum(
        levels[0].size + r.shape[1] for levels, r in zip(arrays.levels, arrays.references)
    )
    assert converted == mapping.conversions
    planes = arrays.levels[0].shape[1]
    places = array_places(planes, outputs, hardware)
    assert places.max() + 1 == len(np.unique(places)) == mapping.column_arrays
    assert np.unique(places, return_counts=True)[1].max() <= width


def test_offset_cells_stuck_everywhere_compute_nothing_either(layer):
    x, w = layer
    dead = changed(ISAAC, {"device.stuck_high_resistance": 1.0})
    assert not analog_matmul(x, w, dead, np.random.default_rng(0)).any()


def test_reference_columns_vary_too_and_cost_accuracy(layer):
    x, w = layer
    hardware = changed(ISAAC, {"device.variation": 0.05})
    arrays = program(w, hardware, np.random.default_rng(0), 8)
    ideal = tuple(np.ones_like(reference) for reference in arrays.references)
    errors = [
        normalized_error(multiply(x, a, hardware, activation_bits=8), x @ w)
        for a in (dataclasses.replace(arrays, references=ideal), arrays)
    ]
    assert errors[1] > 1.2 * errors[0] > 0


def test_a_reference_column_that_saturates_is_not_hidden():
    # 128 inputs of 1 sum to 128, beyond the 63 of 6 bits; the weights are 0, stored as 2^7.
    hardware = changed(ISAAC, {"adc.bits": 6})
    x, w = np.ones((1, 128), int), np.zeros((128, 1), int)
    # The last slice holds 2 in each cell, 256 in sum, and is flipped to 128: 3 S - 63 with S = 63.
    (got,) = analog_matmul(x, w, hardware, None, weight_bits=8, activation_bits=1)
    assert got == (3 * 63 - 63) * 2**6 - 63 * 2**7


def test_a_seed_gives_the_same_cells_again(layer):
    noisy = {"device__variation": 0.2}
    assert error(layer, seed=1, **noisy) == error(layer, seed=1, **noisy)
    assert error(layer, seed=1, **noisy) != error(layer, seed=2, **noisy)


def test_arrays_are_programmed_once_and_read_often(layer):
    x, w = layer
    hardware = changed(BASE, {"device.variation": 0.2})
    arrays = program(w, hardware, np.random.default_rng(5), 8)
    first, again = (multiply(x, arrays, hardware) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(multiply(x[:3], arrays, hardware, activation_bits=8), first[:3])


def _solved_network(conductance, wire_s, voltages):
    """Currents of a crossbar by Kirchhoff's laws: driven at the left, grounded at the bottom."""
    rows, columns = conductance.shape
    count = rows * columns
    word = np.arange(count).reshape(rows, columns)
    bit = word + count
    matrix, source = np.zeros((2 * count, 2 * count)), np.zeros(2 * count)

    def connect(a, b, g):
        matrix[[a, b], [a, b]] += g
        matrix[[a, b], [b, a]] -= g

    for i in range(rows):
        matrix[word[i, 0], word[i, 0]] += wire_s
        source[word[i, 0]] += wire_s * voltages[i]
        for j in range(columns):
            connect(word[i, j], bit[i, j], conductance[i, j])
            if j + 1 < columns:
                connect(word[i, j], word[i, j + 1], wire_s)
            if i + 1 < rows:
                connect(bit[i, j], bit[i + 1, j], wire_s)
    for j in range(columns):
        matrix[bit[-1, j], bit[-1, j]] += wire_s
    return np.linalg.solve(matrix, source)[bit[-1]] * wire_s


@pytest.mark.parametrize("wire_ohm", [0.05, 0.2])
def test_the_drop_along_the_wires_is_that_of_the_solved_network_to_first_order(wire_ohm):
    rng = np.random.default_rng(2)
    rows, columns = 12, 9
    encoding = Encoding(weights=OFFSET, slice_packing=SPREAD, inputs=TWOS_COMPLEMENT)
    hardware = dataclasses.replace(BASE, encoding=encoding)
    hardware = changed(
        hardware,
        {"array.rows": rows, "array.columns": columns, "array.wire_resistance_ohm": wire_ohm},
    )
    device = hardware.device
    bits = rng.integers(0, 2, (rows, columns))
    # Offset weights of 2 bits: -2 + bit, so that slice 0 holds the bits and slice 1 nothing.
    arrays = program(bits - 2 + (bits == 0), hardware, rng, 3)
    on, off = 1 / device.low_resistance_ohm, 1 / device.high_resistance_ohm
    floor = off / (on - off)
    voltages = rng.integers(0, 2, rows)
    for plane in range(arrays.levels[0].shape[1]):
        # The array of a slice with its reference column, which is the last one.
        reference = arrays.references[0][:, plane : plane + 1]
        cells = np.concatenate([arrays.levels[0][:, plane, :, 0], reference], axis=1)
        ideal = np.rint(cells)
        assert (ideal[:, -1] == 1).all()
        exact = _solved_network((ideal + floor) * (on - off), 1 / wire_ohm, voltages) / (on - off)
        lossless = voltages @ (ideal + floor)
        first_order = voltages @ (cells + floor)
        lost = lossless - exact
        assert (lost > 0).all()
        assert np.abs(first_order - exact).max() < 0.05 * lost.max() + 1e-12


def test_wires_that_break_the_first_order_are_refused(layer):
    with pytest.raises(PimError, match="too much for a first-order model"):
        error(layer, array__wire_resistance_ohm=100.0)


@pytest.mark.parametrize(
    ("x", "w", "options", "message"),
    [
        ([[1.5]], [[1]], {}, "inputs must be whole numbers"),
        ([[1]], [[1, 2], [3, 4]], {}, "inputs have 1 columns; the weights have 2 rows"),
        (
            [[1]],
            [[200]],
            {"weight_bits": 8},
            "weights of 8 bits reach 127; the largest here is 200",
        ),
        ([[16]], [[1]], {"activation_bits": 4}, "inputs of 4 bits reach 15"),
        ([1], [[1]], {}, "inputs must be a matrix"),
        ([[1]], [[1]], {"weight_bits": 1}, "weights of 1 bits reach 0"),
    ],
)
def test_bad_integers_are_one_clear_line(x, w, options, message):
    with pytest.raises(PimError, match=message):
        analog_matmul(np.array(x), np.array(w), BASE, np.random.default_rng(0), **options)


@pytest.mark.parametrize("encoding", ["isaac32", "handcrafted"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[-(2**63), 1]]), "whole numbers of at most 32 bits"),
        (np.array([[2**63 + 5, 1]], dtype=np.uint64), "whole numbers of at most 32 bits"),
        (np.array([[1e300, 1]]), "whole numbers of at most 32 bits"),
        (np.array([[1 + 1j, 1]]), "Received values of type complex128"),
        (np.array([["a", "b"]]), "Received values of type <U1"),
    ],
)
def test_integers_that_would_be_others_in_64_bits_are_refused(encoding, values, message):
    hardware, rng = hardware_preset(encoding), np.random.default_rng(0)
    with pytest.raises(PimError, match=f"inputs.*{message}"):
        analog_matmul(values, np.ones((2, 1), int), hardware, rng)
    with pytest.raises(PimError, match=f"weights.*{message}"):
        analog_matmul(np.ones((1, 1), int), values, hardware, rng)


@pytest.mark.parametrize("bits", [0, 33, 64, "8", 8.0, True])
def test_widths_beyond_all_that_is_computed_are_refused(bits):
    hardware, rng = hardware_preset("handcrafted"), np.random.default_rng(0)
    ones = np.ones((2, 2), int)
    for name in ("activation_bits", "weight_bits"):
        with pytest.raises(PimError, match="must be a whole number from 1 to 32"):
            analog_matmul(ones, ones, hardware, rng, **{name: bits})


def test_products_are_exact_or_refused():
    rng = np.random.default_rng(0)
    hardware = changed(hardware_preset("handcrafted"), {"adc.bits": 30})
    x, w = rng.integers(0, 2**24, (2, 15)), rng.integers(-(2**23), 2**23, (15, 3))
    assert np.array_equal(analog_matmul(x, w, hardware, rng), x @ w)
    with pytest.raises(PimError, match="do not add up exactly in double precision"):
        analog_matmul(x * 4, w * 4, hardware, rng)


def test_more_cell_bits_than_a_weight_has_are_refused():
    wide = changed(BASE, {"device.bits_per_cell": 4})
    with pytest.raises(PimError, match="cells of 4 bits are more than weights of 4 bits need"):
        analog_matmul(np.ones((1, 1), int), np.ones((1, 1), int), wide, None, weight_bits=4)


def test_a_sense_amplifier_cannot_tell_a_sign():
    with pytest.raises(PimError, match="adc.bits must be at least 2"):
        error((np.ones((1, 1), int), np.ones((1, 1), int)), adc__bits=1)
