"""Costs of thousands of candidates at once: the same numbers as one by one, only faster."""

import dataclasses

import numpy as np

from pim.cost.cost import CrossbarCosts, crossbar_costs, energy_grid, lossless
from pim.cost.estimate import unlimited_estimate
from pim.cost.fixed_cost import FixedCost, check_hardware, fixed_costs
from pim.cost.mapping import map_operators
from pim.cost.schedule import finish_times, interval, total_latency
from pim.errors import PimError
from pim.hardware.genes import Candidates, genes_of
from pim.hardware.hardware import Hardware
from pim.hardware.hardware_json import changed
from pim.workload.operators import Workload

_CHUNK = 512
"""Candidates worked on at once, so that their arrays stay in the processor's caches."""


@dataclasses.dataclass(frozen=True, eq=False)
class BatchReport:
    """Totals of every candidate, each (candidates,); see ``Report`` for their meaning.

    Args:
        latency_ns: of one inference that runs alone.
        interval_ns: between two inferences in a full pipeline.
        energy_pj: of one inference in a full pipeline.
        area_um2: of chip and tables.
        leakage_mw: leakage power.
        tiles: tiles of the chip.
        fits: whether the tiles are there.
        lossless_adc: whether no conversion can lose anything.
    """

    latency_ns: np.ndarray
    interval_ns: np.ndarray
    energy_pj: np.ndarray
    area_um2: np.ndarray
    leakage_mw: np.ndarray
    tiles: np.ndarray
    fits: np.ndarray
    lossless_adc: np.ndarray

    def __len__(self) -> int:
        return len(self.latency_ns)

    @property
    def power_w(self) -> np.ndarray:
        """In a full pipeline."""
        return self.energy_pj / self.interval_ns * 1e-3


def estimate_batch(workload: Workload, hardware: Hardware, candidates: Candidates) -> BatchReport:
    """Totals of every candidate, equal to those of ``estimate`` bit by bit.

    A candidate that needs more tiles than there are has its costs all the same, and ``fits`` is
    false for it. Any other candidate that ``estimate`` refuses makes the whole call raise. With
    the ``mnsim2`` preset every candidate is estimated on its own, thousands of times slower.

    Example:
        >>> from pim import CrossbarOperator, Workload, hardware_preset
        >>> layer = CrossbarOperator("fc", (), rows=429, columns=256)
        >>> found = estimate_batch(
        ...     Workload("one layer", (layer,)),
        ...     hardware_preset("isaac32"),
        ...     Candidates(weight_bits=[4, 8], adc_bits=[7, 8]),
        ... )
        >>> found.tiles.tolist(), found.lossless_adc.tolist()
        ([1.0, 1.0], [False, True])
        >>> bool(found.energy_pj[0] < found.energy_pj[1])
        True

    Args:
        workload: the network.
        hardware: the design; what the candidates name is replaced.
        candidates: what differs between them.

    Returns:
        Arrays of one figure per candidate, in ns, pJ, um2 and mW.

    Raises:
        PimError: if there is no candidate; if the hardware has no place for some operator
            (digital units, memory of the tables); if a setting of any candidate is out of range,
            is not free (under ``mnsim2``), or gives cells more bits than a weight has; or if
            MNSIM's mesh cannot hold a candidate's tiles.
    """
    check_hardware(workload, hardware)
    if len(candidates) == 0:
        raise PimError("candidates: there are none")
    if hardware.mnsim2 is not None:
        return _one_by_one(workload, hardware, candidates)
    fixed = fixed_costs(workload, hardware)
    chunks = [
        _chunk(workload, hardware, fixed, candidates.part(start, start + _CHUNK))
        for start in range(0, len(candidates), _CHUNK)
    ]
    return BatchReport(
        **{
            field.name: np.concatenate([getattr(chunk, field.name) for chunk in chunks])
            for field in dataclasses.fields(BatchReport)
        }
    )


def _chunk(
    workload: Workload,
    hardware: Hardware,
    fixed: dict[str, FixedCost],
    candidates: Candidates,
) -> BatchReport:
    genes = genes_of(workload, hardware, candidates)
    mapping = map_operators(workload, hardware, genes)
    costs = crossbar_costs(workload, hardware, genes, mapping)
    count = len(candidates)
    shape = (len(workload.crossbar_operators), count)
    latency, stages = _times(workload, fixed, costs, shape)
    period = interval(stages)
    leakage = energy_grid(costs.leakage_mw * period)
    energy = _sum([*costs.energy.values(), leakage], shape)
    area = _sum(costs.area.values(), shape)
    leakage_mw = _sum([costs.leakage_mw], shape)
    for cost in fixed.values():
        energy = energy + sum(cost.energy_pj.values()) + energy_grid(cost.leakage_mw * period)
        area = area + cost.area_um2
        leakage_mw = leakage_mw + cost.leakage_mw
    tiles = np.ceil(_sum([mapping.units], shape) / hardware.units_per_tile)
    finish = finish_times(workload, latency)
    return BatchReport(
        latency_ns=_spread(total_latency(finish), count),
        interval_ns=_spread(period, count),
        energy_pj=energy,
        area_um2=area,
        leakage_mw=leakage_mw,
        tiles=tiles,
        fits=tiles <= hardware.max_tiles,
        lossless_adc=_spread(lossless(hardware, genes)[0], count),
    )


def _times(workload, fixed, costs: CrossbarCosts, shape):
    """Latency and stage time of every operator by name."""
    total = np.broadcast_to(sum(costs.steps.values()), shape)
    stage = np.broadcast_to(costs.stage_ns, shape)
    latency = {name: cost.latency_ns for name, cost in fixed.items()}
    stages = {name: cost.stage_ns for name, cost in fixed.items()}
    for index, operator in enumerate(workload.crossbar_operators):
        latency[operator.name], stages[operator.name] = total[index], stage[index]
    return latency, stages


def _sum(parts, shape: tuple[int, int]) -> np.ndarray:
    """Sums components and operators of every candidate."""
    total = np.zeros(shape[1])
    for part in parts:
        total += np.broadcast_to(part, shape).sum(axis=0)
    return total


def _spread(values, count: int) -> np.ndarray:
    return np.array(np.broadcast_to(values, (count,)))


def _one_by_one(workload: Workload, hardware: Hardware, candidates: Candidates) -> BatchReport:
    rows = []
    for index in range(len(candidates)):
        design = changed(hardware, candidates.settings(index))
        report = unlimited_estimate(candidates.workload(index, workload), design)
        rows.append(
            (
                report.latency_ns,
                report.interval_ns,
                report.energy_pj,
                report.area_um2,
                report.leakage_mw,
                report.tiles,
                report.tiles <= hardware.max_tiles,
                report.lossless_adc,
            )
        )
    return BatchReport(*(np.array(column) for column in zip(*rows)))
