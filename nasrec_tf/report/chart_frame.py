"""What all charts of a page have in common: colours, frame, and their form as SVG."""

import html
import re
from io import StringIO
from typing import TYPE_CHECKING, Any

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


def new_figure(height: float = 3.7) -> "tuple[Figure, Axes]":
    """An empty chart in the style of the report.

    Args:
        height: in inches, of a width of 6.4.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=INK, labelsize=9)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
    return figure, axes


def add_legend(axes: "Axes", **style: Any) -> None:
    """A legend in the colours of the page.

    Args:
        axes: the chart.
        **style: of ``Axes.legend``.
    """
    usual = {"facecolor": PAPER, "framealpha": 0.85, "edgecolor": "none", "labelcolor": INK}
    axes.legend(**usual | style)


def chart_text(text: str, most: int = 28) -> str:
    """Text as a chart can show it: short, printable, and with no dollar that begins a formula.

    Args:
        text: such as the name of a column.
        most: letters that there is room for.

    Example:
        >>> chart_text("price, $ per $"), chart_text("a" * 40, most=5)
        ('price, \\\\$ per \\\\$', 'aaaa…')
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    shown = shown if len(shown) <= most else f"{shown[: most - 1]}…"
    return shown.replace("$", r"\$")


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
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    svg = file.getvalue()
    svg = re.sub(r'<g id="[^"]*"', "<g", svg[svg.index("<svg") :])
    for colour, variable in OF_THE_PAGE.items():
        svg = re.sub(f"(: ?){colour}\\b", rf"\1var(--{variable}, {colour})", svg)
    label = html.escape(description, quote=True)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
