"""Runs that a comparison takes models from."""

import dataclasses
import pathlib
import shlex
from collections.abc import Sequence

from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.report.comparison_summary import SearchSummary
from nasrec_tf.search.results import EvolutionResult, RetrainResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import CONFIG_FILE, RunDirectory
from nasrec_tf.search.search_cost import (
    rows_before_candidates,
    rows_of_a_candidate,
    search_cost,
)
from nasrec_tf.strategies.oracle.trial_results import read_results


def finished_run(path: pathlib.Path, option: str, quiet: bool, checkpoint_seconds: float) -> Run:
    """A run whose retrain stage has finished.

    Args:
        path: its directory.
        option: by which the user named it.
        quiet: show no progress.
        checkpoint_seconds: time between checkpoints of what is trained for it.

    Raises:
        RunError: if there is no such run, it has not come so far, or what a stage left is damaged.
    """
    directory = RunDirectory(path, option)
    stored = directory.stored_config()
    if stored is None:
        raise RunError(
            f"{path}: has no {CONFIG_FILE}, so it is not a run directory; check {option}."
        )
    if directory.result("retrain") is None:
        raise RunError(
            f"{path}: its retrain stage has not finished; finish the run first: python -m "
            f"nasrec_tf.search --config {shlex.quote(str(path / CONFIG_FILE))}."
        )
    run = Run(dataclasses.replace(stored, checkpoint_seconds=checkpoint_seconds), directory, quiet)
    search_cost(run)  # What a stage left that cannot be read is told before anything is trained.
    return run


def runs_of_the_same_data(paths: Sequence[str], run: Run) -> dict[str, Run]:
    """Further runs by the names of their directories.

    Args:
        paths: their directories.
        run: that of the comparison.

    Raises:
        UserError: if one has not finished, is of other data or that of the comparison, or two
            have one name.
    """
    found: dict[str, Run] = {}
    for path in map(pathlib.Path, paths):
        name = path.resolve().name
        if name in found:
            raise UserError(f"--runs: two directories are called {name!r}; rename one of them.")
        other = finished_run(path, "--runs", run.quiet, run.config.checkpoint_seconds)
        if other.schema != run.schema:
            raise UserError(
                f"--runs: {path} is of other data than {run.directory.path}; compare runs of one "
                "data set."
            )
        found[name] = other
    for other in found.values():
        if other.directory.path.resolve() == run.directory.path.resolve():
            raise UserError(
                f"--runs: {other.directory.path} is the run of --run-dir itself; leave it out."
            )
    return found


def check_unchanged(run: Run, found: RetrainResult) -> None:
    """Finds out that all that was read of a run is of the same state of it.

    Its stages are made one after the other, and those that are made again are moved aside first. So
    what was read in between belongs together, if options and final networks still are the same.

    Args:
        run: with the options that were read first.
        found: what its retrain stage had left then.

    Raises:
        RunError: if another process has gone on with it since.
    """
    stored = run.directory.stored_config()
    if stored is not None:
        free = run.config.checkpoint_seconds  # That of the comparison.
        stored = dataclasses.replace(stored, checkpoint_seconds=free)
    if stored != run.config or run.directory.result("retrain") != found:
        raise RunError(
            f"{run.directory.path}: another process went on with this run while it was read; wait "
            "for it, and give the same command again."
        )


def search_summary(name: str, run: Run) -> SearchSummary | None:
    """How the search of a run went; ``None`` where nothing was searched for.

    Args:
        name: of the model that it found.
        run: a finished run.
    """
    if not isinstance(run.directory.result("evolution"), EvolutionResult):
        return None
    results = read_results(run.search_project)
    return SearchSummary(
        name,
        run.config.strategy,
        run.config.score_by,
        [(result.number, result.metrics.get("log_loss")) for result in results],
        rows_before_candidates(run),
        rows_of_a_candidate(run),
    )
