"""The supernet for CPUs: a path costs what the active slices of its weights cost.

Everything that a path leaves out runs on no samples, units or tokens at all, so that one traced
graph serves every path. Its twin for accelerators is ``masked_form``.
"""

from typing import Any

import tensorflow as tf

from nasrec_tf import native
from nasrec_tf.architecture.blocks import HEAD_BITS
from nasrec_tf.architecture.shapes import head_weights
from nasrec_tf.native.active_weight import SliceReader
from nasrec_tf.networks.network_inputs import check_inputs
from nasrec_tf.networks.part_names import HEAD, part_name
from nasrec_tf.networks.supernet.path import Path, live_part
from nasrec_tf.networks.supernet.path_run import PathRun, Sources
from nasrec_tf.networks.supernet.sizes import path_sizes
from nasrec_tf.operators import (
    DENSE,
    DENSE_TO_SPARSE,
    OPERATORS,
    PAIR,
    SPARSE,
    SPARSE_TO_DENSE,
    MergerShape,
)
from nasrec_tf.operators.arithmetic import linear


class SlicedForm:
    """Runs paths of a supernet by active slices; its weights are the supernet's own.

    Args:
        supernet: the supernet.
    """

    def __init__(self, supernet: Any):
        self._supernet = supernet
        self._space, self._options = supernet.space, supernet.options

    def start(
        self, inputs: Any, path: Path, training: bool = False, tape: Any = None, rows: Any = None
    ) -> PathRun:
        """A run of a path over a batch, of which nothing has been computed.

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, fields).
            path: as ``encode`` gives it.
            training: whether quantizers follow what they see.
            tape: the tape that is to differentiate the slices that are read, if any.
            rows: of the joint table that the batch names, if they are known.

        Raises:
            ValueError: if an input is missing or of another width.
        """
        supernet = self._supernet
        check_inputs(supernet.features, inputs)
        live = live_part(path, self._space)
        sizes = path_sizes(live, self._space, supernet.features, self._options)
        rows = supernet.embedding.named_rows(inputs["sparse"]) if rows is None else rows
        return PathRun(supernet, live, sizes, inputs, rows, training, tape)

    def logits(self, run: PathRun) -> Any:
        """Logits of a run: (batch, 1).

        Args:
            run: as ``start`` gives it.
        """
        head_inputs = self.head_inputs(run)
        specs = head_weights(self._head_slots(run.live))
        bits = (HEAD_BITS.weights, HEAD_BITS.activations)
        return linear(head_inputs, run.weights(HEAD, specs, bits), HEAD)

    def head_inputs(self, run: PathRun) -> Any:
        """What the final layer reads: (batch, head inputs of the path).

        Args:
            run: as ``start`` gives it.
        """
        raw_dense, raw_sparse = run.raw_sources()
        dense = Sources(run, raw_dense, self._dense_readers)
        sparse = Sources(run, raw_sparse, lambda number: 1)
        for number in range(1, self._space.num_blocks + 1):
            dense_output, sparse_output = self._block(run, number, dense, sparse)
            dense.add(dense_output)
            sparse.add(sparse_output)
        [[dense_output], [sparse_output]] = dense.read(), sparse.read()
        tokens = tf.transpose(sparse_output, [0, 2, 1])
        shape = tf.shape(tokens)
        return tf.concat([dense_output, tf.reshape(tokens, [shape[0], shape[1] * shape[2]])], 1)

    def head_weights(self, path: Path) -> dict[str, Any]:
        """Kernel and bias of the final layer, of the inputs that a path has.

        Args:
            path: as ``encode`` gives it.
        """
        live = live_part(path, self._space)
        specs = head_weights(self._head_slots(live))
        library = native.kernels(self._supernet.compute_dtype)
        reader = None if library is None else SliceReader(library)
        return self._supernet.parts[HEAD].active(specs, lambda part: None, reader)

    def _head_slots(self, live):
        options = self._options
        merged = options.merged_tokens * tf.cast(live.dense_to_sparse[-1], tf.int32)
        return (
            tf.reduce_max(live.dense_widths[-1]),
            tf.reduce_max(live.sparse_widths[-1]) * options.embedding_dim,
            merged * options.embedding_dim,
        )

    def _block(self, run, number, dense, sparse):
        """Dense and sparse output of a block, which reads all sources so far."""
        sizes = run.sizes[number - 1]
        read = self._read_sources(run, sizes, dense, sparse)
        dense_sum = self._operators(
            run, number, self._space.dense_operators, read, sizes.merger.dense_width
        )
        sparse_sum = self._operators(
            run, number, self._space.sparse_operators, read, sizes.merger.tokens
        )
        if not self._space.mergers:
            return dense_sum, sparse_sum
        dense_sum, dense_to_merge = run.joins.aliases(dense_sum, 2)
        sparse_sum, sparse_to_merge = run.joins.aliases(sparse_sum, 2)
        merged = self._dense_to_sparse(run, number, dense_to_merge)
        interaction = self._sparse_to_dense(run, number, sparse_to_merge)
        dense_output = run.joins.sum([dense_sum, interaction], run.batch, sizes.merger.dense_width)
        return dense_output, tf.concat([sparse_sum, merged], axis=2)

    def _read_sources(self, run, sizes, dense, sparse):
        """What the block's operators may read, a value for each of them that does."""
        counts = {DENSE: sizes.dense_slots, SPARSE: sizes.sparse_sizes}
        sources = {SPARSE: sparse.read()[0]}
        sources[DENSE], *pair = dense.read()
        if pair:
            counts |= {"left": sizes.left_slots, "right": sizes.right_slots}
            sources["left"], sources["right"] = pair
        operators = (*self._space.dense_operators, *self._space.sparse_operators)
        read = {}
        for kind, values in sources.items():
            of_kind = PAIR if kind in ("left", "right") else kind
            readers = sum(of_kind in OPERATORS[name].reads for name in operators)
            joined = run.joins.concat(values, counts[kind])
            read[kind] = run.joins.aliases(joined, readers)
        return read

    def _dense_readers(self, number):
        """How often block ``number`` reads its dense sources; the head, which is last, once."""
        pairs = any(PAIR in OPERATORS[name].reads for name in self._space.dense_operators)
        return 3 if pairs and number <= self._space.num_blocks else 1

    def _operators(self, run, number, names, read, width):
        """The sum of a branch's active operators, the narrower ones zero-padded (Eq. 3 and 4)."""
        sizes = run.sizes[number - 1]
        outputs = []
        for name in names:
            operator, shape = OPERATORS[name], sizes.operators[name]
            inputs = run.operator_inputs(operator, shape, read, sizes.active[name])
            specs = operator.weights(shape)
            weights = run.weights(part_name(number, name), specs, run.operator_bits(number, name))
            outputs.append(operator(inputs, weights, shape))
        return run.joins.sum(outputs, run.batch, width)

    def _dense_to_sparse(self, run, number, dense):
        """The merged tokens, of which there are none where the merger is off."""
        on = run.sizes[number - 1].has_dense_to_sparse
        shape, weights = self._merger(run, number, DENSE_TO_SPARSE, on)
        dense = run.joins.present(dense, on, run.batch, shape.dense_width)
        tokens = DENSE_TO_SPARSE(dense, weights, shape)
        merged = self._options.merged_tokens * on
        return tf.reshape(tokens, [run.batch, self._options.embedding_dim, merged])

    def _sparse_to_dense(self, run, number, sparse):
        """What the factorization machine adds, for no samples where the merger is off."""
        on = run.sizes[number - 1].has_sparse_to_dense
        shape, weights = self._merger(run, number, SPARSE_TO_DENSE, on)
        sparse = run.joins.present(sparse, on, run.batch, shape.tokens)
        return SPARSE_TO_DENSE(sparse, weights, shape)

    def _merger(self, run, number, merger, on):
        """Sizes and weights of a block's merger; nothing is left of them where it is off."""
        sizes = run.sizes[number - 1].merger
        shape = MergerShape(sizes.dense_width * on, sizes.tokens, self._options)
        bits = run.merger_bits(number, merger, on)
        return shape, run.weights(part_name(number, merger.name), merger.weights(shape), bits)
