"""The workers of a local run, which end with it, and end it where they die before they begin.

Beam knows a worker once it has called. It waits for ever for one that never does, and after an
interrupt for workers that wait for Beam.
"""

from __future__ import annotations

import contextlib
import pathlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from beam_preprocess.errors import DataError

WORKER_LOG = "workers.log"
"""What all workers of a run print, in its trace directory."""

END_OF_WORKERS = "interrupted"
"""The file in a run's trace directory that ends its workers."""

_WORKER_THREAD = "run_worker"
"""Beam's thread that waits for a worker's end, and raises an error that nobody looks at."""

SECONDS_FOR_BEAM = 10.0
"""After so long Beam has noticed the end of a worker that it knows."""


@contextlib.contextmanager
def watched_workers(trace: pathlib.Path) -> Iterator[None]:
    """Ends a run's workers before an interrupt of it, and the run where one of them has died.

    Interrupts of a terminal reach the workers by themselves, those of ``kill -INT`` the run alone.
    Where the program around has a handler of its own, or this is not its main thread, nothing is
    watched.

    Args:
      trace: The run's trace directory.

    Raises:
      DataError: A worker has died and Beam has not noticed.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    main = threading.current_thread()
    if not usual or main is not threading.main_thread():
        yield
        return
    end, hook = trace / END_OF_WORKERS, threading.excepthook
    died: list[str] = []
    over = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            end.touch()
        signal.default_int_handler(number, frame)

    def end_run(cause: str) -> None:
        if not over.wait(SECONDS_FOR_BEAM) and not end.exists():
            died.append(cause)
            signal.pthread_kill(main.ident, signal.SIGINT)

    def seen(thrown: threading.ExceptHookArgs) -> None:
        hook(thrown)
        if thrown.thread is not None and thrown.thread.name == _WORKER_THREAD:
            threading.Thread(target=end_run, args=(str(thrown.exc_value),), daemon=True).start()

    signal.signal(signal.SIGINT, interrupted)
    threading.excepthook = seen
    try:
        yield
    except KeyboardInterrupt:
        if died:
            raise DataError(_said_of(died[0], trace / WORKER_LOG)) from None
        raise
    finally:
        over.set()
        threading.excepthook = hook
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _said_of(cause: str, log: pathlib.Path) -> str:
    """What is said of a worker that died: why, as far as it has told."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return (
        f"a worker process ended as it began ({cause}; {last}): run the same command again, with "
        "fewer --workers if memory is short"
    )
