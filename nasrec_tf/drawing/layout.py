"""Where the parts of a drawing stand: columns from left to right, rows from bottom to top."""

import dataclasses

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.drawing import theme
from nasrec_tf.drawing.reads import SPARSE_WIRE, block_wires, sources_read
from nasrec_tf.operators import DENSE, OPERATORS, SPARSE

WIRE_HEIGHT = 17
"""Room for a circle with the number of a source."""


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle by its top left corner.

    Args:
        x: of the left edge.
        y: of the upper edge.
        width: of it.
        height: of it.

    Example:
        >>> Box(0, 0, 40, 20).centre_x
        20.0
    """

    x: float
    y: float
    width: float
    height: float

    @property
    def centre_x(self) -> float:
        return self.x + self.width / 2

    @property
    def centre_y(self) -> float:
        return self.y + self.height / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def right(self) -> float:
        return self.x + self.width


@dataclasses.dataclass(frozen=True)
class Columns:
    """The horizontal plan, common to all blocks.

    Args:
        lanes: for each branch, the x of the lane of each source that is read.
        frame: left and right edge of the blocks' frames.
        centre: for each branch, the x of its middle line.
        branch_width: for each branch, the width that its operators need.
        box_width: width of an operator's box.
    """

    lanes: dict[str, dict[int, float]]
    frame: tuple[float, float]
    centre: dict[str, float]
    branch_width: dict[str, float]
    box_width: float

    @property
    def middle(self) -> float:
        left = self.centre[DENSE] + self.branch_width[DENSE] / 2
        return left + theme.MIDDLE_WIDTH / 2

    def operator_boxes(self, branch: str, names: tuple[str, ...], y: float) -> dict[str, Box]:
        """The boxes of a branch's operators, side by side around its middle line.

        Args:
            branch: ``"dense"`` or ``"sparse"``.
            names: of the operators.
            y: from the top.
        """
        step = self.box_width + theme.BOX_GAP
        left = self.centre[branch] - (len(names) * step - theme.BOX_GAP) / 2
        return {
            name: Box(
                left + index * step, y - theme.BOX_HEIGHT / 2, self.box_width, theme.BOX_HEIGHT
            )
            for index, name in enumerate(names)
        }


@dataclasses.dataclass(frozen=True)
class Rows:
    """The vertical plan of one block: middle lines of its rows.

    Args:
        frame_top: y of the upper edge of its frame.
        frame_bottom: y of the lower edge.
        middle: y of each row by name: a wire's kind, or one of ``operators``, ``sum``,
            ``dense_to_sparse``, ``sparse_to_dense``, ``merge`` and ``output``.
    """

    frame_top: float
    frame_bottom: float
    middle: dict[str, float]


def operator_text(block: Block, name: str) -> str:
    """What stands in an operator's box: its name and width, and its bits if it is quantized.

    Args:
        block: the block.
        name: of the operator.
    """
    width = {**block.dense_operators, **block.sparse_operators}[name]
    text = f"{OPERATORS[name].label} {width}"
    if name in block.bits:
        bits = block.bits[name]
        both = str(bits.weights)
        if bits.activations != bits.weights:
            both += f"/{bits.activations}"
        text += f" · {both}b"
    return text


def columns(architecture: Architecture) -> Columns:
    """Plans the columns: dense lanes, dense operators, mergers, sparse operators, sparse lanes.

    Args:
        architecture: the architecture.
    """
    texts = [
        operator_text(block, name)
        for block in architecture.blocks
        for names in (block.dense_operators, block.sparse_operators)
        for name in names
    ]
    box_width = max(64, max(map(len, texts)) * theme.CHARACTER + 10)
    width = {}
    for branch in (DENSE, SPARSE):
        most = max(len(branch_operators(block, branch)) for block in architecture.blocks)
        width[branch] = max(96, most * (box_width + theme.BOX_GAP) - theme.BOX_GAP)
    used = {branch: list(sources_read(architecture, branch)) for branch in (DENSE, SPARSE)}
    left = theme.MARGIN + len(used[DENSE]) * theme.LANE_GAP + theme.LANE_RADIUS
    inner = left + theme.FRAME_PADDING
    centre = {
        DENSE: inner + width[DENSE] / 2,
        SPARSE: inner + width[DENSE] + theme.MIDDLE_WIDTH + width[SPARSE] / 2,
    }
    right = centre[SPARSE] + width[SPARSE] / 2 + theme.FRAME_PADDING
    lanes = {
        DENSE: _lanes(used[DENSE], left, -1),
        SPARSE: _lanes(used[SPARSE], right, +1),
    }
    return Columns(lanes, (left, right), centre, width, box_width)


def _lanes(sources: list[int], edge: float, side: int) -> dict[int, float]:
    """The raw features' lane is outermost, so that no output crosses an older lane."""
    count = len(sources)
    return {
        source: edge + side * (count - index) * theme.LANE_GAP
        for index, source in enumerate(sources)
    }


def branch_operators(block: Block, branch: str) -> dict[str, int]:
    """Widths or token counts of a branch's operators, by name.

    Args:
        block: the block.
        branch: ``"dense"`` or ``"sparse"``.
    """
    return dict(block.dense_operators if branch == DENSE else block.sparse_operators)


def block_rows(architecture: Architecture, number: int, bottom: float) -> Rows:
    """Plans the rows of a block whose frame ends at ``bottom``.

    Args:
        architecture: the architecture.
        number: of the block, from 1.
        bottom: y of the lower edge of its frame.
    """
    middle = {}
    y = bottom - 5
    for name, height in _row_heights(architecture, number):
        if name == SPARSE_WIRE and _sparse_wire_shares_a_row(architecture, number):
            y += height
        middle[name] = y - height / 2
        y -= height
    return Rows(frame_top=y - 4, frame_bottom=bottom, middle=middle)


def _row_heights(architecture: Architecture, number: int):
    """Names and heights of the rows of a block, bottom to top."""
    block = architecture.blocks[number - 1]
    live = architecture.liveness.blocks[number - 1]
    wires = block_wires(architecture, number)
    for wire in wires:
        yield wire.kind, WIRE_HEIGHT
    yield "gap", 9 if wires else 0
    yield "operators", theme.BOX_HEIGHT
    if not live.anything:
        yield "rest", 4
        return
    if len(block.dense_operators) > 1 or len(block.sparse_operators) > 1:
        yield "sum", 26
    for merger in ("dense_to_sparse", "sparse_to_dense"):
        if getattr(block, merger):
            yield merger, 26
    if block.dense_to_sparse or block.sparse_to_dense:
        yield "merge", 18
    yield "output", 20


def _sparse_wire_shares_a_row(architecture: Architecture, number: int) -> bool:
    """Whether it stays clear of the dense branch, so that it can lie level with a dense wire."""
    *others, last = block_wires(architecture, number)
    return bool(others) and not any(OPERATORS[name].branch == DENSE for name in last.operators)
