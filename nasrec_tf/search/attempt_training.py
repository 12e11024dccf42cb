"""Training one of a run's attempts from scratch, to its end or as far as it is worth it."""

import math
import shutil
from collections.abc import Callable, Sequence

from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.attempt import Attempt, finished
from nasrec_tf.search.chosen_summary import told_training
from nasrec_tf.search.from_scratch import Trained, train_from_scratch, training_plan
from nasrec_tf.search.halving import rung_steps
from nasrec_tf.search.kept_logits import VALIDATION_LOGITS
from nasrec_tf.search.results import AttemptResult, Look
from nasrec_tf.search.reused_trainings import reused
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.search.seed_directory import seed_of
from nasrec_tf.search.training_task import (
    LOOKS,
    WEIGHTS,
    FromScratch,
    always,
    clear_checkpoint,
    under_way,
)
from nasrec_tf.search.warm_start import start_of

GoesOn = Callable[[Sequence[Look]], bool]


def train_attempt(run: Run, attempt: Attempt, title: str) -> AttemptResult:
    """Trains a network to its end, going on where it was stopped; its quality by epoch.

    Args:
        run: the run.
        attempt: what is trained, and where.
        title: what the progress bar is called.
    """
    result = finished(attempt) or reused(run, attempt)
    return _ended(run, attempt, _train(run, attempt, title)) if result is None else result


def with_weights(run: Run, attempt: Attempt, result: AttemptResult) -> AttemptResult:
    """A training whose weights are there: one that was taken from before may have lost them.

    Args:
        run: the run.
        attempt: the training.
        result: what it came to.
    """
    if (attempt.directory / WEIGHTS).exists() or not math.isfinite(result.score):
        return result
    shutil.rmtree(attempt.directory)
    return _ended(run, attempt, _train(run, attempt, "retrain once more"))


def train_beside(run: Run, attempt: Attempt, title: str, goes_on: GoesOn) -> AttemptResult:
    """Trains a network to its end, or gives it up at a rung.

    Args:
        run: the run.
        attempt: what is trained, and where.
        title: what the progress bar is called.
        goes_on: told all looks so far after each, whether to go on.
    """
    result = finished(attempt)
    if result is not None:
        return result
    trained = _train(run, attempt, title, rungs(run, attempt), goes_on)
    if trained.ended:
        return _ended(run, attempt, trained)
    return give_up(run, attempt, trained)


def train_to_rung(run: Run, attempt: Attempt, title: str, number: int) -> AttemptResult | Trained:
    """Trains a network to a rung, where its checkpoint is kept, or to its end if that comes first.

    Args:
        run: the run.
        attempt: what is trained, and where.
        title: what the progress bar is called.
        number: of the rung, from 0; from the number of the rungs on, the end.
    """
    result = finished(attempt)
    if result is not None:
        return result
    trained = _train(run, attempt, title, rungs(run, attempt), lambda looks: len(looks) <= number)
    return _ended(run, attempt, trained) if trained.ended else trained


def rungs(run: Run, attempt: Attempt) -> tuple[int, ...]:
    """Steps after which a training is compared with others.

    Args:
        run: the run.
        attempt: the training.
    """
    return rung_steps(training_plan(run, attempt.recipe, attempt.purpose).steps(run.records))


def looks_so_far(attempt: Attempt) -> Sequence[Look]:
    """What a training has come to at the rungs that it has reached; none of one that has not begun.

    Args:
        attempt: the training.

    Raises:
        RunError: if the file is damaged.
    """
    if not under_way(attempt.directory):
        return ()
    mend = f"delete {attempt.directory} to train this candidate anew"
    return read_state(attempt.directory / LOOKS, tuple[Look, ...], mend) or ()


def keeps_all(run: Run) -> bool:
    """Whether weights and validation logits of all trainings are kept until the choice is made.

    Else those of the best networks so far are.

    Args:
        run: the run.
    """
    return run.config.ensemble > 1


def give_up(run: Run, attempt: Attempt, trained: Trained) -> AttemptResult:
    """Ends a training where it is: what it came to stays, and what only training needs goes.

    Args:
        run: the run.
        attempt: the training.
        trained: as it was laid aside after its last look.
    """
    result = _result(attempt, trained, stopped=trained.looks[-1].step)
    _leave(run, attempt, result)
    for name in (WEIGHTS, VALIDATION_LOGITS):
        (attempt.directory / name).unlink(missing_ok=True)
    return result


def _train(
    run: Run,
    attempt: Attempt,
    title: str,
    steps: tuple[int, ...] = (),
    goes_on: GoesOn = always,
) -> Trained:
    what = FromScratch(
        attempt.architecture,
        attempt.recipe,
        attempt.directory,
        purpose=attempt.purpose,
        keeps_logits=True,
        needs_logits=keeps_all(run),
        rungs=steps,
        goes_on=goes_on,
        start=start_of(run, attempt.architecture, attempt.recipe),
    )
    return train_from_scratch(run, what, title)


def _ended(run: Run, attempt: Attempt, trained: Trained) -> AttemptResult:
    result = _result(attempt, trained)
    _leave(run, attempt, result)
    return result


def _result(attempt: Attempt, trained: Trained, stopped: int | None = None) -> AttemptResult:
    return AttemptResult(
        rank=attempt.rank,
        learning_rate=attempt.recipe.learning_rate,
        architecture=attempt.architecture,
        steps_per_epoch=trained.steps_per_epoch,
        epochs=trained.epochs,
        best_epoch=trained.best_epoch,
        validation=trained.validation,
        seconds=trained.seconds,
        monitor=attempt.recipe.monitor,
        recipe=attempt.recipe,
        looks=trained.looks,
        stopped=stopped,
        cut=trained.cut,
    )


def _leave(run: Run, attempt: Attempt, result: AttemptResult) -> None:
    write_state(attempt.directory / RESULT_FILE, result)
    clear_checkpoint(attempt.directory)
    run.say(_told(attempt, result))


def _told(attempt: Attempt, result: AttemptResult) -> str:
    recipe = attempt.recipe
    name = told_training(attempt.rank, recipe.learning_rate, recipe, seed_of(attempt.directory))
    if result.share is not None:
        return (
            f"{name}: validation log loss {result.looks[-1].log_loss:.5f} after "
            f"{result.share:.0%} of the steps, where others are better; given up"
        )
    if result.validation is None:
        return f"{name}: diverged, so it comes last"
    return (
        f"{name}: validation log loss {result.validation.log_loss:.5f} at evaluation "
        f"{result.best_epoch + 1} of {len(result.epochs)}"
    )
