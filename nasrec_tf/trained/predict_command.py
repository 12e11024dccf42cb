"""The command line of predictions."""

import argparse
import csv
import gzip
import pathlib
from collections.abc import Iterator, Sequence

from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.trained.asking_options import UnreadRows, asked, asking_parser, counting
from nasrec_tf.trained.log_rows import PredictedRows, predicted_rows
from nasrec_tf.trained.trained_model import probabilities

DESCRIPTION = """\
Asks a trained model about every row of a log: the probability of a click, one line for each row in
the order of the log, whatever its length. A row that cannot be read has an empty line, and is told
of on the screen. The label column may be missing."""

PROBABILITY = "probability"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    parser = asking_parser("nasrec_tf.predict", DESCRIPTION)
    parser.add_argument("-o", "--output", required=True, metavar="FILE.csv",
                        help="file to write, .csv or .csv.gz")  # fmt: skip
    parser.add_argument("--keep", action="extend", nargs="+", default=[], metavar="COLUMN",
                        help="raw columns to repeat in front of the probability")  # fmt: skip
    return exit_code(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    output = pathlib.Path(options.output)
    if not output.name.endswith((".csv", ".csv.gz")):
        raise UserError(f"--output {output}: name a file that ends in .csv or .csv.gz.")
    if not output.parent.is_dir():
        raise UserError(f"--output {output}: there is no directory {output.parent}; make it.")
    if PROBABILITY in options.keep:
        raise UserError(f"--keep {PROBABILITY}: is the name of what is predicted; leave it out.")
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
            unread.add(len(rows.readable), rows.rejects)
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
