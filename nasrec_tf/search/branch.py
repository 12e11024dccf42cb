"""A run that begins with what another one has left before its search."""

import dataclasses
import os
import pathlib
import shutil

from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.option_changes import FREE_OPTIONS
from nasrec_tf.search.options import STAGES
from nasrec_tf.search.results import RecipeResult, SupernetResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE, RunDirectory
from nasrec_tf.search.stages.records import RAW_LOG_OPTIONS

OF_THE_RECORDS = ("data", "demo_rows", *RAW_LOG_OPTIONS)
"""Options that a branch gives otherwise, since it names the data set that the other run made."""


def branch(run: Run, directory: RunDirectory) -> None:
    """Gives a run the recipe and the supernet of another one, as far as they hold for it.

    The recipe is taken whatever the seed, since it is what both are to be trained with; the
    supernet where no option that it follows from differs. Files are linked where that is possible,
    since tables take gigabytes, and a finished stage changes none of them.

    Args:
        run: the other one; the stages before its search have finished.
        directory: of the run, opened; its records stage has named the data set of ``run``. What is
            in it already stays.

    Raises:
        RunError: if what a stage left is damaged.
    """
    config = directory.stored_config()
    for stage in shared_stages(run, config):
        if directory.result(stage) is None:
            result = run.directory.result(stage)
            _link(run.directory.path / stage, directory.path / stage)
            directory.finish(stage, result, result.seconds)


def shared_stages(run: Run, config: SearchConfig) -> list[str]:
    """Stages whose results a run with other options may take from a run of the same data set.

    Args:
        run: the other one.
        config: the options of the run.
    """
    shared = []
    if "recipe" in config.stages and isinstance(run.directory.result("recipe"), RecipeResult):
        shared.append("recipe")
    trained = isinstance(run.directory.result("supernet"), SupernetResult)
    if trained and not config.trains_candidates and _alike(run.config, config, "supernet"):
        shared.append("supernet")
    return shared


def _alike(one: SearchConfig, other: SearchConfig, stage: str) -> bool:
    """Whether options agree that a stage or one before it reads, the records' aside."""
    return all(
        getattr(one, field.name) == getattr(other, field.name)
        for field in dataclasses.fields(SearchConfig)
        if field.name not in (*FREE_OPTIONS, *OF_THE_RECORDS)
        and min(STAGES.index(config.first_reader(field)) for config in (one, other))
        <= STAGES.index(stage)
    )


def _link(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a directory but for its result, of which what a kill has left half done goes first."""
    shutil.rmtree(target, ignore_errors=True)

    def left_out(directory: str, names: list[str]) -> set[str]:
        return {RESULT_FILE} if directory == str(source) else set()

    shutil.copytree(str(source), target, ignore=left_out, copy_function=_linked)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # Another file system, or one without links.
        shutil.copy2(source, target)
