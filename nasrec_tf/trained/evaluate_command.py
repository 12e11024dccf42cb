"""The command line of evaluation."""

import argparse
import pathlib
from collections.abc import Sequence

from beam_preprocess.common.quiet_tensorflow import load_tensorflow
from beam_preprocess.config import MAX_REJECT_SHARE
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.trained.asking_options import asking_parser, check_model

DESCRIPTION = """\
How good a trained model is on a log with labels: log loss, AUC, AUC within groups, calibration, for
all rows and for slices of them, each with its 95 % bootstrap interval."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """

    def command() -> int:
        options = _parser().parse_args(arguments)
        _check(options)
        load_tensorflow()
        from nasrec_tf.trained.evaluation_table import evaluate

        return evaluate(options)

    return exit_code(command)


def _parser() -> argparse.ArgumentParser:
    parser = asking_parser("nasrec_tf.evaluate", DESCRIPTION)
    labels = parser.add_argument_group("labels, where they are written otherwise than in training")
    labels.add_argument("--label-positive", metavar="A,B", help="values that are clicks")
    labels.add_argument("--label-above", type=float, metavar="X", help="numbers above are clicks")
    figures = parser.add_argument_group("figures")
    figures.add_argument(
        "--by",
        action="extend",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="raw columns by whose values rows are sliced, or features that are derived of times, "
        "such as at_weekday; a row with a list is in the slice of each of its items",
    )
    figures.add_argument(
        "--most-slices",
        type=int,
        default=20,
        metavar="N",
        help="of a column; further values make one slice (default: 20)",
    )
    figures.add_argument(
        "--group",
        metavar="COLUMN",
        help="AUC within the rows of one value, such as of a user or a request (default: of a data "
        "set of records its own group)",
    )
    figures.add_argument(
        "--beside",
        metavar="COLUMN",
        help="raw column with the probabilities of another model, such as your own: log loss and "
        "AUC of both on the same rows, and whether they differ beyond chance",
    )
    figures.add_argument(
        "--unweighted",
        action="store_true",
        help="let all rows count alike, where training had weights",
    )
    figures.add_argument(
        "--max-reject-share",
        type=float,
        default=MAX_REJECT_SHARE,
        metavar="SHARE",
        help=f"more rows that cannot be read end it (default: {MAX_REJECT_SHARE})",
    )
    figures.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the bootstrap (default: 0)"
    )
    figures.add_argument("-o", "--output", metavar="FILE",
                         help="write the figures to a .csv or .json file as well")  # fmt: skip
    return parser


def _check(options: argparse.Namespace) -> None:
    if options.most_slices < 1:
        raise UserError(f"--most-slices must be at least 1. Received: {options.most_slices}")
    if not 0 <= options.max_reject_share <= 1:
        raise UserError(
            f"--max-reject-share must be from 0 to 1. Received: {options.max_reject_share}"
        )
    if options.seed < 0:
        raise UserError(f"--seed must be at least 0. Received: {options.seed}")
    if options.output and not options.output.endswith((".csv", ".json")):
        raise UserError(f"--output {options.output}: name a file that ends in .csv or .json.")
    if options.output and not pathlib.Path(options.output).parent.is_dir():
        raise UserError(f"--output {options.output}: its directory is missing; make it.")
    check_model(options)
