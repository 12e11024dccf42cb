"""The command line of the main job."""

import argparse
import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from nasrec_tf.common.command_line import OneLineParser
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.fields import plain_type
from nasrec_tf.common.own_modules import import_modules
from nasrec_tf.common.saved_state import write_state
from nasrec_tf.search.config import SearchConfig, load_options
from nasrec_tf.search.exit_code import exit_code
from nasrec_tf.search.options import STAGES, as_several, check_option, flag, is_several, modules_of
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.stage_run import complete_stage
from nasrec_tf.search.time_budget import TimeBudget
from nasrec_tf.search.unread_options import check_read
from nasrec_tf.search.warm_start_note import WARM_START_FILE, read_warm_start
from nasrec_tf.strategies.oracle.search_part import is_search_worker

DESCRIPTION = """\
Designs a click-through-rate model for a click log: records (Beam), recipe (how to train), supernet
(weight-sharing training), evolution (KerasTuner), with --rescore rescore (its best again), retrain
(the best from scratch), with --prune and --codesign prune and hardware, export (SavedModel),
explain (what it is worth beside simple models, and why). Stop it at any moment; the same command
goes on where it stopped. Defaults are the paper's; what stands in parentheses is scaled down for
small data sets, and the run says so."""


NEEDED_BY = {
    "hardware": "--codesign",
    "recipe": "--recipe auto",
    "rescore": "--rescore",
    "prune": "--prune",
    "explain": "--explain",
}
"""Options that stages which not every run has come with."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (2 for a mistake of the user).

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """

    def command() -> int:
        options = _parser().parse_args(arguments)
        config, named = _config(options)
        check_read(config, named)
        if options.plan:
            _check_plan(options)
            return _plan(config)
        return _run(config, options.stage, options.quiet, options.serve_report, options.extend)

    return exit_code(command)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="python -m nasrec_tf.search",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    groups: dict[str, argparse._ArgumentGroup] = {}
    for field in dataclasses.fields(SearchConfig):
        title = field.metadata["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        if not field.metadata.get("of_parser"):
            _add_option(groups[title], field)
    group = groups["run"]
    group.add_argument("--config", metavar="FILE", help="options from a TOML file; flags go first")
    group.add_argument(
        "--stage", choices=STAGES, help="run this stage alone; those before it must have finished"
    )
    group.add_argument(
        "--extend", action="store_true",
        help="go on with other options than the run was made with: the stages from the first one "
        "that reads them are made again, from what there is; what was there is moved aside",
    )  # fmt: skip
    group.add_argument(
        "--plan", action="store_true",
        help="begin nothing: measure this machine on the data for about a minute, and tell hours, "
        "memory and disk of what is left to do",
    )  # fmt: skip
    group.add_argument("--quiet", action="store_true", help="no progress, only the last screen")
    group.add_argument(
        "--serve-report", type=int, metavar="PORT",
        help="meanwhile, show the report so far at http://127.0.0.1:PORT, to this machine alone",
    )  # fmt: skip
    return parser


def _add_option(group: argparse._ArgumentGroup, field: dataclasses.Field) -> None:
    text = field.metadata["help"]
    if plain_type(field) is bool:
        default = "as suits" if field.default is None else "on" if field.default else "off"
        default = field.metadata.get("unless_given", default)
        group.add_argument(
            flag(field.name), action=argparse.BooleanOptionalAction, default=None,
            help=f"{text} (default: {default})",
        )  # fmt: skip
        return
    if is_several(field):
        group.add_argument(
            flag(field.name), action="extend", nargs="+", metavar="TEXT",
            help=text.replace("%", "%%"),
        )  # fmt: skip
        return
    if field.default is not None:
        text += (
            f" (default: {field.default:,})"
            if plain_type(field) is int
            else (f" (default: {field.default})")
        )
    choices = field.metadata.get("choices")
    aliases = [field.metadata["alias"]] if "alias" in field.metadata else []
    group.add_argument(
        flag(field.name),
        *aliases,
        dest=field.name,
        type=plain_type(field),
        # ``check_option`` tells of one that is not registered how it can be.
        choices=None if field.metadata.get("registry") else choices,
        metavar=f"{{{','.join(choices)}}}" if choices else _metavar(field),
        help=text.replace("%", "%%"),
    )


def _metavar(field: dataclasses.Field) -> str:
    return {int: "N", float: "X", str: "TEXT"}[plain_type(field)]


def _config(options: argparse.Namespace) -> tuple[SearchConfig, set[str]]:
    """The options of a call, and which of them it names itself."""
    values = {} if options.config is None else load_options(options.config)
    import_modules(modules_of(values))
    named = set()
    for field in dataclasses.fields(SearchConfig):
        given = getattr(options, field.name)
        if given is not None:
            values[field.name] = given
            named.add(field.name)
        elif field.name in values:
            _check_of_file(options.config, field, values[field.name])
    return SearchConfig(**values), named


def _check_of_file(path: str, field: dataclasses.Field, value: Any) -> None:
    """Names the file as well where a value cannot be used."""
    try:
        check_option(field, as_several(value) if is_several(field) else value)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _run(
    config: SearchConfig,
    only_stage: str | None,
    quiet: bool,
    port: int | None = None,
    extend: bool = False,
) -> int:
    from nasrec_tf.search.planning.budgeted import with_chosen
    from nasrec_tf.search.run import Run

    directory = RunDirectory(config.run_dir)
    config = with_chosen(config)
    note = read_warm_start(config)
    config = config if note is None else note.completed(config)
    if is_search_worker():
        return _work(Run(config, directory, quiet), only_stage, extend)
    if _is_supernet_host(config):
        return _train_with_others(Run(config, directory, quiet))
    run = completed_run(config, only_stage, quiet, port, extend)
    if run.directory.result("export") is not None:
        from nasrec_tf.search.last_screen import last_screen

        print(last_screen(run))
    return 0


def _check_plan(options: argparse.Namespace) -> None:
    for name in ("stage", "extend", "serve_report"):
        if getattr(options, name) not in (None, False):
            raise UserError(
                f"{flag(name)} goes without --plan, which begins nothing; leave one of them out."
            )


def _plan(config: SearchConfig) -> int:
    """Tells what the run would take, and begins nothing."""
    from nasrec_tf.search.planning.plan_screen import print_plan

    print_plan(config)
    return 0


def completed_run(
    config: SearchConfig,
    only_stage: str | None,
    quiet: bool,
    port: int | None = None,
    extend: bool = False,
) -> Any:
    """Runs what is left of a run; what the stages share.

    Args:
        config: the options.
        only_stage: run this stage alone; ``None`` for all.
        quiet: show no progress.
        port: where the report is served meanwhile; nowhere unless given.
        extend: whether the run may have been made with other options.

    Raises:
        UserError, DataError: if options or data cannot be used.
    """
    from nasrec_tf.search.failed_extension import put_back_unless_made
    from nasrec_tf.search.preflight import check_options

    directory = RunDirectory(config.run_dir)
    check_options(config)
    with put_back_unless_made(directory):
        return _completed(config, directory, only_stage, quiet, port, extend)


def _completed(
    config: SearchConfig,
    directory: RunDirectory,
    only_stage: str | None,
    quiet: bool,
    port: int | None,
    extend: bool,
) -> Any:
    from nasrec_tf.search.last_screen import write_run_report
    from nasrec_tf.search.mlflow_log import log_to_mlflow
    from nasrec_tf.search.planning.budgeted import with_chosen
    from nasrec_tf.search.run import Run
    from nasrec_tf.search.stages.records import check_sources
    from nasrec_tf.search.tensorboard_files import write_tensorboard
    from nasrec_tf.search.warm_start import warm_started

    config, note = warm_started(config)
    if extend and config.max_hours is not None:
        # Before it is planned: what is left to do is what the extension leaves.
        with directory.opened(with_chosen(config), extend):
            extend = False
    config, budget = _with_time(config, quiet)
    with (
        _live_report(config, port),
        directory.opened(config, extend),
        budget.kept(directory.path),
    ):
        if note is not None:
            write_state(directory.path / WARM_START_FILE, note)
        run = Run(config, directory, quiet, budget)
        if only_stage is not None:
            _check_ready(run, only_stage)
        unfinished = [stage for stage in config.stages if directory.result(stage) is None]
        # A finished model is explained by the records that it was trained on.
        if unfinished not in ([], ["explain"]) and "records" not in unfinished:
            check_sources(run)
        for stage in config.stages if only_stage is None else (only_stage,):
            if stage == "explain" and budget.limited and only_stage is None:
                run.say("explain: left out, which --max-hours does not cut; without it, the same "
                        "command explains the model")  # fmt: skip
            elif directory.result(stage) is None:
                complete_stage(run, stage)
            else:
                run.say(f"{stage}: finished before")
            if config.tensorboard:
                write_tensorboard(run, stage)
        write_run_report(run)
        if config.mlflow is not None:
            log_to_mlflow(run, config.mlflow)
    return run


def _with_time(config: SearchConfig, quiet: bool) -> tuple[SearchConfig, TimeBudget]:
    """The options with what has been chosen to fit the time of the run, and that time."""
    from nasrec_tf.search.planning.budgeted import budgeted, with_chosen

    if config.max_hours is None:
        return with_chosen(config), TimeBudget()
    return budgeted(config, quiet)


@contextlib.contextmanager
def _live_report(config: SearchConfig, port: int | None) -> Iterator[None]:
    """Serves the report meanwhile, if that is asked for."""
    if port is None:
        yield
        return
    from nasrec_tf.search.live_report import LiveReport, served
    from nasrec_tf.search.run_summary import drawn_report

    directory = pathlib.Path(config.run_dir)
    with served(LiveReport(lambda: drawn_report(directory)), port) as found:
        print(f"report so far: http://127.0.0.1:{found}/", flush=True)
        yield


def _work(run, only_stage: str | None, extend: bool) -> int:
    """Scores candidates for the chief, which owns the run directory."""
    from nasrec_tf.search.tensorflow_setup import configure_tensorflow, user_errors
    from nasrec_tf.search.workers import work

    _check_ready(run, "evolution")
    stored = run.directory.stored_config()
    if stored is not None:
        if extend and run.directory.extension(run.config, stored) is not None:
            raise UserError(
                f"{run.directory.path}: the chief has not extended it yet; start this worker again "
                "once the chief has said what is made again."
            )
        run.directory.check_same(run.config, stored)
    configure_tensorflow(run.config.device)
    with user_errors(run):
        work(run, only_stage)
    return 0


def _is_supernet_host(config: SearchConfig) -> bool:
    """Whether ``TF_CONFIG`` makes this process train the supernet of a run of host 0."""
    if config.distribute != "multi-worker":
        return False
    from nasrec_tf.training.cluster import is_chief

    return not is_chief()


def _train_with_others(run) -> int:
    """Trains the supernet together with host 0, which owns the run directory."""
    from nasrec_tf.search.stages.supernet import run_stage
    from nasrec_tf.search.tensorflow_setup import configure_tensorflow, user_errors

    _check_ready(run, "supernet")
    configure_tensorflow(run.config.device)
    with user_errors(run):
        run_stage(run)
    return 0


def _check_ready(run, stage: str) -> None:
    if stage not in run.config.stages:
        raise UserError(f"--stage {stage} goes with {NEEDED_BY[stage]}, which is missing.")
    missing = run.directory.missing_before(stage, run.config.stages)
    if missing is not None:
        raise UserError(
            f"{run.directory.path}: the {missing} stage has not finished; run it first (--stage "
            f"{missing}), or leave --stage out."
        )
