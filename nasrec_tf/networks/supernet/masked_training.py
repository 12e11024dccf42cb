"""Training steps of the supernet's masked form, in two programs that XLA compiles once.

The first gives the gradients of a path, which are 0 in all that the path leaves out; the second
updates the kernels, and what has a gradient of 0 stays as it is. Between the two, rows of the
embedding tables are gathered, summed and updated by TensorFlow's own operations, which touch the
rows of a batch alone.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from nasrec_tf.networks.supernet.masked_form import MaskedForm
from nasrec_tf.networks.supernet.path import Path
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.row_gradients import sum_duplicate_rows


class MaskedTraining:
    """Steps of the optimizer on a path of a compiled supernet.

    Args:
        supernet: the supernet.
        form: its masked form.
    """

    def __init__(self, supernet: Any, form: MaskedForm):
        self._supernet = supernet
        self._form = form
        options = {"jit_compile": True, "autograph": False}
        self._gradients = tf.function(self.gradients, **options)
        self._update = tf.function(self.update_kernels, **options)

    @property
    def kernels(self) -> list[Any]:
        """All trained variables but the embedding tables."""
        table = self._supernet.embedding.table
        return [each for each in self._supernet.trainable_variables if each is not table]

    def step(self, path: Path, inputs: Mapping[str, Any], labels: Any, sample_weight: Any) -> tuple:
        """One step of the optimizer; logits and loss before it.

        Args:
            path: as ``encode`` gives it.
            inputs: of a batch.
            labels: (batch, 1).
            sample_weight: of the batch's rows, or ``None``.

        Raises:
            ValueError: if the optimizer's epsilon is 0, or it decays kernels.
        """
        table, optimizer = self._supernet.embedding.table, self._supernet.optimizer
        _check_optimizer(optimizer)
        rows = tf.reshape(self._supernet.embedding.rows(inputs["sparse"]), [-1])
        optimizer.catch_up(table, rows)
        raw = self._form.raw(inputs, path, rows)
        logits, loss, gradients, of_embeddings, squares = self._gradients(
            *raw, labels, sample_weight
        )
        of_rows = tf.reshape(of_embeddings, [-1, table.shape[1]])
        of_table = sum_duplicate_rows(tf.IndexedSlices(of_rows, rows))
        rate, scale = optimizer.step_rate(), tf.constant(1.0)
        if optimizer.clip_norm is not None:
            norm = tf.sqrt(squares + tf.reduce_sum(tf.square(of_table.values)))
            scale = optimizer.clip_norm / tf.maximum(norm, optimizer.clip_norm)
        self._update(gradients, scale, rate)
        scaled = tf.IndexedSlices(of_table.values * scale, of_table.indices)
        optimizer.update_variable(scaled, table, optimizer.rate_of(table, rate))
        optimizer.after_step(rate)
        optimizer.iterations.assign_add(1)
        return logits, loss

    def gradients(
        self,
        live: Path,
        dense: Any,
        embeddings: Any,
        ids: Any,
        labels: Any,
        sample_weight: Any,
    ) -> tuple:
        """Logits, loss, gradients of kernels and embeddings, and the kernels' sum of squares.

        Args:
            live: the path without its dead parts.
            dense: (batch, dense columns).
            embeddings: (batch, id columns, embedding).
            ids: (batch, id columns), or ``None`` where there are no lists.
            labels: (batch, 1).
            sample_weight: of the batch's rows, or ``None``.
        """
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            logits = self._form.logits(self._form.run(live, dense, embeddings, ids))
            loss = self._supernet.compute_loss(None, labels, logits, sample_weight, training=True)
        sources = [each.value for each in self.kernels]
        *gradients, of_embeddings = tape.gradient(
            loss, [*sources, embeddings], unconnected_gradients="zero"
        )
        squares = tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients])
        return logits, loss, gradients, of_embeddings, squares

    def update_kernels(self, gradients: list[Any], scale: Any, rate: Any) -> None:
        """Updates all kernels.

        Args:
            gradients: of each.
            scale: by which they are clipped.
            rate: learning rate of the step.
        """
        for gradient, variable in zip(gradients, self.kernels):
            self._supernet.optimizer.update_variable(gradient * scale, variable, rate)


def _check_optimizer(optimizer: Adagrad) -> None:
    optimizer.check_shared_weights()
    if not optimizer.epsilon:
        raise ValueError(
            "A supernet's masked form needs an `epsilon` above 0, with which a gradient of 0 moves "
            f"nothing. Received: {optimizer.epsilon}"
        )
