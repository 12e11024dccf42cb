"""The command line of comparisons."""

import argparse
import dataclasses
from collections.abc import Sequence

from beam_preprocess.common.quiet_tensorflow import load_tensorflow
from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.studies.config import CompareConfig

DESCRIPTION = """\
Trains what people would have picked (DLRM, DeepFM, ...) beside what a run found: on the same
records, with recipes by one rule, with several seeds. Tells what each is worth on the test split,
and whether the difference from the found model is beyond chance. Stop it at any moment; the same
command goes on where it stopped. More models and more seeds may be asked for later."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """

    def command() -> int:
        options = vars(_parser().parse_args(arguments))
        options["imports"] = tuple(options["imports"] or ())  # They have been.
        plan, quiet = options.pop("plan"), options.pop("quiet")
        config = CompareConfig(**{name: value for name, value in options.items()
                                  if value is not None})  # fmt: skip
        load_tensorflow()
        from nasrec_tf.studies.comparing import compare

        return compare(config, plan, quiet)

    return exit_code(command)


HELP = {
    "run_dir": "directory of a finished run of nasrec_tf.search",
    "models": "hand-made models or architectures by name, or files of them, comma separated; all, "
    "or all:SOURCE for those that have options of that source, such as all:bars (default: all); "
    "the found model, logistic regression and a constant prediction are always there",
    "runs": "directories of further finished runs of the same data, comma separated, such as of "
    "other strategies: what they found takes part, trained as all others are",
    "strategies": "search as the run did, but by these strategies, comma separated, such as "
    "random,dnas,random:training (scored by trainings from scratch), in RUN_DIR/strategies: what "
    "they found takes part, trained as all others are",
    "strategy_seeds": "searches by each of them, with seeds from that of the run on (default: 1)",
    "group": "sparse feature, such as a user, within whose values AUC is told as well",
    "seeds": "trainings of each model (default: 3)",
    "recipe": "auto (chosen for each model, within one budget), a recipe by name, such as paper or "
    "bars, or a TOML or JSON file (default: auto)",
    "learning_rates": "of a recipe that is given: tried for each model, comma separated; of them "
    "validation chooses",
    "tuning_passes": "of --recipe auto: passes over the training split that the choice of each "
    "model's recipe may take (default: as the main job's for one network)",
    "out": "directory of the comparison (default: RUN_DIR/compare/RECIPE)",
    "checkpoint_seconds": "time between checkpoints (default: 60)",
}


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m nasrec_tf.compare",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    kinds = {
        "seeds": int,
        "strategy_seeds": int,
        "tuning_passes": float,
        "checkpoint_seconds": float,
    }
    for field in dataclasses.fields(CompareConfig):
        if field.name == "imports":
            continue  # Of every command.
        kind = kinds.get(field.name, str)
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=kind,
            metavar={int: "N", float: "X", str: "TEXT"}[kind],
            required=field.name == "run_dir",
            help=HELP[field.name],
        )
    parser.add_argument("--plan", action="store_true", help="tell what it would cost, and end")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the table")
    return parser
