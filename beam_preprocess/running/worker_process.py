"""A worker of a local run in a process of its own: Beam's, which ends when the run itself has.

A run that is killed ends nothing. What it had given its workers these would go on with, and write
into the directory that the next run of the same command has cleared for itself. And when a run is
interrupted, Beam waits for its workers, which wait for Beam.
"""

import os
import pathlib
import runpy
import sys
import threading
import time

_WORKER = "apache_beam.runners.worker.sdk_worker_main"
_SECONDS_BETWEEN_LOOKS = 0.1
"""The next run takes longer than that to import Beam."""

_ENDED_EARLY = 1


def command_line(end: pathlib.Path) -> list[str]:
    """The command that starts a worker of this process.

    Args:
      end: A file that ends the worker once it is there.
    """
    return [sys.executable, "-m", __name__, str(os.getpid()), str(end)]


def _end_with(process: int, end: pathlib.Path) -> None:
    """Ends this process once it is a child of another one's, or is told to."""
    while os.getppid() == process and not end.exists():
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(_ENDED_EARLY)


if __name__ == "__main__":
    said = (int(sys.argv[1]), pathlib.Path(sys.argv[2]))
    threading.Thread(target=_end_with, args=said, daemon=True).start()
    runpy.run_module(_WORKER, run_name="__main__", alter_sys=True)
