"""Predictions of a log, written to a file with a line for each row."""

import argparse
import csv
import gzip
import pathlib
from collections.abc import Iterator, Sequence

from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.trained.asked_model import UnreadRows, asked, counting
from nasrec_tf.trained.asking_options import PROBABILITY
from nasrec_tf.trained.log_rows import PredictedRows, predicted_rows
from nasrec_tf.trained.trained_model import probabilities


def write_predictions(options: argparse.Namespace) -> int:
    """Predicts every row of a log; returns the exit code.

    Args:
        options: of ``python -m nasrec_tf.predict``.

    Raises:
        UserError: if model or log cannot be used.
    """
    output = pathlib.Path(options.output)
    model, log = asked(options)
    keep, unread = tuple(dict.fromkeys(options.keep)), UnreadRows()
    blocks = predicted_rows(model, log, keep)
    with atomic_path(output) as draft:
        _write(draft, keep, _counted(blocks, unread, options.quiet))
        unread.check(log.data[0])
    unread.tell("have no probability")
    print(f"{unread.rows - unread.count:,} predictions written to {output}")
    return 0


def _counted(
    blocks: Iterator[PredictedRows], unread: UnreadRows, quiet: bool
) -> Iterator[PredictedRows]:
    with counting(quiet) as bar:
        for rows in blocks:
            unread.add(rows)
            bar.update(len(rows.readable))
            yield rows


def _write(path: pathlib.Path, keep: Sequence[str], blocks: Iterator[PredictedRows]) -> None:
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*keep, PROBABILITY])
        for rows in blocks:
            writer.writerows(_lines(rows, keep))


def _lines(rows: PredictedRows, keep: Sequence[str]) -> Iterator[Sequence[str]]:
    """One line for each row; that of an unread row holds nothing but its delimiters or quotes."""
    texts = [f"{value:.9g}" for value in probabilities(rows.logits).tolist()]
    columns = [
        [value.decode("utf-8", "replace") for value in rows.further[name].to_pylist()]
        for name in keep
    ]
    found = zip(*columns, texts)
    if rows.readable.all():
        yield from found
        return
    for readable in rows.readable:
        yield next(found) if readable else ("",) * (len(keep) + 1)
