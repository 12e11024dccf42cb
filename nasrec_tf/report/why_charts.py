"""The charts of why a model is good, as SVG to stand within the page."""

import math
from collections.abc import Sequence

from nasrec_tf.report.chart_frame import BLUE, GREY, INK, RED, chart_text, new_figure, to_svg
from nasrec_tf.report.explanation_summary import AblationSummary, ImportanceSummary

MOST_BARS = 20
"""Features in the picture; a data set may have hundreds of them."""

RISE = "rise of the test log loss"


def importance_chart(importances: Sequence[ImportanceSummary]) -> str:
    """What the log loss rises by without each feature, the weightiest on top.

    Args:
        importances: the weightiest first.
    """
    shown = [one for one in importances if math.isfinite(one.rise)][:MOST_BARS]
    bars = [(chart_text(one.feature), one, RED if one.kind == "sparse" else BLUE) for one in shown]
    return _bars(bars, "importance", "What the log loss rises by without each feature")


def ablation_chart(ablations: Sequence[AblationSummary]) -> str:
    """What the log loss rises by without each block and each of its parts, in their order.

    Args:
        ablations: of one network.
    """
    bars = [
        (
            f"block {one.block}" if one.part is None else one.part.replace("_", " "),
            one,
            BLUE if one.part is None else GREY,
        )
        for one in ablations
        if math.isfinite(one.rise)
    ]
    return _bars(bars, "ablation", "What the log loss rises by without each part")


def _bars(
    bars: Sequence[tuple[str, ImportanceSummary | AblationSummary, str]], name: str, told: str
) -> str:
    """Bars of a label and a colour each, the first on top, with their intervals."""
    figure, axes = new_figure(height=0.9 + 0.24 * len(bars))
    for line, (_, one, colour) in enumerate(bars):
        axes.barh(line, one.rise, color=colour, height=0.7)
        if one.interval is not None:
            axes.plot(one.interval, [line, line], color=INK, linewidth=1)
    axes.set_yticks(range(len(bars)), [label for label, *_ in bars])
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set(xlabel=RISE)
    return to_svg(figure, name, told)
