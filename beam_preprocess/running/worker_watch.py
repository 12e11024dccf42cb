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

SECONDS_FOR_BEAM = 60.0
"""After so long Beam has noticed the end of a worker that it knows, and ended the others."""

_WORKER_THREAD = "run_worker"
"""Beam's thread that waits for a worker's end, and raises an error that nobody looks at."""

_OF_A_DEATH = signal.SIGUSR2
"""Interrupts are ignored by programs that a shell has begun in the background."""


class _WorkerDiedError(BaseException):
    """Ends what waits for a worker; no step may take it for an error of its own."""


@contextlib.contextmanager
def workers_end_first(trace: pathlib.Path) -> Iterator[None]:
    """Ends a run's workers before an interrupt of it.

    Interrupts of a terminal reach the workers by themselves, those of ``kill -INT`` the run alone.
    A handler of the program around it stays.

    Args:
      trace: The run's trace directory.
    """
    if not _is_free(signal.SIGINT, signal.default_int_handler):
        yield
        return

    def interrupted(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            (trace / END_OF_WORKERS).touch()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def deaths_noticed(trace: pathlib.Path) -> Iterator[None]:
    """Ends a run one of whose workers has died where Beam has not noticed.

    Not where the program around it has a handler of its own for ``SIGUSR2``.

    Args:
      trace: The run's trace directory.

    Raises:
      DataError: A worker has died so.
    """
    if not _is_free(_OF_A_DEATH, signal.SIG_DFL):
        yield
        return
    main, over, hook = threading.get_ident(), threading.Event(), threading.excepthook
    # A signal after the end would meet the usual handler, which ends the process.
    sending = threading.Lock()
    end, causes = trace / END_OF_WORKERS, []

    def died(number: int, frame: FrameType | None) -> None:
        raise _WorkerDiedError

    def end_run() -> None:
        over.wait(SECONDS_FOR_BEAM)
        with sending:
            if over.is_set() or end.exists():
                return
            with contextlib.suppress(OSError):
                end.touch()
            signal.pthread_kill(main, _OF_A_DEATH)

    def seen(thrown: threading.ExceptHookArgs) -> None:
        hook(thrown)
        if thrown.thread is not None and thrown.thread.name == _WORKER_THREAD:
            causes.append(str(thrown.exc_value))
            threading.Thread(target=end_run, daemon=True).start()

    signal.signal(_OF_A_DEATH, died)
    threading.excepthook = seen
    try:
        yield
    except _WorkerDiedError:
        raise DataError(_said_of(causes[0], trace / WORKER_LOG)) from None
    finally:
        with sending:
            over.set()
        threading.excepthook = hook
        signal.signal(_OF_A_DEATH, signal.SIG_DFL)


def _is_free(number: signal.Signals, usual: object) -> bool:
    """Whether a signal's handler is the usual one, and may be another for a while."""
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and signal.getsignal(number) is usual


def _said_of(cause: str, log: pathlib.Path) -> str:
    """What is said of a worker that died: why, as far as it has told."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return (
        f"a worker process died ({cause}; {last}): run the same command again, with "
        "fewer --workers if memory is short"
    )
