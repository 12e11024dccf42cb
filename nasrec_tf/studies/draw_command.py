"""The command line that draws an architecture."""

import argparse
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.presets import load_architecture, presets
from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.drawing.bitmap import painted
from nasrec_tf.drawing.scene import draw_svg
from nasrec_tf.networks.baselines import tells_baseline
from nasrec_tf.search.exit_code import exit_code

FORMATS = ("svg", "png", "pdf")
"""Of pictures, by the ending of the file."""


class Drawn(NamedTuple):
    """What is drawn.

    Args:
        architecture: the architecture.
        title: its heading, unless another is given.
        features: what the network reads, where that is known.
    """

    architecture: Architecture
    title: str | None = None
    features: Features | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    parser = OneLineParser(
        prog="python -m nasrec_tf.draw",
        description="Draw an architecture: blocks, operators, widths, connections, mergers.",
        allow_abbrev=False,
    )
    parser.add_argument("architecture", metavar="ARCH.json|PRESET|RUN",
                        help="an architecture file, the directory of a run, whose model is drawn, "
                        f"or one of {', '.join(presets())}")  # fmt: skip
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE",
        help="file to write; its ending tells the format: .svg, .png or .pdf",
    )  # fmt: skip
    parser.add_argument(
        "--title", help="heading of the drawing (by default the preset's name, or the run's)"
    )
    return exit_code(lambda: _draw(parser.parse_args(arguments)))


def _draw(options: argparse.Namespace) -> int:
    form = _form(options.output)
    drawn = _drawn(options.architecture)
    svg = draw_svg(drawn.architecture, options.title or drawn.title, drawn.features)
    content = svg.encode() if form == "svg" else painted(svg, form)
    with atomic_path(options.output) as draft:
        draft.write_bytes(content)
    return 0


def _form(output: str) -> str:
    form = pathlib.PurePath(output).suffix.removeprefix(".").lower()
    if form not in FORMATS:
        endings = ", ".join(f".{one}" for one in FORMATS)
        raise UserError(f"--output {output}: its ending must tell the format: {endings}.")
    return form


def _drawn(name: str) -> Drawn:
    if os.path.isdir(name):
        return _winner(pathlib.Path(name))
    _refuse_baselines(name)
    known = presets().get(name)
    architecture = load_architecture(name)
    return Drawn(architecture, known.name, known.features) if known else Drawn(architecture)


def _winner(path: pathlib.Path) -> Drawn:
    """What a run found, read without TensorFlow."""
    from nasrec_tf.search.final_model import final_or_winner
    from nasrec_tf.search.run import Run
    from nasrec_tf.search.run_directory import CONFIG_FILE, RunDirectory

    directory = RunDirectory(path)
    config = directory.stored_config()
    if config is None:
        raise UserError(f"{path}: has no {CONFIG_FILE}, so it is not the directory of a run.")
    if directory.result("retrain") is None:
        raise UserError(f"{path}: has found no model yet: its retrain stage has not finished.")
    run = Run(config, directory, quiet=True)
    model = final_or_winner(run).architecture
    if model.architecture is None:
        raise _no_blocks(str(path))
    return Drawn(model.architecture, config.name, run.features)


def _refuse_baselines(name: str) -> None:
    if tells_baseline(name):
        raise _no_blocks(name)


def _no_blocks(name: str) -> UserError:
    return UserError(
        f"{name}: is a hand-made model, which has no blocks to draw; python -m nasrec_tf.flops "
        "lists its parts."
    )
