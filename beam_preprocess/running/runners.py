"""Which Beam runner runs a job, with which options, and how quietly."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
import shlex
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.config import PreprocessConfig
from beam_preprocess.dataset.schema import SPLIT_NAMES
from beam_preprocess.datasets.layout_options import LayoutOptions
from beam_preprocess.errors import DataError
from beam_preprocess.job import Job
from beam_preprocess.running import worker_process
from beam_preprocess.running.worker_watch import (
    END_OF_WORKERS,
    WORKER_LOG,
    deaths_noticed,
    workers_end_first,
)

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.runner import PipelineRunner

_RUNNERS_WITH_KNOWN_OPTIONS = ("FnApiRunner", "DirectRunner", "DataflowRunner")
_CHANNEL_THREADS = ("beam_control_read", "read_grpc_client_inputs", "run_worker")


def run_pipeline(job: Job, options: PipelineOptions) -> None:
    """Builds the pipeline of a run and runs it to its end.

    Args:
      job: The run.
      options: As :func:`pipeline_options` gives them.
    """
    import apache_beam as beam

    from beam_preprocess.running.pipeline import build_pipeline

    runner = _local_runner(job) if _is_default_runner(job.config) else None
    with contextlib.ExitStack() as around:
        if job.local:
            around.enter_context(_quiet_beam())
            trace = pathlib.Path(job.trace_directory)
            around.enter_context(deaths_noticed(trace))
            around.enter_context(workers_end_first(trace))
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            build_pipeline(pipeline, job)


def known_options(flags: Sequence[str]) -> PipelineOptions:
    """Beam's options of flags.

    Args:
      flags: As on a command line.

    Raises:
      DataError: Beam knows no such option (asked of those runners only whose options Beam knows).
    """
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

    logging.disable(logging.WARNING)  # Beam warns of unknown options, which we refuse
    try:
        options = PipelineOptions(list(flags))
        known = options.get_all_options(drop_default=True)
        everything = options.get_all_options(drop_default=True, retain_unknown_options=True)
    finally:
        logging.disable(logging.NOTSET)
    runner = options.view_as(StandardOptions).runner
    if runner in (None, *_RUNNERS_WITH_KNOWN_OPTIONS):
        for name in everything:
            if name not in known:
                meant = suggestion(f"--{name.replace('_', '-')}", _own_options())
                raise DataError(f"unknown option --{name}{meant}; see --help")
    return options


def _own_options() -> list[str]:
    """The options of the command, which Beam is not asked for."""
    fields = (*LayoutOptions.fields(), *dataclasses.fields(PreprocessConfig))
    names = ["dataset", "input", "name", "side-table", "quiet", *SPLIT_NAMES]
    return [f"--{name.replace('_', '-')}" for name in (*names, *(field.name for field in fields))]


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
    log = os.path.join(job.trace_directory, WORKER_LOG) if job.local else os.devnull
    end = pathlib.Path(job.trace_directory, END_OF_WORKERS)
    worker = shlex.join(worker_process.command_line(end))
    command = f"exec {worker} >>{shlex.quote(log)} 2>&1"
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

    Args:
      config: The run.

    Raises:
      DataError: Beam knows no such option, or the output does not go with the runner.
    """
    from apache_beam.options.pipeline_options import StandardOptions

    flags = list(config.beam_options)
    if _is_default_runner(config):
        flags += ["--runner=FnApiRunner", f"--direct_num_workers={config.workers}"]
    options = known_options(flags)
    runner = options.view_as(StandardOptions).runner
    if runner == "DataflowRunner" and "://" not in config.output:
        raise DataError(f"--output {config.output}: workers on Dataflow need a gs:// directory")
    return options
