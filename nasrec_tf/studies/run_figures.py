"""What the runs below a directory have found, in one row each; read without TensorFlow."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence

from beam_preprocess.errors import DataError
from nasrec_tf.common.errors import UserError, one_line
from nasrec_tf.report import QualitySummary
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.final_model import final_cost, final_figures
from nasrec_tf.search.option_changes import FREE_OPTIONS
from nasrec_tf.search.options import flag, plain
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import CONFIG_FILE, REPORT_FILE, RunDirectory

FINISHED = "finished"

_PLACES = (*FREE_OPTIONS, "export_dir", "name", "export_version")
"""Options that say where, and not what."""


@dataclasses.dataclass(frozen=True)
class RunFigures:
    """One run.

    Args:
        name: its path below the directory that was listed.
        state: ``"finished"``, or what it has not done yet, or what is damaged.
        data: name of the data set, and rows in all; empty before there are records.
        model: what was found, in words.
        validation: log loss on validation; ``None`` before there is a model.
        test: quality on the test split.
        mflops: of the model; ``None`` where its data set is gone.
        parameters: outside of tables.
        seconds: of all stages that have finished.
        options: those that were given, as texts by flag.
        report: the report page; ``None`` before there is one.
    """

    name: str
    state: str
    data: str = ""
    model: str = ""
    validation: float | None = None
    test: QualitySummary | None = None
    mflops: float | None = None
    parameters: int | None = None
    seconds: float = 0.0
    options: dict[str, str] = dataclasses.field(default_factory=dict)
    report: pathlib.Path | None = None


def find_runs(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """The run directories in a directory and below it, by name; runs hold no further ones.

    Args:
        directory: where to look.
    """
    if (directory / CONFIG_FILE).is_file():
        yield directory
        return
    try:
        with os.scandir(directory) as entries:
            below = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except PermissionError:
        return
    for name in below:
        if not name.startswith("."):
            yield from find_runs(directory / name)


def figures_of(path: pathlib.Path, name: str) -> RunFigures:
    """What a run has found so far; of one that cannot be read why not.

    Args:
        path: the run directory.
        name: what to call it.
    """
    try:
        return _figures(RunDirectory(path), name)
    except (UserError, DataError) as error:
        return RunFigures(name, f"cannot be read: {one_line(error)}")


def _figures(directory: RunDirectory, name: str) -> RunFigures:
    config = directory.stored_config()
    if config is None:
        raise UserError(f"{directory.path}: has no {CONFIG_FILE}")
    results = {stage: directory.result(stage) for stage in config.stages}
    left = next((stage for stage, result in results.items() if result is None), None)
    report = directory.path / REPORT_FILE
    found = RunFigures(
        name,
        FINISHED if left is None else f"before {left}",
        seconds=sum(result.seconds or 0.0 for result in results.values() if result is not None),
        options=_given(config),
        report=report if report.exists() else None,
    )
    records, retrain = results.get("records"), results.get("retrain")
    if records is not None:
        found = dataclasses.replace(
            found, data=f"{records.name}, {sum(records.rows.values()):,} rows"
        )
    if retrain is None:
        return found
    run = Run(config, directory, quiet=True)
    told, validation, test = final_figures(run)
    found = dataclasses.replace(found, model=told, validation=validation.log_loss, test=test)
    try:
        cost = final_cost(run)
    except (UserError, DataError):
        return found  # The data set is gone, and with it what the cost depends on.
    return dataclasses.replace(found, mflops=cost.mflops, parameters=cost.parameters)


def _given(config: SearchConfig) -> dict[str, str]:
    """The options that are not as they are by default, as texts by flag."""
    return {
        flag(field.name): str(plain(getattr(config, field.name)))
        for field in dataclasses.fields(config)
        if field.name not in _PLACES and getattr(config, field.name) != field.default
    }


def differing_options(runs: Sequence[RunFigures]) -> list[str]:
    """The options in which runs differ, in the order in which they were met.

    Args:
        runs: the runs.

    Example:
        >>> one, other = RunFigures("a", "", options={"--seed": "1", "--space": "x"}), RunFigures(
        ...     "b", "", options={"--seed": "2", "--space": "x"})
        >>> differing_options([one, other])
        ['--seed']
    """
    names = dict.fromkeys(name for run in runs for name in run.options)
    known = [run for run in runs if run.options]
    return [name for name in names if len({run.options.get(name) for run in known}) > 1]
