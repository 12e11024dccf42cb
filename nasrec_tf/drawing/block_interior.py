"""The inside of a choice block: operators, their inputs, mergers and outputs."""

import dataclasses

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.drawing import layout, theme
from nasrec_tf.drawing.reads import (
    DENSE_WIRE,
    LEFT_WIRE,
    RIGHT_WIRE,
    SAME_WIRE,
    SPARSE_WIRE,
    Wire,
    block_wires,
    raw_name,
)
from nasrec_tf.drawing.svg import Drawing, Point
from nasrec_tf.operators import DENSE, DENSE_TO_SPARSE, SPARSE, SPARSE_TO_DENSE

PORT_ORDER = (LEFT_WIRE, RIGHT_WIRE, SAME_WIRE, DENSE_WIRE, SPARSE_WIRE)
PORT_NAMES = {LEFT_WIRE: "left", RIGHT_WIRE: "right"}
BOLD = 4.5
NODE_RADIUS = 7
RISER = 26
"""Distance of a merger's vertical line from that of the branch it joins."""


@dataclasses.dataclass(frozen=True)
class BlockPainter:
    """Draws one block.

    Args:
        drawing: where to draw.
        architecture: the architecture.
        number: number of the block, from 1.
        columns: the horizontal plan.
        rows: the vertical plan of this block.
    """

    drawing: Drawing
    architecture: Architecture
    number: int
    columns: layout.Columns
    rows: layout.Rows

    @property
    def block(self):
        return self.architecture.blocks[self.number - 1]

    @property
    def live(self):
        return self.architecture.liveness.blocks[self.number - 1]

    def paint(self) -> None:
        self._frame()
        boxes = self._operators(DENSE, self.live.dense_operators)
        boxes |= self._operators(SPARSE, self.live.sparse_operators)
        wires = block_wires(self.architecture, self.number)
        ports = _ports(wires, boxes)
        for wire in wires:
            self._wire(wire, ports)
        for branch in (DENSE, SPARSE):
            if getattr(self.live, f"{branch}_operators"):
                self._join_operators(branch, boxes)
        self._mergers()

    def output_point(self, branch: str) -> Point:
        """Where the output of a branch leaves its middle line.

        Args:
            branch: ``"dense"`` or ``"sparse"``.
        """
        return self.columns.centre[branch], self.rows.middle["output"]

    def _frame(self) -> None:
        left, right = self.columns.frame
        top, bottom = self.rows.frame_top, self.rows.frame_bottom
        self.drawing.rectangle(
            "frames", left, top, right - left, bottom - top,
            fill=theme.FRAME, stroke=theme.FRAME_EDGE, radius=8,
        )  # fmt: skip
        y = self.rows.middle["operators"]
        if self.live.anything:
            self.drawing.text(self.columns.middle, y, f"Block {self.number}", bold=True)
        else:
            self.drawing.text(
                self.columns.middle, y, f"Block {self.number}: unused", colour=theme.MUTED
            )

    def _operators(self, branch: str, live: bool) -> dict[str, layout.Box]:
        widths = layout.branch_operators(self.block, branch)
        y = self.rows.middle["operators"]
        boxes = self.columns.operator_boxes(branch, tuple(widths), y)
        unit = "units" if branch == DENSE else "tokens"
        for name, box in boxes.items():
            text = layout.operator_text(self.block, name)
            tooltip = f"{name.replace('_', ' ')}, {widths[name]} {unit}"
            part(self.drawing, box, text, theme.PALETTES[branch], live, branch, tooltip)
        return boxes

    def _wire(self, wire: Wire, ports: dict[tuple[str, str], float]) -> None:
        y = self.rows.middle[wire.kind]
        lanes = self.columns.lanes[wire.branch]
        taps = [lanes[source] for source in wire.sources]
        ends = [ports[wire.kind, name] for name in wire.operators]
        colour = theme.PALETTES[wire.branch].line
        width = BOLD if wire.kind == SAME_WIRE else 1.6
        start, end = (max(taps), min(ends)) if wire.kind == SPARSE_WIRE else (min(taps), max(ends))
        self.drawing.path("wires", [(start, y), (end, y)], stroke=colour, width=width)
        bottom = self.rows.middle["operators"] + theme.BOX_HEIGHT / 2
        for x in ends:
            self.drawing.path("wires", [(x, y), (x, bottom + 4)], stroke=colour, width=width)
            arrow(self.drawing, (x, bottom), "up", colour)
            if x != end:
                self.drawing.circle("wires", (x, y), 2.8, fill=colour)
            if wire.kind in PORT_NAMES:
                anchor, shift = ("end", -5) if wire.kind == LEFT_WIRE else ("start", 5)
                self.drawing.text(
                    x + shift, bottom + 7, PORT_NAMES[wire.kind][0].upper(),
                    size=9, colour=colour, anchor=anchor,
                )  # fmt: skip
        for source, x in zip(wire.sources, taps):
            self._tap((x, y), source, wire, colour)

    def _tap(self, point: Point, source: int, wire: Wire, colour: str) -> None:
        origin = f"block {source}" if source else "the raw features"
        side = "" if wire.kind not in PORT_NAMES else f" on the {wire.kind}"
        tooltip = f"block {self.number} reads the {wire.branch} output of {origin}{side}"
        if not source:
            origin = raw_name(self.architecture, wire.branch)
            tooltip = f"block {self.number} reads the {origin}{side}"
        self.drawing.circle("marks", point, theme.LANE_RADIUS, fill=colour, tooltip=tooltip)
        self.drawing.text(*point, str(source), size=10, colour=theme.PAPER, bold=True)

    def _join_operators(self, branch: str, boxes: dict[str, layout.Box]) -> None:
        """Draws the way from a branch's operators up to where its output is used."""
        names = tuple(layout.branch_operators(self.block, branch))
        x, top = self.columns.centre[branch], self._top(branch)
        colour = theme.PALETTES[branch].line
        start = boxes[names[0]].y
        if len(names) > 1:
            start = self.rows.middle["sum"]
            for name in names:
                box = boxes[name]
                points = [(box.centre_x, box.y), (box.centre_x, start), (x, start)]
                self.drawing.path("wires", points, stroke=colour)
            plus(self.drawing, (x, start), colour)
        self.drawing.path("wires", [(x, start), (x, top)], stroke=colour)

    def _top(self, branch: str) -> float:
        """Where the middle line of a branch ends: at its output, or at the merger that taps it."""
        if getattr(self.live, f"{branch}_output"):
            return self.rows.middle["output"]
        return self.rows.middle["dense_to_sparse" if branch == DENSE else "sparse_to_dense"]

    def _mergers(self) -> None:
        for merger, source, target, sign in (
            (SPARSE_TO_DENSE, SPARSE, DENSE, +1),
            (DENSE_TO_SPARSE, DENSE, SPARSE, -1),
        ):
            if getattr(self.block, merger.name) and self.live.anything:
                live = getattr(self.live, merger.name)
                self._merger_box(merger, live)
                if live:
                    self._merger_lines(merger.name, source, target, sign)

    def _merger_box(self, merger, live: bool) -> None:
        width, height = theme.MERGER_WIDTH, theme.MERGER_HEIGHT
        x, y = self.columns.middle, self.rows.middle[merger.name]
        box = layout.Box(x - width / 2, y - height / 2, width, height)
        tooltip = f"{merger.name.replace('_', '-')} merger"
        part(self.drawing, box, merger.label, theme.MERGER, live, "merger", tooltip)

    def _merger_lines(self, name: str, source: str, target: str, sign: int) -> None:
        y, merge_y = self.rows.middle[name], self.rows.middle["merge"]
        colour = theme.MERGER.line
        half = theme.MERGER_WIDTH / 2
        tap, end = self.columns.centre[source], self.columns.centre[target]
        near = self.columns.middle + sign * half
        self.drawing.circle("boxes", (tap, y), 2.8, fill=theme.PALETTES[source].line)
        self.drawing.path("wires", [(tap, y), (near, y)], stroke=colour)
        arrow(self.drawing, (near, y), "left" if sign > 0 else "right", colour)
        riser = end + sign * RISER
        points = [
            (self.columns.middle - sign * half, y), (riser, y), (riser, merge_y), (end, merge_y),
        ]  # fmt: skip
        if name == DENSE_TO_SPARSE.name:
            # It crosses the other merger's line: a gap there shows that they do not join.
            self.drawing.path("wires", points[1:3], stroke=theme.FRAME, width=7)
        self.drawing.path("wires", points, stroke=colour)
        edge = (end + sign * NODE_RADIUS, merge_y)
        arrow(self.drawing, edge, "left" if sign > 0 else "right", colour)
        node = plus if target == DENSE else append
        node(self.drawing, (end, merge_y), theme.PALETTES[target].line)


def part(
    drawing: Drawing,
    box: layout.Box,
    text: str,
    palette: theme.Palette,
    live: bool,
    key: str,
    tooltip: str,
) -> None:
    """A labelled box: filled where it reaches the logit, striped where it does not.

    Args:
        drawing: the drawing.
        box: its rectangle.
        text: the label.
        palette: colours of its kind.
        live: whether it reaches the logit.
        key: what stands for the stripes' colour.
        tooltip: text that shows under the pointer.
    """
    fill = palette.fill if live else drawing.stripes(key, palette.stripe)
    stroke = palette.line if live else palette.stripe
    drawing.rectangle(
        "boxes", box.x, box.y, box.width, box.height,
        fill=fill, stroke=stroke, tooltip=tooltip if live else f"{tooltip} (unused)",
    )  # fmt: skip
    if not live:
        plate = len(text) * theme.CHARACTER + 4
        drawing.rectangle(
            "boxes", box.centre_x - plate / 2, box.centre_y - 8, plate, 16,
            fill=theme.PAPER, stroke="none",
        )  # fmt: skip
    drawing.text(box.centre_x, box.centre_y, text, colour=theme.INK if live else theme.MUTED)


def arrow(drawing: Drawing, tip: Point, direction: str, colour: str) -> None:
    """An arrow head whose tip is at a point.

    Args:
        drawing: the drawing.
        tip: (x, y) of the tip.
        direction: where it points to.
        colour: of it.
    """
    x, y = tip
    along, across = {"up": ((0, 7), (3.5, 0)), "left": ((7, 0), (0, 3.5)),
                     "right": ((-7, 0), (0, 3.5))}[direction]  # fmt: skip
    points = [(x, y)] + [
        (x + along[0] + side * across[0], y + along[1] + side * across[1]) for side in (1, -1)
    ]
    drawing.polygon("boxes", points, fill=colour)


def plus(drawing: Drawing, centre: Point, colour: str) -> None:
    """A node that adds.

    Args:
        drawing: the drawing.
        centre: (x, y) of its middle.
        colour: of it.
    """
    x, y = centre
    drawing.circle("boxes", centre, NODE_RADIUS, fill=theme.PAPER, stroke=colour)
    drawing.path("marks", [(x - 4, y), (x + 4, y)], stroke=colour)
    drawing.path("marks", [(x, y - 4), (x, y + 4)], stroke=colour)


def append(drawing: Drawing, centre: Point, colour: str) -> None:
    """A node that appends tokens.

    Args:
        drawing: the drawing.
        centre: (x, y) of its middle.
        colour: of it.
    """
    x, y = centre
    drawing.circle("boxes", centre, NODE_RADIUS, fill=theme.PAPER, stroke=colour)
    for shift in (-2, 2):
        drawing.path("marks", [(x + shift, y - 4), (x + shift, y + 4)], stroke=colour)


def _ports(wires: tuple[Wire, ...], boxes: dict[str, layout.Box]) -> dict[tuple[str, str], float]:
    """For each wire's kind and each operator on it, where it meets the operator's box."""
    ports = {}
    for name, box in boxes.items():
        kinds = sorted((w.kind for w in wires if name in w.operators), key=PORT_ORDER.index)
        for index, kind in enumerate(kinds, start=1):
            ports[kind, name] = box.x + box.width * index / (len(kinds) + 1)
    return ports
