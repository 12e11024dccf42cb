"""The trainings of a run's finalists and of what is made from them, compared while they train."""

from collections.abc import Sequence

from nasrec_tf.search.attempt import Attempt
from nasrec_tf.search.attempt_training import (
    give_up,
    train_attempt,
    train_beside,
    train_to_rung,
)
from nasrec_tf.search.from_scratch import Trained
from nasrec_tf.search.halving import SHARES, clearly_worse, numbers_left
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
        Their results in the same order.
    """
    results: dict[int, AttemptResult] = {}
    recipes = list(dict.fromkeys(attempt.recipe for attempt in attempts))
    for recipe in recipes:
        group = [n for n, attempt in enumerate(attempts) if attempt.recipe == recipe]
        if len(group) <= least_kept(run) and not run.settings.refine:
            found = [train_attempt(run, attempts[number], title) for number in group]
        else:
            found = _Group(run, [attempts[number] for number in group], title).results()
        results |= dict(zip(group, found))
    return [results[number] for number in range(len(attempts))]


class _Group:
    """Trainings of one schedule."""

    def __init__(self, run: Run, attempts: Sequence[Attempt], title: str):
        self._run = run
        self._attempts = attempts
        self._title = title
        self._results: dict[int, AttemptResult] = {}

    def results(self) -> list[AttemptResult]:
        """Of all of them, each trained as far as it is among the best."""
        going = list(range(len(self._attempts)))
        for rung, count in enumerate(numbers_left(len(going), least_kept(self._run))):
            if count < len(going):
                going = self._after(rung, going, count)
        for place, number in enumerate(going, start=1):
            self._reach(number, len(SHARES), f"{place}/{len(going)}")
        return [self._results[number] for number in range(len(self._attempts))]

    def _after(self, rung: int, going: list[int], count: int) -> list[int]:
        """Which go on after a rung; a checkpoint that cannot be among them goes at once."""
        best: list[tuple[float, int]] = []
        laid_aside: dict[int, Trained] = {}
        for place, number in enumerate(going, start=1):
            found = self._reach(number, rung, f"to {SHARES[rung]:.3g}, {place}/{len(going)}")
            best = sorted([*best, (_at_rung(found, rung), number)])
            if isinstance(found, Trained):
                laid_aside[number] = found
            while len(best) > count:
                _, worst = best.pop()
                if worst in laid_aside:
                    attempt = self._attempts[worst]
                    self._results[worst] = give_up(self._run, attempt, laid_aside.pop(worst))
        return sorted(number for _, number in best)

    def _reach(self, number: int, rung: int, told: str) -> AttemptResult | Trained:
        title = f"{self._title} {told}"
        found = train_to_rung(self._run, self._attempts[number], title, rung)
        if isinstance(found, AttemptResult):
            self._results[number] = found
        return found


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
