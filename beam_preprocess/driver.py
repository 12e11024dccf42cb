"""Runs the pipeline: options, the directory it is written to, progress, errors."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import logging
import os
import pathlib
import re
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from beam_preprocess.config import PreprocessConfig
from beam_preprocess.errors import DataError
from beam_preprocess.features import check_table_rows
from beam_preprocess.inputs import find_inputs, find_side_files
from beam_preprocess.job import DATA_DIRECTORY, ERROR_FILE, PROGRESS_DIRECTORY, Job, write_error
from beam_preprocess.schema import MANIFEST_FILE

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.runner import PipelineRunner

# Called with the stage ("times", "scan", "write"), the bytes read so far and those to read (None
# where that is not known beforehand, as for compressed files).
Progress = Callable[[str, int, "int | None"], None]

_DIRECTORIES = (
    PROGRESS_DIRECTORY,
    DATA_DIRECTORY,
    *(f"{DATA_DIRECTORY}/{name}" for name in ("vocabularies", "rejects", "plots")),
)
_POLL_SECONDS = 0.5
_REMOTE = "://"
_RUNNERS_WITH_KNOWN_OPTIONS = ("FnApiRunner", "DirectRunner", "DataflowRunner")
_WORKER_LOG = "workers.log"
_WORKER_MODULE = "apache_beam.runners.worker.sdk_worker_main"
_CHANNEL_THREADS = ("beam_control_read", "read_grpc_client_inputs", "run_worker")
_WHILE_RUNNING = re.compile(r" \[while running '.*")  # Beam adds the step to a message
_QUOTED_ERROR = re.compile(r"DataError: (.+?)(?: \[while running '|\n|$)")
_LOST_WORKER = ("Channel closed prematurely", "Worker subprocess exited")


def run(config: PreprocessConfig, progress: Progress | None = None) -> str:
    """Makes the data set and returns its path; see :func:`beam_preprocess.api.preprocess`."""
    _import_beam()
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
        message = write_error(error, config.output)
        raise (DataError(message) if message else error) from None
    return config.output


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
        raise DataError(f"--output {output}: exists; name another or remove it")
    job = dataclasses.replace(job, data_directory=output, trace_directory=output)
    _run_pipeline(job, options)


def _run_local(job: Job, options: PipelineOptions, progress: Progress | None) -> None:
    output = pathlib.Path(job.config.output)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise DataError(f"--output {output}: exists; name another directory or remove it")
    partial = output.with_name(f"{output.name}.partial")
    with _partial_directory(partial):
        job = dataclasses.replace(
            job,
            data_directory=str(partial / DATA_DIRECTORY),
            trace_directory=str(partial),
            local=True,
        )
        for name in _DIRECTORIES:
            (partial / name).mkdir()
        with _reporting(job, progress):
            try:
                _run_pipeline(job, options)
            except Exception as error:
                raise _user_error(partial, error) from error
        os.replace(partial / DATA_DIRECTORY, output)


def _user_error(partial: pathlib.Path, error: Exception) -> Exception:
    """The error that a worker left for the user, or the exception itself."""
    path = partial / ERROR_FILE
    if path.is_file():
        with contextlib.suppress(json.JSONDecodeError):
            return DataError(json.loads(path.read_text(encoding="utf-8"))["message"])
    if isinstance(error, DataError):
        return DataError(_WHILE_RUNNING.sub("", str(error)))
    # With the disk full no worker can leave a message; Beam's exception quotes it.
    quoted = _QUOTED_ERROR.search(str(error))
    if quoted:
        return DataError(quoted[1])
    if any(sign in str(error) for sign in _LOST_WORKER):
        return DataError(
            "a worker process was killed (out of memory?): run the same command again, with fewer "
            "--workers if memory is short"
        )
    return error


@contextlib.contextmanager
def _partial_directory(partial: pathlib.Path) -> Iterator[None]:
    """An empty directory beside the output, ours alone, removed at the end.

    What a killed run left there is removed first; the lock of a killed process is free.
    """
    lock_path = partial.with_name(f"{partial.name}.lock")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_path.open("w")
    except OSError as error:
        raise DataError(
            f"--output {partial.parent}: cannot write there ({error.strerror})"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{partial}: another run is writing this data set; wait for it or name another "
                "--output"
            ) from None
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            lock_path.unlink(missing_ok=True)


def _run_pipeline(job: Job, options: PipelineOptions) -> None:
    import apache_beam as beam

    from beam_preprocess.pipeline import build_pipeline

    runner = _local_runner(job) if _is_default_runner(job.config) else None
    with _quiet_beam() if job.local else contextlib.nullcontext():
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            build_pipeline(pipeline, job)


def _is_default_runner(config: PreprocessConfig) -> bool:
    return not any(option.split("=", 1)[0] == "--runner" for option in config.beam_options)


def _local_runner(job: Job) -> PipelineRunner:
    """The in-memory runner, with its workers in this process or in processes of their own.

    Beam's ``DirectRunner`` would first try to fetch another runner from the network.
    """
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    if job.config.workers == 1:
        return FnApiRunner()
    # What --direct_running_mode=multi_processing does, except that the workers' own log, stack
    # traces included, goes to a file: the exception that ends a run quotes the stack trace.
    log = shlex.quote(os.path.join(job.trace_directory, _WORKER_LOG))
    command = f"exec {shlex.quote(sys.executable)} -m {_WORKER_MODULE} >>{log} 2>&1"
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(command))


@contextlib.contextmanager
def _quiet_beam() -> Iterator[None]:
    """Keeps Beam's log, and its channel threads, from repeating what the run's exception says."""
    logger = logging.getLogger("apache_beam")
    level, hook = logger.level, threading.excepthook
    logger.setLevel(logging.CRITICAL)
    threading.excepthook = lambda args: None if _is_channel(args.thread) else hook(args)
    try:
        yield
    finally:
        threading.excepthook = hook
        logger.setLevel(level)


def _is_channel(thread: threading.Thread | None) -> bool:
    return thread is not None and thread.name in _CHANNEL_THREADS


def pipeline_options(config: PreprocessConfig) -> PipelineOptions:
    """Beam's options: the user's own, with the in-memory runner as the default.

    Raises:
      DataError: Beam knows no such option (asked of those runners only whose options Beam knows).
    """
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

    flags = list(config.beam_options)
    if _is_default_runner(config):
        flags += ["--runner=FnApiRunner", f"--direct_num_workers={config.workers}"]
    logging.disable(logging.WARNING)  # Beam warns of unknown options, which we refuse
    try:
        options = PipelineOptions(flags)
        known = options.get_all_options(drop_default=True)
        everything = options.get_all_options(drop_default=True, retain_unknown_options=True)
    finally:
        logging.disable(logging.NOTSET)
    if options.view_as(StandardOptions).runner in _RUNNERS_WITH_KNOWN_OPTIONS:
        for name in everything:
            if name not in known:
                raise DataError(f"unknown option --{name}; see --help")
    return options


@contextlib.contextmanager
def _reporting(job: Job, progress: Progress | None) -> Iterator[None]:
    """Calls ``progress`` from a thread of its own while the pipeline runs."""
    if progress is None:
        yield
        return
    finished = threading.Event()
    thread = threading.Thread(target=_poll, args=(job, progress, finished), daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _poll(job: Job, progress: Progress, finished: threading.Event) -> None:
    total = None
    if not any(file.compressed or file.block_rows for file in job.files):
        total = sum(min(file.size, file.limit or file.size) for file in job.files)
    directory = pathlib.Path(job.trace_directory) / PROGRESS_DIRECTORY
    while not finished.wait(_POLL_SECONDS):
        _report(directory, progress, total)
    _report(directory, progress, total)


def _report(directory: pathlib.Path, progress: Progress, total: int | None) -> None:
    amounts: dict[str, int] = {}
    for path in directory.iterdir():
        stage = path.name.split("-", 1)[0]
        done = sum(int(line) for line in path.read_bytes().split(b"\n")[:-1])
        amounts[stage] = amounts.get(stage, 0) + done
    for stage in ("times", "scan", "write"):
        if stage in amounts:
            # Neighbouring shards both read the block between them: never report more than all.
            done = amounts[stage] if total is None else min(amounts[stage], total)
            progress(stage, done, total)
