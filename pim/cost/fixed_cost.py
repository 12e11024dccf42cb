"""What digital operators and embedding tables cost: the same for every candidate."""

import dataclasses
import math

from pim.cost.cost import energy_grid, time_grid
from pim.errors import PimError
from pim.hardware.hardware import Hardware
from pim.hardware.memories import DramTables, ReramTables
from pim.workload.operators import (
    CrossbarOperator,
    DigitalOperator,
    EmbeddingOperator,
    Workload,
)


@dataclasses.dataclass(frozen=True)
class FixedCost:
    """Cost of one operator.

    Args:
        component: where its energy and area go: ``digital`` or ``embedding``.
        energy_pj: of all samples of the batch, by component.
        area_um2: area.
        leakage_mw: leakage power.
        latency_ns: time from its inputs to its outputs.
        stage_ns: time for which it is busy.
        write_pj: energy of writing its contents once.
    """

    component: str
    energy_pj: dict[str, float]
    area_um2: float
    leakage_mw: float
    latency_ns: float
    stage_ns: float
    write_pj: float = 0.0


def check_hardware(workload: Workload, hardware: Hardware) -> None:
    """Raises if the hardware has no place for some operator.

    Args:
        workload: the network.
        hardware: the design.

    Raises:
        PimError: if it lacks digital units or a memory for tables; the message names the operator.
    """
    for operator in workload.operators:
        if isinstance(operator, EmbeddingOperator) and hardware.embedding is None:
            raise PimError(
                f"{hardware.name} has no memory for embedding tables, which {operator.name} "
                "needs; describe one under embedding"
            )
        if hardware.digital is not None:
            continue
        if isinstance(operator, DigitalOperator):
            raise PimError(
                f"{hardware.name} has no digital unit, which {operator.name} needs; "
                "describe one under digital"
            )
        if isinstance(operator, CrossbarOperator) and operator.functions + operator.all_additions:
            raise PimError(
                f"{hardware.name} has no digital unit, which the activation of {operator.name} "
                "needs; describe one under digital"
            )


def fixed_costs(workload: Workload, hardware: Hardware) -> dict[str, FixedCost]:
    """Costs of all operators that are not on crossbars, by name.

    Args:
        workload: the network, which the hardware has places for.
        hardware: the design.
    """
    costs = {}
    for operator in workload.operators:
        if isinstance(operator, DigitalOperator):
            costs[operator.name] = _digital(operator, workload.batch, hardware)
        elif isinstance(operator, EmbeddingOperator):
            costs[operator.name] = _tables(operator, workload.batch, hardware)
    return costs


def _digital(operator: DigitalOperator, batch: int, hardware: Hardware) -> FixedCost:
    unit = hardware.digital
    pj = (
        operator.multiply_accumulates * (unit.multiply_pj + unit.add_pj)
        + operator.multiplications * unit.multiply_pj
        + operator.all_additions * unit.add_pj
        + operator.functions * unit.function_pj
    )
    steps = (
        operator.multiply_accumulates
        + operator.multiplications
        + operator.all_additions
        + operator.functions
    )
    ns = float(time_grid(math.ceil(steps * batch / unit.lanes) / unit.clock_ghz))
    return FixedCost(
        component="digital",
        energy_pj={"digital": float(energy_grid(pj * batch))},
        area_um2=float(energy_grid(unit.lanes * unit.lane_area_um2)),
        leakage_mw=float(energy_grid(unit.lanes * unit.lane_leakage_mw)),
        latency_ns=ns,
        stage_ns=ns,
    )


def _tables(operator: EmbeddingOperator, batch: int, hardware: Hardware) -> FixedCost:
    if isinstance(hardware.embedding, ReramTables):
        return _reram(operator, batch, hardware, hardware.embedding)
    return _dram(operator, batch, hardware.embedding)


def _reram(operator, batch, hardware, memory: ReramTables) -> FixedCost:
    look_ups = operator.rows_read * batch
    row_bits = operator.dimension * operator.bits
    link = hardware.interconnect
    beats = math.ceil(row_bits / memory.bus_bits)
    per_bank = math.ceil(look_ups / memory.banks)
    stage = per_bank * (memory.access_ns + (beats - 1) / link.clock_ghz)
    latency = stage + link.hops * link.hop_ns + beats / link.clock_ghz
    bits = look_ups * row_bits
    stored = operator.parameters * operator.bits
    energy = {
        "embedding": bits * (memory.read_pj_per_bit + memory.bus_pj_per_bit),
        "router": bits / link.flit_bits * link.hops * link.router_pj,
    }
    return FixedCost(
        component="embedding",
        energy_pj={name: float(energy_grid(value)) for name, value in energy.items()},
        area_um2=float(energy_grid(stored * memory.cell_area_um2 / memory.array_efficiency)),
        leakage_mw=0.0,
        latency_ns=float(time_grid(latency)),
        stage_ns=float(time_grid(stage)),
        write_pj=float(stored * memory.write_pj_per_bit),
    )


def _dram(operator, batch, memory: DramTables) -> FixedCost:
    """Expected cost: with pooling factor 1 every row crosses the link, hit or miss."""
    look_ups = operator.rows_read * batch
    row_bits = operator.dimension * operator.bits
    hits = look_ups * memory.cache_hit_rate
    misses = look_ups - hits
    read_bits = math.ceil(row_bits / memory.burst_bits) * memory.burst_bits
    link_ns = look_ups * row_bits / 8 / memory.link_gb_per_s
    interval = misses / memory.ranks * memory.rank_interval_ns
    if misses:
        first = memory.row_ns + max(misses / memory.ranks - 1, 0) * memory.rank_interval_ns
    else:
        first = hits / memory.ranks * memory.cache_ns
    pj = (
        misses * (memory.activate_nj * 1e3 + read_bits * memory.read_pj_per_bit)
        + hits * memory.cache_pj
        + look_ups * row_bits * memory.io_pj_per_bit
    )
    return FixedCost(
        component="embedding",
        energy_pj={"embedding": float(energy_grid(pj))},
        area_um2=float(energy_grid(memory.unit_area_um2)),
        leakage_mw=float(energy_grid(memory.ranks * memory.static_mw)),
        latency_ns=float(time_grid(first + link_ns)),
        stage_ns=float(time_grid(max(interval, link_ns))),
    )
