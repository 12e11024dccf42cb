"""Supernet training on several devices or hosts, under ``tf.distribute``.

All replicas of a step train the same path, each on its part of the batch, and apply the same
update: that of the joint batch. Every host reads every batch, which is far cheaper than a step, and
takes its part; so nothing about the order of the rows depends on the number of replicas.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.training.cluster import is_chief, this_host
from nasrec_tf.training.replicas import local_copy

MIRRORED, MULTI_WORKER = "mirrored", "multi-worker"
"""All devices of this host; all hosts that ``TF_CONFIG`` names, started alike."""

LOST_HOST = "Collective ops is aborted"
"""What TensorFlow says on a host whose partner is gone."""

TOO_LATE = "must be configured at program startup"
"""What TensorFlow says to a process that has computed something before hosts are to meet."""


def strategy_of(kind: str) -> tf.distribute.Strategy:
    """The strategy of a kind of distribution; to be made before anything else of TensorFlow runs.

    Args:
        kind: ``MIRRORED`` or ``MULTI_WORKER``.

    Raises:
        UserError: for several hosts, if ``TF_CONFIG`` does not name them and this one, or this
            process has computed something already.
    """
    if kind == MIRRORED:
        # Unless they are named, TensorFlow takes those of all hosts in TF_CONFIG.
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    this_host()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        if TOO_LATE not in str(error):
            raise
        raise UserError(
            "--distribute multi-worker: hosts have to meet before a process computes anything, and "
            "this one has made earlier stages; they are finished: repeat the command with --stage "
            "supernet on all hosts."
        ) from error


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
        model: the supernet, whose variables are mirrored.
        writes: whether this process keeps checkpoint and loss curve; of several hosts the chief
            does.

    Raises:
        UserError: if the supernet's space has bit widths, or its optimizer a row decay.
    """

    def __init__(self, strategy: tf.distribute.Strategy, build: Callable[[], Supernet]):
        self.strategy = strategy
        several_hosts = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self.writes = not several_hosts or is_chief()
        with strategy.scope():
            self.model = build()
            self.model.optimizer.build(self.model.trainable_variables)
        if self.model.quantizers:
            raise UserError("A quantized supernet trains on one device; leave out its bits.")
        if self.model.optimizer.row_decay:
            raise UserError("Rows of tables decay on one device alone; leave out the row decay.")
        # A generator of the strategy's scope would draw another path on every replica.
        state = local_copy(self.model.generator.state).numpy()
        self.model.generator = tf.random.Generator.from_state(tf.constant(state), alg="philox")
        self._step = tf.function(self._run_step, autograph=False, reduce_retracing=True)

    @property
    def variables(self) -> Sequence[Any]:
        """None: all is the model's."""
        return ()

    def steps(self, batches: Any, count: int) -> np.ndarray:
        """Trains on the next joint batches; the mean loss of each before its update, (count,).

        Args:
            batches: an iterator over a ``tf.data.Dataset``, which all hosts have alike.
            count: how many.

        Raises:
            StopIteration: if there are not as many.
            UserError: as for ``step``.
        """
        return np.array([self.step(*next(batches)).numpy() for _ in range(count)], np.float32)

    def step(self, inputs: dict[str, Any], labels: Any, sample_weight: Any = None) -> tf.Tensor:
        """Trains a drawn path on a joint batch, which all hosts give alike; the mean loss before.

        Args:
            inputs: as for the supernet; the rows must divide by the number of replicas.
            labels: (batch, 1).
            sample_weight: of the batch's rows, (batch,), if any.

        Raises:
            UserError: if they do not, or another host has gone.
        """
        replicas = self.strategy.num_replicas_in_sync
        if labels.shape[0] % replicas:
            raise UserError(
                f"A batch of {labels.shape[0]} rows does not divide among {replicas} replicas; "
                f"use a batch size that is a multiple of {replicas}."
            )
        try:
            return self._step(inputs, labels, sample_weight)
        except tf.errors.OpError as error:
            if LOST_HOST not in str(error):
                raise
            raise UserError(
                "Another host of this training has ended or cannot be reached; repeat the command "
                "on all hosts to go on from the last checkpoint."
            ) from error

    def _run_step(self, inputs, labels, sample_weight):
        model = self.model
        path = model.sampler(model.generator, model.optimizer.iterations.value)
        losses = self.strategy.run(self._replica_step, args=(path, inputs, labels, sample_weight))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _replica_step(self, path, inputs, labels, sample_weight):
        context = tf.distribute.get_replica_context()
        rows = tf.shape(labels)[0] // context.num_replicas_in_sync
        first = tf.cast(context.replica_id_in_sync_group, tf.int32) * rows
        part = {name: value[first : first + rows] for name, value in inputs.items()}
        combine = _Combination(context)
        labels, sample_weight = (
            value if value is None else value[first : first + rows]
            for value in (labels, sample_weight)
        )
        _, loss = self.model.train_on_path(path, part, labels, sample_weight, combine=combine)
        return loss


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
