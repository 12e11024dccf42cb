"""What the hardware stage of a co-design run leaves behind."""

import dataclasses
from typing import Any

from nasrec_tf.common.saved_state import SAVED
from nasrec_tf.report import QualitySummary
from nasrec_tf.search.stage_result import StageResult


@dataclasses.dataclass(frozen=True)
class Ratio:
    """What another design takes over what the winner takes.

    Args:
        speed_up: ratio of latencies.
        energy: ratio of energies.
        throughput: ratio of the intervals between inferences in a full pipeline.
    """

    __pydantic_config__ = SAVED

    speed_up: float
    energy: float
    throughput: float | None = None


@dataclasses.dataclass(frozen=True)
class RatioSpan:
    """Smallest and largest ratios over what the paper leaves unstated."""

    __pydantic_config__ = SAVED

    speed_up: tuple[float, float]
    energy: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class BaselineComparison:
    """The winner beside other designs; the fields are those of ``pim``'s comparison.

    Args:
        baselines: latency, interval and energy by design.
        ratios: by design.
        paper: ratios that the paper reports.
        corners: spans by design.
        sensitivities: what each assumption makes of the ratios.
    """

    __pydantic_config__ = SAVED

    baselines: dict[str, dict[str, float]]
    ratios: dict[str, Ratio]
    paper: dict[str, Ratio]
    corners: dict[str, RatioSpan]
    sensitivities: list[dict[str, Any]]


QUALITIES = ("float", "quantized", "crossbar_ideal", "crossbar_variation", "crossbar_stuck")
"""What the winner of a co-design run is measured on."""

BASELINES = ("handcrafted", "uniform8", "recnmp")
"""What it is compared with."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardwareResult(StageResult):
    """Of the hardware stage of a co-design run.

    Args:
        settings: hardware settings of the winner, by dotted name.
        quality: quality on the same test rows, by ``QUALITIES``.
        costs: latency, energy, area and interval, by name with unit, and ``"arrays"`` (not in files
            made before there was pruning).
        unpruned_costs: the same of the winner before it was pruned, on the same hardware; ``None``
            where nothing was pruned.
        baseline_area_mm2: area of designs that it is compared with.
        lossless_converters: whether no analog-to-digital converter loses bits.
        comparison: with ``BASELINES``.

    Raises:
        ValueError: if a quality or a baseline is missing.
    """

    __pydantic_config__ = SAVED

    settings: dict[str, int]
    quality: dict[str, QualitySummary]
    costs: dict[str, float]
    baseline_area_mm2: dict[str, float]
    lossless_converters: bool
    comparison: BaselineComparison
    unpruned_costs: dict[str, float] | None = None

    def __post_init__(self):
        for found, names in (
            (self.quality, QUALITIES),
            (self.comparison.ratios, BASELINES),
            (self.comparison.corners, BASELINES),
            (self.costs, ("latency_us", "energy_nj", "area_mm2")),
        ):
            missing = [name for name in names if name not in found]
            if missing:
                raise ValueError(f"{missing[0]!r} is missing")
