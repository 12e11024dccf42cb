"""The command line of studies."""

import argparse
import math
import pathlib
import shlex
import sys
import time
from collections.abc import Sequence

from nasrec_tf.benchmark.command import add_build_options, build_config
from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.exit_code import exit_code

DESCRIPTION = """\
Measures what a search rests on. A study may be stopped at any moment; the same command goes on
where it stopped, and one that asks for more adds to what is there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)

    def command() -> int:
        options = _parser().parse_args(given)
        options.command = shlex.join(["python", "-m", "nasrec_tf.study", *given])
        return options.run(options)

    return exit_code(command)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m nasrec_tf.study",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="STUDY")
    ranking = commands.add_parser(
        "ranking", help="how well supernets rank architectures", allow_abbrev=False
    )
    add_build_options(ranking)
    ranking.add_argument("--architectures", type=int, default=100, help="drawn at random (100)")
    ranking.add_argument("--seeds", type=int, default=2, help="trainings of each (2)")
    ranking.add_argument("--stream", type=int, default=0, help="seed of the stream (0)")
    ranking.add_argument(
        "--supernet", action="append", metavar="OPTIONS",
        help="options of a supernet and its scores that are not the search's own, such as "
        "warmup=false,fine_tune_steps=0, or default; may be repeated (default: the paper's "
        "Table 2)",
    )  # fmt: skip
    ranking.add_argument("--out", help="directory of the study (default: DIR/NAME/ranking)")
    ranking.add_argument("--minutes", type=float, default=math.inf,
                         help="time for trainings from scratch (no end)")  # fmt: skip
    ranking.add_argument("--quiet", action="store_true", help="no progress")
    ranking.set_defaults(run=_rank)
    return parser


def _rank(options: argparse.Namespace) -> int:
    from nasrec_tf.benchmark.table_build import TableBuild, TimeIsUp
    from nasrec_tf.benchmark.table_workspace import opened_workspace
    from nasrec_tf.studies.ranking import RankingStudy
    from nasrec_tf.studies.ranking_files import MARKDOWN, write_ranking
    from nasrec_tf.studies.ranking_supernets import TABLE_2, parsed_variant
    from nasrec_tf.studies.ranking_text import screen_lines

    for name, least in (("architectures", 1), ("seeds", 1), ("stream", 0)):
        if getattr(options, name) < least:
            raise UserError(
                f"--{name} must be at least {least}. Received: {getattr(options, name)}"
            )
    if not options.minutes > 0:
        raise UserError(f"--minutes must be a positive number. Received: {options.minutes:g}")
    variants = [parsed_variant(text) for text in options.supernet or TABLE_2]
    texts = [variant.text for variant in variants]
    if len(set(texts)) < len(texts):
        raise UserError("--supernet: the same options are given twice; once is enough.")
    ends_at = time.monotonic() + 60.0 * options.minutes
    with opened_workspace(build_config(options), options.quiet) as place:
        directory = pathlib.Path(options.out or pathlib.Path(options.directory) / place.card.name
                                 / "ranking")  # fmt: skip
        directory.mkdir(parents=True, exist_ok=True)
        build = TableBuild(place.run, place.card, place.file, options.stream, ends_at=ends_at)
        study = RankingStudy(
            place, directory, build, options.architectures, options.seeds, variants
        )
        try:
            result = study()
        except TimeIsUp:
            print("time is up; the same command goes on from here")
            return 0
        write_ranking(result, directory, options.command)
        print("\n".join([*screen_lines(result), f"page  {directory / MARKDOWN}"]))
    return 0
