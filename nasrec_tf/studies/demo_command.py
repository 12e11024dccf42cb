"""The command line that writes a generated click log."""

import argparse
import pathlib
from collections.abc import Sequence

from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.generated_log import write_demo
from nasrec_tf.search.exit_code import exit_code

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""Endings of files that whoever reads them takes to be compressed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    parser = OneLineParser(
        prog="python -m nasrec_tf.demo",
        description="Write a generated click log in Criteo's raw format, with known best log loss.",
        allow_abbrev=False,
    )
    parser.add_argument("--rows", type=int, default=50_000, help="rows to write (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the generator (%(default)s)")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="file to write")
    return exit_code(lambda: _write(parser.parse_args(arguments)))


def _write(options: argparse.Namespace) -> int:
    if pathlib.PurePath(options.output).suffix.lower() in COMPRESSED:
        raise UserError(
            f"--output {options.output}: plain text is written; leave the ending out, and compress "
            "the file afterwards."
        )
    facts = write_demo(options.output, options.rows, options.seed)
    print(f"{options.output}: {facts}")
    return 0
