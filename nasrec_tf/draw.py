"""Draws an architecture as in the paper's Fig. 5-7: ``python -m nasrec_tf.draw``."""

import sys
from collections.abc import Sequence

from nasrec_tf.architecture.presets import load_architecture, presets
from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError, one_line
from nasrec_tf.drawing.scene import draw_svg
from nasrec_tf.networks.baselines import tells_baseline


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code.

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    parser = OneLineParser(
        prog="python -m nasrec_tf.draw",
        description="Draw an architecture: blocks, operators, widths, connections, mergers.",
    )
    parser.add_argument("architecture", metavar="ARCH.json|PRESET",
                        help=f"an architecture file, or one of {', '.join(presets())}")  # fmt: skip
    parser.add_argument("-o", "--output", required=True, metavar="FILE.svg", help="file to write")
    parser.add_argument("--title", help="heading of the drawing (the preset's name by default)")
    options = parser.parse_args(arguments)
    try:
        _refuse_baselines(options.architecture)
        architecture = load_architecture(options.architecture)
        known = presets().get(options.architecture)
        title = options.title or (known.name if known else None)
        with atomic_file(options.output) as file:
            file.write(draw_svg(architecture, title, known.features if known else None))
    except UserError as error:
        print(f"{parser.prog}: error: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


def _refuse_baselines(name: str) -> None:
    if tells_baseline(name):
        raise UserError(
            f"{name}: is a hand-made model, which has no blocks to draw; python -m nasrec_tf.flops "
            "lists its parts."
        )


if __name__ == "__main__":
    sys.exit(main())
