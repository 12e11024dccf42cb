"""Training steps of a stand-alone network whose arithmetic XLA compiles, for a GPU.

XLA makes few large kernels of the hundreds of operations of a network and of its optimizer. Rows of
the embedding tables are gathered and updated outside, by operations that touch the rows of a batch
alone.
"""

from typing import Any

import keras
import tensorflow as tf

from nasrec_tf import native
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.optimizers.compiled_update import finish_step, summed_by_row, update_kernels
from nasrec_tf.optimizers.row_sparse import RowSparseOptimizer


def can_be_compiled(model: keras.Model) -> bool:
    """Whether ``CompiledStep`` trains a model: a subnet in floating point, without ``table_l2``.

    Args:
        model: the model, compiled in Keras's sense.
    """
    if not isinstance(model, Subnet) or model.quantizers:
        return False
    # An L2 term of whole tables names every row.
    return isinstance(model.optimizer, RowSparseOptimizer) and not model.optimizer.table_l2


class CompiledStep:
    """A training step of a compiled subnet, equal to its own but for rounding.

    What dropout drops is drawn by XLA, and other than without it.

    Args:
        model: a subnet that ``can_be_compiled``, compiled in Keras's sense.
    """

    def __init__(self, model: Subnet):
        self._model = model
        table = model.embedding.table
        self._kernels = [each for each in model.trainable_variables if each is not table]
        model.optimizer.build(model.trainable_variables)
        self._compiled = tf.function(self._update, jit_compile=True, autograph=False)

    def __call__(self, data: Any) -> dict[str, Any]:
        """Trains on a batch; its mean loss before that, by ``"loss"``.

        Args:
            data: inputs, labels (batch, 1) and sample weights, as ``fit`` passes them.
        """
        inputs, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        embedding, optimizer = self._model.embedding, self._model.optimizer
        rows = embedding.rows(inputs["sparse"])
        flat_rows = tf.reshape(rows, [-1])
        optimizer.catch_up(embedding.table, flat_rows)
        embeddings = tf.gather(embedding.table.value, rows)
        rate = optimizer.step_rate()
        loss, named = self._compiled(inputs, embeddings, labels, sample_weight, flat_rows, rate)
        finish_step(optimizer, embedding.table, named, rate)
        return {"loss": loss}

    def _update(self, inputs, embeddings, labels, sample_weight, rows, rate):
        loss, gradients, of_embeddings = self._gradients(inputs, embeddings, labels, sample_weight)
        dim = self._model.embedding.embedding_dim
        named = summed_by_row(rows, tf.reshape(of_embeddings, [-1, dim]))
        optimizer = self._model.optimizer
        return loss, update_kernels(optimizer, gradients, self._kernels, named, rate)

    def _gradients(self, inputs, embeddings, labels, sample_weight):
        model = self._model
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            with native.portable(), model.embedding.looked_up(embeddings):
                logits = model(inputs, training=True)
            loss = model.compute_loss(inputs, labels, logits, sample_weight, training=True)
        sources = [*(each.value for each in self._kernels), embeddings]
        *gradients, of_embeddings = tape.gradient(loss, sources, unconnected_gradients="zero")
        return loss, gradients, of_embeddings
