"""How far a run is: what the workers leave behind, summed up for the caller."""

from __future__ import annotations

import contextlib
import pathlib
import threading
from collections.abc import Callable, Iterator

from beam_preprocess.job import PROGRESS_DIRECTORY, Job

# Called with the stage ("times", "scan", "write"), the bytes read so far and those to read (None
# where that is not known beforehand, as for compressed files).
Progress = Callable[[str, int, "int | None"], None]

STAGES = ("times", "scan", "write")
_POLL_SECONDS = 0.5


@contextlib.contextmanager
def reporting(job: Job, progress: Progress | None) -> Iterator[None]:
    """Calls back from a thread of its own while the pipeline runs.

    Args:
      job: The run.
      progress: Called every half second with a stage, the bytes read, and those to read or None;
        None for nothing.
    """
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
    if not any(file.in_one_go or file.block_rows for file in job.files):
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
    for stage in STAGES:
        if stage in amounts:
            # Neighbouring shards both read the block between them: never report more than all.
            done = amounts[stage] if total is None else min(amounts[stage], total)
            progress(stage, done, total)
