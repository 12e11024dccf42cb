"""A scalable drawing, in layers."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

Point = tuple[float, float]

LAYERS = ("frames", "wires", "lanes", "boxes", "marks")
"""Later layers lie above earlier ones: connections pass below lanes, boxes above both."""

FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


class Drawing:
    """Collects shapes; ``dumps`` gives the SVG text.

    Lengths are in pixels, y runs downwards. Text is escaped by the XML library.

    Args:
        name: prefix of the identifiers in the document, so that several drawings fit one page.
        description: what the drawing shows, for screen readers.
    """

    def __init__(self, name: str, description: str):
        self._name = name
        self._patterns: set[str] = set()
        self._root = ElementTree.Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
        ElementTree.SubElement(self._root, "title").text = _printable(description)
        self._definitions = ElementTree.SubElement(self._root, "defs")
        self._background = ElementTree.SubElement(self._root, "rect", fill="#ffffff")
        self._layers = {layer: ElementTree.SubElement(self._root, "g") for layer in LAYERS}

    def stripes(self, key: str, colour: str) -> str:
        """The reference of a striped fill; one key stands for one colour.

        Args:
            key: what stands for the colour.
            colour: of it.
        """
        identifier = f"{self._name}-stripes-{key}"
        if identifier in self._patterns:
            return f"url(#{identifier})"
        self._patterns.add(identifier)
        pattern = ElementTree.SubElement(
            self._definitions,
            "pattern",
            id=identifier,
            width="7",
            height="7",
            patternUnits="userSpaceOnUse",
            patternTransform="rotate(45)",
        )
        ElementTree.SubElement(pattern, "rect", width="7", height="7", fill="#ffffff")
        ElementTree.SubElement(pattern, "rect", width="3", height="7", fill=colour)
        return f"url(#{identifier})"

    def rectangle(
        self,
        layer: str,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str,
        stroke: str,
        radius: float = 4,
        tooltip: str | None = None,
    ) -> None:
        """A rectangle with its top left corner at (x, y).

        Args:
            layer: of ``LAYERS``: what is painted first lies below.
            x: from the left.
            y: from the top.
            width: of it.
            height: of it.
            fill: colour inside.
            stroke: colour of the line.
            radius: of it.
            tooltip: text that shows under the pointer; ``None`` for none.
        """
        element = self._add(
            layer, "rect", x=x, y=y, width=width, height=height, rx=radius, fill=fill, stroke=stroke
        )
        _tooltip(element, tooltip)

    def path(self, layer: str, points: Sequence[Point], *, stroke: str, width: float = 1.6) -> None:
        """An open line through the points.

        Args:
            layer: of ``LAYERS``: what is painted first lies below.
            points: (x, y) of each, in order.
            stroke: colour of the line.
            width: of it.
        """
        self._add(
            layer,
            "polyline",
            points=_points(points),
            fill="none",
            stroke=stroke,
            stroke_width=width,
            stroke_linejoin="round",
        )

    def polygon(self, layer: str, points: Sequence[Point], *, fill: str) -> None:
        """A filled shape.

        Args:
            layer: of ``LAYERS``: what is painted first lies below.
            points: (x, y) of each, in order.
            fill: colour inside.
        """
        self._add(layer, "polygon", points=_points(points), fill=fill)

    def circle(
        self,
        layer: str,
        centre: Point,
        radius: float,
        *,
        fill: str,
        stroke: str = "none",
        tooltip: str | None = None,
    ) -> None:
        """A circle.

        Args:
            layer: of ``LAYERS``: what is painted first lies below.
            centre: (x, y) of its middle.
            radius: of it.
            fill: colour inside.
            stroke: colour of the line.
            tooltip: text that shows under the pointer; ``None`` for none.
        """
        x, y = centre
        element = self._add(layer, "circle", cx=x, cy=y, r=radius, fill=fill, stroke=stroke)
        _tooltip(element, tooltip)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: str = "#1f2430",
        anchor: str = "middle",
        bold: bool = False,
    ) -> None:
        """Text whose middle line is at y.

        Args:
            x: from the left.
            y: from the top.
            text: the text.
            size: of the letters.
            colour: of it.
            anchor: which end of the text is at x: ``start``, ``middle`` or ``end``.
            bold: whether the letters are bold.
        """
        element = self._add(
            "marks",
            "text",
            x=x,
            y=y + 0.35 * size,
            fill=colour,
            font_size=size,
            font_family=FONT,
            text_anchor=anchor,
            font_weight="bold" if bold else "normal",
        )
        element.text = _printable(text)

    def dumps(self, width: float, height: float) -> str:
        """The document, cut to a width and a height.

        Args:
            width: of it.
            height: of it.
        """
        size = {"width": _number(width), "height": _number(height)}
        self._root.attrib.update(size, viewBox=f"0 0 {size['width']} {size['height']}")
        self._background.attrib.update(size)
        ElementTree.indent(self._root)
        return ElementTree.tostring(self._root, encoding="unicode") + "\n"

    def _add(self, layer: str, tag: str, **attributes) -> ElementTree.Element:
        named = {
            name.replace("_", "-"): value if isinstance(value, str) else _number(value)
            for name, value in attributes.items()
        }
        return ElementTree.SubElement(self._layers[layer], tag, named)


def _tooltip(element: ElementTree.Element, text: str | None) -> None:
    if text:
        ElementTree.SubElement(element, "title").text = _printable(text)


def _printable(text: str) -> str:
    """The text without control characters, which XML does not allow."""
    return "".join(character if character.isprintable() else " " for character in text)


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
