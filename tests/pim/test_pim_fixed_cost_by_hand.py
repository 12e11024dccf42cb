"""The cost of tables and digital units against figures worked out by hand."""

import dataclasses

import pytest

from pim.cost.estimate import estimate
from pim.hardware.hardware_json import changed
from pim.hardware.memories import DramTables, ReramTables
from pim.hardware.presets import hardware_preset
from pim.workload.operators import DigitalOperator, EmbeddingOperator, Workload

BASE = changed(
    hardware_preset("isaac32"),
    {
        "interconnect.flit_bits": 256,
        "interconnect.router_pj": 16.0,
        "interconnect.hops": 3,
        "interconnect.hop_ns": 2.0,
        "interconnect.clock_ghz": 0.5,
        "digital.lanes": 16,
        "digital.clock_ghz": 0.25,
        "digital.multiply_pj": 5.0,
        "digital.add_pj": 2.0,
        "digital.function_pj": 3.0,
        "digital.lane_area_um2": 50.0,
        "digital.lane_leakage_mw": 0.5,
    },
)
RERAM = ReramTables(
    cell_area_um2=0.5, array_efficiency=0.25, access_ns=10.0, read_pj_per_bit=0.5,
    bus_pj_per_bit=0.25, bus_bits=64, banks=4, write_pj_per_bit=2.0,
)  # fmt: skip
DRAM = DramTables(
    ranks=4, row_ns=30.0, rank_interval_ns=5.0, activate_nj=2.0, read_pj_per_bit=0.5,
    io_pj_per_bit=0.25, link_gb_per_s=1.0, cache_hit_rate=0.25, cache_pj=7.0, cache_ns=3.0,
    burst_bits=512, unit_area_um2=100.0, static_mw=2.0,
)  # fmt: skip
# Two samples look up a row of 160 bits in each of ten tables: 20 rows, 3200 bits.
TABLES = Workload("tables", (EmbeddingOperator("tables", (100,) * 10, 20, 8),), batch=2)


def costs(workload, **parts):
    (found,) = estimate(workload, dataclasses.replace(BASE, **parts)).operators
    return found


def test_tables_in_reram_by_hand():
    found = costs(TABLES, embedding=RERAM)
    # Five rows of a bank, each 10 ns and two further beats of 64 bits at 2 ns.
    assert found.stage_ns == 5 * (10 + 2 * 2)
    # The way of the last one: three hops of 2 ns, and three beats.
    assert found.latency_ns == {"embedding": 70 + 3 * 2 + 3 * 2}
    flits = 3200 / 256
    assert found.energy_pj == {
        "embedding": 3200 * (0.5 + 0.25),
        "router": flits * 3 * 16,
        "leakage": 0,
    }
    cells = 10 * 100 * 20 * 8
    assert found.area_um2 == {"embedding": cells * 0.5 / 0.25}
    assert found.write_pj == cells * 2.0


def test_the_bank_with_the_most_rows_decides():
    one_more = dataclasses.replace(TABLES.operators[0], look_ups=21)
    found = costs(dataclasses.replace(TABLES, operators=(one_more,), batch=1), embedding=RERAM)
    assert found.stage_ns == 6 * (10 + 2 * 2)


def test_tables_in_dram_by_hand():
    found = costs(TABLES, embedding=DRAM)
    hits, misses = 5, 15
    link = 3200 / 8  # ns at a byte a ns
    first = 30 + (misses / 4 - 1) * 5
    assert found.latency_ns == {"embedding": first + link}
    assert found.stage_ns == link
    assert found.energy_pj == {
        # A burst of 512 bits is read for a row of 160.
        "embedding": misses * (2000 + 512 * 0.5) + hits * 7 + 3200 * 0.25,
        "leakage": 4 * 2.0 * link,
    }
    assert found.area_um2 == {"embedding": 100.0}


def test_where_the_link_is_fast_the_ranks_set_the_pace():
    fast = dataclasses.replace(DRAM, link_gb_per_s=1000.0)
    assert costs(TABLES, embedding=fast).stage_ns == 15 / 4 * 5


def test_rows_that_are_all_in_the_cache_open_none():
    hot = dataclasses.replace(DRAM, cache_hit_rate=1.0)
    found = costs(TABLES, embedding=hot)
    assert found.latency_ns == {"embedding": 20 / 4 * 3 + 400}
    assert found.energy_pj["embedding"] == 20 * 7 + 3200 * 0.25


def test_a_digital_unit_by_hand():
    operator = DigitalOperator(
        "d", (), multiply_accumulates=10, additions=3, multiplications=5, functions=2, layer_norm=7
    )
    found = costs(Workload("digital", (operator,), batch=2))
    once = 10 * (5 + 2) + 5 * 5 + (3 + 7) * 2 + 2 * 3
    ns = 4 * 4  # 54 operations of two samples on 16 lanes, 4 ns a clock
    assert found.latency_ns == {"digital": ns} and found.stage_ns == ns
    assert found.energy_pj == {"digital": 2 * once, "leakage": 16 * 0.5 * ns}
    assert found.area_um2 == {"digital": 16 * 50.0}


@pytest.mark.parametrize("look_ups", [0, 35])
def test_rows_read_are_one_of_each_table_unless_told(look_ups):
    tables = EmbeddingOperator("tables", (100,) * 10, 20, 8, look_ups=look_ups)
    found = costs(Workload("tables", (tables,)), embedding=RERAM)
    assert found.energy_pj["embedding"] == (look_ups or 10) * 160 * 0.75
