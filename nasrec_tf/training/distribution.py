"""Supernet training on several devices or hosts, under ``tf.distribute``.

All replicas of a step train the same path, each on its part of the batch, and apply the same
update: that of the joint batch. Every host reads every batch, which is far cheaper than a step, and
takes its part; so nothing about the order of the rows depends on the number of replicas.
"""

import pathlib
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.records import Records
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.training.cluster import is_chief
from nasrec_tf.training.loop import Checkpoint, LossCurve, TrainingPlan

MIRRORED, MULTI_WORKER = "mirrored", "multi-worker"
STRATEGIES = {
    MIRRORED: tf.distribute.MirroredStrategy,
    MULTI_WORKER: tf.distribute.MultiWorkerMirroredStrategy,
}
"""All devices of this host; all hosts that ``TF_CONFIG`` names, started alike."""


class DistributedSupernet:
    """A supernet of which every replica holds a copy.

    Quantized spaces are refused: the moving ranges of inputs would need a rule of their own for
    what replicas see.

    Args:
        strategy: the strategy; for several hosts it must be made before anything else of
            TensorFlow runs.
        build: makes the compiled supernet; called within the strategy's scope. The seed of its
            paths must be the same on every host.

    Attributes:
        supernet: the supernet, whose variables are mirrored.

    Raises:
        UserError: if the supernet's space has bit widths.
    """

    def __init__(self, strategy: tf.distribute.Strategy, build: Callable[[], Supernet]):
        self.strategy = strategy
        with strategy.scope():
            self.supernet = build()
            self.supernet.optimizer.build(self.supernet.trainable_variables)
        if self.supernet.quantizers:
            raise UserError("A quantized supernet trains on one device; leave out its bits.")
        # A generator of the strategy's scope would draw another path on every replica.
        state = _local(self.supernet.generator.state).numpy()
        self.supernet.generator = tf.random.Generator.from_state(tf.constant(state), alg="philox")
        self._step = tf.function(self._run_step, autograph=False, reduce_retracing=True)

    def step(self, inputs: dict[str, Any], labels: Any) -> tf.Tensor:
        """Trains a drawn path on a joint batch, which all hosts give alike; the mean loss before.

        Args:
            inputs: as for the supernet; the rows must divide by the number of replicas.
            labels: (batch, 1).

        Raises:
            UserError: if they do not.
        """
        replicas = self.strategy.num_replicas_in_sync
        if labels.shape[0] % replicas:
            raise UserError(
                f"A batch of {labels.shape[0]} rows does not divide among {replicas} replicas; "
                f"use a batch size that is a multiple of {replicas}."
            )
        return self._step(inputs, labels)

    def _run_step(self, inputs, labels):
        supernet = self.supernet
        path = supernet.sampler(supernet.generator, supernet.optimizer.iterations.value)
        losses = self.strategy.run(self._replica_step, args=(path, inputs, labels))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _replica_step(self, path, inputs, labels):
        context = tf.distribute.get_replica_context()
        rows = tf.shape(labels)[0] // context.num_replicas_in_sync
        first = tf.cast(context.replica_id_in_sync_group, tf.int32) * rows
        part = {name: value[first : first + rows] for name, value in inputs.items()}
        combine = _Combination(context)
        _, loss = self.supernet.train_on_path(
            path, part, labels[first : first + rows], combine=combine
        )
        return loss


def train(
    trainer: DistributedSupernet,
    records: Records,
    plan: TrainingPlan,
    directory: pathlib.Path,
    progress: Any,
    checkpoint_seconds: float = 60.0,
) -> None:
    """Trains a supernet on all replicas, going on where an earlier call was stopped.

    The chief, host 0, writes checkpoint and loss curve; all hosts have to see the directory.

    Args:
        trainer: with the supernet, compiled by ``plan``.
        records: the data set, which every host reads.
        plan: how to train; its batch size is that of the joint batch.
        directory: where checkpoint and loss curve are kept.
        progress: a ``tqdm`` bar, advanced by one a step.
        checkpoint_seconds: time between checkpoints.
    """
    directory.mkdir(parents=True, exist_ok=True)
    optimizer = trainer.supernet.optimizer
    checkpoint = Checkpoint(trainer.supernet, directory / "checkpoint")
    curve = LossCurve(directory / "loss.csv", plan.steps(records))
    if checkpoint.restore():
        curve.resume(_steps_done(optimizer))
    progress.update(_steps_done(optimizer))
    writes, saved = is_chief(), time.monotonic()
    per_epoch = plan.steps_per_epoch(records)
    while _steps_done(optimizer) < plan.steps(records):
        epoch, start = divmod(_steps_done(optimizer), per_epoch)
        for inputs, labels in records.training_batches(
            plan.batch_size, epoch, plan.seed, start, split=plan.split
        ):
            curve.add(_steps_done(optimizer) + 1, float(trainer.step(inputs, labels)))
            progress.update(1)
            if writes and time.monotonic() - saved >= checkpoint_seconds:
                curve.save()
                checkpoint.save()
                saved = time.monotonic()
    if writes:
        curve.save()
        checkpoint.save()


def _steps_done(optimizer) -> int:
    return int(_local(optimizer.iterations.value).numpy())


class _Combination:
    """Sums of the replicas' gradients, which are the gradients of the joint batch's mean loss.

    Keras divides the mean loss of each replica by the number of replicas.
    """

    def __init__(self, context):
        self._context = context

    def __call__(self, slices, gradients):
        """Kernels in one exchange, since the path makes them alike; rows of tables by gathering."""
        context = self._context
        alike = [index for index, part in enumerate(slices) if not part.rows_repeat]
        flat = [tf.reshape(gradients[index], [-1]) for index in alike]
        joint = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.concat(flat, axis=0))
        parts = tf.split(joint, tf.stack([tf.size(part) for part in flat]), num=len(flat))
        slices, gradients = list(slices), list(gradients)
        for index, part in zip(alike, parts):
            gradients[index] = tf.reshape(part, tf.shape(gradients[index]))
        for index, part in enumerate(slices):
            if part.rows_repeat:
                rows = context.all_gather(part.rows, axis=0)
                slices[index] = part._replace(rows=rows)
                gradients[index] = context.all_gather(gradients[index], axis=0)
        return slices, gradients


def _local(variable):
    """The variable itself, or one replica's copy of a mirrored one."""
    copies = getattr(variable, "values", None)
    return copies[0] if copies else variable
