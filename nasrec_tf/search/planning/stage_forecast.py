"""What a stage is going to take: a time with its range, memory and disk."""

import dataclasses

NOISE = 0.1
"""Of a stage's time, by which a machine differs from itself within hours."""

EARLIEST = 0.6
"""Share of its steps after which a training may end because it no longer gets better."""


@dataclasses.dataclass(frozen=True)
class Seconds:
    """A time and its range.

    Args:
        least: the lower end.
        expected: in the middle.
        most: the upper end.
    """

    least: float
    expected: float
    most: float

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(
            self.least + other.least, self.expected + other.expected, self.most + other.most
        )

    def __mul__(self, share: float) -> "Seconds":
        return Seconds(self.least * share, self.expected * share, self.most * share)


@dataclasses.dataclass(frozen=True)
class StageForecast:
    """What a stage is going to take.

    Args:
        stage: its name.
        seconds: wall time.
        memory: bytes of the process at most.
        disk: bytes that it has on disk at most.
        told: what it does, in numbers.
        count: steps, candidates or trainings, of a stage that goes on where it was stopped.
    """

    stage: str
    seconds: Seconds
    memory: int
    disk: int
    told: str
    count: int = 0


def about(expected: float, least: float | None = None, most: float | None = None) -> Seconds:
    least = expected if least is None else min(least, expected)
    most = expected if most is None else max(most, expected)
    return Seconds(least * (1 - NOISE), expected, most * (1 + NOISE))


def nothing(stage: str) -> StageForecast:
    return StageForecast(stage, Seconds(0.0, 0.0, 0.0), 0, 0, "nothing to do")
