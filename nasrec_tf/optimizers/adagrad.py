"""Adagrad as the paper's models are trained with (paper 5.1)."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from nasrec_tf import native
from nasrec_tf.native.active_weight import ActiveWeight
from nasrec_tf.optimizers.row_decay import RowDecay
from nasrec_tf.optimizers.row_gradients import sum_duplicate_rows, values_of
from nasrec_tf.optimizers.row_sparse import RowSparseOptimizer, handle, require_number


@keras.saving.register_keras_serializable("nasrec_tf")
class Adagrad(RowSparseOptimizer):
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
        weight_decay: decay of the kernels outside the accumulator, in proportion to the learning
            rate (see ``RowSparseOptimizer``); none unless given, as in the paper.
        table_rate_scale: the tables' learning rate is this many times the kernels'.
        name: of the optimizer.
        **kwargs: ``table_l2`` (see ``RowSparseOptimizer``), and Keras's other arguments, none of
            which is done (see ``NOT_DONE``): they are taken at their defaults, so that a
            configuration reads back.

    Raises:
        ValueError: if an argument is out of range, or one that is not done is given.

    Example:
        >>> weight = keras.Variable([1.0, 1.0])
        >>> Adagrad(0.1, epsilon=0.5, clip_norm=None).apply([tf.constant([1.5, 0.0])], [weight])
        >>> weight.numpy()  # 1 - 0.1 * 1.5 / (1.5 + 0.5)
        array([0.925, 1.   ], dtype=float32)
        >>> Adagrad(0.1, use_ema=True)
        Traceback (most recent call last):
        ValueError: Adagrad does no `use_ema`: averages would touch every row of every table at \
every step. Received: True
    """

    def __init__(
        self,
        learning_rate: Any = 0.12,
        epsilon: float = 1e-2,
        clip_norm: float | None = 5.0,
        row_decay: float = 0.0,
        weight_decay: float | None = None,
        table_rate_scale: float = 1.0,
        name: str = "adagrad",
        **kwargs: Any,
    ):
        super().__init__(
            learning_rate, clip_norm, row_decay, weight_decay, table_rate_scale, name, **kwargs
        )
        self.epsilon = require_number("epsilon", epsilon)

    def add_slots(self, variables: list[Any]) -> None:
        """Makes an accumulator of zeros for each variable."""
        self._accumulators = self.add_optimizer_variables(variables, "accumulator")

    def row_decay_of(self, table: Any) -> RowDecay:
        """Rows that gradients reach often are held by their accumulators."""
        return RowDecay(self, table, self.row_decay, self._accumulator(table), self.epsilon)

    def apply_to_slices(self, slices: Sequence[ActiveWeight], gradients: Sequence[Any]) -> None:
        """Updates the active slices of shared weights.

        Args:
            slices: the slices, of variables that the optimizer was built with.
            gradients: those of the slices' values, of their shapes.

        Raises:
            ValueError: with a weight decay, which is of whole kernels.
        """
        self.check_shared_weights()
        unique = [_with_unique_rows(*pair) for pair in zip(slices, gradients)]
        library = native.kernels(gradients[0].dtype)
        if library is not None:
            rate = self.step_rate()
            self._update_by_kernels(library, unique, rate)
            self.after_step(rate)
            self.iterations.assign_add(1)
            return
        sparse = [
            values if part.rows is None else tf.IndexedSlices(values, part.rows)
            for part, values in unique
        ]
        self.apply_unique_rows(sparse, [part.variables[0] for part, _ in unique])

    def check_shared_weights(self) -> None:
        """Checks that a step leaves alone what has no gradient.

        Raises:
            ValueError: with a weight decay, which is of whole kernels.
        """
        if self.weight_decay:
            raise ValueError(
                "`weight_decay` is done in stand-alone networks alone: of shared weights it would "
                f"change what a path leaves out. Received: {self.weight_decay}"
            )

    def update_all(self, grads: Any, variables: Any, rate: Any) -> None:
        """Clips and updates by our own kernels where they can."""
        library = native.kernels()
        if library is None or not all(map(_is_matrix_or_vector, variables)):
            super().update_all(grads, variables, rate)
            return
        parts = [
            (
                ActiveWeight((variable,), getattr(gradient, "indices", None), None),
                values_of(gradient),
            )
            for gradient, variable in zip(grads, variables)
        ]
        self._update_by_kernels(library, parts, rate)

    def _update_by_kernels(self, library, slices_and_gradients, rate):
        norm = library.nasrec_global_norm([gradient for _, gradient in slices_and_gradients])
        scale = 1.0 if self.clip_norm is None else self.clip_norm / tf.maximum(norm, self.clip_norm)
        epsilon = tf.constant(self.epsilon, tf.float32)
        for part, gradient in slices_and_gradients:
            library.nasrec_adagrad_slice(
                variables=[handle(variable) for variable in part.variables],
                accumulators=[handle(self._accumulator(each)) for each in part.variables],
                rows=part.variables[0].shape[0] if part.rows is None else part.rows,
                gradient=gradient,
                rate=self.rate_of(part.variables[0], rate),
                epsilon=epsilon,
                scale=scale,
            )

    def update_variable(self, gradient: Any, variable: Any, rate: Any) -> None:
        """Updates one variable by TensorFlow's own operations."""
        arguments = {
            "var": handle(variable),
            "accum": handle(self._accumulator(variable)),
            "lr": rate,
            "epsilon": tf.constant(self.epsilon, tf.float32),
        }
        if isinstance(gradient, tf.IndexedSlices):
            tf.raw_ops.ResourceSparseApplyAdagradV2(
                grad=gradient.values, indices=gradient.indices, **arguments
            )
        else:
            tf.raw_ops.ResourceApplyAdagradV2(grad=gradient, **arguments)

    def _accumulator(self, variable):
        return self._accumulators[self._get_variable_index(variable)]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this optimizer again, without its state."""
        return super().get_config() | {"epsilon": self.epsilon}


def _with_unique_rows(part, gradient):
    """The slice and its gradient with each row once."""
    if not part.rows_repeat:
        return part, gradient
    summed = sum_duplicate_rows(tf.IndexedSlices(gradient, part.rows))
    return part._replace(rows=summed.indices, rows_repeat=False), summed.values


def _is_matrix_or_vector(variable):
    return len(variable.shape) in (1, 2) and variable.dtype == "float32"
