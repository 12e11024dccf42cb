"""A candidate against its baselines, and how far the unstated assumptions move the ratios."""

import dataclasses
from typing import Any

from pim.cost.estimate import estimate, unlimited_estimate
from pim.cost.report import Report
from pim.hardware.hardware_json import changed
from pim.studies.assumptions import (
    BASELINES,
    HANDCRAFTED,
    NEAR_MEMORY,
    UNIFORM,
    Assumption,
    Setup,
    assumptions,
)
from pim.studies.baselines import (
    Totals,
    near_memory_totals,
    totals,
    uniform_totals,
)

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
    """Ratios to one baseline under both cases of one assumption, all others unchanged.

    Args:
        assumption: what the paper does not state.
        baseline: of ``BASELINES``.
        low: ratios under its first case.
        high: ratios under its second case.
    """

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
        """Smallest and largest ratio to a baseline over all cases of single assumptions.

        Args:
            baseline: of ``BASELINES``.
            figure: of ``FIGURES``.
        """
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
    """Speed-up and energy ratio to each baseline, with what moves them (paper 5.2).

    Example:
        >>> from pim import CrossbarOperator, EmbeddingOperator, Workload, hardware_preset
        >>> tables = EmbeddingOperator("tables", (1000,) * 4, dimension=16)
        >>> layer = CrossbarOperator("fc", ("tables",), 64, 32, weight_bits=4)
        >>> network = Workload("small", (tables, layer))
        >>> found = compare(Setup(network, hardware_preset("handcrafted")))
        >>> found.ratios["handcrafted"].energy > 1  # 4 bits against 8
        True

    Args:
        setup: the candidate, the baselines and the network.

    Returns:
        The ratios as described, under each case of each assumption, and with all moved.

    Raises:
        PimError: if the candidate cannot hold the network, or a design has no place for some
            operator; what the candidate is compared with may have as many tiles as it needs.
    """
    candidate = estimate(setup.workload, setup.hardware)
    baselines = {name: _baseline(setup, name) for name in BASELINES}
    ratios = {name: _ratio(setup, name) for name in BASELINES}
    sensitivities = [
        Sensitivity(
            assumption,
            baseline,
            _ratio(changed(setup, assumption.low), baseline),
            _ratio(changed(setup, assumption.high), baseline),
        )
        for assumption in assumptions(setup)
        for baseline in assumption.baselines
    ]
    corners = {
        baseline: {figure: _corners(setup, baseline, figure, sensitivities) for figure in FIGURES}
        for baseline in BASELINES
    }
    return Comparison(candidate, baselines, ratios, tuple(sensitivities), corners)


def _corners(
    setup: Setup, baseline: str, figure: str, sensitivities: list[Sensitivity]
) -> tuple[float, float]:
    """The figure with every assumption at its worst, and at its best.

    Assumptions are settled one after the other, the most telling first, each to the case that
    moves the figure farthest given those before it; a corner so lies outside all single cases.
    """

    def value(ratios: Ratios) -> float:
        return getattr(ratios, figure)

    parts = [part for part in sensitivities if part.baseline == baseline]
    found = []
    for choose in (min, max):
        chosen = setup
        order = sorted(parts, key=lambda part: choose(value(part.low), value(part.high)))
        for part in order if choose is min else reversed(order):
            cases = (part.assumption.low, part.assumption.high)
            options = [chosen, *(changed(chosen, case) for case in cases)]
            chosen = choose(options, key=lambda option: value(_ratio(option, baseline)))
        found.append(value(_ratio(chosen, baseline)))
    return found[0], found[1]


def _baseline(setup: Setup, name: str) -> Totals:
    if name == HANDCRAFTED:
        return uniform_totals(setup.workload, setup.handcrafted)
    if name == UNIFORM:
        return uniform_totals(setup.workload, setup.hardware)
    return near_memory_totals(setup.workload, setup.recnmp)


def _ratio(setup: Setup, name: str) -> Ratios:
    # What is assumed of either may take more tiles than a chip has.
    own = totals(unlimited_estimate(setup.workload, setup.hardware))
    other = _baseline(setup, name)
    return Ratios(
        speed_up=other.latency_ns / own.latency_ns,
        throughput=other.interval_ns / own.interval_ns,
        energy=other.energy_pj / own.energy_pj,
    )
