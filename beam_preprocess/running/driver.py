"""Runs the pipeline: the directory it is written to, and what goes wrong, in one line."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import logging
import pathlib
import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from beam_preprocess.common.whole_file import publish_directory
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.file_format import MANIFEST_FILE
from beam_preprocess.encoding.feature_statistics import check_table_rows
from beam_preprocess.errors import DataError
from beam_preprocess.job import (
    DATA_DIRECTORY,
    ERROR_FILE,
    PROGRESS_DIRECTORY,
    UNITS_DIRECTORY,
    Job,
    write_error,
)
from beam_preprocess.reading.side_tables import forget_tables
from beam_preprocess.running.file_patterns import would_read
from beam_preprocess.running.input_files import find_inputs, find_side_files
from beam_preprocess.running.progress import Progress, reporting
from beam_preprocess.running.runners import pipeline_options, run_pipeline
from beam_preprocess.running.steady_files import kept_steady

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

_DIRECTORIES = (
    PROGRESS_DIRECTORY,
    UNITS_DIRECTORY,
    DATA_DIRECTORY,
    *(f"{DATA_DIRECTORY}/{name}" for name in ("vocabularies", "rejects", "plots")),
)
_REMOTE = "://"
_WHILE_RUNNING = re.compile(r" \[while running '.*")  # Beam adds the step to a message
_QUOTED_ERROR = re.compile(r"DataError: (.+?)(?: \[while running '|\n|$)")
_INTERRUPTED = re.compile(r"^KeyboardInterrupt\b", re.MULTILINE)
_LOST_WORKER = ("Channel closed prematurely", "Worker subprocess exited")


def run(config: PreprocessConfig, progress: Progress | None = None) -> str:
    """Makes the data set; :func:`beam_preprocess.api.preprocess` says more.

    Args:
      config: The run.
      progress: Called while it runs, or None.

    Returns:
      Path of the data set.

    Raises:
      DataError: Input, options or the place to write to cannot be used, in one line.
    """
    _check_output_is_outside(config)
    _import_beam()
    forget_tables()
    config, files = find_inputs(config)
    check_table_rows(config)
    job = Job(config, files, find_side_files(config), "", "", local=False)
    options = pipeline_options(config)
    if _REMOTE in config.output:
        _run_remote(job, options)
        return config.output
    try:
        _run_local(job, options, progress)
    except OSError as error:
        raise DataError(write_error(error, config.output, config.output_option)) from None
    return config.output


def _check_output_is_outside(config: PreprocessConfig) -> None:
    """A data set among the files of the log would be read as a part of it from then on."""
    given = (config.inputs, *config.split_inputs.values(), tuple(config.side_tables.values()))
    for pattern in (pattern for patterns in given for pattern in patterns):
        if would_read(pattern, config.output):
            raise DataError(
                f"{config.output_option} {config.output}: lies in {pattern}, of which all files "
                "are read; name a directory outside"
            )


def _import_beam() -> None:
    """Imports Beam without its warning that a cloud client (an optional extra) is not there."""
    logging.disable(logging.WARNING)
    try:
        import apache_beam.io.filesystems  # noqa: F401
    finally:
        logging.disable(logging.NOTSET)


def _run_remote(job: Job, options: PipelineOptions) -> None:
    from apache_beam.io.filesystems import FileSystems

    output = job.config.output.rstrip("/")
    if FileSystems.exists(f"{output}/{MANIFEST_FILE}"):
        raise DataError(f"{job.config.output_option} {output}: exists; name another or remove it")
    job = dataclasses.replace(job, data_directory=output, trace_directory=output)
    with _user_errors():
        run_pipeline(job, options)


def _run_local(job: Job, options: PipelineOptions, progress: Progress | None) -> None:
    output = pathlib.Path(job.config.output).absolute()
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise DataError(
            f"{job.config.output_option} {output}: exists; name another directory or remove it"
        )
    partial = output.with_name(f"{output.name}.partial")
    with _partial_directory(partial, job.config.output_option):
        job = dataclasses.replace(
            job,
            data_directory=str(partial / DATA_DIRECTORY),
            trace_directory=str(partial),
            local=True,
        )
        for name in _DIRECTORIES:
            (partial / name).mkdir()
        read = [*job.files, *(file for files in job.side_files for file in files)]
        with kept_steady(read), reporting(job, progress), _user_errors(partial / ERROR_FILE):
            run_pipeline(job, options)
        publish_directory(partial / DATA_DIRECTORY, output)


@contextlib.contextmanager
def _user_errors(left: pathlib.Path | None = None) -> Iterator[None]:
    """Turns a runner's exception into the DataError behind it, where there is one.

    Args:
      left: The file in which a worker leaves its message.
    """
    try:
        yield
    except Exception as error:
        if _INTERRUPTED.search(str(error)):  # Within a step, of which Beam makes an error.
            raise KeyboardInterrupt from error
        message = _left_message(left) or _message_in(error)
        if message is None:
            raise
        raise DataError(message) from error


def _left_message(path: pathlib.Path | None) -> str | None:
    if path is None or not path.is_file():
        return None
    with contextlib.suppress(json.JSONDecodeError):  # cut off by a full disk
        return json.loads(path.read_text(encoding="utf-8"))["message"]
    return None


def _message_in(error: Exception) -> str | None:
    if isinstance(error, DataError):
        return _WHILE_RUNNING.sub("", str(error))
    if quoted := _QUOTED_ERROR.search(str(error)):  # in a worker's stack trace
        return quoted[1]
    if any(sign in str(error) for sign in _LOST_WORKER):
        return (
            "a worker process was killed (out of memory?): run the same command again, with fewer "
            "--workers if memory is short"
        )
    return None


@contextlib.contextmanager
def _partial_directory(partial: pathlib.Path, option: str) -> Iterator[None]:
    """An empty directory beside the output, ours alone, removed at the end.

    What a killed run left there is removed first; the lock of a killed process is free.

    Args:
      partial: The directory.
      option: What says where it is.
    """
    lock_path = partial.with_name(f"{partial.name}.lock")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_path.open("w")
    except OSError as error:
        raise DataError(
            f"{option} {partial.parent}: cannot write there ({error.strerror})"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{partial}: another run is writing this data set; wait for it or name another "
                f"{option}"
            ) from None
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            with contextlib.suppress(OSError):  # the next run takes the lock of a file that stays
                lock_path.unlink(missing_ok=True)
