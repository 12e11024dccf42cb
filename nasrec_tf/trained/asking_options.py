"""Options that the commands which ask a trained model have in common."""

import argparse
import pathlib
import sys
from typing import Any

from tqdm import tqdm

from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError
from nasrec_tf.trained.log_rows import AskedLog
from nasrec_tf.trained.trained_model import TrainedModel


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


def asked(options: argparse.Namespace) -> tuple[TrainedModel, AskedLog]:
    """The model and the log that options name.

    Args:
        options: of ``asking_parser``.

    Raises:
        UserError: if the model cannot be loaded.
    """
    from nasrec_tf.search.tensorflow_setup import configure_tensorflow
    from nasrec_tf.trained.model_sources import load_trained_model

    path = pathlib.Path(options.model)
    if not path.is_dir():
        raise UserError(f"{path}: no such directory; give a run directory or an export.")
    configure_tensorflow(options.device)
    return load_trained_model(path), AskedLog(
        data=tuple(options.data),
        dataset=options.dataset,
        label=options.label,
        delimiter=options.delimiter,
        file_encoding=options.file_encoding,
        side_tables=tuple(options.side_table),
        split=options.split,
    )


def counting(quiet: bool) -> Any:
    """A progress bar of rows.

    Args:
        quiet: show none.
    """
    return tqdm(
        unit=" rows", unit_scale=True, disable=quiet, file=sys.stderr, dynamic_ncols=True,
        mininterval=0.5 if sys.stderr.isatty() else 60.0,
    )  # fmt: skip


class UnreadRows:
    """Counts rows that could not be read, and tells of them in one line."""

    def __init__(self) -> None:
        self.rows = 0
        self.count = 0
        self._first = ""

    def add(self, rows: int, rejects: tuple[str, ...]) -> None:
        """Adds a block.

        Args:
            rows: of the block, those included.
            rejects: each in words.
        """
        self.rows += rows
        self.count += len(rejects)
        if rejects and not self._first:
            self._first = rejects[0]

    def check(self, data: str) -> None:
        """Refuses a log of which no row could be read.

        Args:
            data: what it is called.

        Raises:
            UserError: if so.
        """
        if not self.rows:
            raise UserError(f"{data}: has no rows.")
        if self.count == self.rows:
            raise UserError(
                f"none of {self.rows:,} rows could be read, the first one: {self._first}; see to "
                "--dataset, --label and --delimiter."
            )

    def tell(self, consequence: str) -> None:
        """Prints the line, if there is anything to tell.

        Args:
            consequence: for these rows.
        """
        if self.count:
            print(
                f"warning: {self.count:,} of {self.rows:,} rows could not be read and "
                f"{consequence}, the first one: {self._first}",
                file=sys.stderr,
            )
