"""The cost model: sums, monotony, equality of one and of thousands, and figures by hand."""

import dataclasses
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pim.cost.batch import estimate_batch
from pim.cost.estimate import estimate
from pim.cost.mapping import map_operators
from pim.errors import PimError
from pim.functional.analog import _pulses
from pim.hardware.genes import Candidates, genes_of
from pim.hardware.hardware_json import changed
from pim.hardware.presets import PRESETS, hardware_preset, recnmp_tables
from pim.workload.operators import CrossbarOperator, DigitalOperator, EmbeddingOperator, Workload

FIGURES = ("latency_ns", "interval_ns", "energy_pj", "area_um2", "leakage_mw", "tiles")

ISAAC = hardware_preset("isaac32")


def one(rows=64, columns=32, **options):
    return Workload("one", (CrossbarOperator("fc", (), rows, columns, **options),))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("space", ["small", "full"])
def test_totals_are_exactly_the_sums_of_their_parts(preset, space, published):
    report = estimate(published("criteo", space), hardware_preset(preset))
    assert sum(report.energy_by_component.values()) == report.energy_pj
    assert sum(report.area_by_component.values()) == report.area_um2
    assert sum(report.latency_by_step.values()) == report.latency_ns
    assert sum(o.total_energy_pj for o in report.operators) == report.energy_pj
    assert sum(o.total_area_um2 for o in report.operators) == report.area_um2
    parts = [part for o in report.operators for part in o.energy_pj.values()]
    random.Random(1).shuffle(parts)
    assert sum(parts) == report.energy_pj
    on_path = [o for o in report.operators if o.name in report.critical_path]
    assert sum(o.total_latency_ns for o in on_path) == report.latency_ns
    assert report.power_w == report.energy_pj / report.interval_ns * 1e-3


def _candidates(rng, count, operators):
    return Candidates(
        weight_bits=rng.integers(4, 9, (count, operators)),
        activation_bits=rng.integers(1, 9, (count, operators)),
        rows=rng.choice([1, 64, 100, 256], count),
        columns=rng.choice([16, 128, 256], count),
        bits_per_cell=rng.integers(1, 4, count),
        dac_bits=rng.integers(1, 5, count),
        adc_bits=rng.integers(1, 13, count),
        columns_per_adc=rng.choice([1, 7, 32, 128], count),
        duplication=rng.choice([1, 3, 16], count),
    )


@pytest.mark.parametrize("preset", ["isaac32", "handcrafted"])
def test_a_batch_equals_its_candidates_one_by_one(preset, published):
    workload = published("criteo", "full", batch=3)
    hardware = changed(hardware_preset(preset), {"max_tiles": 1 << 30})
    rng = np.random.default_rng(7)
    candidates = _candidates(rng, 1100, len(workload.crossbar_operators))
    batch = estimate_batch(workload, hardware, candidates)
    for index in rng.integers(0, 1100, 60):
        design = changed(hardware, candidates.settings(index))
        report = estimate(candidates.workload(index, workload), design)
        for figure in (*FIGURES, "lossless_adc", "power_w"):
            assert getattr(batch, figure)[index] == getattr(report, figure), figure


def test_in_a_batch_what_leaks_beside_the_arrays_is_paid_for_the_interval_of_each(criteo_small):
    hardware = dataclasses.replace(
        changed(ISAAC, {"digital.lane_leakage_mw": 0.5}), embedding=recnmp_tables(0.0)
    )
    candidates = Candidates(activation_bits=[2, 8], duplication=[1, 4])
    batch = estimate_batch(criteo_small, hardware, candidates)
    for index in range(2):
        design = changed(hardware, candidates.settings(index))
        report = estimate(candidates.workload(index, criteo_small), design)
        assert sum(o.energy_pj["leakage"] for o in report.operators if o.kind != "crossbar") > 0
        assert batch.energy_pj[index] == report.energy_pj


def test_a_batch_on_the_mnsim2_preset_equals_its_candidates_too(criteo_small):
    hardware = hardware_preset("mnsim2")
    candidates = Candidates(weight_bits=[8, 4], rows=[128, 256])
    batch = estimate_batch(criteo_small, hardware, candidates)
    for index in range(2):
        design = changed(hardware, candidates.settings(index))
        report = estimate(candidates.workload(index, criteo_small), design)
        assert batch.energy_pj[index] == report.energy_pj
        assert batch.latency_ns[index] == report.latency_ns


def test_what_candidates_leave_open_comes_from_workload_and_hardware(criteo_small):
    report = estimate(criteo_small, ISAAC)
    batch = estimate_batch(criteo_small, ISAAC, Candidates())
    assert len(batch) == 1 and batch.energy_pj[0] == report.energy_pj
    for name in ("weight_bits", "activation_bits"):
        shared = estimate_batch(criteo_small, ISAAC, Candidates(**{name: [8, 8]}))
        assert list(shared.energy_pj) == [report.energy_pj] * 2


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["isaac32", "handcrafted"]),
    st.integers(1, 700),
    st.integers(1, 300),
    st.sampled_from([1, 16]),
    st.integers(4, 15),
    st.integers(1, 15),
)
def test_energy_and_area_never_fall_with_more_bits(preset, rows, columns, positions, weight, act):
    hardware = hardware_preset(preset)

    def figures(**more):
        bits = {"weight_bits": weight, "activation_bits": act} | more
        report = estimate(one(rows, columns, positions=positions, **bits), hardware)
        return report.energy_pj, report.area_um2

    base = figures()
    for wider in (figures(weight_bits=weight + 1), figures(activation_bits=act + 1)):
        assert wider[0] >= base[0] and wider[1] >= base[1]


def test_energy_and_area_rise_with_converter_bits(criteo_small):
    bits = np.arange(1, 17)
    batch = estimate_batch(criteo_small, ISAAC, Candidates(adc_bits=bits))
    assert (np.diff(batch.energy_pj) > 0).all() and (np.diff(batch.area_um2) > 0).all()


def test_one_linear_map_by_hand():
    # 200 x 40 on ISAAC: 8-bit weights in 2-bit cells are 4 slices, 160 columns in 2 arrays side by
    # side, 2 row tiles: 4 arrays in one unit; 8 reads of 1-bit inputs.
    report = estimate(one(200, 40), ISAAC)
    (operator,) = report.operators
    assert (operator.arrays, operator.units) == (4, 1)
    assert operator.used_cells == 200 * 160
    # A conversion for each column of each row tile and the input sum of each array.
    conversions = 8 * 2 * (160 + 2)
    assert operator.energy_pj["adc"] == pytest.approx(conversions * 1.67, abs=1e-3)
    assert operator.energy_pj["array"] == pytest.approx(
        8 * 200 * 160 * 0.3e-3 / 128**2 * 100 * 1e3, abs=1e-3
    )
    assert operator.area_um2["adc"] == 8 * 1200
    # Each read waits for 129 conversions at 1.28 a ns.
    assert operator.latency_ns["compute"] == pytest.approx(8 * 129 / 1.28, abs=1e-3)
    assert report.write_pj == pytest.approx(200 * 160 * 9 / 2e3 * 10e3)


@pytest.mark.parametrize("inputs", ["sign_magnitude", "twos_complement"])
@pytest.mark.parametrize("dac_bits", [1, 2, 3, 4])
def test_reads_are_those_of_the_functional_model(inputs, dac_bits):
    hardware = changed(ISAAC, {"encoding.inputs": inputs, "dac.bits": dac_bits})
    workload = one(activation_bits=8)
    mapping = map_operators(workload, hardware, genes_of(workload, hardware, Candidates()))
    x = np.array([[-127, 127, 0]])
    _, signed = _pulses(x, 8, True, hardware)
    _, unsigned = _pulses(np.abs(x), 8, False, hardware)
    assert max(len(signed), len(unsigned)) == mapping.cycles


def test_isaacs_tile_has_about_its_published_area_and_power():
    # ISAAC (ISCA 2016): 0.372 mm2 and 0.33 W a tile; one whole tile of 96 arrays here.
    full = one(128, 128 * 96 // 4)
    report = estimate(full, ISAAC)
    assert report.tiles == 1
    assert report.area_um2 * 1e-6 == pytest.approx(0.372, rel=0.1)
    assert report.power_w == pytest.approx(0.33, rel=0.25)


def test_positions_share_arrays_and_copies_share_positions():
    base, sixteen = estimate(one(), ISAAC), estimate(one(positions=16), ISAAC)
    assert sixteen.area_um2 == base.area_um2
    assert sixteen.interval_ns == pytest.approx(16 * base.interval_ns)
    copied = estimate(one(positions=16), changed(ISAAC, {"duplication": 64}))
    assert copied.interval_ns == pytest.approx(base.interval_ns)
    assert copied.operators[0].arrays == 16 * sixteen.operators[0].arrays
    assert copied.write_pj == 16 * sixteen.write_pj == 16 * base.write_pj
    dynamic = [
        sum(r.energy_by_component.values()) - r.energy_by_component["leakage"]
        for r in (sixteen, copied)
    ]
    assert dynamic[0] == dynamic[1]


def test_the_critical_path_is_the_longest_one(published):
    report = estimate(published("criteo", "full"), ISAAC)
    finish = {o.name: o.start_ns + o.total_latency_ns for o in report.operators}
    assert max(finish.values()) == report.latency_ns
    assert report.interval_ns == max(o.stage_ns for o in report.operators)
    for before, after in zip(report.critical_path, report.critical_path[1:]):
        starts = {o.name: o.start_ns for o in report.operators}
        assert starts[after] == pytest.approx(finish[before], abs=1e-9)


def test_spread_slices_take_an_array_each():
    packed = changed(hardware_preset("handcrafted"), {"encoding.slice_packing": "packed"})
    spread = estimate(one(128, 16), hardware_preset("handcrafted"))
    # 7 magnitude bits in 1-bit cells, positive and negative.
    assert spread.operators[0].arrays == 14
    assert estimate(one(128, 16), packed).operators[0].arrays == math.ceil(16 * 14 / 128)


def test_near_memory_look_ups_cost_what_the_sources_give():
    # 26 rows of 512 bits: 2.1 nJ + 512 x 14 pJ to read and 512 x 22 pJ over the link each.
    tables = EmbeddingOperator("tables", (1000,) * 26, 16, 32)
    for hit_rate, micro_joule in ((0.0, 0.534), (0.4, 0.439)):
        memory = dataclasses.replace(recnmp_tables(hit_rate), static_mw=0.0)
        hardware = dataclasses.replace(ISAAC, embedding=memory)
        report = estimate(Workload("tables", (tables,)), hardware)
        assert report.energy_pj * 1e-6 == pytest.approx(micro_joule, abs=2e-3)


def test_a_workload_without_crossbars_can_be_batched_too():
    tables = Workload("tables", (EmbeddingOperator("tables", (1000,) * 26, 16, 8),))
    batch = estimate_batch(tables, ISAAC, Candidates(rows=[64, 128]))
    assert list(batch.energy_pj) == [estimate(tables, ISAAC).energy_pj] * 2


def test_tables_of_criteo_need_dense_memory(criteo_small):
    report = estimate(criteo_small, ISAAC)
    tables = next(o for o in report.operators if o.kind == "embedding")
    assert tables.total_area_um2 == pytest.approx(540.2e6 * 8 * 4 * 0.032**2 / 0.5, rel=1e-3)


def test_what_the_hardware_cannot_hold_is_named(criteo_small):
    bare = dataclasses.replace(ISAAC, digital=None)
    products = Workload("p", (DigitalOperator("block_1_dot_product/products", (), 10),))
    with pytest.raises(PimError, match=r"isaac32 has no digital unit.*block_1_dot_product"):
        estimate(products, bare)
    with pytest.raises(PimError, match="the activation of fc needs"):
        estimate(one(functions=3), bare)
    without_memory = dataclasses.replace(ISAAC, embedding=None)
    with pytest.raises(PimError, match="no memory for embedding tables, which embedding needs"):
        estimate(criteo_small, without_memory)
    assert estimate(criteo_small, changed(ISAAC, {"max_tiles": 7})).tiles == 7
    with pytest.raises(PimError, match=r"needs 7 tiles; isaac32 has 3: raise max_tiles"):
        estimate(criteo_small, changed(ISAAC, {"max_tiles": 3}))


@pytest.mark.parametrize("preset", PRESETS)
def test_in_a_batch_what_does_not_fit_is_told_and_costed_all_the_same(criteo_small, preset):
    # Fewer bits need fewer tiles: a limit between the two lets one candidate in.
    candidates = Candidates(weight_bits=[2, 8])
    hardware = hardware_preset(preset)
    plenty = estimate_batch(criteo_small, hardware, candidates)
    assert plenty.fits.all() and plenty.tiles[0] < plenty.tiles[1]
    tight = changed(hardware, {"max_tiles": int(plenty.tiles[0])})
    batch = estimate_batch(criteo_small, tight, candidates)
    assert batch.fits.tolist() == [True, False]
    assert np.array_equal(batch.energy_pj, plenty.energy_pj)
    with pytest.raises(PimError, match="raise max_tiles"):
        estimate(candidates.workload(1, criteo_small), tight)


def test_cells_must_not_hold_more_bits_than_a_weight_has():
    with pytest.raises(PimError, match="fc: cells of 8 bits are more than weights of 4 bits"):
        estimate(one(weight_bits=4), changed(ISAAC, {"device.bits_per_cell": 8}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adc_bits": [0]}, "adc_bits must be a whole number from 1 to 36. Received: 0"),
        ({"rows": [64, 0]}, "rows must be a whole number"),
        ({"weight_bits": [[8, 8]]}, "weight_bits has 2 operators; one has 1"),
        ({"rows": [1, 2], "columns": [1]}, "settings differ in length"),
        ({"rows": [1.5]}, "rows must hold whole numbers"),
        ({"rows": np.zeros((0,))}, "there are none"),
    ],
)
def test_a_bad_candidate_is_one_clear_line(options, message):
    with pytest.raises(PimError, match=message):
        estimate_batch(one(), ISAAC, Candidates(**options))
