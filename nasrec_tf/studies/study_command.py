"""The command line of studies."""

import argparse
import math
import pathlib
import shlex
import sys
import time
from collections.abc import Sequence

from nasrec_tf.benchmark.command import add_build_options, build_config
from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.option_values import made_directory, refuse_twins
from nasrec_tf.search.exit_code import exit_code

DESCRIPTION = """\
Measures what a search rests on. A study may be stopped at any moment; the same command goes on
where it stopped, and one that asks for more adds to what is there."""


SPACE_OPTIONS = ("space", "blocks", "max_width")
"""What architectures are drawn from; the study of pruning is given its own."""

NO_SUPERNET = "none"
"""In place of a supernet's options: what trainings alone say."""


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
        "Table 2); none: the ceiling alone",
    )  # fmt: skip
    ranking.add_argument("--out", help="directory of the study (default: DIR/NAME/ranking)")
    _add_time_and_progress(ranking, "time for trainings from scratch (no end)")
    ranking.set_defaults(run=_rank)
    _add_pruning(commands)
    _add_ablation(commands)
    _add_graphs(commands)
    _add_products(commands)
    return parser


def _add_time_and_progress(study: argparse.ArgumentParser, minutes: str) -> None:
    study.add_argument("--minutes", type=float, default=math.inf, help=minutes)
    study.add_argument("--quiet", action="store_true", help="no progress")


def _add_pruning(commands) -> None:
    pruning = commands.add_parser(
        "pruning", help="lottery tickets beside their controls", allow_abbrev=False
    )
    add_build_options(pruning, left_out=SPACE_OPTIONS)
    pruning.add_argument("--architecture", required=True,
                         help="what is pruned: a preset or a JSON file")  # fmt: skip
    pruning.add_argument("--iterations", type=int, default=5, help="prunings of each way (5)")
    pruning.add_argument("--seeds", type=int, default=3, help="of each way (3)")
    pruning.add_argument(
        "--variant", action="append", metavar="WAY",
        help="a way of pruning, such as mask or magnitude:what=units,share=0.1; may be repeated "
        "(default: mask, magnitude and random, of elements and of units)",
    )  # fmt: skip
    pruning.add_argument("--out", help="directory of the study (default: DIR/NAME/pruning)")
    _add_time_and_progress(pruning, "time for trainings (no end)")
    pruning.set_defaults(run=_prune)


def _add_ablation(commands) -> None:
    ablation = commands.add_parser(
        "ablation", help="whole searches without one part or another", allow_abbrev=False
    )
    ablation.add_argument("--dir", dest="directory", required=True,
                          help="where the searches are kept")  # fmt: skip
    ablation.add_argument(
        "--config", metavar="FILE",
        help="options of every search, in TOML (default: the generated log)",
    )  # fmt: skip
    ablation.add_argument("--seeds", type=int, default=3, help="searches of each (3)")
    ablation.add_argument(
        "--variant", action="append", metavar="OPTIONS",
        help="options of the search such as warmup=false,refine=0, or default; may be repeated, "
        "and the first is what the others are compared with (default: the paper's Table 6, and "
        "parts of the search beyond that)",
    )  # fmt: skip
    _add_time_and_progress(ablation, "time for searches (no end)")
    ablation.set_defaults(run=_ablate)


def _add_graphs(commands) -> None:
    graphs = commands.add_parser(
        "graphs", help="a search in AutoCTR's own space, graphs of blocks", allow_abbrev=False
    )
    graphs.add_argument("--run-dir", required=True,
                        help="a finished run: its data and recipe are taken")  # fmt: skip
    graphs.add_argument("--strategy", default="autoctr",
                        help="autoctr, random, local or predicted (autoctr)")  # fmt: skip
    graphs.add_argument("--strategy-options", help="its own, such as population=10,children=4")
    graphs.add_argument("--candidates", type=int, default=100, help="graphs that are trained (100)")
    graphs.add_argument("--score-rows", type=int,
                        help="rows that each is trained on (100000, or the split)")  # fmt: skip
    graphs.add_argument("--blocks", type=int, default=7, help="of a graph (7)")
    graphs.add_argument("--seed", type=int, default=0, help="of the search (0)")
    graphs.add_argument("--out",
                        help="directory of the search (RUN/graphs/STRATEGY-SEED)")  # fmt: skip
    _add_time_and_progress(graphs, "time for trainings (no end)")
    graphs.set_defaults(run=_search_graphs)


def _add_products(commands) -> None:
    products = commands.add_parser(
        "products", help="PROFIT's search for products of fields, one order after the other",
        allow_abbrev=False,
    )  # fmt: skip
    products.add_argument("--run-dir", required=True,
                          help="a finished run: its data and recipe are taken")  # fmt: skip
    products.add_argument("--model", default="profit",
                          help="a file with further options of the model (profit)")  # fmt: skip
    products.add_argument("--order", type=int, help="the highest one of products (3)")
    products.add_argument("--rank", type=int, help="terms of what products weigh (4)")
    products.add_argument("--keep", type=int, default=10, help="products of each order (10)")
    products.add_argument("--epochs", type=int, default=1,
                          help="passes over the training split for each order (1)")  # fmt: skip
    products.add_argument("--rate", type=float, default=0.01,
                          help="learning rate of what products weigh (0.01)")  # fmt: skip
    products.add_argument("--seed", type=int, default=0, help="of the search (0)")
    products.add_argument("--out",
                          help="directory of the search (RUN/products/rank-RANK-SEED)")  # fmt: skip
    _add_time_and_progress(products, "time for trainings (no end)")
    products.set_defaults(run=_search_products)


def _search_products(options: argparse.Namespace) -> int:
    from nasrec_tf.studies.product_command import search_products

    return search_products(options, _ends_at(options.minutes))


def _search_graphs(options: argparse.Namespace) -> int:
    from nasrec_tf.studies.graph_command import search_graphs

    return search_graphs(options, _ends_at(options.minutes))


def _ablate(options: argparse.Namespace) -> int:
    from nasrec_tf.benchmark.table_build import TimeIsUp
    from nasrec_tf.search.config import SearchConfig, load_options
    from nasrec_tf.studies.ablation_study import (
        DEFAULT,
        FURTHER_VARIANTS,
        TABLE_6_VARIANTS,
        AblationStudy,
        AblationVariant,
        check_options,
    )
    from nasrec_tf.studies.ablation_text import ablation_csv, ablation_markdown, ablation_screen

    if options.seeds < 1:
        raise UserError(f"--seeds must be at least 1. Received: {options.seeds}")
    texts = options.variant or [DEFAULT, *TABLE_6_VARIANTS, *FURTHER_VARIANTS]
    given = {} if options.config is None else load_options(options.config)
    check_options(list(given))
    directory = pathlib.Path(options.directory)
    study = AblationStudy(
        SearchConfig(**given), directory, [AblationVariant.parsed(text) for text in texts],
        options.seeds, options.quiet, _ends_at(options.minutes),
    )  # fmt: skip
    meanings = study.meanings()
    if options.variant:
        refuse_twins("--variant", meanings)
    try:
        rows = study()
    except TimeIsUp:
        print("time is up; the same command goes on from here")
        return 0
    few = study.few_of_a_label()
    page = _written(
        directory, "ablation", ablation_markdown(rows, options.command, few), ablation_csv(rows)
    )
    print("\n".join([*ablation_screen(rows, few), f"page  {page}"]))
    return 0


def _ends_at(minutes: float) -> float:
    if not minutes > 0:
        raise UserError(f"--minutes must be a positive number. Received: {minutes:g}")
    return time.monotonic() + 60.0 * minutes


def _written(directory: pathlib.Path, name: str, page: str, table: str) -> pathlib.Path:
    """Writes a study's page and table, each whole or not at all; where the page is."""
    for suffix, text in ((".csv", table), (".md", page)):
        with atomic_file(directory / f"{name}{suffix}") as file:
            file.write(text)
    return directory / f"{name}.md"


def _prune(options: argparse.Namespace) -> int:
    from nasrec_tf.benchmark.table_build import TimeIsUp
    from nasrec_tf.benchmark.table_workspace import opened_workspace
    from nasrec_tf.networks.pruning.prune_settings import (
        MOST_ITERATIONS,
        PRUNE_SCORES,
        PRUNED_THINGS,
    )
    from nasrec_tf.search.trainable import SpaceModel, load_trainable
    from nasrec_tf.studies.pruning_study import PruningStudy, PruningVariant
    from nasrec_tf.studies.pruning_text import pruning_csv, pruning_markdown, pruning_screen

    if options.seeds < 1:
        raise UserError(f"--seeds must be at least 1. Received: {options.seeds}")
    if not 1 <= options.iterations <= MOST_ITERATIONS:
        raise UserError(
            f"--iterations must be from 1 to {MOST_ITERATIONS}. Received: {options.iterations}"
        )
    model = load_trainable(options.architecture)
    if model.architecture is None:
        raise UserError(
            f"--architecture: {options.architecture} is a hand-made model; give an architecture."
        )
    ways = options.variant or [f"{score}:what={what}" for what in PRUNED_THINGS
                               for score in PRUNE_SCORES]  # fmt: skip
    variants = [PruningVariant.parsed(text, options.iterations) for text in ways]
    refuse_twins("--variant", [(each.text, each.settings) for each in variants])
    ends_at = _ends_at(options.minutes)
    if options.out:
        made_directory(options.out, "--out")
    with opened_workspace(build_config(options), options.quiet) as place:
        default = pathlib.Path(options.directory) / place.card.name / "pruning"
        directory = made_directory(options.out or default, "--out")
        study = PruningStudy(
            place, SpaceModel(model.architecture), directory, variants, options.iterations,
            options.seeds, ends_at,
        )  # fmt: skip
        try:
            result = study()
        except TimeIsUp:
            print("time is up; the same command goes on from here")
            return 0
        page = _written(
            directory, "pruning", pruning_markdown(result, options.command), pruning_csv(result)
        )
        print("\n".join([*pruning_screen(result), f"page  {page}"]))
    return 0


def _rank(options: argparse.Namespace) -> int:
    from nasrec_tf.benchmark.table_build import TableBuild, TimeIsUp
    from nasrec_tf.benchmark.table_workspace import opened_workspace
    from nasrec_tf.studies.ranking import RankingStudy
    from nasrec_tf.studies.ranking_files import MARKDOWN, claim_ranking, write_ranking
    from nasrec_tf.studies.ranking_supernets import TABLE_2, RankingSupernets, parsed_variant
    from nasrec_tf.studies.ranking_text import screen_lines

    for name, least in (("architectures", 1), ("seeds", 1), ("stream", 0)):
        if getattr(options, name) < least:
            raise UserError(
                f"--{name} must be at least {least}. Received: {getattr(options, name)}"
            )
    ends_at = _ends_at(options.minutes)
    without = options.supernet == [NO_SUPERNET]
    variants = [] if without else [parsed_variant(text) for text in options.supernet or TABLE_2]
    if options.out:
        made_directory(options.out, "--out")
    with opened_workspace(build_config(options), options.quiet) as place:
        directory = pathlib.Path(options.out or pathlib.Path(options.directory) / place.card.name
                                 / "ranking")  # fmt: skip
        supernets = RankingSupernets(place, directory)
        refuse_twins("--supernet", [(each.text, supernets.meaning(each)) for each in variants])
        build = TableBuild(place.run, place.card, place.file, options.stream, ends_at=ends_at)
        study = RankingStudy(
            place, directory, build, options.architectures, options.seeds, variants
        )
        with claim_ranking(directory, place.card.protocol):
            try:
                result = study()
            except TimeIsUp:
                print("time is up; the same command goes on from here")
                return 0
            write_ranking(result, directory, options.command)
        print("\n".join([*screen_lines(result), f"page  {directory / MARKDOWN}"]))
    return 0
