"""Adam with row-sparse embedding tables, and decoupled decay of kernels (AdamW)."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.optimizers.row_sparse import (
    RowSparseOptimizer,
    handle,
    is_table,
    require_number,
)


@keras.saving.register_keras_serializable("nasrec_tf")
class Adam(RowSparseOptimizer):
    """Adam (Kingma and Ba 2015, algorithm 1) in which every row of a table has a clock of its own.

    With a gradient g, a clock t that counts from 1, and moments that start at 0:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g^2
        w -= rate * (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    For kernels, biases and norms t is the number of the step. For an embedding table t counts, row
    by row, the steps whose batch named the row: a row without a gradient keeps its weights, moments
    and clock. So each row is trained exactly as Adam would train it if the steps that do not name
    it had not been made, at the learning rates of those that do; its first update is a full one,
    however late it comes. (Adam over the whole table would move each row on for some ten steps
    after its last gradient, which costs a pass over the table at every step.) A dense gradient of
    a table names all of its rows, and a sparse one of another variable is taken as a dense one.
    With ``table_l2`` tables are trained as kernels are, by Adam over the whole table.

    Args:
        learning_rate: a number or a schedule.
        beta_1: how much of the first moment is kept, 0 to below 1.
        beta_2: how much of the second moment is kept, 0 to below 1.
        epsilon: added to the root of the second moment.
        clip_norm: largest global norm of the gradients; ``None`` for no clipping.
        row_decay: every row of every table becomes exp(-rate * row_decay) of itself after every
            step, whether it was named or not, with the tables' learning rate: AdamW's decay, in
            the form that lets an untouched row catch up by the sum of the rates that it missed.
            0 for none. A model that trains with it calls ``catch_up`` before it reads rows.
        weight_decay: AdamW's decay of kernels (see ``RowSparseOptimizer``); none unless given.
        table_rate_scale: the tables' learning rate is this many times the kernels'.
        name: of the optimizer.
        **kwargs: ``table_l2`` (see ``RowSparseOptimizer``), and Keras's other arguments, none of
            which is done (see ``NOT_DONE``): they are taken at their defaults, so that a
            configuration reads back.

    Raises:
        ValueError: if an argument is out of range, or one that is not done is given.

    Example:
        >>> weight = keras.Variable([1.0, 1.0])
        >>> Adam(0.1).apply([tf.constant([0.5, 0.0])], [weight])
        >>> weight.numpy()  # The first step is of the learning rate's size.
        array([0.9, 1. ], dtype=float32)
        >>> Adam(0.1, beta_1=1.0)
        Traceback (most recent call last):
        ValueError: `beta_1` must lie in 0 to below 1. Received: 1.0
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        clip_norm: float | None = 5.0,
        row_decay: float = 0.0,
        weight_decay: float | None = None,
        table_rate_scale: float = 1.0,
        name: str = "adam",
        **kwargs: Any,
    ):
        super().__init__(
            learning_rate, clip_norm, row_decay, weight_decay, table_rate_scale, name, **kwargs
        )
        for key, value in {"beta_1": beta_1, "beta_2": beta_2}.items():
            if require_number(key, value) >= 1:
                raise ValueError(f"`{key}` must lie in 0 to below 1. Received: {value}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = require_number("epsilon", epsilon)
        self._clocks: dict[str, keras.Variable] = {}

    def add_slots(self, variables: list[Any]) -> None:
        """Makes moments of zeros for each variable, and clocks for the rows of tables."""
        names = ["first_moment", "second_moment"]
        self._first, self._second = self.add_optimizer_variables(variables, names)
        if self.table_l2:
            return  # Every step names all rows.
        for table in filter(is_table, variables):
            # A float counts to 2^24 exactly, long after the corrections have become 1.
            self._clocks[table.path] = self.add_variable(
                (table.shape[0],), dtype="float32", name="row_clock"
            )

    def update_variable(self, gradient: Any, variable: Any, rate: Any) -> None:
        """Updates one variable, row by row if it is a table."""
        if variable.path in self._clocks:
            self._update_rows(_all_rows(gradient), variable, rate)
            return
        # Both corrections go into the rate and epsilon of TensorFlow's own operation, which
        # computes them less exactly.
        first, second = self._corrections(tf.cast(self.iterations.value + 1, tf.float32))
        root = tf.sqrt(second)
        tf.raw_ops.ResourceApplyAdam(
            var=handle(variable),
            m=handle(self._of(variable, self._first)),
            v=handle(self._of(variable, self._second)),
            beta1_power=0.0,
            beta2_power=0.0,
            lr=rate * root / first,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon * root,
            grad=tf.convert_to_tensor(gradient),
        )

    def _update_rows(self, gradient, table, rate):
        values, rows = gradient.values, gradient.indices
        beta_1, beta_2 = self._betas()
        moments = [self._of(table, self._first), self._of(table, self._second)]
        clock = self._clocks[table.path]
        first, second = (tf.gather(each.value, rows) for each in moments)
        first += (1 - beta_1) * (values - first)
        second += (1 - beta_2) * (tf.square(values) - second)
        time = tf.gather(clock.value, rows) + 1.0
        first_part, second_part = (part[:, None] for part in self._corrections(time))
        root = tf.sqrt(second / second_part) + self.epsilon
        for variable, updates in ((moments[0], first), (moments[1], second), (clock, time)):
            tf.raw_ops.ResourceScatterUpdate(
                resource=handle(variable), indices=rows, updates=updates
            )
        tf.raw_ops.ResourceScatterSub(
            resource=handle(table), indices=rows, updates=rate * first / (first_part * root)
        )

    def _corrections(self, time):
        """1 - beta^time of both moments."""
        return tuple(
            -tf.math.expm1(time * math.log(beta)) if beta else tf.ones_like(time)
            for beta in self._betas()
        )

    def _betas(self):
        """As the moments are computed with: a beta of 0.999 leaves few digits to 1 - beta."""
        return float(np.float32(self.beta_1)), float(np.float32(self.beta_2))

    def _of(self, variable, slots):
        return slots[self._get_variable_index(variable)]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this optimizer again, without its state."""
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


def _all_rows(gradient):
    if isinstance(gradient, tf.IndexedSlices):
        return gradient
    gradient = tf.convert_to_tensor(gradient)
    return tf.IndexedSlices(gradient, tf.range(gradient.shape[0], dtype=tf.int64))
