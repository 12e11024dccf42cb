"""A candidate against its baselines, and how far the unstated assumptions move the ratios."""

import dataclasses
from typing import Any

from pim.assumptions import (
    BASELINES,
    HANDCRAFTED,
    NEAR_MEMORY,
    UNIFORM,
    Assumption,
    Setup,
    assumptions,
)
from pim.baselines import (
    Totals,
    near_memory_totals,
    totals,
    uniform_totals,
)
from pim.estimate import estimate
from pim.hardware_json import changed
from pim.report import Report

FIGURES = ("speed_up", "energy")

PAPER_RATIOS = {HANDCRAFTED: (1.5, 1.8), NEAR_MEMORY: (1.1, 5.2)}
"""Speed-up and energy ratio that the paper reports for its searched design (5.2)."""


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
