"""What makes the steps of a training; that of several devices is in ``distribution``."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.training.compiled_step import CompiledStep, can_be_compiled
from nasrec_tf.training.devices import has_gpu


class Trainer(Protocol):
    """Makes the steps of a training.

    Attributes:
        model: the compiled model.
        writes: whether this process keeps checkpoint and loss curve: one of several hosts does.
        variables: state of the training that is not the model's, for checkpoints.
    """

    model: keras.Model
    writes: bool

    @property
    def variables(self) -> Sequence[Any]: ...

    def steps(self, batches: Any, count: int) -> np.ndarray:
        """Trains on the next batches; the mean loss of each before its update, (count,).

        Args:
            batches: an iterator over a ``tf.data.Dataset`` of inputs, ``"dense"`` (batch, dense
                columns) and ``"sparse"`` (batch, fields), and labels (batch, 1).
            count: how many.

        Raises:
            StopIteration, tf.errors.OutOfRangeError: if there are not as many.
        """


class OneDevice:
    """Steps of a model on one device, by its own ``train_step``, several in a call of one graph.

    Args:
        model: the compiled model.
        train_step: a step in place of its own: of a batch, gives at least ``"loss"``.
    """

    writes = True

    def __init__(
        self, model: keras.Model, train_step: Callable[[Any], dict[str, Any]] | None = None
    ):
        self.model = model
        self._train_step = model.train_step if train_step is None else train_step
        self._steps = tf.function(self._run_steps, autograph=False, reduce_retracing=True)

    def steps(self, batches: Any, count: int) -> np.ndarray:
        """Trains on the next batches; the mean loss of each before its update, (count,).

        Args:
            batches: an iterator over a ``tf.data.Dataset``.
            count: how many.

        Raises:
            tf.errors.OutOfRangeError: if there are not as many.
        """
        return self._steps(batches, tf.constant(count)).numpy()

    @property
    def variables(self) -> Sequence[Any]:
        """None: all is the model's."""
        return ()

    def _run_steps(self, batches, count):
        def step(index, losses):
            # Keras hands out the mean since the metrics were last reset.
            self.model.reset_metrics()
            loss = self._train_step(batches.get_next())["loss"]
            return index + 1, losses.write(index, loss)

        start = (tf.constant(0), tf.TensorArray(tf.float32, count, element_shape=[]))
        # Each step reads what the one before has written.
        _, losses = tf.while_loop(
            lambda index, _: index < count, step, start, parallel_iterations=1
        )
        return losses.stack()


def one_device(model: keras.Model) -> OneDevice:
    """The steps of a compiled model on one device, by XLA beside a GPU where it can be.

    Args:
        model: the compiled model.
    """
    return OneDevice(model, CompiledStep(model) if has_gpu() and can_be_compiled(model) else None)
