"""The command line of predictions."""

import argparse
import pathlib
from collections.abc import Sequence

from beam_preprocess.common.quiet_tensorflow import load_tensorflow
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.trained.asking_options import PROBABILITY, asking_parser, check_model

DESCRIPTION = """\
Asks a trained model about every row of a log: the probability of a click, one line for each row in
the order of the log, whatever its length. A row that cannot be read has an empty line, and is told
of on the screen. The label column may be missing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """

    def command() -> int:
        options = _parser().parse_args(arguments)
        _check(options)
        load_tensorflow()
        from nasrec_tf.trained.predictions_file import write_predictions

        return write_predictions(options)

    return exit_code(command)


def _parser() -> argparse.ArgumentParser:
    parser = asking_parser("nasrec_tf.predict", DESCRIPTION)
    parser.add_argument("-o", "--output", required=True, metavar="FILE.csv",
                        help="file to write, .csv or .csv.gz")  # fmt: skip
    parser.add_argument("--keep", action="extend", nargs="+", default=[], metavar="COLUMN",
                        help="raw columns to repeat in front of the probability")  # fmt: skip
    return parser


def _check(options: argparse.Namespace) -> None:
    output = pathlib.Path(options.output)
    if not output.name.endswith((".csv", ".csv.gz")):
        raise UserError(f"--output {output}: name a file that ends in .csv or .csv.gz.")
    if not output.parent.is_dir():
        raise UserError(f"--output {output}: there is no directory {output.parent}; make it.")
    if PROBABILITY in options.keep:
        raise UserError(f"--keep {PROBABILITY}: is the name of what is predicted; leave it out.")
    check_model(options)
