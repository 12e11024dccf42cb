"""Training steps of the supernet's masked form, in one program that XLA compiles once.

It gives a path's gradients, which are 0 in all that the path leaves out, and updates the kernels:
what has a gradient of 0 stays as it is. Rows of the embedding tables are gathered before it and
updated after it, by TensorFlow's own operations, which touch the rows of a batch alone; what the
program tells of them is the gradient of each row that the batch names, summed and clipped.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from nasrec_tf.networks.supernet.masked_form import MaskedForm
from nasrec_tf.networks.supernet.path import Path
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.compiled_update import (
    finish_step,
    summed_by_row,
    update_kernels,
)


class MaskedTraining:
    """Steps of the optimizer on a path of a compiled supernet.

    Args:
        supernet: the supernet.
        form: its masked form.
    """

    def __init__(self, supernet: Any, form: MaskedForm):
        self._supernet = supernet
        self._form = form
        self._compiled = tf.function(self._update, jit_compile=True, autograph=False)

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
        rows = self._supernet.embedding.named_rows(inputs["sparse"])
        optimizer.catch_up(table, rows)
        raw = self._form.raw(inputs, path, rows)
        rate = optimizer.step_rate()
        logits, loss, named = self._compiled(raw, labels, sample_weight, rows, rate)
        finish_step(optimizer, table, named, rate)
        return logits, loss

    def _update(self, raw: tuple, labels: Any, sample_weight: Any, rows: Any, rate: Any) -> tuple:
        """Updates all kernels; logits, loss, and the clipped gradient of each row of the tables.

        Args:
            raw: as ``MaskedForm.raw`` gives it.
            labels: (batch, 1).
            sample_weight: of the batch's rows, or ``None``.
            rows: of the joint table, (batch * id columns,).
            rate: learning rate of the step.
        """
        logits, loss, gradients, of_embeddings = self._gradients(raw, labels, sample_weight)
        dim = self._supernet.embedding.embedding_dim
        named = summed_by_row(rows, tf.reshape(of_embeddings, [-1, dim]))
        named = update_kernels(self._supernet.optimizer, gradients, self.kernels, named, rate)
        return logits, loss, named

    def _gradients(self, raw: tuple, labels: Any, sample_weight: Any) -> tuple:
        """Logits, loss, and the gradients of kernels and embeddings."""
        live, dense, embeddings, ids = raw
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            logits = self._form.logits(self._form.run(live, dense, embeddings, ids))
            loss = self._supernet.compute_loss(None, labels, logits, sample_weight, training=True)
        sources = [each.value for each in self.kernels]
        *gradients, of_embeddings = tape.gradient(
            loss, [*sources, embeddings], unconnected_gradients="zero"
        )
        return logits, loss, gradients, of_embeddings


def _check_optimizer(optimizer: Adagrad) -> None:
    optimizer.check_shared_weights()
    if not optimizer.epsilon:
        raise ValueError(
            "A supernet's masked form needs an `epsilon` above 0, with which a gradient of 0 moves "
            f"nothing. Received: {optimizer.epsilon}"
        )
