"""The charts of a comparison, as SVG to stand within its page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nasrec_tf.report.chart_frame import (
    BLUE,
    GREY,
    INK,
    RED,
    add_legend,
    chart_text,
    cut_outliers,
    label_decades,
    new_figure,
    to_svg,
    usual_most,
)
from nasrec_tf.report.comparison_summary import (
    BETTER,
    WORSE,
    GapSummary,
    RivalSummary,
    SearchSummary,
)
from nasrec_tf.report.point_labels import NamedPoint, label_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {BETTER: RED, WORSE: BLUE}
"""Of gaps beyond their interval; a rival that is better stands out."""

LINES, STROKES = (RED, BLUE, INK, GREY), ("-", "--", ":", "-.")
"""Of curves: one for each colour, then the colours again with another stroke."""


def quality_chart(rivals: Sequence[RivalSummary]) -> str:
    """Test log loss against cost, a bar for the deviation of a seed.

    Args:
        rivals: those with a log loss and a cost.
    """
    figure, axes = new_figure(height=4.2)
    for rival in rivals:
        axes.errorbar(
            [rival.mflops], [rival.log_loss.mean], yerr=[rival.log_loss.deviation or 0.0],
            marker="*" if rival.found else "o", markersize=13 if rival.found else 6,
            color=RED if rival.found else BLUE, elinewidth=1, capsize=3,
            zorder=4 if rival.found else 3,
        )  # fmt: skip
    costs = [rival.mflops for rival in rivals]
    if max(costs) > 5 * min(costs):
        axes.set_xscale("log")
        label_decades(axes)
    axes.margins(x=0.12)
    points = [_named(rival) for rival in rivals]
    cut_outliers(axes, [one.y for one in points])
    low, high = axes.get_ylim()
    shown = [one for one in points if one.y <= high]
    margin = 0.06 * (max(one.high for one in shown) - min(one.low for one in shown))
    axes.set_ylim(
        min(low, min(one.low for one in shown) - margin),
        max(high, max(one.high for one in shown) + margin),
    )
    add_legend(axes)
    axes.set(xlabel="millions of multiply-accumulates per sample", ylabel="test log loss")
    label_points(axes, points)
    return to_svg(figure, "rivals-cost", "Test log loss of each model against its cost")


def _named(rival: RivalSummary) -> NamedPoint:
    mean, reach = rival.log_loss.mean, rival.log_loss.deviation or 0.0
    return NamedPoint(rival.name, rival.mflops, mean, mean - reach, mean + reach)


def gaps_chart(gaps: Sequence[tuple[str, GapSummary]], figure_name: str) -> str:
    """Differences from the found model with their intervals, a line for each model.

    Args:
        gaps: name and gap of each model, the first on top.
        figure_name: what they are differences of, such as ``"log loss"``.
    """
    figure, axes = new_figure(height=1.1 + 0.3 * len(gaps))
    spans = [gap.interval or (gap.value, gap.value) for _, gap in gaps]
    for line, ((_, gap), (low, high)) in enumerate(zip(gaps, spans)):
        colour = COLOURS.get(gap.verdict, GREY)
        axes.errorbar(
            [gap.value], [line], xerr=[[gap.value - low], [high - gap.value]], marker="o",
            markersize=5, color=colour, elinewidth=1.6, capsize=3, zorder=3,
        )  # fmt: skip
    axes.axvline(0.0, color=INK, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(gaps)), [chart_text(name) for name, _ in gaps])
    axes.set_ylim(len(gaps) - 0.5, -0.5)
    _cut_far(axes, spans)
    add_legend(axes)
    axes.set(xlabel=f"test {figure_name} less that of the found model")
    word = figure_name.replace(" ", "-")
    return to_svg(
        figure, f"rivals-gap-{word}", f"Differences in {figure_name} from the found model"
    )


def _cut_far(axes: "Axes", spans: Sequence[tuple[float, float]]) -> None:
    """Leaves out what lies so far off that the other intervals could not be told apart."""
    far = [max(abs(low), abs(high)) for low, high in spans]
    shown = [span for span, reach in zip(spans, far) if reach <= usual_most(far)]
    if len(shown) == len(spans):
        return
    low, high = min(0.0, *(low for low, _ in shown)), max(0.0, *(high for _, high in shown))
    axes.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    axes.plot([], [], color=GREY, marker=">", markersize=4, linestyle="none",
              label=f"beyond the picture: {len(spans) - len(shown)}")  # fmt: skip


def searches_chart(searches: Sequence[SearchSummary]) -> str:
    """The best score so far of each search, by the rows that it had trained on.

    Searches by one method look alike.

    Args:
        searches: those with a score.
    """
    figure, axes = new_figure()
    methods = list(dict.fromkeys(search.method for search in searches))
    for number, search in enumerate(searches):
        places, losses = zip(*search.best_so_far)
        rows = [search.rows_until(each) / 1e6 for each in (*places, len(search.scores) - 1)]
        place = methods.index(search.method)
        is_first = search.method not in [each.method for each in searches[:number]]
        axes.step(
            rows, [*losses, losses[-1]], where="post", linewidth=1.6,
            color=LINES[place % len(LINES)], label=search.method if is_first else None,
            linestyle=STROKES[place // len(LINES) % len(STROKES)],
        )  # fmt: skip
    low, high = _shown_scores(searches)
    axes.set_ylim(low - 0.06 * (high - low), high)
    add_legend(axes)
    axes.set(xlabel="million rows trained on", ylabel="best validation log loss so far")
    return to_svg(figure, "rivals-searches", "Best score so far in the course of each search")


def _shown_scores(searches: Sequence[SearchSummary]) -> tuple[float, float]:
    """The lowest score, and one that leaves all that is found in the second halves below it.

    A first candidate that hardly trains would make one line of all that comes after.
    """
    low = min(search.best_so_far[-1][1] for search in searches)
    halfway = []
    for search in searches:
        before = [loss for place, loss in search.best_so_far if place <= len(search.scores) / 2]
        halfway.append(before[-1] if before else search.best_so_far[0][1])
    return low, low + (2 * (max(halfway) - low) or 0.01)
