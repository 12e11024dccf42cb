"""Draws an architecture as in the paper's Fig. 5-7: ``python -m nasrec_tf.draw``."""

import argparse
import sys
from collections.abc import Sequence

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.presets import load_architecture, presets
from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.drawing.scene import draw_architecture


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
    return draw_architecture(architecture, title, features)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m nasrec_tf.draw",
        description="Draw an architecture: blocks, operators, widths, connections, mergers.",
    )
    parser.add_argument("architecture", metavar="ARCH.json|PRESET",
                        help=f"an architecture file, or one of {', '.join(presets())}")  # fmt: skip
    parser.add_argument("-o", "--output", required=True, metavar="FILE.svg", help="file to write")
    parser.add_argument("--title", help="heading of the drawing (the preset's name by default)")
    options = parser.parse_args(arguments)
    try:
        architecture = load_architecture(options.architecture)
        known = presets().get(options.architecture)
        title = options.title or (known.name if known else None)
        with atomic_file(options.output) as file:
            file.write(draw_svg(architecture, title, known.features if known else None))
    except UserError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
