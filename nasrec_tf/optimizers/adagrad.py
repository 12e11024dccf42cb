"""Adagrad as the paper's models are trained with, and its learning-rate schedule (paper 5.1)."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from nasrec_tf import native
from nasrec_tf.native.active_weight import ActiveWeight
from nasrec_tf.optimizers.row_decay import RowDecay

STARTING_RATE = 1e-8
"""Learning rate of the first and of the last step (the authors' code)."""

NOT_DONE = {
    "weight_decay": "it would touch every row of every table at every step",
    "clipnorm": "gradients are clipped by their global norm, which is clip_norm",
    "clipvalue": "gradients are clipped by their global norm, which is clip_norm",
    "global_clipnorm": "gradients are clipped by their global norm, which is clip_norm",
    "use_ema": "averages would touch every row of every table at every step",
    "ema_overwrite_frequency": "averages would touch every row of every table at every step",
    "loss_scale_factor": "training is in float32, which needs no scaling of the loss",
    "gradient_accumulation_steps": "sums would touch every row of every table at every step; use a "
    "larger batch",
}
"""Arguments of Keras's optimizers that this one does not do, and why."""


@keras.saving.register_keras_serializable("nasrec_tf")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then half a cosine down to nearly nothing at the last step.

    Args:
        peak: the highest learning rate.
        steps: number of training steps.
        warmup_steps: steps of the warm-up; a tenth of all unless given.

    Raises:
        ValueError: if the peak is negative or not finite, or the steps are out of range.

    Example:
        >>> rate = WarmupCosine(peak=0.12, steps=1000)
        >>> [round(float(rate(step)), 4) for step in (0, 50, 100, 550, 999)]
        [0.0, 0.06, 0.12, 0.0599, 0.0]
    """

    def __init__(self, peak: float, steps: int, warmup_steps: int | None = None):
        if steps < 1:
            raise ValueError(f"`steps` must be at least 1. Received: {steps}")
        if not 0 <= peak < math.inf:
            raise ValueError(f"`peak` must be a finite number from 0. Received: {peak}")
        self.peak = float(peak)
        self.steps = int(steps)
        self.warmup_steps = self.steps // 10 if warmup_steps is None else int(warmup_steps)
        if not 0 <= self.warmup_steps <= self.steps:
            raise ValueError(
                f"`warmup_steps` must lie in 0 to {self.steps}. Received: {self.warmup_steps}"
            )

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        rising = step / max(self.warmup_steps, 1)
        done = (step - self.warmup_steps) / max(self.steps - 1 - self.warmup_steps, 1)
        falling = 0.5 * (1.0 + tf.cos(3.14159265 * tf.clip_by_value(done, 0.0, 1.0)))
        share = tf.where(step < self.warmup_steps, rising, falling)
        return STARTING_RATE + (self.peak - STARTING_RATE) * share

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable("nasrec_tf")
class Adagrad(keras.optimizers.Optimizer):
    """w -= lr * g / (sqrt(accumulated g^2) + epsilon), row by row where the gradient is sparse.

    It differs from Keras's own Adagrad in three ways, all as in the paper's training recipe:
    epsilon stands outside the square root, the accumulator starts at 0, and gradients are clipped
    by the global norm *after* rows that a batch names more than once are summed. An update of a
    row-sparse gradient touches those rows only, so that a step costs the same however large an
    embedding table is; rows without a gradient are unchanged by the dense update as well.

    Args:
        learning_rate: a number or a schedule.
        epsilon: added to the root of the accumulator.
        clip_norm: largest global norm of the gradients; ``None`` for no clipping.
        row_decay: decay of every row of an embedding table at every step, outside the
            accumulator (see ``RowDecay``); 0 for none, as in the paper. A model that trains with
            it calls ``catch_up`` before it reads rows.
        name: of the optimizer.
        **kwargs: Keras's other arguments, none of which is done (see ``NOT_DONE``): they are taken
            at their defaults, so that a configuration reads back.

    Raises:
        ValueError: if an argument is out of range, or one that is not done is given.

    Example:
        >>> weight = keras.Variable([1.0, 1.0])
        >>> Adagrad(0.1, epsilon=0.5, clip_norm=None).apply([tf.constant([1.5, 0.0])], [weight])
        >>> weight.numpy()  # 1 - 0.1 * 1.5 / (1.5 + 0.5)
        array([0.925, 1.   ], dtype=float32)
        >>> Adagrad(0.1, weight_decay=1e-4)
        Traceback (most recent call last):
        ValueError: Adagrad does no `weight_decay`: it would touch every row of every table at \
every step. Received: 0.0001
    """

    def __init__(
        self,
        learning_rate=0.12,
        epsilon=1e-2,
        clip_norm=5.0,
        row_decay=0.0,
        name="adagrad",
        **kwargs,
    ):
        if _is_number(learning_rate) and not 0 <= learning_rate < math.inf:
            raise ValueError(
                f"`learning_rate` must be a finite number from 0. Received: {learning_rate}"
            )
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        if not _is_number(epsilon) or not 0 <= epsilon < math.inf:
            raise ValueError(f"`epsilon` must be a finite number from 0. Received: {epsilon}")
        if clip_norm is not None and (not _is_number(clip_norm) or not 0 < clip_norm < math.inf):
            raise ValueError(
                f"`clip_norm` must be a finite number above 0, or None. Received: {clip_norm}"
            )
        if not (isinstance(row_decay, (int, float)) and 0.0 <= row_decay < float("inf")):
            raise ValueError(
                f"`row_decay` must be a finite number of at least 0. Received: {row_decay!r}"
            )
        self.epsilon = epsilon
        self.clip_norm = clip_norm
        self.row_decay = row_decay
        self._row_decays: dict[str, RowDecay] = {}
        self._refuse_what_is_not_done()

    def build(self, variables):
        """Makes an accumulator of zeros for each variable.

        Args:
            variables: what is going to be trained.
        """
        if self.built:
            return
        super().build(variables)
        self._accumulators = self.add_optimizer_variables(variables, "accumulator")
        if self.row_decay:
            for variable in variables:
                if getattr(variable, "is_embedding_table", False):
                    self._row_decays[variable.path] = RowDecay(
                        self, variable, self._accumulator(variable), self.row_decay, self.epsilon
                    )

    def catch_up(self, table, rows):
        """Decays the rows of a table that a step is about to read; nothing without row decay.

        Args:
            table: the embedding table, one of the variables.
            rows: of the table, each named once or more: (count,), integers.
        """
        if self.row_decay:
            self._row_decays[table.path].catch_up(rows)

    def settle(self):
        """Decays all rows of all tables that are behind; nothing without row decay.

        To be called before tables are read otherwise than by training; Keras's ``fit`` does it at
        its end.
        """
        for row_decay in self._row_decays.values():
            row_decay.settle()

    def finalize_variable_values(self, var_list):
        self.settle()

    def _after_step(self, rate):
        for row_decay in self._row_decays.values():
            row_decay.after_step(rate)

    def apply(self, grads, trainable_variables=None):
        """Updates the variables; a sparse gradient may name a row more than once.

        Args:
            grads: a gradient for each variable: a tensor of its shape, or ``tf.IndexedSlices``.
            trainable_variables: the variables; those that it was built with unless given.
        """
        self.apply_unique_rows([sum_duplicate_rows(g) for g in grads], trainable_variables)

    def apply_unique_rows(self, grads, trainable_variables=None):
        """Updates the variables as ``apply`` does; no sparse gradient may name a row twice.

        Args:
            grads: a gradient for each variable.
            trainable_variables: the variables; those that it was built with unless given.
        """
        super().apply(grads, trainable_variables)

    def apply_to_slices(self, slices: Sequence[ActiveWeight], gradients: Sequence[Any]):
        """Updates the active slices of shared weights.

        Args:
            slices: the slices, of variables that the optimizer was built with.
            gradients: those of the slices' values, of their shapes.
        """
        unique = [_with_unique_rows(*pair) for pair in zip(slices, gradients)]
        library = native.kernels(gradients[0].dtype)
        if library is not None:
            self._update_by_kernels(library, *zip(*unique))
            self.iterations.assign_add(1)
            return
        sparse = [
            values if part.rows is None else tf.IndexedSlices(values, part.rows)
            for part, values in unique
        ]
        self.apply_unique_rows(sparse, [part.variables[0] for part, _ in unique])

    def _update_by_kernels(self, library, slices, gradients):
        norm = library.nasrec_global_norm(gradients)
        scale = 1.0 if self.clip_norm is None else self.clip_norm / tf.maximum(norm, self.clip_norm)
        rate, epsilon = self._rate_and_epsilon()
        for part, gradient in zip(slices, gradients):
            library.nasrec_adagrad_slice(
                variables=[_handle(variable) for variable in part.variables],
                accumulators=[_handle(self._accumulator(each)) for each in part.variables],
                rows=part.variables[0].shape[0] if part.rows is None else part.rows,
                gradient=gradient,
                rate=rate,
                epsilon=epsilon,
                scale=scale,
            )
        self._after_step(rate)

    def _backend_apply_gradients(self, grads, trainable_variables):
        library = native.kernels()
        if library is not None and all(map(_is_matrix_or_vector, trainable_variables)):
            parts = [
                ActiveWeight((variable,), getattr(gradient, "indices", None), None)
                for gradient, variable in zip(grads, trainable_variables)
            ]
            self._update_by_kernels(library, parts, [_values(gradient) for gradient in grads])
            return
        if self.clip_norm is not None:
            grads = clip_by_global_norm(grads, self.clip_norm)
        rate, epsilon = self._rate_and_epsilon()
        for gradient, variable in zip(grads, trainable_variables):
            self._update(gradient, variable, rate, epsilon)
        self._after_step(rate)

    def _rate_and_epsilon(self):
        # Attributes may have been set since.
        self._refuse_what_is_not_done()
        rate = tf.cast(self._get_current_learning_rate(), tf.float32)
        return rate, tf.constant(self.epsilon, tf.float32)

    def _refuse_what_is_not_done(self):
        for name, why in NOT_DONE.items():
            value = getattr(self, name)
            if value is not None and value is not False:
                raise ValueError(f"Adagrad does no `{name}`: {why}. Received: {value}")

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable by its gradient.

        Args:
            gradient: a tensor, or ``tf.IndexedSlices`` that names each row once.
            variable: what is updated.
            learning_rate: of this step.
        """
        rate, epsilon = tf.cast(learning_rate, tf.float32), tf.constant(self.epsilon, tf.float32)
        self._update(gradient, variable, rate, epsilon)

    def _accumulator(self, variable):
        return self._accumulators[self._get_variable_index(variable)]

    def _update(self, gradient, variable, rate, epsilon):
        arguments = {
            "var": _handle(variable),
            "accum": _handle(self._accumulator(variable)),
            "lr": rate,
            "epsilon": epsilon,
        }
        if isinstance(gradient, tf.IndexedSlices):
            tf.raw_ops.ResourceSparseApplyAdagradV2(
                grad=gradient.values, indices=gradient.indices, **arguments
            )
        else:
            tf.raw_ops.ResourceApplyAdagradV2(grad=gradient, **arguments)

    def get_config(self):
        config = super().get_config()
        return config | {
            "epsilon": self.epsilon,
            "clip_norm": self.clip_norm,
            "row_decay": self.row_decay,
        }


def _with_unique_rows(part, gradient):
    """The slice and its gradient with each row once."""
    if not part.rows_repeat:
        return part, gradient
    summed = sum_duplicate_rows(tf.IndexedSlices(gradient, part.rows))
    return part._replace(rows=summed.indices, rows_repeat=False), summed.values


def _is_matrix_or_vector(variable):
    return len(variable.shape) in (1, 2) and variable.dtype == "float32"


def _handle(variable):
    return getattr(variable, "value", variable).handle


def sum_duplicate_rows(gradient):
    """A sparse gradient in which every row stands once; a dense one as it is.

    Args:
        gradient: a tensor, or ``tf.IndexedSlices``.

    Example:
        >>> twice = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([4, 4]))
        >>> once = sum_duplicate_rows(twice)
        >>> once.indices.numpy(), once.values.numpy()
        (array([4], dtype=int32), array([[3.]], dtype=float32))
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, positions = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, positions, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def global_norm(grads):
    """L2 norm over all gradients.

    Args:
        grads: tensors, or ``tf.IndexedSlices`` that name each row once.

    Example:
        >>> float(global_norm([tf.constant([3.0]), tf.constant([[0.0, 4.0]])]))
        5.0
    """
    return tf.sqrt(2.0 * tf.add_n([tf.nn.l2_loss(_values(gradient)) for gradient in grads]))


def clip_by_global_norm(grads, clip_norm):
    """Gradients scaled down together so that their global norm is at most ``clip_norm``.

    Args:
        grads: tensors, or ``tf.IndexedSlices`` that name each row once.
        clip_norm: the largest norm, above 0.

    Example:
        >>> [gradient.numpy() for gradient in clip_by_global_norm([tf.constant([3.0, 4.0])], 1.0)]
        [array([0.6, 0.8], dtype=float32)]
    """
    scale = clip_norm / tf.maximum(global_norm(grads), clip_norm)
    clipped = []
    for gradient in grads:
        values = _values(gradient) * scale
        if isinstance(gradient, tf.IndexedSlices):
            values = tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
        clipped.append(values)
    return clipped


def _values(gradient):
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
