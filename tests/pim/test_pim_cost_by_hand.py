"""The cost of linear maps against figures worked out by hand, and columns laid out one by one."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pim.cost.cost import lossless
from pim.cost.estimate import estimate
from pim.cost.mapping import map_operators
from pim.hardware.converters import lossless_bits
from pim.hardware.genes import Candidates, genes_of
from pim.hardware.hardware_json import changed
from pim.hardware.memories import OnChipMemory
from pim.hardware.presets import hardware_preset
from pim.workload.operators import CrossbarOperator, Workload

ENCODINGS = tuple(
    {
        "encoding.weights": weights,
        "encoding.subtraction": subtraction,
        "encoding.slice_packing": packing,
        "encoding.inputs": inputs,
    }
    for (weights, subtraction), packing, inputs in itertools.product(
        (("differential", "analog"), ("differential", "digital"), ("offset", "analog")),
        ("packed", "spread"),
        ("sign_magnitude", "twos_complement"),
    )
)

PAIRED = ("differential", "analog", "packed")

ROUND = changed(
    dataclasses.replace(
        hardware_preset("isaac32"),
        # A read and a write of the register are 32 pJ for 128 bits: a quarter a bit.
        input_register=OnChipMemory("itrs-lop", 2, 128, access_pj=16.0, area_um2=100.0),
        tile_buffer=OnChipMemory("lp-dram", 64, 256, access_pj=128.0, area_um2=1000.0),
    ),
    {
        "device.area_um2": 0.5,
        "array.cell_read_w": 1e-5,  # 1 pJ a read of 100 ns
        "array.driver_area_um2": 2.0,
        "dac.power_w": 2e-5,  # 2 pJ
        "dac.area_um2": 3.0,
        "adc.pj_at_8_bits": 5.0,
        "adc.area_um2_at_8_bits": 700.0,
        "adc.leakage_mw": 0.25,
        "adc.giga_samples": 1.0,
        "periphery.sample_pj": 3.0,
        "periphery.sample_area_um2": 0.25,
        "periphery.shift_add_pj": 7.0,
        "periphery.shift_add_area_um2": 11.0,
        "interconnect.bus_pj_per_bit": 0.5,
        "interconnect.bus_bits": 64,
        "interconnect.bus_area_um2": 600.0,
        "interconnect.flit_bits": 256,
        "interconnect.router_pj": 16.0,
        "interconnect.router_area_um2": 800.0,
        "interconnect.router_leakage_mw": 2.0,
        "interconnect.tiles_per_router": 4,
        "interconnect.hops": 3,
        "interconnect.hop_ns": 2.0,
        "interconnect.clock_ghz": 0.5,
        "digital.lanes": 16,
        "digital.clock_ghz": 0.25,
        "digital.add_pj": 2.0,
        "digital.function_pj": 3.0,
        "digital.lane_area_um2": 50.0,
        "digital.lane_leakage_mw": 0.5,
        "arrays_per_unit": 2,
        "units_per_tile": 12,
        "duplication": 3,
    },
)
"""ISAAC's encoding and sizes, with figures that can be told apart in any sum."""

# 300 x 90, passed three times by each of two samples. 8-bit weights in 2-bit cells are 4 slices,
# 360 columns in 3 arrays side by side, 3 row tiles: 9 arrays. Three copies pass the 6 vectors in
# two goes; 27 arrays are 14 units of two, 28 arrays. 8 reads of 1-bit inputs a vector.
FC = CrossbarOperator("fc", (), 300, 90, positions=3, functions=270, additions=90, layer_norm=450)
WIDE = Workload("wide", (FC,), batch=2)
ARRAYS, UNITS, TILES, READS = 28, 14, 14 / 12, 6 * 8
IN_BITS, OUT_BITS = 6 * 300 * 8, 6 * 90 * 8


def operator_of(workload, hardware=ROUND):
    (operator,) = estimate(workload, hardware).operators
    return operator


def test_the_energy_of_every_component_by_hand():
    conversions = READS * 3 * (360 + 3)  # with the input sums of the three arrays of a row tile
    merged, outputs = 6 * 90 * 2, 6 * 90  # two row tiles onto the first; the bias
    # The three arrays side by side stand in two units, which both need the input.
    copied = 2 * IN_BITS
    energy = dict(operator_of(WIDE).energy_pj)
    del energy["leakage"]
    assert energy == {
        "array": READS * 300 * 360 * 1.0,
        "dac": READS * 300 * 3 * 2.0,
        "sample_hold": conversions * 3.0,
        "adc": conversions * 5.0,
        "shift_add": (conversions + merged + outputs) * 7.0,
        "register": copied * 0.25,
        "buffer": (IN_BITS + OUT_BITS) * 0.5,
        "bus": (copied + OUT_BITS + merged * 32) * 0.5,
        "router": OUT_BITS / 256 * 3 * 16.0,
        "digital": 2 * (270 * 3.0 + (90 + 450) * 2.0),
    }


def test_the_area_of_every_component_by_hand():
    assert operator_of(WIDE).area_um2 == pytest.approx(
        {
            "array": ARRAYS * (128 * 128 * 0.5 + 128 * 2.0),
            "dac": ARRAYS * 128 * 3.0,
            "sample_hold": ARRAYS * 128 * 0.25,
            "adc": ARRAYS * 700.0,
            "shift_add": ARRAYS * 11.0,
            "register": UNITS * 100.0,
            "buffer": TILES * 1000.0,
            "bus": TILES * 600.0,
            "router": TILES * 800.0 / 4,
            "digital": 16 * 50.0,
        },
        abs=2**-12,
    )


def test_leakage_by_hand_and_for_one_interval():
    operator = operator_of(WIDE)
    register = ROUND.input_register.figures.leakage_mw
    buffer = ROUND.tile_buffer.figures.leakage_mw
    assert register > 0 and buffer > 0
    parts = UNITS * register + TILES * (buffer + 2.0 / 4) + ARRAYS * 0.25 + 16 * 0.5
    assert operator.leakage_mw == pytest.approx(parts, abs=2**-12)
    assert operator.energy_pj["leakage"] == pytest.approx(
        operator.leakage_mw * operator.stage_ns, abs=2**-12
    )


@pytest.mark.parametrize("bus_bits", [64, 1])
def test_the_latency_of_every_step_by_hand(bus_bits):
    # A read waits for 129 conversions at one a ns; a vector takes 8 of them. Over a bus of one
    # bit the next vector takes 2400 clocks of 2 ns to come, and the arrays wait for it.
    operator = operator_of(WIDE, changed(ROUND, {"interconnect.bus_bits": bus_bits}))
    access = ROUND.tile_buffer.figures.access_ns
    load = access + math.ceil(2400 / bus_bits) * 2.0
    vector = 8 * 129.0
    pace = max(load, vector)
    assert (pace > vector) == (bus_bits == 1)
    near = dict(abs=2**-14)
    assert operator.latency_ns == pytest.approx(
        {
            "load": load + (pace - vector),
            "compute": 2 * vector,
            "convert": 129.0,
            # Two levels of additions of row tiles, then 270 operations of a vector on 16 lanes,
            # which the three copies share.
            "merge": 2 * 2.0 + math.ceil(3 * 270 / 16) * 4.0,
            "store": access + math.ceil(720 / bus_bits) * 2.0 + 3 * 2.0 + 3 * 2.0,
        },
        **near,
    )
    assert operator.stage_ns == pytest.approx(2 * pace, **near)


@pytest.mark.parametrize(
    ("name", "value", "step"),
    [("digital.lanes", 1, "merge"), ("interconnect.hop_ns", 1000.0, "store")],
)
def test_vectors_follow_at_the_pace_of_the_slowest_step(name, value, step):
    operator = operator_of(WIDE, changed(ROUND, {name: value}))
    steps = operator.latency_ns
    load = ROUND.tile_buffer.figures.access_ns + math.ceil(2400 / 64) * 2.0
    assert steps[step] > 1032.0 > load
    near = dict(abs=2**-14)
    assert operator.stage_ns == pytest.approx(2 * steps[step], **near)
    through = load + 1032.0 + 129.0 + steps["merge"] + steps["store"]
    assert operator.total_latency_ns == pytest.approx(through + steps[step], **near)


@pytest.mark.parametrize(
    ("rows", "levels"), [(1, 0), (128, 0), (129, 1), (256, 1), (257, 2), (512, 2), (513, 3)]
)
def test_row_tiles_are_added_in_as_few_levels_as_there_can_be(rows, levels):
    bare = Workload("bare", (CrossbarOperator("fc", (), rows, 90),))
    assert operator_of(bare).latency_ns["merge"] == levels * 2.0  # ns a clock


def test_inputs_are_read_from_the_buffer_and_outputs_written_to_it():
    buffer = OnChipMemory("itrs-hp", 64, 256)
    read, write = buffer.figures.read_pj, buffer.figures.write_pj
    assert read != write
    energy = operator_of(WIDE, dataclasses.replace(ROUND, tile_buffer=buffer)).energy_pj["buffer"]
    assert energy == pytest.approx((IN_BITS * read + OUT_BITS * write) / 256, abs=2**-12)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 90),
    st.integers(1, 20),
    st.integers(1, 8),
    st.integers(0, 3000),
    st.integers(0, 3000),
    st.sampled_from([1, 3, 64]),
    st.sampled_from([1, 3, 64]),
    st.sampled_from([1, 7, 128]),
)
def test_no_part_does_more_than_its_rate(
    rows, columns, positions, batch, functions, norm, lanes, duplication, shared
):
    hardware = changed(
        hardware_preset("handcrafted"),
        {"digital.lanes": lanes, "duplication": duplication, "adc.columns_per_adc": shared},
    )
    layer = CrossbarOperator(
        "fc", (), rows, columns, positions=positions, functions=functions, layer_norm=norm
    )
    workload = Workload("one", (layer,), batch=batch)
    busy = operator_of(workload, hardware).stage_ns + 2**-10
    assert batch * (functions + norm) <= lanes * hardware.digital.clock_ghz * busy
    mapping = map_operators(workload, hardware, genes_of(workload, hardware, Candidates()))
    conversions = float(np.ravel(mapping.vectors * mapping.cycles * mapping.conversions)[0])
    adcs = float(np.ravel(mapping.adcs)[0])
    assert conversions <= adcs * hardware.adc.giga_samples * busy


def test_a_read_is_no_faster_than_the_array_itself():
    quick = changed(ROUND, {"adc.giga_samples": 100.0})
    assert operator_of(WIDE, quick).latency_ns["compute"] == 2 * 8 * 100.0


def test_without_hops_no_router_takes_time():
    near = changed(ROUND, {"interconnect.hops": 0})
    access = ROUND.tile_buffer.figures.access_ns
    store = operator_of(WIDE, near).latency_ns["store"]
    assert store == pytest.approx(access + math.ceil(720 / 64) * 2.0, abs=2**-14)
    assert operator_of(WIDE, near).energy_pj["router"] == 0


def test_a_bare_product_needs_no_digital_unit():
    bare = Workload("bare", (CrossbarOperator("fc", (), 300, 90),))
    with_unit = operator_of(bare)
    assert with_unit.energy_pj["digital"] == with_unit.area_um2["digital"] == 0
    assert operator_of(bare, dataclasses.replace(ROUND, digital=None)) == with_unit


def _columns(columns, planes, encoding):
    """What every column of cells holds: (output, slice, polarity)."""
    return list(itertools.product(range(columns), range(planes), range(encoding.polarities)))


def _laid_out(columns, planes, encoding, width):
    """Arrays of one row tile, each the list of what its columns hold."""
    cells = _columns(columns, planes, encoding)
    if (encoding.weights, encoding.subtraction, encoding.slice_packing) == PAIRED:
        width -= width % 2  # a pair that is subtracted in an array stands in one array
    if encoding.slice_packing == "packed":
        return [cells[begin : begin + width] for begin in range(0, len(cells), width)]
    arrays = []
    for place in itertools.product(range(planes), range(encoding.polarities)):
        alike = [cell for cell in cells if cell[1:] == place]
        arrays += [alike[begin : begin + width] for begin in range(0, len(alike), width)]
    return arrays


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(ENCODINGS),
    st.integers(1, 300),
    st.integers(1, 70),
    st.integers(2, 16),
    st.integers(1, 2),
    st.sampled_from([2, 7, 8, 33, 128]),
    st.sampled_from([1, 3, 8, 128]),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_a_mapping_counts_what_laying_out_the_columns_counts(
    names, rows, columns, bits, cell, width, shared, positions, duplication, unit
):
    hardware = changed(
        hardware_preset("handcrafted"),
        {
            **names,
            "device.bits_per_cell": cell,
            "array.columns": width,
            "adc.columns_per_adc": shared,
            "duplication": duplication,
            "arrays_per_unit": unit,
        },
    )
    encoding = hardware.encoding
    if encoding.weight_magnitude_bits(bits) < cell:
        return
    operator = CrossbarOperator("fc", (), rows, columns, positions=positions, weight_bits=bits)
    workload = Workload("one", (operator,))
    mapping = map_operators(workload, hardware, genes_of(workload, hardware, Candidates()))
    found = {
        field.name: float(np.ravel(getattr(mapping, field.name))[0])
        for field in dataclasses.fields(mapping)
    }

    planes = -(-encoding.weight_magnitude_bits(bits) // cell)
    tiles = -(-rows // hardware.array.rows)
    arrays = _laid_out(columns, planes, encoding, width)
    # Where a pair is subtracted before the conversion, its two columns are one conversion: side by
    # side in a packed array, of two arrays with the converters of one in spread ones.
    paired = encoding.weights == "differential" and encoding.subtraction == "analog"
    packed_pair = paired and encoding.slice_packing == "packed"
    spread_pair = paired and encoding.slice_packing == "spread"
    offset = encoding.weights == "offset"
    adcs = -(-(width // 2 if packed_pair else width) // shared)
    # No pair is cut in two.
    assert not packed_pair or all(len({cell[:2] for cell in a}) * 2 == len(a) for a in arrays)
    busiest = max(len({cell[:2] if packed_pair else cell for cell in array}) for array in arrays)
    converted = {cell[:2] if paired else cell for array in arrays for cell in array}
    copies = min(duplication, positions)
    assert found == {
        "planes": planes,
        "cycles": 8,
        "row_tiles": tiles,
        "column_arrays": len(arrays),
        "arrays": tiles * len(arrays),
        "copies": copies,
        "units": -(-tiles * len(arrays) * copies // unit),
        "used_cells": rows * sum(map(len, arrays)),
        "conversions": tiles * (len(converted) + offset * len(arrays)),
        "conversion_slots": -(-(busiest + offset) // adcs),
        "adcs": found["units"] * unit * adcs / (2 if spread_pair else 1),
        "passes": -(-positions // copies),
        "vectors": positions,
    }


@pytest.mark.parametrize(("columns", "written"), [(10, 1), (60, 2), (90, 3), (300, 4)])
def test_the_arrays_of_a_unit_are_written_one_after_the_other(columns, written):
    # 4 slices of 8 bits: so many arrays side by side; the units of four arrays work together.
    hardware = changed(ROUND, {"arrays_per_unit": 4, "device.write_pulses": 5})
    workload = Workload("one", (CrossbarOperator("fc", (), 60, columns),))
    pulse = hardware.device.write_ns
    assert operator_of(workload, hardware).write_ns == written * 60 * 5 * pulse


def test_mnsims_rows_take_all_their_pulses_too():
    mnsim = hardware_preset("mnsim2")
    once, thrice = (
        operator_of(WIDE, changed(mnsim, {"device.write_pulses": pulses})) for pulses in (1, 3)
    )
    assert thrice.write_ns == 3 * once.write_ns > 0
    assert thrice.write_pj == pytest.approx(3 * once.write_pj)


def test_each_candidate_is_lossless_by_its_own_settings():
    settings_of = list(itertools.product((64, 128), (1, 2), (1, 2), (7, 8, 9, 10)))
    genes = ("rows", "dac_bits", "bits_per_cell", "adc_bits")
    candidates = Candidates(**dict(zip(genes, map(list, zip(*settings_of)))))
    found = lossless(ROUND, genes_of(WIDE, ROUND, candidates))[0].tolist()
    assert found == [lossless_bits(r, d, c, ROUND.encoding) <= a for r, d, c, a in settings_of]
    assert True in found and False in found
