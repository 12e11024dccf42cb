"""A worker of a local run in a process of its own: Beam's, which ends when the run itself has.

A run that is killed ends nothing. What it had given its workers these would go on with, and write
into the directory that the next run of the same command has cleared for itself.
"""

import os
import runpy
import sys
import threading
import time

_WORKER = "apache_beam.runners.worker.sdk_worker_main"
_SECONDS_BETWEEN_LOOKS = 0.1
"""The next run takes longer than that to import Beam."""

_ORPHANED = 1


def command_line() -> list[str]:
    """The command that starts a worker of this process."""
    return [sys.executable, "-m", __name__, str(os.getpid())]


def _end_with(process: int) -> None:
    """Ends this process once it is a child of another one's."""
    while os.getppid() == process:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(_ORPHANED)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    runpy.run_module(_WORKER, run_name="__main__", alter_sys=True)
