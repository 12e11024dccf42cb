"""The command line of the architecture benchmark."""

import argparse
import dataclasses
import math
import pathlib
import time
from collections.abc import Collection, Sequence

from beam_preprocess.common.suggestions import suggestion
from nasrec_tf.benchmark.measured_table import (
    MeasuredTable,
    count_unequal,
    joined,
    renamed,
)
from nasrec_tf.benchmark.table_files import read_table, write_parquet
from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.option_values import made_directory
from nasrec_tf.common.strict_json import shown
from nasrec_tf.search.exit_code import exit_code

DESCRIPTION = """\
Builds tables of architectures that were trained from scratch, joins them, and tests strategies on
them. A build may be stopped at any moment; the same command goes on where it stopped."""

BUILD_HELP = {
    "directory": "where tables are built, each in a directory of its name",
    "dataset": "generated, or a directory that beam_preprocess wrote",
    "name": "what the table calls the data set (default: its own name)",
    "licence": "of the data, for the table's data card",
    "demo_rows": "rows of the generated log",
    "space": "search space, by name or file",
    "blocks": "choice blocks",
    "max_width": "widest dense operator",
    "recipe": "of every training, by name or file (default: the paper's, in a short form)",
    "learning_rate": "in place of the recipe's",
    "row_decay": "in place of the recipe's",
    "batch_size": "in place of the recipe's (default: by the rows)",
    "epochs": "in place of the recipe's (default: by the rows)",
    "device": "auto, cpu or gpu",
}

KINDS = {"learning_rate": float, "row_decay": float, "demo_rows": int, "blocks": int,
         "max_width": int, "batch_size": int, "epochs": int}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """

    def command() -> int:
        options = _parser().parse_args(arguments)
        return options.run(options)

    return exit_code(command)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m nasrec_tf.benchmark",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="train what a table lacks", allow_abbrev=False)
    add_build_options(build)
    build.add_argument("--count", type=int, help="architectures (default: without end)")
    build.add_argument("--seeds", type=int, default=2, help="of each of the better half (2)")
    build.add_argument("--stream", type=int, default=0, help="seed of the stream (0)")
    build.add_argument("--from", dest="base", metavar="TABLE",
                       help="go on from it: take its rows of the same protocol")  # fmt: skip
    build.add_argument("--minutes", type=float, default=math.inf, help="time to build (no end)")
    build.add_argument("--quiet", action="store_true", help="no progress")
    build.set_defaults(run=_build)
    join = commands.add_parser("join", help="put tables together", allow_abbrev=False)
    join.add_argument("tables", nargs="+", help="names, files, or directories of builds")
    join.add_argument("--out", required=True, help="a .parquet file")
    join.set_defaults(run=_join)
    show = commands.add_parser("show", help="tell what a table holds", allow_abbrev=False)
    show.add_argument("table", help="a name, a file, or a directory of builds")
    show.set_defaults(run=_show)
    board = commands.add_parser("leaderboard", help="try strategies on a table", allow_abbrev=False)
    board.add_argument("table", help="a name, a file, or a directory of builds")
    board.add_argument("--dataset", required=True, help="name in the table")
    board.add_argument("--budgets", default="48,100,200", help="architectures (48,100,200)")
    board.add_argument("--seeds", type=int, default=20, help="trials of each strategy (20)")
    board.add_argument("--strategies", help="names, comma separated (default: all)")
    board.add_argument("--out", help="directory for leaderboard.md, .csv and .svg (default: none)")
    board.set_defaults(run=_leaderboard)
    return parser


def add_build_options(parser: argparse.ArgumentParser, left_out: Collection[str] = ()) -> None:
    """Adds the options that say where and on what a table is built.

    Args:
        parser: of a command that trains what a table lacks.
        left_out: fields of ``BuildConfig`` that nothing of the command would read.
    """
    from nasrec_tf.benchmark.table_workspace import BuildConfig

    for field in dataclasses.fields(BuildConfig):
        if field.name in left_out:
            continue
        name = "dir" if field.name == "directory" else field.name.replace("_", "-")
        is_required = field.default is dataclasses.MISSING
        parser.add_argument(
            f"--{name}", dest=field.name, type=KINDS.get(field.name, str), required=is_required,
            default=None if is_required else field.default, help=BUILD_HELP[field.name],
        )  # fmt: skip


def build_config(options: argparse.Namespace):
    """The ``BuildConfig`` of a command line.

    Args:
        options: of a parser with ``add_build_options``.

    Raises:
        UserError: if a value cannot be used.
    """
    from nasrec_tf.benchmark.table_workspace import BuildConfig

    return BuildConfig(**{field.name: getattr(options, field.name)
                          for field in dataclasses.fields(BuildConfig)
                          if hasattr(options, field.name)})  # fmt: skip


def _build(options: argparse.Namespace) -> int:
    from nasrec_tf.benchmark.table_build import TableBuild, TimeIsUp
    from nasrec_tf.benchmark.table_workspace import opened_workspace

    for name, least in (("count", 1), ("seeds", 1), ("stream", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise UserError(f"--{name} must be at least {least}. Received: {value}")
    if not options.minutes > 0:
        raise UserError(f"--minutes must be a positive number. Received: {options.minutes:g}")
    base = None if options.base is None else read_table(options.base)
    ends_at = time.monotonic() + 60.0 * options.minutes
    with opened_workspace(build_config(options), options.quiet) as place:
        if base is not None:
            if not any(list(base.rows_of(protocol)) for protocol in place.file.cards):
                raise UserError(
                    f"--from {options.base}: none of its trainings is of these records, this "
                    "recipe and this space; leave it out, or give the options that it was built "
                    "with."
                )
            place.run.say(f"{place.file.add_all(base)} rows taken from {options.base}")
        build = TableBuild(
            place.run, place.card, place.file, options.stream, options.seeds, ends_at
        )
        try:
            build.upto(options.count)
            end = "finished"
        except TimeIsUp:
            end = "time is up; the same command goes on from here"
        rows = place.file.table.rows.values()
        print(f"{place.card.name}: {len({row.identity for row in rows})} architectures, "
              f"{len(rows)} trainings; {end}")  # fmt: skip
    return 0


def _join(options: argparse.Namespace) -> int:
    out = pathlib.Path(options.out)
    if out.suffix != ".parquet":
        raise UserError(f"--out must be a .parquet file. Received: {options.out}")
    tables = [read_table(table) for table in options.tables]
    whole = joined(tables)
    write_parquet(whole, out)
    unequal = count_unequal(tables, whole)
    if unequal:
        print(f"{unequal} rows differ from the one of their architecture and seed that stayed")
    for before, now in renamed(tables, whole):
        told = f"the records, recipe and space of {now.name}, by which name they go now"
        print(f"{before.name}: {told}")
    _tell_passed_over(whole)
    print(f"{out}: {len(whole.rows)} rows of {', '.join(whole.datasets)}")
    return 0


def _show(options: argparse.Namespace) -> int:
    from nasrec_tf.benchmark.answers import Benchmark
    from nasrec_tf.benchmark.leaderboard import contents

    benchmark = Benchmark.load(options.table)
    print(contents(benchmark))
    _tell_passed_over(benchmark.table)
    return 0


def _tell_passed_over(table: MeasuredTable) -> None:
    """Which trainings nobody is told of who asks for a data set by its name."""
    for name, count in table.passed_over.items():
        print(
            f"{name}: {count} trainings are of other records, another recipe, another space or "
            "another version than most, and are not asked; load their own table to ask them"
        )


def _leaderboard(options: argparse.Namespace) -> int:
    from beam_preprocess.common.progress_lines import progress
    from nasrec_tf.benchmark.answers import Benchmark
    from nasrec_tf.benchmark.leaderboard import leaderboard, standings, tried_strategies
    from nasrec_tf.benchmark.strategy_trials import LEAST_BUDGET, MOST_BUDGET

    if options.seeds < 2:
        raise UserError(f"--seeds must be at least 2, for intervals. Received: {options.seeds}")
    budgets = _budgets(options.budgets)
    if budgets[-1] < LEAST_BUDGET:
        raise UserError(
            f"--budgets must go up to {LEAST_BUDGET} or more, which strategies need. "
            f"Received: {options.budgets}"
        )
    if budgets[-1] > MOST_BUDGET:
        raise UserError(
            f"--budgets must be at most {MOST_BUDGET}, which a trial can keep. "
            f"Received: {shown(options.budgets)}"
        )
    names = _strategies(options.strategies)
    benchmark = Benchmark.load(options.table)
    count = options.seeds * len(names or tried_strategies())
    if options.out is not None:
        made_directory(options.out, "--out")
    with progress("leaderboard", count, "trial") as bar:
        found = list(
            standings(benchmark, options.dataset, max(budgets), options.seeds, names, bar.update)
        )
    print(leaderboard(found, budgets))
    if options.out is not None:
        _write_board(pathlib.Path(options.out), found, budgets)
    return 0


def _strategies(text: str | None) -> Sequence[str]:
    """The strategies that are asked for; none for all."""
    from nasrec_tf.benchmark.leaderboard import tried_strategies

    if text is None:
        return ()
    names = [name.strip() for name in text.split(",")]
    known = tried_strategies()
    for name in names:
        if name not in known:
            raise UserError(
                f"--strategies: a table cannot try {shown(name)}{suggestion(name, known)}; it can "
                f"try {', '.join(known)}."
            )
        if names.count(name) > 1:
            raise UserError(f"--strategies names {name} twice; once is enough.")
    return names


def _write_board(directory: pathlib.Path, found, budgets: Sequence[int]) -> None:
    from nasrec_tf.benchmark.leaderboard import leaderboard, leaderboard_csv, regret_chart

    texts = {"md": f"{leaderboard(found, budgets)}\n", "csv": leaderboard_csv(found),
             "svg": regret_chart(found)}  # fmt: skip
    for suffix, text in texts.items():
        with atomic_file(directory / f"leaderboard.{suffix}") as file:
            file.write(text)


def _budgets(text: str) -> list[int]:
    try:
        budgets = [int(part) for part in text.split(",")]
    except ValueError:
        budgets = []
    if not budgets or min(budgets) < 1 or budgets != sorted(set(budgets)):
        raise UserError(
            "--budgets must be rising whole numbers from 1, separated by commas. Received: "
            f"{shown(text)}"
        )
    return budgets
