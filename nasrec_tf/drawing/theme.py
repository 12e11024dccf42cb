"""Colours and measures of a drawing. Blue is dense, red is sparse, as in the paper."""

import dataclasses

from nasrec_tf.operators import DENSE, SPARSE

INK = "#1f2430"
MUTED = "#667085"
FRAME = "#f5f6f8"
FRAME_EDGE = "#d3d7de"
PAPER = "#ffffff"


@dataclasses.dataclass(frozen=True)
class Palette:
    """Colours of one branch.

    Args:
        line: connections and outlines.
        fill: inside of a part that reaches the logit.
        stripe: stripes of a part that does not.
    """

    line: str
    fill: str
    stripe: str


PALETTES = {
    DENSE: Palette(line="#1d5fb4", fill="#d9e8fb", stripe="#bcd3ee"),
    SPARSE: Palette(line="#b3322b", fill="#fbdeda", stripe="#eec3be"),
}
MERGER = Palette(line="#6b4aa0", fill="#e9e0f6", stripe="#d5c8ea")

MARGIN = 18
LANE_GAP = 20
LANE_RADIUS = 7.5
BOX_HEIGHT = 28
BOX_GAP = 10
MIDDLE_WIDTH = 118
MERGER_WIDTH = 42
MERGER_HEIGHT = 19
FRAME_PADDING = 14
BLOCK_GAP = 12
CHARACTER = 7.0
"""Width of a character of 12 pixels, on the safe side for the fonts asked for."""
