"""What a report shows of the winner on the hardware that was searched with it."""

from nasrec_tf.report import BaselineSummary, HardwareSummary
from nasrec_tf.search.option_groups.codesign_options import DEFAULT_HARDWARE
from nasrec_tf.search.results import HardwareResult
from nasrec_tf.search.run import Run

QUALITY_TITLES = {
    "float": "in floating point (trained so)",
    "quantized": "quantized (fake-quantized weights and inputs)",
    "crossbar_ideal": "on crossbars of ideal cells",
    "crossbar_variation": "on crossbars, 5 % variation",
    "crossbar_stuck": "on crossbars, 0.1 % of cells stuck at each end",
}

BASELINE_TITLES = {
    "handcrafted": "handcrafted ReRAM design, 8 bits everywhere",
    "uniform8": "the winner's own hardware, 8 bits everywhere",
    "recnmp": "RecNMP, near-memory DRAM",
}


def crossbar_summary(run: Run) -> HardwareSummary | None:
    """The winner on its hardware; ``None`` outside of co-design, or before that stage has ended.

    Args:
        run: the run.

    Raises:
        RunError: if what the stage left is damaged.
    """
    result = run.directory.result("hardware")
    if result is None:
        return None
    return HardwareSummary(
        design=run.config.hardware or DEFAULT_HARDWARE,
        settings=result.settings,
        costs=result.costs,
        qualities={title: result.quality[name] for name, title in QUALITY_TITLES.items()},
        baselines=[_baseline(result, name, title) for name, title in BASELINE_TITLES.items()],
    )


def _baseline(result: HardwareResult, name: str, title: str) -> BaselineSummary:
    comparison = result.comparison
    ratio, span, paper = comparison.ratios[name], comparison.corners[name], comparison.paper
    return BaselineSummary(
        title,
        ratio.speed_up,
        ratio.energy,
        span.speed_up,
        span.energy,
        (paper[name].speed_up, paper[name].energy) if name in paper else None,
        result.baseline_area_mm2.get(name),
    )
