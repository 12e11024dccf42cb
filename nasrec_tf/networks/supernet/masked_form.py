"""The supernet for accelerators: at full width, with a path's masks as inputs of one program.

On a CPU a path costs what its active slices cost, in some thousands of small steps; an accelerator
would wait for most of them. Here every operator runs at its widest, and masks make of it what the
path has (Eq. 1 to 4): a few large products that XLA compiles once, for every path there is. Both
read and train the same variables, and agree but for rounding.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from nasrec_tf import native
from nasrec_tf.architecture.space import NEVER
from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.layers.feature_embedding import POOLING, QUERIES, arrange
from nasrec_tf.networks.part_names import HEAD, part_name
from nasrec_tf.networks.supernet.masked_arithmetic import (
    FLOAT32,
    PRECISIONS,
    MaskedArithmetic,
    slots_mask,
)
from nasrec_tf.networks.supernet.masked_operators import (
    MASKED_OPERATORS,
    MaskedInputs,
    masked_dense_to_sparse,
    masked_sparse_to_dense,
)
from nasrec_tf.networks.supernet.path import Path, live_part
from nasrec_tf.networks.supernet.sizes import path_sizes, widest_shape
from nasrec_tf.operators import DENSE_TO_SPARSE, SPARSE_TO_DENSE, MergerShape


class MaskedForm:
    """Runs paths of a supernet at full width; its weights are the supernet's own.

    Args:
        supernet: the supernet.
        precision: what factors of matrix products are rounded to, one of ``PRECISIONS``.

    Raises:
        ValueError: if there is no such precision.
        UserError: if the supernet is quantized, or an operator has no masked form.
    """

    def __init__(self, supernet: Any, precision: str = FLOAT32):
        if precision not in PRECISIONS:
            raise ValueError(f"`precision` must be one of {PRECISIONS}. Received: {precision!r}")
        if supernet.quantizers:
            raise UserError("A quantized supernet has no masked form; leave out its bits.")
        space = supernet.space
        for name in (*space.dense_operators, *space.sparse_operators):
            if name not in MASKED_OPERATORS:
                raise UserError(f"Operator {name!r} has no masked form; train with --device cpu.")
        self._supernet = supernet
        self._arithmetic = MaskedArithmetic(precision)
        self._compiled_head_inputs = tf.function(self.run, jit_compile=True, autograph=False)

    def head_inputs(self, inputs: Mapping[str, Any], path: Path) -> Any:
        """What the final layer reads at full width, 0 where the path has nothing.

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, fields).
            path: as ``encode`` gives it.

        Returns:
            (batch, most head inputs).
        """
        return self._compiled_head_inputs(*self.raw(inputs, path))

    def head_weights(self) -> dict[str, Any]:
        """Kernel and bias of the final layer at full width."""
        return self._supernet.parts[HEAD].whole()

    def raw(self, inputs: Mapping[str, Any], path: Path, rows: Any = None) -> tuple:
        """What enters the compiled programs: path without dead parts, dense columns, embeddings,
        and the ids that say where lists end, if there are lists.

        Args:
            inputs: of a batch.
            path: as ``encode`` gives it.
            rows: of the joint table that the batch names, if they are known.
        """
        supernet = self._supernet
        # Hundreds of operations on a few numbers.
        with tf.device("CPU:0"):
            live = live_part(path, supernet.space)
        ids = inputs["sparse"]
        rows = supernet.embedding.rows(ids) if rows is None else rows
        embeddings = tf.gather(supernet.embedding.table.value, tf.reshape(rows, tf.shape(ids)))
        of_lists = ids if supernet.features.lists else None
        if not supernet.features.dense:
            return live, tf.zeros([tf.shape(ids)[0], 0]), embeddings, of_lists
        return live, tf.cast(inputs["dense"], tf.float32), embeddings, of_lists

    def run(self, live: Path, dense: Any, embeddings: Any, ids: Any = None) -> Any:
        """What the final layer reads, by operations that XLA compiles.

        Args:
            live: the path without its dead parts.
            dense: (batch, dense columns).
            embeddings: (batch, id columns, embedding).
            ids: (batch, id columns), where there are lists.

        Returns:
            (batch, most head inputs).
        """
        with native.portable():
            embeddings = self._pooled(embeddings, ids)
            return _MaskedRun(self._supernet, self._arithmetic, live).head_inputs(dense, embeddings)

    def _pooled(self, embeddings, ids):
        if ids is None:
            return embeddings
        parts = self._supernet.parts
        queries = parts[POOLING].whole()[QUERIES] if POOLING in parts else None
        return self._supernet.embedding.pooled(embeddings, ids, queries)

    def logits(self, head_inputs: Any) -> Any:
        """Logits of the final layer, of which no factor is rounded: (batch, 1).

        Args:
            head_inputs: (batch, most head inputs).
        """
        return MaskedArithmetic().linear(head_inputs, self.head_weights(), HEAD)


class _MaskedRun:
    """One path over one batch."""

    def __init__(self, supernet, arithmetic, live):
        self._supernet = supernet
        self._space, self._options = supernet.space, supernet.options
        self._arithmetic = arithmetic
        self._live = live
        self._sizes = path_sizes(live, supernet.space, supernet.features, supernet.options)

    def head_inputs(self, dense, embeddings):
        dense, sparse = [self._dense_source_0(dense, embeddings)], [arrange(embeddings)]
        for number in range(1, self._space.num_blocks + 1):
            outputs = self._block(number, dense, sparse)
            dense.append(outputs[0])
            sparse.append(outputs[1])
        tokens = tf.transpose(sparse[-1], [0, 2, 1])
        flat = tf.reshape(tokens, [-1, tokens.shape[1] * tokens.shape[2]])
        return tf.concat([dense[-1], flat], axis=1)

    def _dense_source_0(self, dense, embeddings):
        if self._space.dense_embeddings == NEVER:
            return dense
        units = embeddings.shape[1] * embeddings.shape[2]
        is_read = tf.cast(self._live.dense_embeddings, tf.float32)
        return tf.concat([dense, tf.reshape(embeddings, [-1, units]) * is_read], axis=1)

    def _block(self, number, dense, sparse):
        """Dense (batch, units) and sparse (batch, embedding, tokens) output of a block."""
        space, sizes = self._space, self._sizes[number - 1]
        inputs = self._inputs(number, dense, sparse)
        dense_sum = self._operators(number, space.dense_operators, inputs)
        sparse_sum = self._operators(number, space.sparse_operators, inputs)
        if not space.mergers:
            return dense_sum, sparse_sum
        tokens, on = self._merger(number, DENSE_TO_SPARSE, sizes.has_dense_to_sparse)
        merged = masked_dense_to_sparse(self._arithmetic, dense_sum, *tokens) * on
        interaction, on = self._merger(number, SPARSE_TO_DENSE, sizes.has_sparse_to_dense)
        dense_sum += masked_sparse_to_dense(self._arithmetic, sparse_sum, *interaction) * on
        return dense_sum, tf.concat([sparse_sum, merged], axis=2)

    def _inputs(self, number, dense, sparse):
        sizes = self._sizes[number - 1]
        widest = widest_shape(
            number,
            self._space.dense_widths[-1],
            self._space,
            self._supernet.features,
            self._options,
        )
        units = slots_mask(tuple(map(int, widest.dense)), sizes.dense_slots)
        tokens = slots_mask(tuple(map(int, widest.sparse)), sizes.sparse_slots)
        return MaskedInputs(
            dense=tf.concat(dense, axis=1) * units,
            units=units,
            sparse=tf.concat(sparse, axis=2) * tokens,
            tokens=tokens,
            left=_one_of(dense, sizes.left_slots, int(widest.left)),
            right=_one_of(dense, sizes.right_slots, int(widest.right)),
        )

    def _operators(self, number, names, inputs):
        """The sum of a branch's operators; one that is not active gives zeros (Eq. 3 and 4)."""
        sizes = self._sizes[number - 1]
        return tf.add_n(
            [
                MASKED_OPERATORS[name](
                    self._arithmetic, inputs, self._weights(number, name), sizes.operators[name]
                )
                for name in names
            ]
        )

    def _merger(self, number, merger, on):
        """Weights and shape of a merger, and 1 or 0 for on or off."""
        sizes = self._sizes[number - 1].merger
        shape = MergerShape(sizes.dense_width * on, sizes.tokens, self._options)
        return (self._weights(number, merger.name), shape), tf.cast(on, tf.float32)

    def _weights(self, number, name) -> Mapping[str, Any]:
        return self._supernet.parts[part_name(number, name)].whole()


def _one_of(sources, slots, most):
    """The source that has units in its slot, zero-padded: (batch, most)."""
    chosen = []
    for source, units in zip(sources, slots):
        is_chosen = tf.cast(units > 0, tf.float32)
        chosen.append(tf.pad(source * is_chosen, [[0, 0], [0, most - source.shape[1]]]))
    return tf.add_n(chosen)
