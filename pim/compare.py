"""A candidate against its baselines, and how far the unstated assumptions move the ratios."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pim.baselines import (
    NearMemoryDesign,
    Totals,
    near_memory_totals,
    totals,
    uniform_totals,
)
from pim.estimate import estimate
from pim.hardware import PACKED, SPREAD, Hardware
from pim.hardware_json import changed
from pim.memories import ReramTables
from pim.operators import Workload
from pim.presets import hardware_preset
from pim.report import Report

HANDCRAFTED, UNIFORM, NEAR_MEMORY = "handcrafted", "uniform8", "recnmp"
BASELINES = (HANDCRAFTED, UNIFORM, NEAR_MEMORY)
"""The handcrafted design; the candidate's own design with 8 bits everywhere; near-memory DRAM."""

FIGURES = ("speed_up", "energy")

PAPER_RATIOS = {HANDCRAFTED: (1.5, 1.8), NEAR_MEMORY: (1.1, 5.2)}
"""Speed-up and energy ratio that the paper reports for its searched design (5.2)."""


@dataclasses.dataclass(frozen=True)
class Setup:
    """Everything that a comparison depends on.

    Args:
        workload: the network, with the candidate's bit widths.
        hardware: the candidate's design.
        handcrafted: the uniform design.
        recnmp: the near-memory design.
    """

    workload: Workload
    hardware: Hardware
    handcrafted: Hardware = dataclasses.field(
        default_factory=lambda: hardware_preset("handcrafted")
    )
    recnmp: NearMemoryDesign = dataclasses.field(default_factory=NearMemoryDesign)


@dataclasses.dataclass(frozen=True)
class Assumption:
    """Something that the paper does not state.

    Args:
        name: what it is.
        baselines: baselines whose ratio it moves.
        low_label: one plausible case.
        low: settings of a ``Setup`` for it, by dotted name.
        high_label: another plausible case.
        high: settings for that.
    """

    name: str
    baselines: tuple[str, ...]
    low_label: str
    low: Mapping[str, Any]
    high_label: str
    high: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Ratios:
    """How much better the candidate is; above 1 means better.

    Args:
        speed_up: latency of the baseline over the candidate's.
        throughput: inferences a second of the candidate over the baseline's.
        energy: energy of the baseline over the candidate's.
    """

    speed_up: float
    throughput: float
    energy: float


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """Ratios to one baseline under both cases of one assumption, all others unchanged."""

    assumption: Assumption
    baseline: str
    low: Ratios
    high: Ratios


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A candidate beside its baselines.

    Args:
        candidate: its report.
        baselines: totals by name.
        ratios: by name, under the assumptions as described.
        sensitivities: what every other case of one assumption makes of them.
        corners: by baseline and figure, the ratio if every assumption takes the case that lowers
            it most, and the case that raises it most.
    """

    candidate: Report
    baselines: dict[str, Totals]
    ratios: dict[str, Ratios]
    sensitivities: tuple[Sensitivity, ...]
    corners: dict[str, dict[str, tuple[float, float]]]

    def span(self, baseline: str, figure: str) -> tuple[float, float]:
        """Smallest and largest ratio to a baseline over all cases of single assumptions."""
        values = [getattr(self.ratios[baseline], figure)]
        for part in self.sensitivities:
            if part.baseline == baseline:
                values += [getattr(part.low, figure), getattr(part.high, figure)]
        return min(values), max(values)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "candidate": self.candidate.to_json(),
            "baselines": {n: dataclasses.asdict(t) for n, t in self.baselines.items()},
            "ratios": {n: dataclasses.asdict(r) for n, r in self.ratios.items()},
            "paper": {
                n: {"speed_up": speed, "energy": energy}
                for n, (speed, energy) in PAPER_RATIOS.items()
            },
            "corners": self.corners,
            "sensitivities": [
                {
                    "assumption": part.assumption.name,
                    "baseline": part.baseline,
                    part.assumption.low_label: dataclasses.asdict(part.low),
                    part.assumption.high_label: dataclasses.asdict(part.high),
                }
                for part in self.sensitivities
            ],
        }


def assumptions(setup: Setup) -> tuple[Assumption, ...]:
    """What the paper leaves unstated, each with two plausible cases; sources as in ``presets``."""
    hand, near = (HANDCRAFTED,), (NEAR_MEMORY,)
    found = [
        Assumption(
            "converter of the handcrafted design",
            hand,
            "ISAAC's 1.67 pJ",
            {"handcrafted.adc.pj_at_8_bits": 1.67, "handcrafted.adc.giga_samples": 1.28},
            "MNSIM 2.0's 15.6 pJ, 7.8 ns",
            {"handcrafted.adc.pj_at_8_bits": 15.625, "handcrafted.adc.giga_samples": 0.128},
        ),
        Assumption(
            "columns that share a converter there",
            hand,
            "2",
            {"handcrafted.adc.columns_per_adc": 2},
            "128",
            {"handcrafted.adc.columns_per_adc": 128},
        ),
        Assumption(
            "resolution of its converter",
            hand,
            "6 bits",
            {"handcrafted.adc.bits": 6},
            f"lossless, {setup.handcrafted.lossless_adc_bits} bits",
            {"handcrafted.adc.bits": setup.handcrafted.lossless_adc_bits},
        ),
        Assumption(
            "size of its arrays",
            hand,
            "64 x 64",
            {"handcrafted.array.rows": 64, "handcrafted.array.columns": 64},
            "256 x 256",
            {"handcrafted.array.rows": 256, "handcrafted.array.columns": 256},
        ),
        Assumption(
            "placement of its bit slices",
            hand,
            "side by side",
            {"handcrafted.encoding.slice_packing": PACKED},
            "an array each",
            {"handcrafted.encoding.slice_packing": SPREAD},
        ),
        Assumption(
            "time of a read there",
            hand,
            "3.16 ns (MNSIM 2.0)",
            {"handcrafted.array.read_ns": 3.16},
            "100 ns (ISAAC)",
            {"handcrafted.array.read_ns": 100.0},
        ),
        Assumption(
            "arithmetic behind RecNMP: energy",
            near,
            "8-bit digital, 0.41 pJ",
            {"recnmp.multiply_accumulate_pj": 0.41},
            "18-core host at peak, 113 pJ",
            # 150 W over 18 cores x 2 x 16 lanes x 2.3 GHz; assumed.
            {"recnmp.multiply_accumulate_pj": 113.0},
        ),
        Assumption(
            "arithmetic behind RecNMP: speed",
            near,
            "host at 10 %, 130 GMAC/s",
            {"recnmp.multiply_accumulates_per_ns": 130.0},
            "host at peak, 1325 GMAC/s",
            {"recnmp.multiply_accumulates_per_ns": 1325.0},
        ),
        Assumption(
            "RecNMP's cache hits",
            near,
            "none",
            {"recnmp.tables.cache_hit_rate": 0.0},
            "80 %",
            {"recnmp.tables.cache_hit_rate": 0.8},
        ),
        Assumption(
            "RecNMP's elements",
            near,
            "8 bits",
            {"recnmp.element_bits": 8},
            "32 bits",
            {"recnmp.element_bits": 32},
        ),
        Assumption(
            "standby power of RecNMP's DRAM",
            near,
            "not charged",
            {"recnmp.tables.static_mw": 0.0},
            "413 mW a rank",
            {"recnmp.tables.static_mw": 413.0},
        ),
        Assumption(
            "samples of one inference",
            BASELINES,
            "1",
            {"workload.batch": 1},
            "64",
            {"workload.batch": 64},
        ),
    ]
    if isinstance(setup.hardware.embedding, ReramTables):
        found.append(
            Assumption(
                "reading a bit of the candidate's tables",
                BASELINES,
                "0.1 pJ",
                {"hardware.embedding.read_pj_per_bit": 0.1},
                "10 pJ",
                {"hardware.embedding.read_pj_per_bit": 10.0},
            )
        )
    return tuple(found)


def compare(setup: Setup) -> Comparison:
    """Speed-up and energy ratio to each baseline, with what moves them.

    Args:
        setup: the candidate, the baselines and the network.

    Raises:
        PimError: if a design cannot hold the network.
    """
    candidate = estimate(setup.workload, setup.hardware)
    baselines = _baselines(setup)
    sensitivities = []
    for assumption in assumptions(setup):
        low, high = (_ratios(changed(setup, c)) for c in (assumption.low, assumption.high))
        for baseline in assumption.baselines:
            sensitivities.append(Sensitivity(assumption, baseline, low[baseline], high[baseline]))
    ratios = _ratios(setup)
    corners = {
        baseline: {
            figure: _corners(setup, baseline, figure, ratios[baseline], sensitivities)
            for figure in FIGURES
        }
        for baseline in BASELINES
    }
    return Comparison(candidate, baselines, ratios, tuple(sensitivities), corners)


def _corners(
    setup: Setup, baseline: str, figure: str, base: Ratios, sensitivities: list[Sensitivity]
) -> tuple[float, float]:
    """The figure with every assumption at its worst, and at its best."""
    found = []
    for choose in (min, max):
        settings: dict[str, Any] = {}
        for part in sensitivities:
            if part.baseline != baseline:
                continue
            cases = [
                (getattr(base, figure), {}),
                (getattr(part.low, figure), part.assumption.low),
                (getattr(part.high, figure), part.assumption.high),
            ]
            settings.update(choose(cases, key=lambda case: case[0])[1])
        found.append(getattr(_ratios(changed(setup, settings))[baseline], figure))
    return found[0], found[1]


def _baselines(setup: Setup) -> dict[str, Totals]:
    return {
        HANDCRAFTED: uniform_totals(setup.workload, setup.handcrafted),
        UNIFORM: uniform_totals(setup.workload, setup.hardware),
        NEAR_MEMORY: near_memory_totals(setup.workload, setup.recnmp),
    }


def _ratios(setup: Setup) -> dict[str, Ratios]:
    own = totals(estimate(setup.workload, setup.hardware))
    return {
        name: Ratios(
            speed_up=other.latency_ns / own.latency_ns,
            throughput=other.interval_ns / own.interval_ns,
            energy=other.energy_pj / own.energy_pj,
        )
        for name, other in _baselines(setup).items()
    }
