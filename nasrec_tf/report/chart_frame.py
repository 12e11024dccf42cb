"""What all charts of a page have in common: colours, frame, and their form as SVG."""

import html
import re
import warnings
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING

from beam_preprocess.common.shown_name import name_width, shown_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE = "#1d5fb4"
RED = "#b3322b"
GREY = "#98a2b3"
INK = "#1f2430"
GRID = "#e6e8ec"
PAPER = "#ffffff"

OF_THE_PAGE = {BLUE: "blue", RED: "red", GREY: "grey", INK: "ink", GRID: "grid", PAPER: "paper"}
"""Variables of the page's style by colour: the dark page has others in their place."""


MANY_DECADES = 1e4
"""Ratio of the ends of an axis from which on there is no room for three labels a decade."""

WIDTH = 5.2
"""Of a chart in inches. A phone shows nine tenths of that, and letters can still be read."""

LEGEND_WIDTH = 4.2
"""Most inches of a legend: beside it stands the power of ten of very small losses."""

OUTLIER = 4
"""A loss counts as an outlier if it lies so many times farther from the best one than three
quarters of the losses do; outliers would flatten the rest and lie above the picture."""


def new_figure(height: float = 3.5) -> "tuple[Figure, Axes]":
    """An empty chart in the style of the report.

    Args:
        height: in inches.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=INK, labelsize=9)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
    return figure, axes


def add_legend(axes: "Axes") -> None:
    """A legend above the picture, where it hides no data, in as many columns as there is room for.

    Args:
        axes: the chart, with all that the legend tells.
    """
    figure, names = axes.get_figure(root=True), axes.get_legend_handles_labels()[1]
    for columns in range(len(names), 0, -1):
        legend = axes.legend(
            loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns, frameon=False, fontsize=8,
            labelcolor=INK, borderaxespad=0.2, columnspacing=1.2, handletextpad=0.6,
            handlelength=1.6,
        )  # fmt: skip
        if legend.get_window_extent().width <= LEGEND_WIDTH * figure.dpi:
            return


def chart_text(text: str, most: int = 28) -> str:
    """Text as a chart can show it: short, printable, and with no dollar that begins a formula.

    Args:
        text: such as the name of a column.
        most: letters that there is room for.

    Example:
        >>> chart_text("price, $ per $"), chart_text("a" * 40 + "b", most=6)
        ('price, \\\\$ per \\\\$', 'aaa…ab')
    """
    shown = shown_name(text, most)
    # The charts' own font has no ideographs and takes them for narrower than a browser does, which
    # does not show the spaces before a text.
    room = " " * (2 * (name_width(shown) - len(shown)))
    return room + shown.replace("$", r"\$")


def whole_numbers(axes: "Axes") -> None:
    """No fractions at the ticks of the horizontal axis.

    Args:
        axes: whose horizontal axis counts steps, or candidates.
    """
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def cut_outliers(axes: "Axes", losses: Sequence[float]) -> None:
    """Cuts outliers off at the top, and says how many they are where the legend stands.

    Args:
        axes: the chart, before its legend.
        losses: all that it shows, finite.
    """
    if not losses:
        return
    ranked, low = sorted(losses), min(losses)
    shown = [loss for loss in ranked if loss <= low + usual_most([one - low for one in ranked])]
    margin = 0.06 * (shown[-1] - low) or 0.01
    axes.set_ylim(low - margin, shown[-1] + margin)
    hidden = len(ranked) - len(shown)
    if hidden:
        axes.plot([], [], color=GREY, marker="^", markersize=4, linestyle="none",
                  label=f"above the picture: {hidden}")  # fmt: skip


def usual_most(distances: Sequence[float]) -> float:
    """The largest distance that is no outlier's.

    Args:
        distances: 0 or more, of at least one.

    Example:
        >>> usual_most([0.0, 1.0, 2.0, 3.0, 90.0])
        12.0
    """
    ranked = sorted(distances)
    # Rounded down, or the worst of three or four would be no outlier, however far off.
    return OUTLIER * ranked[max(len(ranked) > 1, int(0.75 * (len(ranked) - 1)))]


def label_decades(axes: "Axes") -> None:
    """Labels 1, 2 and 5 of each decade of a logarithmic axis, or of many decades the 1 alone.

    Args:
        axes: whose horizontal axis it is.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_xlim()
    subs = (1, 2, 5) if high < MANY_DECADES * low else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def to_svg(figure: "Figure", name: str, description: str) -> str:
    """The figure as an SVG element; its identifiers differ from those of other charts.

    Args:
        figure: the chart.
        name: of the chart, in the page once.
        description: what it shows, for those who do not see it.
    """
    import matplotlib

    file = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with (
        matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}),
        warnings.catch_warnings(),
    ):
        # Whatever the font here lacks, the browser's has.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    svg = file.getvalue()
    svg = re.sub(r'<g id="[^"]*"', "<g", svg[svg.index("<svg") :])
    for colour, variable in OF_THE_PAGE.items():
        svg = re.sub(f"(: ?){colour}\\b", rf"\1var(--{variable}, {colour})", svg)
    label = html.escape(description, quote=True)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
