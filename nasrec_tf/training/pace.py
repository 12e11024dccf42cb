"""How many steps of a training are made between two looks at the clock."""

import contextlib
import time
from collections.abc import Iterator

CALL_SECONDS = 0.25
"""A call of several steps takes about as long: the user's Ctrl-C waits for its end."""


class Pace:
    """As many steps in a call as fit into a short time, so that none of them waits for Python.

    What a training computes does not depend on it.

    Example:
        >>> pace = Pace()
        >>> pace.steps(left=1000, seconds_left=60.0)
        1
        >>> with pace.timed(1):
        ...     time.sleep(0.01)
        >>> 1 < pace.steps(left=1000, seconds_left=60.0) <= 2
        True
    """

    def __init__(self) -> None:
        self._most = 1
        self._seconds_per_step = 0.0

    def steps(self, left: int, seconds_left: float) -> int:
        """Steps of the next call, at least one.

        Args:
            left: steps until something else has to be done.
            seconds_left: time until then.
        """
        seconds = max(0.0, min(CALL_SECONDS, seconds_left))
        if self._seconds_per_step:
            fitting = int(min(left, seconds / self._seconds_per_step))
        else:
            fitting = 1
        return max(1, min(left, self._most, fitting))

    @contextlib.contextmanager
    def timed(self, steps: int) -> Iterator[None]:
        """Within it a call is made.

        Args:
            steps: how many it makes.
        """
        started = time.perf_counter()
        yield
        # The first call traces the graph, which says nothing of the next ones.
        self._seconds_per_step = (time.perf_counter() - started) / steps
        self._most = 2 * steps
