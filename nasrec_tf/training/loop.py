"""Training that can be stopped at any moment and goes on from its last checkpoint."""

import contextlib
import csv
import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.records import Records
from nasrec_tf.optimizers.adagrad import Adagrad, WarmupCosine
from nasrec_tf.training.curves import read_curve

CURVE_POINTS = 200
"""Points that a loss curve has at most."""


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """How one network is trained.

    Args:
        batch_size: rows of a batch.
        epochs: passes over the split.
        learning_rate: peak learning rate.
        seed: seed of the order of the rows.
        split: the split to train on.
    """

    batch_size: int
    epochs: int
    learning_rate: float
    seed: int
    split: str = "train"

    def steps_per_epoch(self, records: Records) -> int:
        return records.steps_per_epoch(self.batch_size, self.split)

    def steps(self, records: Records) -> int:
        return self.epochs * self.steps_per_epoch(records)

    def compile(self, model: keras.Model, records: Records) -> None:
        """Gives the model the paper's optimizer and schedule (5.1), and log loss on logits."""
        model.compile(
            optimizer=Adagrad(WarmupCosine(self.learning_rate, self.steps(records))),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            # Paths and table rows make dynamic shapes, which XLA would compile again and again.
            jit_compile=False,
        )
        model.optimizer.build(model.trainable_variables)


class Checkpoint:
    """State of a model in training: weights, optimizer, and the generator of paths if any.

    Args:
        model: the compiled model.
        directory: where it is kept.
    """

    def __init__(self, model: keras.Model, directory: pathlib.Path):
        variables = [variable.value for variable in (*model.variables, *model.optimizer.variables)]
        generator = getattr(model, "generator", None)
        if generator is not None:
            variables.append(generator.state)
        self._checkpoint = tf.train.Checkpoint(variables=variables)
        self._directory = directory
        with _damage_told(directory):
            self._manager = tf.train.CheckpointManager(self._checkpoint, str(directory), 1)

    def restore(self) -> bool:
        """Goes back to the last state that was saved; whether there is one."""
        latest = self._manager.latest_checkpoint
        if latest is None:
            return False
        with _damage_told(self._directory):
            self._checkpoint.restore(latest).assert_consumed()
        return True

    def save(self) -> None:
        self._manager.save()


def restore_weights(model: keras.Model, directory: pathlib.Path) -> bool:
    """Gives a model the weights of the last ``Checkpoint``, and needs no optimizer for that.

    Returns:
        Whether there is a checkpoint.
    """
    weights = [variable.value for variable in model.variables]
    with _damage_told(directory):
        latest = tf.train.latest_checkpoint(str(directory))
        if latest is None:
            return False
        # The weights stand first in a checkpoint's list; what follows them is left there.
        status = tf.train.Checkpoint(variables=weights).restore(latest)
        status.expect_partial().assert_existing_objects_matched()
    return True


@contextlib.contextmanager
def _damage_told(directory: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except (AssertionError, IndexError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise UserError(
            f"{directory}: the checkpoint does not fit this run or is damaged "
            f"({type(error).__name__}); delete {directory.parent} to train anew."
        ) from error


class LossCurve:
    """Mean training loss over equal stretches of steps, kept in a CSV file.

    Args:
        path: the file.
        steps: steps of the whole training.
    """

    def __init__(self, path: pathlib.Path, steps: int):
        self.path = path
        self.stretch = max(1, steps // CURVE_POINTS)
        self.points: list[tuple[int, float]] = []
        self._sum = 0.0
        self._count = 0

    def resume(self, step: int) -> None:
        """Goes back to the points before ``step``; a stretch cut short by a stop is begun anew."""
        if self.path.exists():
            self.points = [point for point in read_curve(self.path) if point[0] <= step]

    def add(self, step: int, loss: float) -> float | None:
        """Takes the loss of a step; the mean of the stretch that it ends, if it ends one."""
        self._sum += loss
        self._count += 1
        if step % self.stretch:
            return None
        mean = self._sum / self._count
        self.points.append((step, mean))
        self._sum, self._count = 0.0, 0
        return mean

    def save(self) -> None:
        with atomic_file(self.path) as file:
            writer = csv.writer(file)
            writer.writerow(["step", "loss"])
            writer.writerows((step, f"{loss:.6f}") for step, loss in self.points)


class _Bookkeeping(keras.callbacks.Callback):
    """Shows progress, keeps the loss curve and saves checkpoints while a model trains."""

    def __init__(self, checkpoint, curve, progress, writer, every_seconds):
        super().__init__()
        self._checkpoint = checkpoint
        self._curve = curve
        self._progress = progress
        self._writer = writer
        self._every_seconds = every_seconds
        self._saved = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        # Keras hands out the mean since the metrics were last reset.
        loss = float(logs["loss"])
        self.model.reset_metrics()
        step = int(self.model.optimizer.iterations.numpy())
        point = self._curve.add(step, loss)
        if point is not None:
            with self._writer.as_default():
                tf.summary.scalar("loss", point, step)
            self._progress.set_postfix_str(f"loss {point:.4f}", refresh=False)
        self._progress.update(1)
        if time.monotonic() - self._saved >= self._every_seconds:
            self.save()

    def save(self):
        self._curve.save()
        self._checkpoint.save()
        self._saved = time.monotonic()


def train(
    model: keras.Model,
    records: Records,
    plan: TrainingPlan,
    directory: pathlib.Path,
    progress: Any,
    after_epoch: Callable[[int], bool] | None = None,
    checkpoint_seconds: float = 60.0,
) -> None:
    """Trains a model, going on where an earlier call with the same arguments was stopped.

    The same arguments give the same weights, stopped in between or not.

    Args:
        model: a model; compiled here.
        records: the data set.
        plan: how to train.
        directory: where checkpoint and loss curve are kept.
        progress: a ``tqdm`` bar, advanced by one a step.
        after_epoch: called with the number of each finished epoch, from 0, says whether to go on;
            perhaps called once more for the last epoch before a stop.
        checkpoint_seconds: time between checkpoints.
    """
    plan.compile(model, records)
    directory.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(model, directory / "checkpoint")
    curve = LossCurve(directory / "loss.csv", plan.steps(records))
    if checkpoint.restore():
        curve.resume(int(model.optimizer.iterations.numpy()))
    steps_per_epoch = plan.steps_per_epoch(records)
    done = int(model.optimizer.iterations.numpy())
    progress.update(done)
    go_on = True
    if done and done % steps_per_epoch == 0 and after_epoch is not None:
        go_on = after_epoch(done // steps_per_epoch - 1)
    writer = tf.summary.create_file_writer(str(directory / "tensorboard"))
    bookkeeping = _Bookkeeping(checkpoint, curve, progress, writer, checkpoint_seconds)
    for epoch in range(done // steps_per_epoch, plan.epochs):
        if not go_on:
            break
        start = done - epoch * steps_per_epoch if done > epoch * steps_per_epoch else 0
        batches = records.training_batches(
            plan.batch_size, epoch, plan.seed, start, split=plan.split
        )
        model.fit(
            batches,
            steps_per_epoch=steps_per_epoch - start,
            callbacks=[bookkeeping],
            shuffle=False,
            verbose=0,
        )
        bookkeeping.save()
        if after_epoch is not None:
            go_on = after_epoch(epoch)
    writer.close()
