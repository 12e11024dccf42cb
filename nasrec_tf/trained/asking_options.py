"""Options that the commands which ask a trained model have in common.

Reading them takes no TensorFlow: help and mistakes are told at once.
"""

import argparse
import pathlib

from beam_preprocess.reading.description import DECIMALS
from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError

PROBABILITY = "probability"
"""The column of what is predicted."""


def asking_parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser with the model, the log, and how the log is written.

    Args:
        name: of the module.
        description: what the command does.
    """
    parser = OneLineParser(
        prog=f"python -m {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "model", metavar="RUN|SAVED_MODEL",
        help="a run directory, or an export: saved_models/NAME or one of its versions",
    )  # fmt: skip
    log = parser.add_argument_group("the log")
    log.add_argument(
        "--data",
        action="extend",
        nargs="+",
        required=True,
        metavar="FILE",
        help="files, globs or directories, in order; or a data set of records",
    )
    log.add_argument(
        "--dataset",
        metavar="TEXT",
        help="its layout, as for nasrec_tf.search (default: that of the training)",
    )
    log.add_argument("--label", metavar="COLUMN", help="(default: that of the training)")
    log.add_argument("--delimiter", metavar="TEXT", help="(default: that of the training)")
    log.add_argument(
        "--file-encoding", metavar="TEXT", help="such as latin-1 (default: that of the training)"
    )
    log.add_argument(
        "--decimal",
        choices=DECIMALS,
        help="what stands before the decimals of a number (default: that of the training)",
    )
    log.add_argument(
        "--side-table",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME=PATH",
        help="tables joined to it (default: those of the training)",
    )
    log.add_argument("--split", metavar="NAME",
                     help="of a data set of records (default: test)")  # fmt: skip
    run = parser.add_argument_group("run")
    run.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto",
                     help="what computes (default: auto)")  # fmt: skip
    run.add_argument("--quiet", action="store_true", help="no progress")
    return parser


def check_model(options: argparse.Namespace) -> None:
    """Refuses a model that is not there.

    Args:
        options: of ``asking_parser``.

    Raises:
        UserError: if so.
    """
    path = pathlib.Path(options.model)
    if not path.is_dir():
        raise UserError(f"{path}: no such directory; give a run directory or an export.")
