"""What optimizers of networks with embedding tables have in common: a step touches its rows."""

import math
import numbers
from typing import Any

import keras
import tensorflow as tf

from nasrec_tf.optimizers.row_decay import RowDecay
from nasrec_tf.optimizers.row_gradients import clip_by_global_norm, sum_duplicate_rows

NOT_DONE = {
    "clipnorm": "gradients are clipped by their global norm, which is clip_norm",
    "clipvalue": "gradients are clipped by their global norm, which is clip_norm",
    "global_clipnorm": "gradients are clipped by their global norm, which is clip_norm",
    "use_ema": "averages would touch every row of every table at every step",
    "ema_overwrite_frequency": "averages would touch every row of every table at every step",
    "loss_scale_factor": "training is in float32, which needs no scaling of the loss",
    "gradient_accumulation_steps": "sums would touch every row of every table at every step; use a "
    "larger batch",
}
"""Arguments of Keras's optimizers that these do not do, and why."""


class RowSparseOptimizer(keras.optimizers.Optimizer):
    """A Keras optimizer whose step costs the same however large an embedding table is.

    A subclass states its state (``add_slots``), the update of one variable (``update_variable``)
    and, if it has a rule of its own, the decay of a table's rows (``row_decay_of``). Gradients are
    clipped by the global norm *after* rows that a batch names more than once are summed. Variables
    with the attribute ``is_embedding_table`` are tables; kernels are all others with two or more
    axes, so neither biases nor scales of norms.

    Args:
        learning_rate: a number or a schedule.
        clip_norm: largest global norm of the gradients; ``None`` for no clipping.
        row_decay: decay of every row of an embedding table at every step; 0 for none. A model that
            trains with it calls ``catch_up`` before it reads rows.
        weight_decay: every kernel that is updated becomes (1 - learning rate * weight_decay) of
            itself before its update (decoupled, as in AdamW); 0 or ``None`` for none.
        table_rate_scale: the tables' learning rate, and with it their decay, is this many times
            the kernels'.
        name: of the optimizer.
        table_l2: every gradient of a table, and of a variable with the attribute
            ``is_table_of_dense_fields``, has table_l2 times the variable added to it before
            clipping: the L2 term table_l2 / 2 * sum of squares over whole tables of FuxiCTR's
            ``embedding_regularizer``. Each step then takes a pass over all tables; 0 for none.
        **kwargs: Keras's other arguments, none of which is done (see ``NOT_DONE``): they are taken
            at their defaults, so that a configuration reads back.

    Raises:
        ValueError: if an argument is out of range, or one that is not done is given.
    """

    def __init__(
        self,
        learning_rate: Any,
        clip_norm: float | None,
        row_decay: float,
        weight_decay: float | None,
        table_rate_scale: float,
        name: str,
        table_l2: float = 0.0,
        **kwargs: Any,
    ):
        if is_number(learning_rate):
            require_number("learning_rate", learning_rate)
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        if clip_norm is not None and (not is_number(clip_norm) or not 0 < clip_norm < math.inf):
            raise ValueError(
                f"`clip_norm` must be a finite number above 0, or None. Received: {clip_norm}"
            )
        self.clip_norm = clip_norm
        self.row_decay = require_number("row_decay", row_decay)
        weight_decay = 0.0 if weight_decay is None else weight_decay
        self.weight_decay = require_number("weight_decay", weight_decay) or None
        self.table_rate_scale = require_number("table_rate_scale", table_rate_scale)
        self.table_l2 = require_number("table_l2", table_l2)
        if self.table_l2 and self.row_decay:
            raise ValueError(
                "`table_l2` goes over whole tables and `row_decay` over the rows of a batch: give "
                f"one of them. Received: {table_l2} and {row_decay}"
            )
        self._row_decays: dict[str, RowDecay] = {}
        self._refuse_what_is_not_done()

    # What a subclass states.

    def add_slots(self, variables: list[Any]) -> None:
        """Makes what is kept for each variable, by ``add_optimizer_variables`` or the like.

        Args:
            variables: what is going to be trained.
        """
        raise NotImplementedError

    def update_variable(self, gradient: Any, variable: Any, rate: Any) -> None:
        """Updates one variable by its gradient, which is clipped.

        Args:
            gradient: a tensor, or ``tf.IndexedSlices`` that names each row once.
            variable: what is updated.
            rate: the learning rate of this variable at this step, a float32 scalar.
        """
        raise NotImplementedError

    def row_decay_of(self, table: Any) -> RowDecay:
        """The rule by which a table's rows decay: unless overridden, w *= exp(-rate * decay).

        Args:
            table: one of the variables.
        """
        return RowDecay(self, table, self.row_decay)

    # What follows from it.

    def build(self, variables: list[Any]) -> None:
        """Makes what is kept for each variable.

        Args:
            variables: what is going to be trained.
        """
        if self.built:
            return
        super().build(variables)
        self.add_slots(variables)
        if self.row_decay:
            for variable in variables:
                if is_table(variable):
                    self._row_decays[variable.path] = self.row_decay_of(variable)
        for variable in getattr(self._learning_rate, "variables", ()):
            self._track_variable(variable)

    @property
    def schedule(self) -> Any:
        """The learning rate as it was given: a schedule, or a variable that holds a number."""
        return self._learning_rate

    def catch_up(self, table: Any, rows: Any) -> None:
        """Decays the rows of a table that a step is about to read; nothing without row decay.

        Args:
            table: the embedding table, one of the variables.
            rows: of the table, each named once or more: (count,), integers.
        """
        if self.row_decay:
            self._row_decays[table.path].catch_up(rows)

    def settle(self) -> None:
        """Decays all rows of all tables that are behind; nothing without row decay.

        To be called before tables are read otherwise than by training; Keras's ``fit`` does it at
        its end.
        """
        for row_decay in self._row_decays.values():
            row_decay.settle()

    def finalize_variable_values(self, var_list: Any) -> None:
        """Settles; Keras's ``fit`` calls it at its end."""
        self.settle()

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Updates the variables; a sparse gradient may name a row more than once.

        Args:
            grads: a gradient for each variable: a tensor of its shape, or ``tf.IndexedSlices``.
            trainable_variables: the variables; those that it was built with unless given.
        """
        self.apply_unique_rows([sum_duplicate_rows(g) for g in grads], trainable_variables)

    def apply_unique_rows(self, grads: Any, trainable_variables: Any = None) -> None:
        """Updates the variables as ``apply`` does; no sparse gradient may name a row twice.

        Args:
            grads: a gradient for each variable.
            trainable_variables: the variables; those that it was built with unless given.
        """
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one variable by its gradient.

        Args:
            gradient: a tensor, or ``tf.IndexedSlices`` that names each row once.
            variable: what is updated.
            learning_rate: of this step.
        """
        self.update_variable(
            gradient, variable, self.rate_of(variable, tf.cast(learning_rate, tf.float32))
        )

    def update_all(self, grads: Any, variables: Any, rate: Any) -> None:
        """Clips the gradients and updates the variables.

        Args:
            grads: a gradient for each variable, sparse ones with each row once.
            variables: what is updated.
            rate: the learning rate of this step.
        """
        if self.clip_norm is not None:
            grads = clip_by_global_norm(grads, self.clip_norm)
        for gradient, variable in zip(grads, variables):
            self.update_variable(gradient, variable, self.rate_of(variable, rate))

    def rate_of(self, variable: Any, rate: Any) -> Any:
        """The learning rate of a variable.

        Args:
            variable: one of the variables.
            rate: the learning rate of this step.
        """
        return rate * self.table_rate_scale if self._is_scaled(variable) else rate

    def _is_scaled(self, variable):
        # A factor of 1 would cost an operation a step.
        return self.table_rate_scale != 1.0 and is_table(variable)

    def _backend_apply_gradients(self, grads, trainable_variables):
        rate = self.step_rate()
        if self.table_l2:
            grads = [self._penalized(*each) for each in zip(grads, trainable_variables)]
        self.decay_kernels(trainable_variables, rate)
        self.update_all(grads, trainable_variables, rate)
        self.after_step(rate)

    def step_rate(self) -> Any:
        """The learning rate of the step that is about to be made, a float32 scalar."""
        # Attributes may have been set since.
        self._refuse_what_is_not_done()
        return tf.cast(self._get_current_learning_rate(), tf.float32)

    def decay_kernels(self, variables: Any, rate: Any) -> None:
        """Decays those of the variables that are kernels; nothing without weight decay.

        Args:
            variables: of which some are kernels.
            rate: the learning rate of this step.
        """
        if not self.weight_decay:
            return
        for variable in variables:
            if len(variable.shape) > 1 and not is_table(variable):
                value = getattr(variable, "value", variable)
                value.assign_sub(rate * self.weight_decay * value)

    def after_step(self, rate: Any) -> None:
        """Tells the decay of rows what it has missed.

        Args:
            rate: the learning rate of the step that was made.
        """
        for row_decay in self._row_decays.values():
            row_decay.after_step(self.rate_of(row_decay.table, rate))

    def _penalized(self, gradient, variable):
        """The gradient of a table with that of its L2 term, which names every row."""
        if not (is_table(variable) or getattr(variable, "is_table_of_dense_fields", False)):
            return gradient
        whole = self.table_l2 * tf.convert_to_tensor(getattr(variable, "value", variable))
        if isinstance(gradient, tf.IndexedSlices):
            return tf.tensor_scatter_nd_add(whole, gradient.indices[:, None], gradient.values)
        return whole + gradient

    def _refuse_what_is_not_done(self):
        for name, why in NOT_DONE.items():
            value = getattr(self, name)
            if value is not None and value is not False:
                kind = type(self).__name__
                raise ValueError(f"{kind} does no `{name}`: {why}. Received: {value}")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this optimizer again, without its state."""
        return super().get_config() | {
            "clip_norm": self.clip_norm,
            "row_decay": self.row_decay,
            "table_rate_scale": self.table_rate_scale,
            "table_l2": self.table_l2,
        }


def is_table(variable: Any) -> bool:
    """Whether a variable is an embedding table.

    Args:
        variable: of Keras.
    """
    return getattr(variable, "is_embedding_table", False)


def handle(variable: Any) -> Any:
    """The resource that TensorFlow's operations on variables take.

    Args:
        variable: of Keras or of TensorFlow.
    """
    return getattr(variable, "value", variable).handle


def is_number(value: Any) -> bool:
    """Whether a value is a real number, which a truth value is not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def require_number(name: str, value: Any) -> Any:
    """An optimizer's argument, if it is a finite number from 0.

    Args:
        name: of the argument.
        value: what was given.

    Raises:
        ValueError: if it is not.
    """
    if not is_number(value) or not 0 <= value < math.inf:
        raise ValueError(f"`{name}` must be a finite number from 0. Received: {value!r}")
    return value
