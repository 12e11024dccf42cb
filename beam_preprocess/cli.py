"""The command line: ``python -m beam_preprocess --help``."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence

from beam_preprocess.common.kept_interrupts import kept_interrupts
from beam_preprocess.common.one_line_options import OneLineParser
from beam_preprocess.config import (
    HASH_TABLE_ROWS,
    MAX_ROW_BYTES,
    SPLIT_METHODS,
    PreprocessConfig,
    name_pairs,
    shares,
)
from beam_preprocess.dataset.feature_schema import DENSE_TRANSFORMS, POOLINGS, SPARSE_ENCODINGS
from beam_preprocess.dataset.findings import Findings
from beam_preprocess.dataset.schema import ROW_ORDERS, SPLIT_NAMES
from beam_preprocess.datasets import dataset_names
from beam_preprocess.datasets.generic import GENERIC_FORMATS
from beam_preprocess.datasets.layout_options import USUAL_SEPARATOR, LayoutOptions
from beam_preprocess.errors import DataError
from beam_preprocess.reading.column_kinds import DEFAULT_LONGEST
from beam_preprocess.reading.description import ABSENT_COLUMNS, DECIMALS, Description
from beam_preprocess.unused_options import unused_options

_USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
      arguments: Those behind the program's name; the process's own unless given.

    Returns:
      The exit code: 2 for a mistake of the user, told in one line, 130 if interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with kept_interrupts():
            return _command(arguments)
    except DataError as error:
        print(f"error: {' '.join(str(error).splitlines())}", file=sys.stderr)
        return _USAGE_ERROR
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped; the same command starts again", file=sys.stderr)
        return 130


def _command(arguments: list[str]) -> int:
    if arguments[:1] == ["inspect"]:
        from beam_preprocess.dataset.inspection import main as inspect_main

        return inspect_main(arguments[1:])
    if arguments[:1] == ["describe"]:
        from beam_preprocess.running.describe import main as describe_main

        return describe_main(arguments[1:])
    return _preprocess(arguments)


def _preprocess(arguments: list[str]) -> int:
    parser = _parser()
    options, beam_options = parser.parse_known_args(arguments)
    if beam_options and beam_options[0].startswith("--"):
        from beam_preprocess.running.runners import known_options

        known_options(beam_options)  # A slip of the pen is told before what it leads to.
    config = make_config(options, tuple(beam_options))
    _refuse_unused(options, parser)
    from beam_preprocess.api import preprocess
    from beam_preprocess.running.progress_bar import ProgressBar

    with ProgressBar(quiet=options.quiet) as bar:
        path = preprocess(config, bar)
    if "://" not in str(path):
        for text in Findings.load(path).told():
            print(f"warning: {text}", file=sys.stderr)
    if not options.quiet:
        print(f"data set written to {path}")
    return 0


def _refuse_unused(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    for name, why in unused_options(options):
        if getattr(options, name) != parser.get_default(name):
            raise DataError(f"--{name.replace('_', '-')} {why}; leave it out")


def make_config(options: argparse.Namespace, beam_options: tuple[str, ...]) -> PreprocessConfig:
    """The configuration that parsed options describe.

    Args:
      options: Of the command line's parser.
      beam_options: Options that it does not know, which go to Beam.

    Raises:
      DataError: Options do not go together, or a value cannot be used.
    """
    for option in beam_options:
        if not option.startswith("--") and not beam_options[0].startswith("--"):
            raise DataError(f"unknown argument {option!r}; see --help")
    splits = {name: tuple(getattr(options, name)) for name in SPLIT_NAMES if getattr(options, name)}
    split = options.split or ("given" if splits else "stratified")
    side_tables = name_pairs("--side-table", options.side_table)
    description = _description(options)
    description = description.with_side_tables(tuple(side_tables))
    return PreprocessConfig(
        description=description,
        output=options.output or "",
        inputs=tuple(options.input),
        split_inputs=splits,
        split=split,
        fractions=shares(options.fractions),
        seed=options.seed,
        encoding=options.encoding,
        min_count=options.min_count,
        max_vocabulary=options.max_vocabulary,
        table_rows=options.table_rows,
        max_rows=options.max_rows,
        shards=options.shards,
        row_order=options.row_order,
        max_reject_share=options.max_reject_share,
        max_row_bytes=options.max_row_bytes,
        side_tables=side_tables,
        workers=options.workers,
        beam_options=beam_options,
        compression_level=options.compression_level,
    )


def _description(options: argparse.Namespace) -> Description:
    described = LayoutOptions.of(options).describe(options.dataset)
    if options.name is None:
        return described
    if options.dataset not in GENERIC_FORMATS:
        raise DataError(
            f"--name goes with --dataset csv or parquet; data set {options.dataset} says it itself"
        )
    return dataclasses.replace(described, name=options.name)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m beam_preprocess",
        description="Turns a raw click log into a data set of TFRecords. Options that are not "
        "listed here go to Apache Beam, such as --runner=DataflowRunner --project=... "
        "'python -m beam_preprocess describe FILE' guesses the layout of a log, "
        "'python -m beam_preprocess inspect DIR' shows and verifies a data set.",
        allow_abbrev=False,
    )
    _add_input_options(parser.add_argument_group("input and output"))
    _add_feature_options(parser.add_argument_group("features and splits"))
    _add_csv_options(
        parser.add_argument_group("description of the columns (--dataset csv or parquet)")
    )
    _add_run_options(parser.add_argument_group("run"))
    return parser


def _add_input_options(group: argparse._ArgumentGroup) -> None:
    known = ", ".join(dataset_names())
    group.add_argument("--dataset", required=True, help=f"{known}, or the path of a .toml file")
    group.add_argument(
        "--input", "--data", action="extend", nargs="+", default=[], metavar="PATTERN",
        help="raw files, --data as in the main job: paths, globs or directories, local, gs:// or "
        "s3://, plain or .gz, .bz2, .xz",
    )  # fmt: skip
    for name in SPLIT_NAMES:
        group.add_argument(
            f"--{name}",
            action="extend",
            nargs="+",
            metavar="PATTERN",
            help=f"raw files of the {name} split",
        )
    group.add_argument("--output", metavar="DIR", help="data set directory to create")
    group.add_argument(
        "--side-table", action="append", default=[], metavar="NAME=PATH",
        help="a table to join (kdd: user, query, keyword, title, description)",
    )  # fmt: skip
    group.add_argument(
        "--max-rows", "--sample", type=int, metavar="N", help="read the first N rows only"
    )


def _add_feature_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--encoding", default="vocabulary", choices=SPARSE_ENCODINGS,
        help="sparse ids by frequency-cut vocabulary (default), the authors' modulo, or FarmHash",
    )  # fmt: skip
    group.add_argument(
        "--min-count", type=int, metavar="N",
        help="training rows a value needs (default 2 below a million rows, else 10)",
    )  # fmt: skip
    group.add_argument("--max-vocabulary", type=int, metavar="N", help="most entries per feature")
    group.add_argument(
        "--table-rows", type=int, metavar="N",
        help="table rows for modulo and hash where the data set does not say (hash: "
        f"{HASH_TABLE_ROWS:,})",
    )  # fmt: skip
    group.add_argument(
        "--split",
        choices=SPLIT_METHODS,
        help="how rows are dealt out (default: stratified, or given with --train etc.); grouped: "
        "rows of a value of --group stay together, such as those of a user",
    )
    group.add_argument("--fractions", metavar="A,B,C", help="default 0.8,0.1,0.1")
    group.add_argument("--seed", type=int, default=0, help="of split and row order (default 0)")
    group.add_argument(
        "--row-order", default="hashed", choices=ROW_ORDERS,
        help="of the rows in the shards: by a seeded hash (default), or the log's own",
    )  # fmt: skip


def _add_csv_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--label", help="label column")
    group.add_argument(
        "--label-positive", metavar="A,B", help="its values that are clicks (default: 1, not 0)"
    )
    group.add_argument(
        "--label-above", type=float, metavar="X", help="its numbers above this are clicks"
    )
    group.add_argument(
        "--weight", metavar="COLUMN", help="says how much a row counts (default: all alike)"
    )
    group.add_argument(
        "--group", metavar="COLUMN", help="such as a user's id, for figures by group"
    )
    group.add_argument("--dense", metavar="A,B", help="dense columns")
    group.add_argument("--sparse", metavar="A,B", help="sparse columns (default: all others)")
    group.add_argument("--ignore", metavar="A,B", help="columns to leave out")
    group.add_argument(
        "--multi", metavar="A,B", help="multi-valued sparse columns, such as genres: a list a row"
    )
    group.add_argument(
        "--multi-separator", metavar="TEXT",
        help=f"between their items (default {USUAL_SEPARATOR!r}, none for lists of Parquet; json "
        "for lists of JSON)",
    )  # fmt: skip
    group.add_argument(
        "--multi-longest", type=int, metavar="N",
        help=f"items of a list that are kept, the first ones (default {DEFAULT_LONGEST})",
    )  # fmt: skip
    group.add_argument(
        "--pooling", choices=POOLINGS,
        help=f"of a list's embeddings to one (default {POOLINGS[0]})",
    )  # fmt: skip
    group.add_argument(
        "--delimiter", help="default ','; 'tab' for a tab; several characters such as '::'"
    )
    group.add_argument(
        "--quoting", action=argparse.BooleanOptionalAction, default=None,
        help='whether " quotes values (default: yes, if the delimiter is one character)',
    )  # fmt: skip
    group.add_argument(
        "--escape", metavar="CHARACTER", help="takes the next one as it is, such as a backslash"
    )
    group.add_argument(
        "--skip-blanks", action=argparse.BooleanOptionalAction, default=None,
        help="blanks before a value are no part of it",
    )  # fmt: skip
    group.add_argument("--file-encoding", metavar="NAME", help="such as latin-1 (default utf-8)")
    group.add_argument(
        "--decimal", choices=DECIMALS, help="before the decimals of a number (default .)"
    )
    group.add_argument(
        "--dense-transform", choices=DENSE_TRANSFORMS, help="of all dense columns (default log1p)"
    )
    group.add_argument("--time-column", help="for --split chronological")
    group.add_argument(
        "--time-format", metavar="FORM",
        help="of the time column: number (default), iso8601, %%d/%%m/%%Y, ... (docs/data.md)",
    )  # fmt: skip
    group.add_argument("--missing-tokens", metavar="A,B", help="values that mean missing")
    group.add_argument(
        "--absent-columns", choices=ABSENT_COLUMNS,
        help="files that lack columns of others are refused (default), or have them empty",
    )  # fmt: skip
    group.add_argument("--name", help="name of the data set")


def _add_run_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--workers", type=int, default=1, help="local worker processes (default 1)")
    group.add_argument("--shards", type=int, help="shards per split (default: by size)")
    group.add_argument(
        "--max-reject-share", type=float, default=0.01, metavar="SHARE",
        help="largest share of malformed rows (default 0.01)",
    )  # fmt: skip
    group.add_argument(
        "--max-row-bytes", type=int, default=MAX_ROW_BYTES, metavar="N",
        help=f"longer rows are rejected (default {MAX_ROW_BYTES})",
    )  # fmt: skip
    group.add_argument(
        "--compression-level", type=int, default=1, metavar="1..9", help="of gzip (default 1)"
    )
    group.add_argument("--quiet", action="store_true", help="no progress, no last line")
