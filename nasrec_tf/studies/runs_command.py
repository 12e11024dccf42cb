"""The command line that lists and compares runs."""

import argparse
import csv
import os
import pathlib
from collections import Counter
from collections.abc import Mapping, Sequence

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.csv_cells import plain_cell
from nasrec_tf.common.errors import UserError
from nasrec_tf.report.page import count, duration, number, rendered
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.studies.run_figures import RunFigures, differing_options, figures_of, find_runs

DESCRIPTION = """\
Lists the runs of nasrec_tf.search below a directory and what each has found, the best log loss on
its test split first, with the options in which they differ. Runs of other data sets or splits
cannot be ranked among each other."""

COLUMNS = ("run", "state", "data", "model", "validation log loss", "test log loss", "test AUC",
           "M multiply-accumulates", "parameters", "time")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    parser = OneLineParser(
        prog="python -m nasrec_tf.runs",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("directory", nargs="+", metavar="DIR", help="run directories, or above")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write a .html page or a .csv file as well"
    )
    return exit_code(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    output = None if options.output is None else pathlib.Path(options.output)
    if output is not None and output.suffix not in (".html", ".csv"):
        raise UserError(f"--output {output}: name a file that ends in .html or .csv.")
    runs = list_runs([pathlib.Path(name) for name in options.directory])
    print(screen(runs))
    if output is not None:
        with atomic_file(output) as file:
            if output.suffix == ".html":
                file.write(page(runs, output.parent))
            else:
                _write_csv(runs, file)
    return 0


def list_runs(directories: Sequence[pathlib.Path]) -> list[RunFigures]:
    """The runs, the best log loss first, those without one last.

    Args:
        directories: where to look.

    Raises:
        UserError: if there is no such directory, or no run in it.
    """
    paths_by_place: dict[pathlib.Path, tuple[pathlib.Path, str]] = {}
    for directory in directories:
        if not directory.is_dir():
            raise UserError(f"{directory}: no such directory.")
        paths = list(find_runs(directory))
        for path in paths:
            name = directory.name or str(directory) if path == directory else str(
                path.relative_to(directory)
            )  # fmt: skip
            paths_by_place.setdefault(path.resolve(), (path, name))
        if not paths:
            raise UserError(f"{directory}: holds no run of nasrec_tf.search.")
    names = told_apart({place: name for place, (_, name) in paths_by_place.items()})
    found = [figures_of(path, names[place]) for place, (path, _) in paths_by_place.items()]
    return sorted(found, key=lambda run: run.test.log_loss if run.test else float("inf"))


def told_apart(names: Mapping[pathlib.Path, str]) -> dict[pathlib.Path, str]:
    """Names of directories; of those that several have, as much of their paths as it takes.

    Args:
        names: by absolute path.

    Example:
        >>> found = told_apart({pathlib.Path("/a/x/run"): "run", pathlib.Path("/b/y/run"): "run"})
        >>> list(found.values())
        ['x/run', 'y/run']
    """
    told = dict(names)
    while shared := {name for name, times in Counter(told.values()).items() if times > 1}:
        for place in names:
            if told[place] in shared:
                length = len(pathlib.Path(told[place]).parts) + 1
                told[place] = str(pathlib.Path(*place.parts[-length:]))
    return told


def screen(runs: Sequence[RunFigures]) -> str:
    """The runs as a table of text, one line each.

    Args:
        runs: the runs.
    """
    options = differing_options(runs)
    lines = [[*COLUMNS, *options], *(_cells(run, options) for run in runs)]
    used = [k for k in range(len(lines[0])) if any(line[k] for line in lines[1:])]
    widths = {k: max(len(line[k]) for line in lines) for k in used}
    return "\n".join("  ".join(line[k].ljust(widths[k]) for k in used).rstrip() for line in lines)


def _cells(run: RunFigures, options: Sequence[str]) -> list[str]:
    test = run.test
    return [
        run.name,
        run.state,
        run.data,
        run.model,
        "" if run.validation is None else number(run.validation),
        "" if test is None else _with_interval(test.log_loss, test.log_loss_interval),
        "" if test is None or test.auc is None else _with_interval(test.auc, test.auc_interval),
        "" if run.mflops is None else number(run.mflops),
        "" if run.parameters is None else count(run.parameters),
        duration(run.seconds) if run.seconds else "",
        *(run.options.get(name, "") for name in options),
    ]


def _with_interval(value: float, interval: tuple[float, float] | None) -> str:
    if interval is None:
        return number(value)
    return f"{number(value)} ({number(interval[0])} to {number(interval[1])})"


def page(runs: Sequence[RunFigures], where: pathlib.Path) -> str:
    """The runs as one HTML file that needs no network; all that comes from data is escaped.

    Args:
        runs: the runs.
        where: directory of the page, from which it links to reports.
    """
    options = differing_options(runs)
    rows = [
        {
            "cells": _cells(run, options),
            "link": None if run.report is None else os.path.relpath(run.report, where or "."),
        }
        for run in runs
    ]
    return rendered("runs.html", {}, columns=[*COLUMNS, *options], rows=rows, texts=len(options))


def _write_csv(runs: Sequence[RunFigures], file) -> None:
    options = differing_options(runs)
    writer = csv.writer(file, lineterminator="\n")
    ends = ("_low", "_high")
    writer.writerow(["run", "state", "data", "model", "validation_log_loss",
                     "test_log_loss", *(f"test_log_loss{end}" for end in ends),
                     "test_auc", *(f"test_auc{end}" for end in ends),
                     "mflops", "parameters", "seconds", *options])  # fmt: skip
    for run in runs:
        test = run.test
        log_loss = [None] * 3 if test is None else [
            test.log_loss, *(test.log_loss_interval or (None, None))]  # fmt: skip
        area = [None] * 3 if test is None else [test.auc, *(test.auc_interval or (None, None))]
        writer.writerow(map(plain_cell, [
            run.name, run.state, run.data, run.model, run.validation, *log_loss, *area, run.mflops,
            run.parameters, run.seconds, *(run.options.get(name) for name in options),
        ]))  # fmt: skip
