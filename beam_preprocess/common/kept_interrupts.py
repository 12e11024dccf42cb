"""Interrupts that come while an object is deleted, where Python drops any exception.

A signal that arrived during a long call is handled as the next Python function begins, which is
often the ``__del__`` of what that call leaves behind: the program would go on as if nothing had
been asked of it.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

AGAIN_SECONDS = 0.02
"""After so long the deletion is over, or the interrupt is kept once more."""


@contextlib.contextmanager
def kept_interrupts() -> Iterator[None]:
    """Raises an interrupt again that a deletion has dropped, and without the page it would print.

    By an alarm: within the deletion another exception would be dropped as well, and a thread that
    is begun there may wait for what the deleting one holds. A program around it that has an alarm
    of its own keeps that, and its dropped interrupts.

    Example:
        >>> with kept_interrupts():
        ...     print("what may be interrupted")
        what may be interrupted
    """
    usual = signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = sys.unraisablehook

    def raise_again(dropped: sys.UnraisableHookArgs) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            before(dropped)

    signal.signal(signal.SIGALRM, signal.default_int_handler)
    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        sys.unraisablehook = before
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
