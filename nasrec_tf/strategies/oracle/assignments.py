"""Which worker holds which candidate, and which ones seem lost."""

import dataclasses
import time
from collections.abc import Callable, Iterable


@dataclasses.dataclass(frozen=True)
class Patience:
    """When a silent worker counts as lost.

    KerasTuner's protocol has no sign of life between hand-out and end. A candidate that takes
    too long is handed to an idle worker as well; since the first end counts and scores do not
    depend on the worker, being wrong costs time and changes nothing.

    Args:
        factor: multiple of the longest scoring so far after which a worker counts as lost.
        seconds: but never before that time.

    Raises:
        ValueError: if the factor is below 1 or the seconds are not positive.

    Example:
        >>> patience = Patience(factor=3.0, seconds=60.0)
        >>> patience.limit(longest=10.0), patience.limit(longest=100.0)
        (60.0, 300.0)
    """

    factor: float = 3.0
    seconds: float = 60.0

    def __post_init__(self):
        if not (self.factor >= 1 and self.seconds > 0):
            raise ValueError(
                f"`factor` must be at least 1 and `seconds` positive. Received: "
                f"factor={self.factor!r}, seconds={self.seconds!r}"
            )

    def limit(self, longest: float) -> float:
        """Seconds after which a worker counts as lost.

        Args:
            longest: seconds that the longest scoring took.
        """
        return max(self.seconds, self.factor * longest)


DEFAULT_PATIENCE = Patience()


class Assignments:
    """Who works on what, as far as this process knows.

    Args:
        patience: when a worker counts as lost.
        clock: seconds that never run backwards.

    Example:
        >>> assignments = Assignments(DEFAULT_PATIENCE)
        >>> assignments.hand_out(4, "tuner0")
        >>> assignments.held_by("tuner0"), assignments.unheld([3, 4])
        (4, {3})
        >>> assignments.end(4)
        ['tuner0']
    """

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic):
        self._patience = patience
        self._clock = clock
        self._held: dict[str, int] = {}
        self._handed_out: dict[int, float] = {}
        self._last_contact: dict[str, float] = {}

    def meet(self, worker: str) -> None:
        """Notes that a worker has called.

        Args:
            worker: its name.
        """
        self._last_contact[worker] = self._clock()

    def dismiss(self, worker: str) -> None:
        """Notes that a worker has been told to stop.

        Args:
            worker: its name.
        """
        self._last_contact.pop(worker, None)

    def held_by(self, worker: str) -> int | None:
        """What the worker works on.

        Args:
            worker: its name.
        """
        return self._held.get(worker)

    def hand_out(self, number: int, worker: str) -> None:
        """Notes that a worker now works on a candidate.

        Args:
            number: of the candidate.
            worker: its name.
        """
        self._held[worker] = number
        self._handed_out[number] = self._clock()

    def end(self, number: int) -> list[str]:
        """Frees the workers that held a candidate, and returns them.

        Args:
            number: of the candidate.
        """
        self._handed_out.pop(number, None)
        workers = [worker for worker, held in self._held.items() if held == number]
        for worker in workers:
            del self._held[worker]
            self.meet(worker)
        return workers

    def seconds(self, number: int) -> float:
        """How long ago a candidate was last handed out; 0 if it was not.

        Args:
            number: of the candidate.
        """
        now = self._clock()
        return now - self._handed_out.get(number, now)

    def unheld(self, numbers: Iterable[int]) -> set[int]:
        """Those of ``numbers`` that have not been handed out.

        Args:
            numbers: of candidates.
        """
        return set(numbers) - set(self._handed_out)

    def lost(self, longest: float) -> set[int]:
        """Candidates that have been out for too long.

        Args:
            longest: seconds that the longest scoring took.
        """
        limit = self._patience.limit(longest)
        return {number for number in self._handed_out if self.seconds(number) > limit}

    def live_workers(self, longest: float) -> set[str]:
        """Workers that have called and have neither been dismissed nor been silent too long.

        Args:
            longest: seconds that the longest scoring took.
        """
        limit, now = self._patience.limit(longest), self._clock()
        return {worker for worker, met in self._last_contact.items() if now - met <= limit}
