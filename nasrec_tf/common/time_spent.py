"""Time that something has taken over all calls that work on it, kept for those after a kill."""

import contextlib
import dataclasses
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pydantic

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import SAVED, read_state, write_state

SPENT_FILE = "seconds.json"
"""What is kept in the directory of what takes the time."""

SECONDS_BETWEEN_NOTES = 2.0
"""A killed process has spent up to so much more than is known of it."""


@dataclasses.dataclass(frozen=True)
class TimeSpent:
    """What is kept of it.

    Args:
        seconds: of all calls so far.
    """

    __pydantic_config__ = SAVED

    seconds: Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


@contextlib.contextmanager
def time_spent(
    directory: pathlib.Path, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[], float]]:
    """Counts time on from what calls before have spent.

    Args:
        directory: of what takes the time, which is kept in it.
        clock: tells the time in seconds and never goes back.

    Yields:
        What tells the seconds of all calls so far.

    Raises:
        RunError: if what is kept is damaged.

    Example:
        >>> import tempfile
        >>> directory, now = pathlib.Path(tempfile.mkdtemp()), [0.0]
        >>> for _ in range(2):
        ...     with time_spent(directory, lambda: now[0]) as spent:
        ...         now[0] += 30.0
        >>> spent()
        60.0
    """
    path = directory / SPENT_FILE
    kept = read_state(path, TimeSpent, "delete it to count its time from now on")
    before = 0.0 if kept is None else kept.seconds
    begun = clock()

    def spent() -> float:
        return before + clock() - begun

    # Not at once: what fails as it begins has left nothing.
    with noted_again_and_again(lambda: write_state(path, TimeSpent(spent()))):
        yield spent


@contextlib.contextmanager
def noted_again_and_again(
    note: Callable[[], Any], seconds: float = SECONDS_BETWEEN_NOTES
) -> Iterator[None]:
    """Within it something is written down every now and then, and once more in the end.

    What the disk refuses now it may take the next time; other files tell of it.

    Args:
        note: writes it.
        seconds: in between.
    """
    ended = threading.Event()

    def note_if_possible() -> None:
        with contextlib.suppress(UserError):
            note()

    def note_on() -> None:
        while not ended.wait(seconds):
            note_if_possible()

    notes = threading.Thread(target=note_on, name="time spent", daemon=True)
    notes.start()
    try:
        yield
    finally:
        ended.set()
        notes.join()
        note_if_possible()
