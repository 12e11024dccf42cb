"""The first second of a program, in which it loads what it works with.

An interrupt would come out of the midst of an import, as a page of what was being loaded.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

INTERRUPTED = 130
"""Exit code of what was interrupted, as shells have it."""


@contextlib.contextmanager
def while_loading() -> Iterator[None]:
    """Lets an interrupt end the process at once and without a word: nothing has begun yet.

    A handler of the program around it stays, as does an interrupt that is ignored.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    # Not by an exception: some modules take any for a part of theirs that is not installed.
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
