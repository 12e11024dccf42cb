"""Time and memory of a command and of all processes that it starts."""

import dataclasses
import pathlib
import resource
import subprocess
import threading
import time
from collections.abc import Sequence

SAMPLE_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a command took.

    Args:
        code: its exit code.
        seconds: wall time.
        processor_seconds: of all processes.
        peak_bytes: the most memory of all processes together, sampled; a page that several of them
            share counts once (proportional set sizes).
    """

    code: int
    seconds: float
    processor_seconds: float
    peak_bytes: int


def watched(command: Sequence[str]) -> Usage:
    """Runs a command to its end.

    Args:
        command: program and arguments.
    """
    start, used = time.perf_counter(), _processor_seconds()
    process = subprocess.Popen(command)
    peak, finished = [0], threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, peak, finished))
    sampler.start()
    code = process.wait()
    seconds, used = time.perf_counter() - start, _processor_seconds() - used
    finished.set()
    sampler.join()
    return Usage(code, seconds, used, peak[0])


def _processor_seconds() -> float:
    """Of all processes that this one has waited for, and theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _sample(root: int, peak: list[int], finished: threading.Event) -> None:
    while not finished.wait(SAMPLE_SECONDS):
        peak[0] = max(peak[0], sum(_proportional(pid) for pid in _descendants(root)))


def _descendants(root: int) -> list[int]:
    found = [root]
    for pid in found:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:  # the process ended while it was looked at
                continue
    return found


def _proportional(pid: int) -> int:
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # as above
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)
