"""Training that can be stopped at any moment and goes on from its last checkpoint.

One loop for every way of distribution: a ``Trainer`` makes the steps, on one device or on several.
"""

import contextlib
import dataclasses
import functools
import math
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.records import Records
from nasrec_tf.training.checkpoint import Checkpoint
from nasrec_tf.training.curves import LossCurve
from nasrec_tf.training.divergence import LossWatch, first_weight_not_finite
from nasrec_tf.training.pace import Pace
from nasrec_tf.training.replicas import local_copy
from nasrec_tf.training.trainer import Trainer, one_device
from nasrec_tf.training.training_files import CHECKPOINT, LOSS_CURVE
from nasrec_tf.training.training_plan import TrainingPlan


def never() -> bool:
    """Whether a training is to be stopped that may take as long as it does: no."""
    return False


@dataclasses.dataclass(frozen=True)
class Rungs:
    """Looks at a training beside its evaluations, after which it may be stopped or laid aside.

    Args:
        steps: after which steps of the whole training.
        look: called with the step, says whether to go on. The model has the weights that an
            evaluation would see there.
    """

    steps: Sequence[int]
    look: Callable[[int], bool]


def train(
    model: keras.Model,
    records: Records,
    plan: TrainingPlan,
    directory: pathlib.Path,
    progress: Any,
    evaluate: Callable[[int], bool] | None = None,
    checkpoint_seconds: float = 60.0,
    rungs: Rungs | None = None,
    stop: Callable[[], bool] = never,
) -> bool:
    """Trains a model on one device, going on where an earlier call was stopped.

    The same arguments give the same weights, stopped in between or not, looked at or not.

    Args:
        model: a model; compiled here.
        records: the data set.
        plan: how to train.
        directory: where checkpoint and loss curve are kept.
        progress: a ``tqdm`` bar, advanced by one a step.
        evaluate: called with the number of each evaluation, from 0, at the end of each epoch or of
            each part of one (``Recipe.evaluations_per_epoch``), says whether to go on; perhaps
            called once more for the last one before a stop. Where the recipe averages weights, the
            model has the averages then, and in the end.
        checkpoint_seconds: time between checkpoints, one of which precedes every evaluation.
        rungs: looks beside the evaluations; none unless given.
        stop: asked after every few steps, ends the training where it is; if it has not been
            evaluated by then, it is now.

    Returns:
        Whether the training has ended; not if it was stopped at a rung, from where it goes on when
        it is called again without that one.

    Raises:
        DivergedError: if losses or weights are no longer finite; the last good checkpoint stays.
        RunError: if what is kept in the directory is damaged or of another network.
        UserError: if it cannot be written, or the data set ends early.
    """
    plan.compile(model, records)
    trainer = one_device(model)
    return train_with(
        trainer, records, plan, directory, progress, evaluate, checkpoint_seconds, rungs, stop
    )


def train_with(
    trainer: Trainer,
    records: Records,
    plan: TrainingPlan,
    directory: pathlib.Path,
    progress: Any,
    evaluate: Callable[[int], bool] | None = None,
    checkpoint_seconds: float = 60.0,
    rungs: Rungs | None = None,
    stop: Callable[[], bool] = never,
) -> bool:
    """Trains as ``train`` does, by the steps of a trainer, whose model ``plan`` has compiled.

    Of several hosts all have to see the directory, where one of them writes.

    Args:
        trainer: makes the steps.
        records: as of ``train``, and so are all that follow.
        plan: how to train.
        directory: where checkpoint and loss curve are kept.
        progress: a ``tqdm`` bar.
        evaluate: called at each evaluation.
        checkpoint_seconds: time between checkpoints.
        rungs: looks beside the evaluations.
        stop: ends the training where it is.
    """
    directory.mkdir(parents=True, exist_ok=True)
    average = plan.weight_average(trainer.model, records)
    log = _Log(trainer, records, plan, directory, progress, checkpoint_seconds, average)
    log.resume()
    made = plan.evaluations_until(log.step, records)
    reached = plan.evaluation_step(made - 1, records)
    if made and reached == log.step:
        if evaluate is not None and not _evaluated(evaluate, made - 1, average):
            return True
        if not _looked(rungs, log, average):
            return False
    pace = Pace()
    batches = None
    for index in range(made, plan.epochs * plan.evaluations_per_epoch(records)):
        batches = iter(log.batches_from(log.step)) if batches is None else batches
        end = plan.evaluation_step(index, records)
        for step in _rungs_between(rungs, max(reached + 1, log.step), end):
            if not _train_until(step, trainer, batches, log, pace, average, stop):
                break
            log.save()
            trainer.model.optimizer.settle()
            if not _looked(rungs, log, average):
                return False
            # Rows decayed for the look would be decayed in other pieces than without it.
            log.go_back()
        if not _train_until(end, trainer, batches, log, pace, average, stop):
            trainer.model.optimizer.settle()
            log.save()
            if evaluate is not None and not index:
                _evaluated(evaluate, index, average)
            break
        if log.step % plan.steps_per_epoch(records) == 0:
            if next(batches, None) is not None:
                raise log.damaged_data("more")
            batches = None
        # What reads the tables now has to see every row decayed.
        trainer.model.optimizer.settle()
        log.save()
        if evaluate is not None and not _evaluated(evaluate, index, average):
            break
        if not _looked(rungs, log, average):
            return False
        reached = end
    log.close()
    if average is not None:
        average.apply()
    return True


def _rungs_between(rungs, first, end):
    """Steps of looks from one to another, those of the end's evaluation left out."""
    return [] if rungs is None else sorted(step for step in rungs.steps if first <= step < end)


def _looked(rungs, log, average):
    """Whether to go on, as the look at this step says where there is one."""
    if rungs is None or log.step not in rungs.steps:
        return True
    if _evaluated(rungs.look, log.step, average):
        return True
    log.close()
    return False


def _evaluated(evaluate, index, average):
    """What an evaluation says, of the averaged weights where they are averaged."""
    with contextlib.nullcontext() if average is None else average.applied():
        return evaluate(index)


def _train_until(end, trainer, batches, log, pace, average, stop):
    """Whether it came so far, where the caller is to save."""
    while log.step < end:
        if stop():
            return False
        left = end - log.step
        if average is not None:
            left = min(left, average.steps_until_next(log.step))
        count = pace.steps(left, log.seconds_left if trainer.writes else math.inf)
        with pace.timed(count):
            losses = _next_losses(trainer, batches, count, log)
        log.add(losses)
        if average is not None:
            average.after_step(log.step)
        # At the end the caller saves, once rows are decayed: a training that went on from there
        # without would be evaluated by rows that are not.
        if trainer.writes and log.seconds_left <= 0 and log.step < end:
            log.save()
    return True


def _next_losses(trainer, batches, count, log):
    try:
        return trainer.steps(batches, count)
    except (StopIteration, tf.errors.OutOfRangeError) as error:
        raise log.damaged_data("fewer") from error


class _Log:
    """Keeps what a training leaves: progress, loss curve and checkpoints, while it is sane."""

    def __init__(self, trainer, records, plan, directory, progress, checkpoint_seconds, average):
        steps = plan.steps(records)
        self.step = 0
        self._records = records
        self._plan = plan
        self._trainer = trainer
        self._progress = progress
        averages = () if average is None else average.variables
        also = (*averages, *trainer.variables)
        self._checkpoint = Checkpoint(trainer.model, directory / CHECKPOINT, also=also)
        self._curve = LossCurve(directory / LOSS_CURVE, steps)
        names = [feature.name for feature in records.schema.dense]
        self._watch = LossWatch(plan.mend, names, steps)
        self._writer = (
            tf.summary.create_file_writer(str(directory / "tensorboard"))
            if trainer.writes
            else tf.summary.create_noop_writer()
        )
        self._checkpoint_seconds = checkpoint_seconds
        self._saved = time.monotonic()

    @property
    def seconds_left(self) -> float:
        """Until the next checkpoint."""
        return self._saved + self._checkpoint_seconds - time.monotonic()

    def resume(self) -> None:
        """Goes back to the last checkpoint, if there is one."""
        if self._checkpoint.restore():
            iterations = self._trainer.model.optimizer.iterations
            self.step = int(local_copy(iterations).numpy())
            self._curve.resume(self.step)
        self._progress.update(self.step)

    def go_back(self) -> None:
        """Gives the model the state that was saved last, which is that of this step."""
        self._checkpoint.restore()

    def batches_from(self, step: int) -> tf.data.Dataset:
        """What is left of the epoch after as many steps of the whole training."""
        plan = self._plan
        steps = plan.steps_per_epoch(self._records)
        epoch, start = divmod(step, steps)
        batches = self._records.training_batches(
            plan.batch_size, epoch, plan.seed, start, split=plan.split
        )
        # Without the recipe's own end of a pass, that of the split is where damage shows.
        return batches.take(steps - start) if plan.recipe.epoch_rows else batches

    def damaged_data(self, comparison: str) -> UserError:
        """The error of a split that has fewer or more batches than the data set's schema says."""
        return UserError(
            f"{self._records.directory}: split {self._plan.split!r} has {comparison} than its "
            f"{self._plan.steps_per_epoch(self._records)} batches; the data set is damaged: make "
            "it again."
        )

    def add(self, losses: np.ndarray) -> None:
        """Takes the losses of the steps that were made, and ends a training that has diverged."""
        for loss in losses.tolist():
            self._watch(self.step + 1, loss, functools.partial(self._inputs_after, self.step))
            self.step += 1
            point = self._curve.add(self.step, loss)
            if point is not None:
                with self._writer.as_default():
                    tf.summary.scalar("loss", point, self.step)
                self._progress.set_postfix_str(f"loss {point:.4f}", refresh=False)
        self._progress.update(len(losses))

    def _inputs_after(self, step):
        return next(iter(self.batches_from(step)))[0]

    def save(self) -> None:
        """Saves curve and checkpoint, unless the weights are no longer worth it."""
        name = first_weight_not_finite(self._trainer.model)
        if name is not None:
            raise self._watch.error(f"weight {name} is not finite after step {self.step}")
        if self._trainer.writes:
            self._curve.save()
            self._checkpoint.save()
        self._saved = time.monotonic()

    def close(self) -> None:
        """Writes what TensorBoard has not been told yet."""
        self._writer.close()
