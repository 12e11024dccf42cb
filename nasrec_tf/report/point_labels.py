"""Names beside the points of a chart, none upon another."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from nasrec_tf.report.chart_frame import GREY, INK, chart_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

FONT_SIZE = 8
MARK = 5.0
"""From the middle of a point to its edge, in points of a font."""

OFFSETS = sorted(
    itertools.product((-80, -48, -24, -8, 8, 24, 48, 80), range(-105, 110, 5)),
    key=lambda offset: (abs(offset[0]) + abs(offset[1]), -offset[0], -offset[1]),
)
"""Where a name may stand of its point, in points of a font: the better the earlier."""

BESIDE = 16.0
"""From so far on a line leads from a name to its point."""


class NamedPoint(NamedTuple):
    """A point with its name, and the ends of its bar: in the units of the axes."""

    name: str
    x: float
    y: float
    low: float
    high: float


def label_points(axes: "Axes", points: Sequence[NamedPoint]) -> None:
    """Writes each name beside its point, clear of other names and, if it can be, of other points.

    Args:
        axes: the chart, which nothing changes any more: limits and legend are there.
        points: what to name; those outside of the picture are left out.
    """
    figure = axes.get_figure(root=True)
    figure.draw_without_rendering()  # Where things lie is known only then.
    unit, frame = figure.dpi / 72, axes.get_window_extent()
    places = axes.transData.transform([(point.x, point.y) for point in points])
    inside = [(one, tuple(at)) for one, at in zip(points, places) if frame.contains(*at)]
    marks = [mark for one, at in inside for mark in _marks(axes, one, at, unit)]
    names: list[Bbox] = []
    for one, at in sorted(inside, key=lambda each: each[1]):
        note = axes.annotate(
            chart_text(one.name), (one.x, one.y), (0, 0), textcoords="offset points", va="center",
            fontsize=FONT_SIZE, color=INK,
        )  # fmt: skip
        note.set_in_layout(False)
        x, y, box = _clearest(at, note.get_window_extent(), frame, names, marks, unit)
        names.append(box)
        note.set_position((x, y))
        note.set_horizontalalignment("left" if x > 0 else "right")
        if abs(y) > BESIDE or abs(x) > BESIDE:
            line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4}
            axes.annotate(
                "", (one.x, one.y), xytext=(x, y), textcoords="offset points", arrowprops=line
            ).set_in_layout(False)


def _marks(axes: "Axes", one: NamedPoint, at: tuple[float, float], unit: float) -> list["Bbox"]:
    """What a point and its bar cover, in pixels."""
    from matplotlib.transforms import Bbox

    reach = MARK * unit
    ends = axes.transData.transform([(one.x, one.low), (one.x, one.high)])[:, 1]
    return [
        Bbox.from_extents(at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach),
        Bbox.from_extents(at[0] - unit, ends[0], at[0] + unit, ends[1]),
    ]


def _clearest(
    at: tuple[float, float], size: "Bbox", frame: "Bbox", names: list["Bbox"],
    marks: list["Bbox"], unit: float,
) -> "tuple[int, int, Bbox]":  # fmt: skip
    """The first place of a name that is within the picture and on nothing; if none is, the best."""
    from matplotlib.transforms import Bbox

    least, best = None, None
    for x, y in OFFSETS:
        left = at[0] + x * unit - (size.width if x < 0 else 0)
        bottom = at[1] + y * unit - size.height / 2
        box = Bbox.from_bounds(left, bottom, size.width, size.height)
        is_outside = not (frame.contains(*box.min) and frame.contains(*box.max))
        padded = box.padded(unit)
        cost = is_outside, padded.count_overlaps(names), padded.count_overlaps(marks)
        if least is None or cost < least:
            least, best = cost, (x, y, box)
        if not any(cost):
            break
    assert best is not None
    return best
