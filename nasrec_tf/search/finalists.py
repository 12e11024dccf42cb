"""The trainings of a run's finalists and of what is made from them, compared while they train."""

import math
from collections.abc import Sequence

from nasrec_tf.search.attempt import Attempt, finished
from nasrec_tf.search.attempt_training import (
    give_up,
    looks_so_far,
    train_attempt,
    train_beside,
    train_to_rung,
)
from nasrec_tf.search.from_scratch import Trained
from nasrec_tf.search.halving import SHARES, clearly_worse, further_share, numbers_left
from nasrec_tf.search.results import AttemptFigures, AttemptResult, Look
from nasrec_tf.search.run import Run


def least_kept(run: Run) -> int:
    """Trainings that go to their end: as many as an ensemble may want.

    Args:
        run: the run.
    """
    return run.config.ensemble


def halved(run: Run, attempts: Sequence[Attempt], title: str) -> list[AttemptResult]:
    """Trains finalists, of which the better half goes on after each rung.

    Only trainings of one recipe are compared: others have curves of another form. They are looked
    at where none is given up as well, if networks made from the best will be compared with it.

    Args:
        run: the run.
        attempts: the finalists.
        title: what progress bars are called.

    Returns:
        Their results in the same order; of the first of them alone, where there is no time for all.
    """
    results: dict[int, AttemptResult] = {}
    recipes = list(dict.fromkeys(attempt.recipe for attempt in attempts))
    for recipe in recipes:
        group = [n for n, attempt in enumerate(attempts) if attempt.recipe == recipe]
        if len(group) <= least_kept(run) and not run.settings.refine:
            found = _whole(run, [attempts[number] for number in group], title)
        else:
            found = _Group(run, [attempts[number] for number in group], title).results()
        results |= dict(zip(group, found))
    return [results[number] for number in sorted(results)]


def has_time(run: Run, results: Sequence[AttemptResult]) -> bool:
    """Whether a further training would come half as far as those before, at least.

    Args:
        run: the run.
        results: what these came to.
    """
    if not any(math.isfinite(result.score) for result in results):
        return True
    ended = [result.seconds for result in results if result.stopped is None]
    return run.time.has(sum(ended) / len(ended) / 2)


def _whole(run: Run, attempts: Sequence[Attempt], title: str) -> list[AttemptResult]:
    """Of trainings that are not compared, as far as there is time."""
    results: list[AttemptResult] = []
    for attempt in attempts:
        if finished(attempt) is None and not has_time(run, results):
            break
        results.append(train_attempt(run, attempt, title))
    return results


class _Group:
    """Trainings of one schedule.

    A run with a limit of its time goes on with as many after each rung as come to their end by
    what trainings have taken so far, and begins no more of them once there would be no time left
    to bring one to its end.
    """

    def __init__(self, run: Run, attempts: Sequence[Attempt], title: str):
        self._run = run
        self._attempts = attempts
        self._title = title
        self._results: dict[int, AttemptResult] = {}
        self._laid_aside: dict[int, Trained] = {}
        self._whole_seconds: dict[int, float] = {}

    def results(self) -> list[AttemptResult]:
        """Of the first of them, all if there is time, each trained as far as it is worth it."""
        going = list(range(len(self._attempts)))
        rungs = list(zip(SHARES, numbers_left(len(going), least_kept(self._run))))
        for rung, (_, count) in enumerate(rungs):
            if count < len(going):
                going = self._after(rung, going, rungs)
        for place, number in enumerate(sorted(going, key=self._standing), start=1):
            if self._ends_one() and not self._has_time_for(number, len(SHARES)):
                self._give_up(number)
            else:
                self._reach(number, len(SHARES), f"{place}/{len(going)}")
        return [self._results[number] for number in sorted(self._results)]

    def _after(self, rung: int, going: list[int], rungs: Sequence[tuple[float, int]]) -> list[int]:
        """Which go on after a rung; a checkpoint that cannot be among them goes at once."""
        best: list[tuple[float, int]] = []
        share, count = rungs[rung]
        for place, number in enumerate(sorted(going, key=self._standing), start=1):
            if not self._has_time_for(number, rung):
                if best or self._ends_one():
                    self._give_up(number)
                else:  # The best so far is the one that ends, cut where its time is over.
                    best = [(self._standing(number), number)]
                continue
            found = self._reach(number, rung, f"to {share:.3g}, {place}/{len(going)}")
            best = sorted([*best, (_at_rung(found, rung), number)])
            self._keep(best, count)
        while count > least_kept(self._run) and not self._has_time(
            further_share(share, count, rungs[rung + 1 :])
        ):
            count -= 1
        self._keep(best, count)
        return sorted(number for _, number in best)

    def _keep(self, best: list[tuple[float, int]], count: int) -> None:
        while len(best) > count:
            self._give_up(best.pop()[1])

    def _give_up(self, number: int) -> None:
        """Ends one that was laid aside; of one that has not begun there is no result."""
        if number in self._laid_aside:
            found = self._laid_aside.pop(number)
            self._results[number] = give_up(self._run, self._attempts[number], found)

    def _reach(self, number: int, rung: int, told: str) -> AttemptResult | Trained:
        title = f"{self._title} {told}"
        found = train_to_rung(self._run, self._attempts[number], title, rung)
        if isinstance(found, AttemptResult):
            self._results[number] = found
            self._laid_aside.pop(number, None)
        else:
            self._laid_aside[number] = found
        share = _share(found)
        if share is not None:
            self._whole_seconds[number] = found.seconds / share
        return found

    def _has_time_for(self, number: int, rung: int) -> bool:
        """Whether one can go on to a rung, and one of them from there to its end."""
        looks = len(looks_so_far(self._attempts[number]))
        if looks > rung or finished(self._attempts[number]) is not None:
            return True
        return self._has_time(1 - SHARES[looks - 1] if looks else 1.0)

    def _has_time(self, trainings: float) -> bool:
        """Whether there is, for so many whole trainings, by what those so far have taken."""
        seconds = self._whole_seconds.values()
        if not seconds:
            return not (self._ends_one() and self._run.time.is_over())
        return self._run.time.has(trainings * sum(seconds) / len(seconds))

    def _ends_one(self) -> bool:
        return any(math.isfinite(result.score) for result in self._results.values())

    def _standing(self, number: int) -> float:
        found = self._laid_aside.get(number)
        return math.inf if found is None else found.looks[-1].log_loss


def _share(found: AttemptResult | Trained) -> float | None:
    """Of its steps that a training has made; ``None`` where that is not known by its rungs."""
    has_ended = found.stopped is None if isinstance(found, AttemptResult) else found.ended
    if not has_ended:
        return SHARES[len(found.looks) - 1]
    return 1.0 if found.cut is None and found.validation is not None else None


def _at_rung(found: AttemptResult | Trained, rung: int) -> float:
    """Log loss there; of a training that had ended before, what it had come to."""
    if rung < len(found.looks):
        return found.looks[rung].log_loss
    assert isinstance(found, AttemptResult), "a training laid aside has been looked at"
    return found.score


def beside_best(
    run: Run, attempt: Attempt, title: str, before: Sequence[AttemptFigures]
) -> AttemptResult:
    """Trains a network that is given up where it is clearly worse than the best was there.

    Args:
        run: the run.
        attempt: the network.
        title: what the progress bar is called.
        before: what the trainings before came to.
    """
    reference = looks_of_reference(attempt, before, least_kept(run))

    def goes_on(looks: Sequence[Look]) -> bool:
        return not clearly_worse(looks, reference)

    return train_beside(run, attempt, title, goes_on)


def looks_of_reference(
    attempt: Attempt, before: Sequence[AttemptFigures], kept: int
) -> Sequence[Look]:
    """What the training was worth at its rungs beside which another one is given up.

    Args:
        attempt: the other one.
        before: what the trainings before came to. Further seeds of a network are looked at nowhere,
            and are no reference.
        kept: trainings that go to their end: it is the worst of so many best ones.

    Returns:
        None of them where fewer have come to their end.
    """
    alike = [
        found
        for found in before
        if found.recipe == attempt.recipe and found.stopped is None and found.looks
    ]
    alike.sort(key=lambda found: found.standing)
    return () if len(alike) < kept else alike[kept - 1].looks
