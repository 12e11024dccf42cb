"""The whole drawing: raw features at the bottom, blocks, final layer and logit at the top."""

import textwrap

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.data.features import Features
from nasrec_tf.drawing import block_interior, layout, legend, theme
from nasrec_tf.drawing.reads import block_wires, embeddings_are_dense, raw_name, sources_read
from nasrec_tf.drawing.svg import Drawing
from nasrec_tf.operators import DENSE, SPARSE

TITLE_SIZE = 16
TITLE_LINE = 22


def draw_svg(
    architecture: Architecture, title: str | None = None, features: Features | None = None
) -> str:
    """An architecture as one self-contained SVG document.

    Blocks are stacked from the raw features at the bottom to the logit at the top, the dense
    branch in blue on the left, the sparse branch in red on the right. The output of each source
    that is read runs up a lane of its own beside the blocks; a block's input line joins a lane
    where a circle carries the source's number. Only connections that reach the logit are drawn;
    parts that do not are striped. A bold line is one source on both sides of a pairwise operator.

    Args:
        architecture: the architecture.
        title: a heading; none if left out.
        features: the network's inputs, to tell their numbers; left out if not known.

    Returns:
        The text of the document.

    Example:
        >>> from nasrec_tf.architecture.presets import preset
        >>> svg = draw_svg(preset("nasrec-criteo-small").architecture, "NASRec-Small")
        >>> svg[:4], "NASRec-Small" in svg
        ('<svg', True)
    """
    drawing = Drawing(f"nasrec-{architecture.identity[:8]}", title or "Architecture")
    columns = layout.columns(architecture)
    left, right = columns.frame
    width = max(
        right + left_of_lanes(columns, SPARSE) + theme.MARGIN,
        legend.width_needed(architecture) + 2 * theme.MARGIN,
    )
    title_lines = _title_lines(title, width)
    top = theme.MARGIN + len(title_lines) * TITLE_LINE
    for index, line in enumerate(title_lines):
        y = theme.MARGIN + (index + 0.4) * TITLE_LINE
        drawing.text(theme.MARGIN, y, line, size=TITLE_SIZE, anchor="start", bold=True)
    bottom = _paint_stack(drawing, architecture, columns, features, top)
    legend_top = bottom + 22
    height = legend.paint(drawing, architecture, theme.MARGIN, legend_top, width - 2 * theme.MARGIN)
    return drawing.dumps(width, legend_top + height + theme.MARGIN - 5)


def left_of_lanes(columns: layout.Columns, branch: str) -> float:
    """Width of a branch's lanes beside the frames.

    Args:
        columns: the horizontal plan.
        branch: ``"dense"`` or ``"sparse"``.
    """
    return len(columns.lanes[branch]) * theme.LANE_GAP + theme.LANE_RADIUS


def _title_lines(title: str | None, width: float) -> list[str]:
    characters = int((width - 2 * theme.MARGIN) / (TITLE_SIZE * 0.62))
    return textwrap.wrap(title, characters) if title else []


def _paint_stack(drawing, architecture, columns, features, top) -> float:
    """Paints logit, final layer, blocks and raw features downwards; returns the lower end."""
    head = layout.Box(
        columns.centre[DENSE] - 48, top + 34,
        columns.centre[SPARSE] - columns.centre[DENSE] + 96, theme.BOX_HEIGHT,
    )  # fmt: skip
    painters = _painters(drawing, architecture, columns, head.bottom + 16)
    for painter in painters:
        painter.paint()
    _paint_head(drawing, head, painters[-1])
    raw_y = painters[0].rows.frame_bottom + theme.BLOCK_GAP + theme.BOX_HEIGHT / 2
    raw = {
        branch: _paint_raw(drawing, architecture, columns, features, branch, raw_y)
        for branch in (DENSE, SPARSE)
    }
    if embeddings_are_dense(architecture):
        _paint_flattening(drawing, raw[SPARSE], raw[DENSE])
    for branch in (DENSE, SPARSE):
        _paint_lanes(drawing, columns, painters, branch, raw_y)
    return raw_y + theme.BOX_HEIGHT / 2


def _painters(drawing, architecture, columns, top) -> list[block_interior.BlockPainter]:
    """One painter per block, first to last; the last block stands at the top."""
    numbers = range(len(architecture), 0, -1)
    painters = []
    for number in numbers:
        rows = layout.block_rows(architecture, number, 0.0)
        rows = layout.block_rows(architecture, number, top - rows.frame_top)
        painters.append(block_interior.BlockPainter(drawing, architecture, number, columns, rows))
        top = rows.frame_bottom + theme.BLOCK_GAP
    return painters[::-1]


def _paint_head(drawing: Drawing, head: layout.Box, last: block_interior.BlockPainter) -> None:
    drawing.rectangle(
        "boxes", head.x, head.y, head.width, head.height, fill="#eceef2", stroke=theme.INK,
        tooltip="final fully connected layer over both outputs of the last block",
    )  # fmt: skip
    drawing.text(head.centre_x, head.centre_y, "final FC 1")
    for branch in (DENSE, SPARSE):
        x, y = last.output_point(branch)
        colour = theme.PALETTES[branch].line
        drawing.path("lanes", [(x, y), (x, head.bottom + 4)], stroke=colour)
        block_interior.arrow(drawing, (x, head.bottom), "up", colour)
    drawing.path("wires", [(head.centre_x, head.y), (head.centre_x, head.y - 14)], stroke=theme.INK)
    block_interior.arrow(drawing, (head.centre_x, head.y - 18), "up", theme.INK)
    drawing.text(head.centre_x, head.y - 26, "logit", bold=True)


def _paint_raw(drawing, architecture, columns, features, branch, y) -> layout.Box:
    count = getattr(features, branch) if features else None
    text = f"{branch} features" if count != 1 else f"{branch} feature"
    text = text if count is None else f"{count} {text}"
    width = max(columns.box_width, len(text) * theme.CHARACTER + 12)
    x = columns.centre[branch] - width / 2
    box = layout.Box(x, y - theme.BOX_HEIGHT / 2, width, theme.BOX_HEIGHT)
    live = getattr(architecture.liveness, f"raw_{branch}")
    block_interior.part(
        drawing, box, text, theme.PALETTES[branch], live, branch, raw_name(architecture, branch)
    )
    return box


def _paint_flattening(drawing: Drawing, sparse: layout.Box, dense: layout.Box) -> None:
    """Draws the flattened embeddings on their way into dense source 0."""
    colour, y = theme.PALETTES[SPARSE].line, dense.centre_y
    drawing.path("wires", [(sparse.x, y), (dense.right + 4, y)], stroke=colour)
    block_interior.arrow(drawing, (dense.right, y), "left", colour)
    middle = (dense.right + sparse.x) / 2
    drawing.text(middle, y - 8, "flattened", size=9, colour=colour)


def _paint_lanes(drawing, columns, painters, branch, raw_y) -> None:
    """Draws, for each source that is read, the line from its output up to its last reader."""
    architecture = painters[0].architecture
    colour = theme.PALETTES[branch].line
    for source, reader in sources_read(architecture, branch).items():
        x = columns.lanes[branch][source]
        start = painters[source - 1].output_point(branch) if source else None
        start = start or (columns.centre[branch], raw_y)
        end = min(_wire_rows(painters[reader - 1], branch, source))
        # A lane interrupts the wires that pass below it, so that a crossing is no junction.
        drawing.path("lanes", [(x, start[1] - 2), (x, end)], stroke=theme.PAPER, width=6)
        drawing.path("lanes", [start, (x, start[1]), (x, end)], stroke=colour)


def _wire_rows(painter: block_interior.BlockPainter, branch: str, source: int) -> list[float]:
    """The rows of a block in which a source is read."""
    return [
        painter.rows.middle[wire.kind]
        for wire in block_wires(painter.architecture, painter.number)
        if wire.branch == branch and source in wire.sources
    ]
