"""The model and the log that a command's options name, and what could not be read of the log."""

import argparse
import os
import pathlib
import re
import sys
from typing import Any

from tqdm import tqdm

from beam_preprocess.encoding.scan_check import hint
from beam_preprocess.running.file_patterns import find_files
from beam_preprocess.running.unlike_training import UnlikeTraining
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.tensorflow_setup import configure_tensorflow
from nasrec_tf.trained.log_rows import AskedLog, PredictedRows
from nasrec_tf.trained.model_sources import load_trained_model
from nasrec_tf.trained.trained_model import TrainedModel

_MENDS = ("--label-positive", "--label-above", "--file-encoding", "--decimal")
"""Options by which a log is read otherwise than the training's."""


def asked(options: argparse.Namespace) -> tuple[TrainedModel, AskedLog]:
    """The model and the log that options name.

    Args:
        options: of ``asking_parser``.

    Raises:
        UserError: if the model cannot be loaded, or what is written would take the log's place.
    """
    configure_tensorflow(options.device)
    model = load_trained_model(pathlib.Path(options.model))
    log = AskedLog(
        data=tuple(options.data),
        dataset=options.dataset,
        label=options.label,
        label_positive=getattr(options, "label_positive", None),
        label_above=getattr(options, "label_above", None),
        delimiter=options.delimiter,
        file_encoding=options.file_encoding,
        decimal=options.decimal,
        side_tables=tuple(options.side_table),
        split=options.split,
    )
    if options.output:
        _check_apart(options.output, log.files(model))
    return model, log


def _check_apart(output: str, read: tuple[str, ...]) -> None:
    """Refuses to write over a file that is read: a log is often the only one of its kind."""
    written = os.path.realpath(output)
    for found in find_files(read):
        if os.path.realpath(found.path) == written:
            raise UserError(
                f"--output {output}: is one of the files that are read ({found.path}) and would be "
                "lost; name another."
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
    """Counts rows that could not be read, and tells of them and of what is unlike the training."""

    def __init__(self) -> None:
        self.rows = 0
        self.count = 0
        self._first = ""
        self._unlike: UnlikeTraining | None = None

    def add(self, block: PredictedRows) -> None:
        """Adds a block.

        Args:
            block: the next one of the log.
        """
        self.rows += len(block.readable)
        self.count += len(block.rejects)
        if block.rejects and not self._first:
            self._first = block.rejects[0]
        self._unlike = block.unlike

    def check(self, data: str, most: float = 1.0) -> None:
        """Refuses a log of which no row, or too few rows, could be read.

        Args:
            data: what it is called.
            most: largest tolerated share of rows that could not be read.

        Raises:
            UserError: if so.
        """
        if not self.rows:
            raise UserError(f"{data}: has no rows.")
        if self.count == self.rows:
            raise UserError(
                f"none of {self.rows:,} rows could be read, the first one: {self._first_told}; see "
                "to --dataset, --label and --delimiter."
            )
        if self.count > most * self.rows:
            raise UserError(
                f"{self.count:,} of {self.rows:,} rows could not be read "
                f"({self.count / self.rows:.2%}, allowed are {most:.2%}: --max-reject-share), and "
                f"figures of the others would mislead; the first one: {self._first_told}; see to "
                "--label and --dataset, or mend the log."
            )

    @property
    def _first_told(self) -> str:
        """The first row that could not be read, with what helps of the options that there are."""
        told = hint(self._first)
        here = all(option in _MENDS for option in re.findall(r"--[a-z-]+", told))
        return self._first + (told if here else "")

    def tell(self, consequence: str) -> None:
        """Prints a line of these rows and one of each column, if there is anything to tell.

        Args:
            consequence: for these rows.
        """
        if self.count:
            print(
                f"warning: {self.count:,} of {self.rows:,} rows could not be read and "
                f"{consequence}, the first one: {self._first_told}",
                file=sys.stderr,
            )
        for line in self._unlike.told() if self._unlike else ():
            print(f"warning: {line}", file=sys.stderr)
