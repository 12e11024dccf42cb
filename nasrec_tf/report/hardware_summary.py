"""What a report shows of the winner on its hardware, as plain values."""

import dataclasses
from collections.abc import Mapping, Sequence

from nasrec_tf.report.quality_summary import QualitySummary


@dataclasses.dataclass(frozen=True)
class BaselineSummary:
    """A design that the winner is compared with.

    Args:
        title: what it is.
        speed_up: its latency over the winner's.
        energy: its energy over the winner's.
        speed_up_span: smallest and largest speed-up over what the paper leaves unstated.
        energy_span: likewise.
        paper: speed-up and energy ratio that the paper reports.
        area_mm2: its area, where it has one.
    """

    title: str
    speed_up: float
    energy: float
    speed_up_span: tuple[float, float]
    energy_span: tuple[float, float]
    paper: tuple[float, float] | None = None
    area_mm2: float | None = None


@dataclasses.dataclass(frozen=True)
class HardwareSummary:
    """The winner on its processing-in-memory hardware.

    Args:
        design: name of the design that the search varied.
        settings: what the search chose, by dotted name.
        costs: latency, energy and area by name.
        qualities: quality on the same test rows by what computes the linear maps.
        baselines: designs that it is compared with.
    """

    design: str
    settings: Mapping[str, int]
    costs: Mapping[str, float]
    qualities: Mapping[str, QualitySummary]
    baselines: Sequence[BaselineSummary] = ()
