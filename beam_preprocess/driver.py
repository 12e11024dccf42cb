"""Runs the pipeline: options, the directory it is written to, progress, errors."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import logging
import os
import pathlib
import shutil
import threading
from collections.abc import Callable, Iterator

from beam_preprocess.config import PreprocessConfig
from beam_preprocess.errors import DataError
from beam_preprocess.features import check_table_rows
from beam_preprocess.inputs import find_inputs, find_side_files
from beam_preprocess.job import DATA_DIRECTORY, ERROR_FILE, PROGRESS_DIRECTORY, Job
from beam_preprocess.schema import MANIFEST_FILE

# Called with the stage ("times", "scan", "write"), the bytes read so far and those to read (None
# where that is not known beforehand, as for compressed files).
Progress = Callable[[str, int, "int | None"], None]

_POLL_SECONDS = 0.5
_REMOTE = "://"
_WORKER_OPTIONS = "worker_options.json"
_WORKER_VARIABLE = "PIPELINE_OPTIONS_FILE"  # read by Beam's worker processes
_CHANNEL_THREADS = ("beam_control_read", "read_grpc_client_inputs", "run_worker")
_LOST_WORKER = ("Channel closed prematurely", "Worker subprocess exited")


def run(config: PreprocessConfig, progress: Progress | None = None) -> str:
    """Makes the data set and returns its path; see :func:`beam_preprocess.api.preprocess`."""
    _import_beam()
    config, files = find_inputs(config)
    check_table_rows(config)
    job = Job(config, files, find_side_files(config), "", "", local=False)
    if _REMOTE in config.output:
        _run_remote(job)
    else:
        _run_local(job, progress)
    return config.output


def _import_beam() -> None:
    """Imports Beam without its warning that a cloud client (an optional extra) is not there."""
    logging.disable(logging.WARNING)
    try:
        import apache_beam.io.filesystems  # noqa: F401
    finally:
        logging.disable(logging.NOTSET)


def _run_remote(job: Job) -> None:
    from apache_beam.io.filesystems import FileSystems

    output = job.config.output.rstrip("/")
    if FileSystems.exists(f"{output}/{MANIFEST_FILE}"):
        raise DataError(f"--output {output}: exists; name another or remove it")
    _run_pipeline(dataclasses.replace(job, data_directory=output, trace_directory=output))


def _run_local(job: Job, progress: Progress | None) -> None:
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
        for name in (DATA_DIRECTORY, PROGRESS_DIRECTORY):
            (partial / name).mkdir()
        for name in ("vocabularies", "rejects", "plots"):
            (partial / DATA_DIRECTORY / name).mkdir()
        with _reporting(job, progress):
            try:
                _run_pipeline(job)
            except Exception as error:
                raise _user_error(partial, error) from error
        os.replace(partial / DATA_DIRECTORY, output)


def _user_error(partial: pathlib.Path, error: Exception) -> Exception:
    """The error that a worker left for the user, or the exception itself."""
    path = partial / ERROR_FILE
    if path.is_file():
        with contextlib.suppress(json.JSONDecodeError):
            return DataError(json.loads(path.read_text(encoding="utf-8"))["message"])
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


def _run_pipeline(job: Job) -> None:
    import apache_beam as beam

    from beam_preprocess.pipeline import build_pipeline

    with contextlib.ExitStack() as stack:
        if job.local:
            stack.enter_context(_quiet_workers(job.trace_directory))
        with beam.Pipeline(options=pipeline_options(job.config)) as pipeline:
            build_pipeline(pipeline, job)


@contextlib.contextmanager
def _quiet_workers(directory: str) -> Iterator[None]:
    """Keeps local workers from logging every step, and a failing one its stack trace many times.

    The exception that ends the run carries the stack trace once. Worker processes of the local
    runner take their log level from this file alone.
    """
    path = os.path.join(directory, _WORKER_OPTIONS)
    with open(path, "w", encoding="utf-8") as stream:
        json.dump({"default_sdk_harness_log_level": "CRITICAL"}, stream)
    logger = logging.getLogger("apache_beam")
    level, before = logger.level, os.environ.get(_WORKER_VARIABLE)
    hook = threading.excepthook
    logger.setLevel(logging.CRITICAL)
    os.environ[_WORKER_VARIABLE] = path
    # Beam's channel threads print a stack trace each when a worker ends; the run's own exception
    # tells what happened.
    threading.excepthook = lambda args: None if _is_channel(args.thread) else hook(args)
    try:
        yield
    finally:
        threading.excepthook = hook
        logger.setLevel(level)
        os.environ.pop(_WORKER_VARIABLE)
        if before is not None:
            os.environ[_WORKER_VARIABLE] = before


def _is_channel(thread: threading.Thread | None) -> bool:
    return thread is not None and thread.name in _CHANNEL_THREADS


def pipeline_options(config: PreprocessConfig):
    """Beam's options: the user's own, with the in-memory runner as the default.

    Beam's ``DirectRunner`` would first try to fetch another runner from the network.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    options = list(config.beam_options)
    names = {option.split("=", 1)[0] for option in options}
    if "--runner" not in names:
        options.append("--runner=FnApiRunner")
        if config.workers > 1 and "--direct_running_mode" not in names:
            options.append("--direct_running_mode=multi_processing")
            options.append(f"--direct_num_workers={config.workers}")
    return PipelineOptions(options)


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
