"""What an estimate tells: totals, and their parts by operator and by component."""

import dataclasses
import math
from typing import Any

from pim.cost.cost import COMPONENTS, STEPS


@dataclasses.dataclass(frozen=True)
class OperatorReport:
    """Cost of one operator.

    Args:
        name: the operator.
        kind: ``crossbar``, ``digital`` or ``embedding``.
        energy_pj: by component (``pim.cost.cost.COMPONENTS``), of all samples of the batch.
        area_um2: by component.
        leakage_mw: leakage power; its energy is among ``energy_pj``.
        latency_ns: by step (``pim.cost.cost.STEPS``).
        start_ns: when it starts, in an inference that runs alone.
        stage_ns: time for which its hardware is busy.
        arrays: arrays in use, over all copies.
        units: units that it owns; operators share tiles unit by unit.
        used_cells: cells that hold weights, over all copies.
        owned_cells: cells of all arrays that it owns.
        write_pj: energy of writing its weights or tables once.
        write_ns: time of writing its weights once.
    """

    name: str
    kind: str
    energy_pj: dict[str, float]
    area_um2: dict[str, float]
    leakage_mw: float
    latency_ns: dict[str, float]
    start_ns: float
    stage_ns: float
    arrays: int = 0
    units: int = 0
    used_cells: int = 0
    owned_cells: int = 0
    write_pj: float = 0.0
    write_ns: float = 0.0

    @property
    def total_energy_pj(self) -> float:
        """Over all components, of all samples of the batch."""
        return sum(self.energy_pj.values())

    @property
    def total_area_um2(self) -> float:
        """Over all components."""
        return sum(self.area_um2.values())

    @property
    def total_latency_ns(self) -> float:
        """Over all steps."""
        return sum(self.latency_ns.values())

    @property
    def utilization(self) -> float:
        """Cells that hold weights over cells that the operator owns."""
        return self.used_cells / self.owned_cells if self.owned_cells else 0.0


@dataclasses.dataclass(frozen=True)
class Report:
    """Cost of a network on a design; every total is exactly the sum of its parts.

    Args:
        workload: its name.
        hardware: its name.
        batch: samples of one inference.
        operators: cost of each operator.
        critical_path: operators that decide the latency, first to last.
        interval_ns: time between two inferences in a full pipeline.
        units_per_tile: units that share a tile.
        lossless_adc: whether no conversion can lose anything.
    """

    workload: str
    hardware: str
    batch: int
    operators: tuple[OperatorReport, ...]
    critical_path: tuple[str, ...]
    interval_ns: float
    units_per_tile: int
    lossless_adc: bool

    @property
    def latency_ns(self) -> float:
        """From the inputs to the logit, for one inference that runs alone."""
        return sum(self.latency_by_step.values())

    @property
    def energy_pj(self) -> float:
        """Of one inference in a full pipeline, which carries the leakage of one interval."""
        return sum(operator.total_energy_pj for operator in self.operators)

    @property
    def area_um2(self) -> float:
        """Of chip and tables."""
        return sum(operator.total_area_um2 for operator in self.operators)

    @property
    def leakage_mw(self) -> float:
        """Of all operators; ``energy_pj`` holds its energy over one interval."""
        return sum(operator.leakage_mw for operator in self.operators)

    @property
    def power_w(self) -> float:
        """In a full pipeline."""
        return self.energy_pj / self.interval_ns * 1e-3

    @property
    def inferences_per_second(self) -> float:
        """Samples a second in a full pipeline."""
        return self.batch / self.interval_ns * 1e9

    @property
    def tiles(self) -> int:
        """Tiles of the chip."""
        return math.ceil(sum(operator.units for operator in self.operators) / self.units_per_tile)

    @property
    def utilization(self) -> float:
        """Cells that hold weights over all cells of the arrays."""
        owned = sum(operator.owned_cells for operator in self.operators)
        return sum(operator.used_cells for operator in self.operators) / owned if owned else 0.0

    @property
    def write_pj(self) -> float:
        """Energy of writing all weights and tables once."""
        return sum(operator.write_pj for operator in self.operators)

    @property
    def write_ns(self) -> float:
        """Time of writing all weights once, operators and units at the same time."""
        return max(operator.write_ns for operator in self.operators)

    @property
    def energy_by_component(self) -> dict[str, float]:
        """pJ, which adds up to ``energy_pj``."""
        return self._by("energy_pj", COMPONENTS)

    @property
    def area_by_component(self) -> dict[str, float]:
        """um2, which adds up to ``area_um2``."""
        return self._by("area_um2", COMPONENTS)

    @property
    def latency_by_step(self) -> dict[str, float]:
        """ns along the critical path, which adds up to ``latency_ns``."""
        on_path = set(self.critical_path)
        return {
            step: sum(o.latency_ns.get(step, 0.0) for o in self.operators if o.name in on_path)
            for step in STEPS
        }

    def _by(self, figure: str, names: tuple[str, ...]) -> dict[str, float]:
        return {
            name: sum(getattr(operator, figure).get(name, 0.0) for operator in self.operators)
            for name in names
        }

    def to_json(self) -> dict[str, Any]:
        """Totals and parts as plain JSON values, units written into the names."""
        return {
            "workload": self.workload,
            "hardware": self.hardware,
            "batch": self.batch,
            "latency_ns": self.latency_ns,
            "interval_ns": self.interval_ns,
            "inferences_per_second": self.inferences_per_second,
            "energy_pj": self.energy_pj,
            "power_w": self.power_w,
            "area_mm2": self.area_um2 * 1e-6,
            "leakage_mw": self.leakage_mw,
            "tiles": self.tiles,
            "utilization": self.utilization,
            "lossless_adc": self.lossless_adc,
            "write_uj": self.write_pj * 1e-6,
            "write_us": self.write_ns * 1e-3,
            "energy_by_component_pj": self.energy_by_component,
            "area_by_component_um2": self.area_by_component,
            "latency_by_step_ns": self.latency_by_step,
            "critical_path": list(self.critical_path),
            "operators": [dataclasses.asdict(operator) for operator in self.operators],
        }
