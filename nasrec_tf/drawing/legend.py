"""What the signs of a drawing mean; only those that occur in it."""

import dataclasses
from collections.abc import Callable, Iterator

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.drawing import block_interior, layout, theme
from nasrec_tf.drawing.reads import LEFT_WIRE, SAME_WIRE, block_wires, embeddings_are_dense
from nasrec_tf.drawing.svg import Drawing
from nasrec_tf.operators import (
    DENSE,
    DENSE_TO_SPARSE,
    OPERATORS,
    SPARSE,
    SPARSE_TO_DENSE,
)

ROW = 25
SIGN_WIDTH = 62
SIZE = 11
CHARACTER = 6.1
"""Width of a character of 11 pixels, on the safe side for the fonts asked for."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One sign and its meaning.

    Args:
        text: the meaning.
        sign: draws the sign into a box.
    """

    text: str
    sign: Callable[[Drawing, layout.Box], None]


def paint(
    drawing: Drawing, architecture: Architecture, left: float, top: float, width: float
) -> float:
    """Draws the legend below ``top`` and returns its height.

    Args:
        drawing: the drawing.
        architecture: the architecture.
        left: x of the left edge.
        top: y of the upper edge.
        width: of it.
    """
    entries = list(_entries(architecture))
    column = SIGN_WIDTH + 12 + max(len(entry.text) for entry in entries) * CHARACTER
    count = max(1, int(width // (column + 16)))
    rows = -(-len(entries) // count)
    for index, entry in enumerate(entries):
        x = left + index // rows * (column + 16)
        y = top + index % rows * ROW
        entry.sign(drawing, layout.Box(x, y, SIGN_WIDTH, ROW - 5))
        drawing.text(x + SIGN_WIDTH + 10, y + (ROW - 5) / 2, entry.text, size=SIZE, anchor="start")
    return rows * ROW


def width_needed(architecture: Architecture) -> float:
    """Width of the legend in one column.

    Args:
        architecture: the architecture.
    """
    longest = max(len(entry.text) for entry in _entries(architecture))
    return SIGN_WIDTH + 12 + longest * CHARACTER


def _entries(architecture: Architecture) -> Iterator[Entry]:
    yield Entry("dense operator and its output width", _part_sign("FC 64", DENSE))
    yield Entry("sparse operator and its output tokens", _part_sign("EFC 32", SPARSE))
    if architecture.is_quantized:
        yield Entry("4b, 4/8b: bits of weights and of inputs", _no_sign)
    for text in _long_names(architecture):
        yield Entry(text, _no_sign)
    yield Entry("reads the output of block 2 (0: the raw features)", _tap_sign)
    if embeddings_are_dense(architecture):
        yield Entry("embeddings, flattened, join dense source 0", _flattening_sign)
    wires = [w for n in range(1, len(architecture) + 1) for w in block_wires(architecture, n)]
    kinds = {wire.kind for wire in wires}
    if LEFT_WIRE in kinds:
        yield Entry("L, R: the left and the right source", _no_sign)
    if SAME_WIRE in kinds:
        yield Entry("the same source on the left and on the right", _bold_sign)
    live = architecture.liveness.blocks
    if any(block.sparse_to_dense for block in live):
        yield Entry(
            "FM: factorization machine merger, added (+)", _merger_sign(SPARSE_TO_DENSE.label)
        )
    if any(block.dense_to_sparse for block in live):
        yield Entry("D2S: dense-to-sparse merger, tokens appended (||)",
                    _merger_sign(DENSE_TO_SPARSE.label))  # fmt: skip
    if _has_dead_parts(architecture):
        yield Entry("unused: does not reach the logit", _dead_sign)


SPELLED_OUT = {
    "fc": "fully connected",
    "efc": "embedded fully connected (tokens to tokens)",
}
"""Names that are short themselves (paper, 3.1)."""


def _long_names(architecture: Architecture) -> list[str]:
    """Spells out short labels, such as "SG: sigmoid gating"."""
    names = {
        name: None
        for block in architecture.blocks
        for name in (*block.dense_operators, *block.sparse_operators)
    }
    spelled = {name: SPELLED_OUT.get(name, name.replace("_", " ")) for name in names}
    return [
        f"{OPERATORS[name].label}: {text}"
        for name, text in spelled.items()
        if OPERATORS[name].label.lower() != text
    ]


def _has_dead_parts(architecture: Architecture) -> bool:
    for block, live in zip(architecture.blocks, architecture.liveness.blocks):
        if not (live.dense_operators and live.sparse_operators):
            return True
        if block.dense_to_sparse > live.dense_to_sparse:
            return True
        if block.sparse_to_dense > live.sparse_to_dense:
            return True
    return not (architecture.liveness.raw_dense and architecture.liveness.raw_sparse)


def _part_sign(text: str, branch: str):
    def sign(drawing, box):
        block_interior.part(drawing, box, text, theme.PALETTES[branch], True, branch, text)

    return sign


def _merger_sign(text: str):
    def sign(drawing, box):
        inner = layout.Box(box.centre_x - theme.MERGER_WIDTH / 2, box.y + 1, theme.MERGER_WIDTH,
                           box.height - 2)  # fmt: skip
        block_interior.part(drawing, inner, text, theme.MERGER, True, "merger", text)

    return sign


def _no_sign(drawing: Drawing, box: layout.Box) -> None:
    """The text speaks for itself."""


def _tap_sign(drawing: Drawing, box: layout.Box) -> None:
    colour = theme.PALETTES[DENSE].line
    drawing.path("wires", [(box.x, box.centre_y), (box.right, box.centre_y)], stroke=colour)
    centre = (box.centre_x, box.centre_y)
    drawing.circle("marks", centre, theme.LANE_RADIUS, fill=colour)
    drawing.text(*centre, "2", size=10, colour=theme.PAPER, bold=True)


def _flattening_sign(drawing: Drawing, box: layout.Box) -> None:
    colour = theme.PALETTES[SPARSE].line
    drawing.path("wires", [(box.right, box.centre_y), (box.x + 4, box.centre_y)], stroke=colour)
    block_interior.arrow(drawing, (box.x, box.centre_y), "left", colour)


def _bold_sign(drawing: Drawing, box: layout.Box) -> None:
    points = [(box.x, box.centre_y), (box.right, box.centre_y)]
    drawing.path("wires", points, stroke=theme.PALETTES[DENSE].line, width=block_interior.BOLD)


def _dead_sign(drawing: Drawing, box: layout.Box) -> None:
    half = box.width / 2 - 3
    for branch, x in ((DENSE, box.x), (SPARSE, box.x + half + 6)):
        palette = theme.PALETTES[branch]
        drawing.rectangle(
            "boxes", x, box.y, half, box.height,
            fill=drawing.stripes(branch, palette.stripe), stroke=palette.stripe,
        )  # fmt: skip
