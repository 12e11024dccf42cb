"""Costs of one network on one design."""

import dataclasses

import numpy as np

from pim.cost.cost import CrossbarCosts, crossbar_costs, energy_grid, lossless
from pim.cost.fixed_cost import FixedCost, check_hardware, fixed_costs
from pim.cost.mapping import Mapping, map_operators
from pim.cost.report import OperatorReport, Report
from pim.cost.schedule import critical_path, finish_times, interval
from pim.errors import PimError
from pim.hardware.genes import Candidates, genes_of
from pim.hardware.hardware import Hardware
from pim.workload.operators import CrossbarOperator, Workload


def estimate(workload: Workload, hardware: Hardware) -> Report:
    """Latency, pipeline interval, energy, power, area, utilisation and programming cost.

    Every operator owns its arrays, all of them can overlap, and every total is exactly the sum of
    its parts (``docs/pim.md``; the hardware model of the paper's 5.2, which describes none).

    Example:
        >>> from pim import CrossbarOperator, Workload, hardware_preset
        >>> layer = CrossbarOperator("fc", (), rows=429, columns=256)
        >>> report = estimate(Workload("one layer", (layer,)), hardware_preset("isaac32"))
        >>> report.operators[0].arrays, report.tiles, report.lossless_adc
        (32, 1, True)
        >>> sum(report.energy_by_component.values()) == report.energy_pj
        True

    Args:
        workload: the network.
        hardware: the design.

    Returns:
        Costs in ns, pJ, um2 and mW, in total, by operator and by component.

    Raises:
        PimError: if the hardware cannot hold the network; the message names the operator.
    """
    report = unlimited_estimate(workload, hardware)
    if report.tiles > hardware.max_tiles:
        raise PimError(
            f"{workload.name} needs {report.tiles} tiles; {hardware.name} has "
            f"{hardware.max_tiles}: raise max_tiles, or lower duplication or weight bits"
        )
    return report


def unlimited_estimate(workload: Workload, hardware: Hardware) -> Report:
    """As ``estimate``, with as many tiles as the network needs.

    Args:
        workload: the network.
        hardware: the design; ``max_tiles`` does not matter.

    Raises:
        PimError: if the hardware has no place for some operator; the message names it.
    """
    check_hardware(workload, hardware)
    if hardware.mnsim2 is not None:
        from pim.cost.mnsim2_cost import keeps_every_bit, operator_reports

        parts = operator_reports(workload, hardware)
        return _finish(workload, hardware, parts, 1, keeps_every_bit(hardware))
    genes = genes_of(workload, hardware, Candidates())
    mapping = map_operators(workload, hardware, genes)
    costs = crossbar_costs(workload, hardware, genes, mapping)
    parts = {
        operator.name: _crossbar_report(workload, hardware, index, costs, mapping)
        for index, operator in enumerate(workload.crossbar_operators)
    }
    keeps_all = bool(lossless(hardware, genes).all())
    return _finish(workload, hardware, parts, hardware.units_per_tile, keeps_all)


def _pick(values, index: int) -> float:
    """The value of one operator, of the only candidate."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 0:
        return float(values)
    return float(values[index if values.shape[0] > 1 else 0, 0])


def _crossbar_report(
    workload: Workload, hardware: Hardware, index: int, costs: CrossbarCosts, mapping: Mapping
) -> OperatorReport:
    operator = workload.crossbar_operators[index]
    device, array = hardware.device, hardware.array
    copies = _pick(mapping.copies, index)
    arrays = int(_pick(mapping.arrays, index) * copies)
    cells = _pick(mapping.used_cells, index) * copies
    units = _pick(mapping.units, index)
    return OperatorReport(
        name=operator.name,
        kind="crossbar",
        energy_pj={name: _pick(value, index) for name, value in costs.energy.items()},
        area_um2={name: _pick(value, index) for name, value in costs.area.items()},
        leakage_mw=_pick(costs.leakage_mw, index),
        latency_ns={name: _pick(value, index) for name, value in costs.steps.items()},
        start_ns=0.0,
        stage_ns=_pick(costs.stage_ns, index),
        arrays=arrays,
        units=int(units),
        used_cells=int(cells),
        owned_cells=int(units) * hardware.arrays_per_unit * array.rows * array.columns,
        write_pj=cells * device.write_pj,
        # Units are written at the same time, the arrays of a unit one after the other.
        write_ns=min(hardware.arrays_per_unit, arrays)
        * min(operator.rows, array.rows)
        * device.row_write_ns,
    )


def fixed_report(name: str, cost: FixedCost) -> OperatorReport:
    """The report of an operator that is not on crossbars.

    Args:
        name: the operator's.
        cost: of the operator.
    """
    return OperatorReport(
        name=name,
        kind=cost.component,
        energy_pj=dict(cost.energy_pj),
        area_um2={cost.component: cost.area_um2},
        leakage_mw=cost.leakage_mw,
        latency_ns={cost.component: cost.latency_ns},
        start_ns=0.0,
        stage_ns=cost.stage_ns,
        write_pj=cost.write_pj,
    )


def _finish(
    workload: Workload,
    hardware: Hardware,
    crossbars: dict[str, OperatorReport],
    units_per_tile: int,
    lossless_adc: bool,
) -> Report:
    """Puts the operators in order and adds what depends on all of them."""
    fixed = fixed_costs(workload, hardware)
    parts = [
        crossbars[operator.name]
        if isinstance(operator, CrossbarOperator)
        else fixed_report(operator.name, fixed[operator.name])
        for operator in workload.operators
    ]
    ends = finish_times(workload, {part.name: part.total_latency_ns for part in parts})
    finish = {name: float(end) for name, end in ends.items()}
    period = float(interval({part.name: part.stage_ns for part in parts}))
    return Report(
        workload=workload.name,
        hardware=hardware.name,
        batch=workload.batch,
        operators=tuple(_placed(part, finish[part.name], period) for part in parts),
        critical_path=tuple(critical_path(workload, finish)),
        interval_ns=period,
        units_per_tile=units_per_tile,
        lossless_adc=lossless_adc,
    )


def _placed(part: OperatorReport, finish: float, period: float) -> OperatorReport:
    """The part with its start, and with the leakage of one pipeline interval."""
    leakage = float(energy_grid(part.leakage_mw * period))
    return dataclasses.replace(
        part,
        start_ns=finish - part.total_latency_ns,
        energy_pj={**part.energy_pj, "leakage": leakage},
    )
