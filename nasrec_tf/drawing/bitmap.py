"""A drawing as PNG or PDF: the shapes of its SVG painted by Matplotlib."""

import io
import re
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nasrec_tf.drawing.svg import FONT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PIXELS_PER_INCH = 96
"""Of CSS, and so of the lengths in SVG."""

SHARPNESS = 2.0
"""Pixels of a PNG for each of the drawing's, along either side."""

SVG = "{http://www.w3.org/2000/svg}"

ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def painted(svg: str, form: str) -> bytes:
    """A drawing in another format.

    Args:
        svg: what ``draw_svg`` gave: rectangles, lines, polygons, circles, texts and stripes.
        form: ``"png"`` or ``"pdf"``.

    Example:
        >>> from nasrec_tf.architecture.presets import preset
        >>> from nasrec_tf.drawing.scene import draw_svg
        >>> painted(draw_svg(preset("nasrec-criteo-small").architecture), "png")[1:4]
        b'PNG'
    """
    import matplotlib
    from matplotlib.figure import Figure

    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    size = width / PIXELS_PER_INCH, height / PIXELS_PER_INCH
    file = io.BytesIO()
    with matplotlib.rc_context({"font.family": _font(), "hatch.linewidth": 3.0}):
        figure = Figure(figsize=size, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        stripes = {
            f"url(#{pattern.attrib['id']})": pattern[-1].attrib["fill"]
            for pattern in root.iter(f"{SVG}pattern")
        }
        for layer in root.findall(f"{SVG}g"):
            for element in layer:
                _paint(axes, element, stripes)
        no_date = {"CreationDate": None} if form == "pdf" else {"Software": None}
        dots = SHARPNESS * PIXELS_PER_INCH
        with warnings.catch_warnings(record=True) as told:
            warnings.filterwarnings("always", "Glyph .* missing from")
            figure.savefig(file, format=form, dpi=dots, metadata=no_date)
        _tell_missing(told)
    return file.getvalue()


def _tell_missing(told: Sequence[warnings.WarningMessage]) -> None:
    """Tells letters that no font here has, which are drawn as boxes."""
    letters = set()
    for each in told:
        match = re.match(r"Glyph (\d+) ", str(each.message))
        if match:
            letters.add(chr(int(match[1])))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if letters:
        print(
            f"warning: no font here has {', '.join(sorted(letters))}; boxes stand in their place "
            "(an .svg leaves fonts to who shows it)",
            file=sys.stderr,
        )


def _font() -> str:
    """The first of the SVG's fonts that is installed; Matplotlib brings the last one."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    names = [name.strip(" '") for name in FONT.split(",")]
    return next((name for name in names if name in installed), "DejaVu Sans")


def _paint(axes: "Axes", element: ElementTree.Element, stripes: dict[str, str]) -> None:
    from matplotlib import patches

    kind, values = element.tag.removeprefix(SVG), element.attrib
    if kind == "text":
        _write(axes, element)
        return
    style: dict[str, Any] = {"linewidth": _points(values.get("stroke-width", "1"))}
    style["edgecolor"] = values.get("stroke", "none")
    fill = values.get("fill", "none")
    if fill in stripes:
        style |= {"facecolor": "white", "hatch": "///", "edgecolor": stripes[fill]}
    else:
        style["facecolor"] = fill
    # Later shapes lie above earlier ones.
    style["zorder"] = 1 + len(axes.patches) + len(axes.texts)
    if kind == "rect":
        x, y, width, height = (float(values[name]) for name in ("x", "y", "width", "height"))
        corner = f"round,pad=0,rounding_size={values.get('rx', '0')}"
        axes.add_patch(patches.FancyBboxPatch((x, y), width, height, boxstyle=corner, **style))
    elif kind == "circle":
        centre = float(values["cx"]), float(values["cy"])
        axes.add_patch(patches.Circle(centre, float(values["r"]), **style))
    else:
        points = [tuple(map(float, point.split(","))) for point in values["points"].split()]
        closed = kind == "polygon"
        axes.add_patch(patches.Polygon(points, closed=closed, joinstyle="round", **style))


def _write(axes: "Axes", element: ElementTree.Element) -> None:
    values = element.attrib
    axes.text(
        float(values["x"]), float(values["y"]), element.text or "",
        color=values["fill"], fontsize=_points(values["font-size"]),
        ha=ANCHORS[values["text-anchor"]], va="baseline", weight=values["font-weight"],
        parse_math=False, zorder=1 + len(axes.patches) + len(axes.texts),
    )  # fmt: skip


def _points(pixels: str) -> float:
    """A length of the drawing in the unit of Matplotlib's lines and letters."""
    return float(pixels) * 72 / PIXELS_PER_INCH
