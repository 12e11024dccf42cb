"""Baselines, comparison, exploration and plots."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pim.cli.plots import plot_breakdown, plot_pareto, plot_sensitivity
from pim.cost.estimate import estimate
from pim.errors import PimError
from pim.hardware.hardware_json import changed
from pim.hardware.presets import hardware_preset
from pim.studies.baselines import NearMemoryDesign, near_memory_totals, uniform_totals
from pim.studies.design_comparison import BASELINES, FIGURES, Setup, assumptions, compare
from pim.studies.explore import DesignSpace, explore, pareto_front, quantization_noise
from pim.workload.operators import CrossbarOperator, DigitalOperator, EmbeddingOperator, Workload

ISAAC = hardware_preset("isaac32")


@pytest.fixture(scope="module")
def quantized(criteo_small):
    count = len(criteo_small.crossbar_operators)
    return criteo_small.with_bits([4] * count, [6] * count)


@pytest.fixture(scope="module")
def comparison(quantized):
    return compare(Setup(quantized, hardware_preset("handcrafted")))


def test_ratios_are_baseline_over_candidate(quantized, comparison):
    hardware = hardware_preset("handcrafted")
    own, uniform = estimate(quantized, hardware), uniform_totals(quantized, hardware)
    ratios = comparison.ratios["handcrafted"]
    assert ratios.speed_up == uniform.latency_ns / own.latency_ns
    assert ratios.energy == uniform.energy_pj / own.energy_pj
    assert comparison.ratios["uniform8"] == ratios


def test_a_design_compared_with_itself_is_neither_better_nor_worse(criteo_small):
    comparison = compare(Setup(criteo_small, hardware_preset("handcrafted")))
    ratios = comparison.ratios["handcrafted"]
    assert ratios.speed_up == ratios.energy == ratios.throughput == 1


def test_fewer_bits_alone_give_gains_of_the_papers_order(comparison):
    # The paper reports 1.5 and 1.8; 4-bit weights and 6-bit inputs on the same parts:
    ratios = comparison.ratios["uniform8"]
    assert 1.1 < ratios.speed_up < 1.6 and 1.5 < ratios.energy < 4


def test_a_candidate_that_fits_is_compared_with_designs_that_would_not(quantized):
    loose = changed(ISAAC, {"duplication": 16})
    tiles = estimate(quantized, loose).tiles
    tight = changed(loose, {"max_tiles": tiles})
    with pytest.raises(PimError, match="raise max_tiles"):
        estimate(quantized, changed(tight, {"max_tiles": tiles - 1}))
    found, expected = compare(Setup(quantized, tight)), compare(Setup(quantized, loose))
    assert found.ratios == expected.ratios and found.corners == expected.corners
    with pytest.raises(PimError, match="raise max_tiles"):
        compare(Setup(quantized, changed(tight, {"max_tiles": tiles - 1})))


def test_ranges_hold_the_ratio_and_corners_hold_the_ranges(comparison):
    for baseline in BASELINES:
        for figure in FIGURES:
            ratio = getattr(comparison.ratios[baseline], figure)
            low, high = comparison.span(baseline, figure)
            worst, best = comparison.corners[baseline][figure]
            assert worst <= low * (1 + 1e-9) and low <= ratio <= high
            assert high <= best * (1 + 1e-9)


def test_every_assumption_changes_something(quantized):
    setup = Setup(quantized, ISAAC)
    for assumption in assumptions(setup):
        assert changed(setup, assumption.low) != changed(setup, assumption.high)


def test_a_candidate_on_mnsims_formulas_can_be_compared_too(criteo_small):
    comparison = compare(Setup(criteo_small, hardware_preset("mnsim2")))
    assert comparison.ratios["uniform8"].energy == 1


def test_near_memory_arithmetic_by_hand(criteo_small):
    design = NearMemoryDesign(multiply_accumulate_pj=10.0, multiply_accumulates_per_ns=100.0)
    design = changed(design, {"tables.static_mw": 0.0, "tables.cache_hit_rate": 0.0})
    totals = near_memory_totals(criteo_small, design)
    macs = criteo_small.multiply_accumulates
    look_ups = 26 * (2.1e3 + 512 * (14 + 22))
    assert totals.energy_pj == pytest.approx(macs * 10 + look_ups, rel=1e-6)
    assert totals.interval_ns == pytest.approx(macs / 100)
    assert totals.latency_ns > totals.interval_ns


@settings(max_examples=100, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 40), st.integers(1, 4)),
        elements=st.integers(0, 5).map(float),
    )
)
def test_the_pareto_front_is_what_nothing_dominates(points):
    front = set(pareto_front(points).tolist())
    for index, point in enumerate(points):
        better = (points <= point).all(axis=1) & (points < point).any(axis=1)
        earlier_equal = (points[:index] == point).all(axis=1).any()
        assert (index in front) == (not better.any() and not earlier_equal)


SPACE = DesignSpace(
    rows=(64, 128), columns_per_adc=(32, 128), weight_bits=(4, 8), activation_bits=(4, 8)
)


def test_exploration_keeps_lossless_candidates_that_fit(criteo_small):
    exploration = explore(criteo_small, ISAAC, SPACE)
    assert exploration.report.lossless_adc.all() and exploration.report.fits.all()
    assert exploration.rejected + len(exploration.report) == 2 * 2 * 2 * 7 * 2 * 3 * 2 * 2
    energies = exploration.report.energy_pj[exploration.front]
    assert (np.diff(energies) >= 0).all()
    lossy = explore(criteo_small, ISAAC, SPACE, lossy_adc=True)
    assert lossy.report.energy_pj.min() < exploration.report.energy_pj.min()


def test_a_row_of_the_front_is_what_estimating_it_gives(criteo_small):
    exploration = explore(criteo_small, ISAAC, SPACE)
    index = int(exploration.front[0])
    row = exploration.row(index)
    design = changed(ISAAC, exploration.candidates.settings(index))
    report = estimate(exploration.candidates.workload(index, criteo_small), design)
    assert row["energy_pj"] == report.energy_pj and row["latency_ns"] == report.latency_ns


def test_nothing_to_explore_is_told(criteo_small):
    with pytest.raises(PimError, match="no candidate fits with a lossless converter"):
        explore(criteo_small, ISAAC, DesignSpace(adc_bits=(1,)))
    with pytest.raises(PimError, match="objectives must be of"):
        explore(criteo_small, ISAAC, SPACE, objectives=("beauty",))
    with pytest.raises(PimError, match="rows has no value"):
        DesignSpace(rows=())


def test_noise_is_that_of_rounding():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 200_000)
    step = 2.0 ** -(6 - 1)
    assert np.mean((np.rint(x / step) * step - x) ** 2) + 4.0**-15 / 12 == pytest.approx(
        float(quantization_noise(6, 16)), rel=0.02
    )


def test_plots_are_written(tmp_path, criteo_small, comparison):
    plot_breakdown(estimate(criteo_small, ISAAC), tmp_path / "breakdown.png")
    plot_pareto(explore(criteo_small, ISAAC, SPACE), tmp_path / "pareto.svg")
    plot_sensitivity(comparison, tmp_path / "sensitivity.png")
    for name in ("breakdown.png", "pareto.svg", "sensitivity.png"):
        assert (tmp_path / name).stat().st_size > 5000
    with pytest.raises(PimError, match="cannot be written"):
        plot_breakdown(estimate(criteo_small, ISAAC), tmp_path / "no" / "where.png")


def test_tables_may_wait_for_what_finds_their_rows():
    layer = CrossbarOperator("logit", ("tables",), 32, 1)
    at_once, late = (
        compare(Setup(Workload("net", (*before, tables, layer)), hardware_preset("isaac32")))
        for before, tables in (
            ((), EmbeddingOperator("tables", (1000, 200), 16)),
            (
                (DigitalOperator("hash", (), additions=2),),
                EmbeddingOperator("tables", (1000, 200), 16, inputs=("hash",)),
            ),
        )
    )
    assert late.baselines["recnmp"] == at_once.baselines["recnmp"]
