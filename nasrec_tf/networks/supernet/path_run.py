"""What one run of a path reads: sources, inputs of operators, and slices of the shared weights."""

import tensorflow as tf

from nasrec_tf import native
from nasrec_tf.architecture.space import NEVER
from nasrec_tf.native.active_weight import ActiveWeight, SliceReader, gather_rows
from nasrec_tf.networks.layers.feature_embedding import (
    POOLING,
    QUERIES,
    arrange,
    pooling_weights,
)
from nasrec_tf.networks.supernet.joining import joins
from nasrec_tf.operators import DENSE, OPERATORS, PAIR, SPARSE, OperatorInputs


class PathRun:
    """One run of a path over a batch: sizes, raw tensors, and the weights read so far.

    Args:
        supernet: the supernet.
        live: the path without its dead parts.
        sizes: of every block of it.
        inputs: of the batch.
        embedding_rows: rows of the joint table that the batch names.
        training: whether quantizers follow what they see.
        tape: the tape that is to differentiate the slices that are read, if any.
    """

    def __init__(self, supernet, live, sizes, inputs, embedding_rows, training, tape):
        self.supernet = supernet
        self.live = live
        self.sizes = sizes
        self.training = training
        self.tape = tape
        # A tape of somebody else's, which may watch the variables, sees gathers alone.
        library = native.kernels(supernet.compute_dtype)
        reads_slices = library is not None and (tape is not None or not training)
        self._read_slice = SliceReader(library) if reads_slices else None
        self.joins = joins(library)
        self.slices: list[ActiveWeight] = []
        self._inputs = inputs
        self._embedding_rows = embedding_rows
        self.batch = tf.shape(inputs["sparse"])[0]

    def raw_sources(self):
        """Dense and sparse source 0: (batch, units) and (batch, embedding, fields)."""
        table = self.supernet.embedding.table
        looked_up = gather_rows(table, self._embedding_rows)._replace(rows_repeat=True)
        self._record(looked_up)
        features, options = self.supernet.features, self.supernet.options
        fields, width = features.sparse, options.embedding_dim
        dense, embeddings = self._dense_columns(), self._pooled(looked_up.value)
        if self.supernet.space.dense_embeddings != NEVER:
            flat = tf.reshape(embeddings, [-1, fields * width])
            embeddings, flat = self.joins.aliases(flat, 2)
            added = fields * width * tf.cast(self.live.dense_embeddings, tf.int32)
            dense = self.joins.concat([dense, flat], [features.dense, added])
        return dense, arrange(tf.reshape(embeddings, [-1, fields, width]))

    def _pooled(self, embeddings):
        """Embeddings of all ids, one below the other; those of each list made one."""
        supernet = self.supernet
        features, width = supernet.features, supernet.options.embedding_dim
        if not features.lists:
            return embeddings
        queries = None
        if features.attention_fields:
            specs = pooling_weights(features.attention_fields, width)
            part = supernet.parts[POOLING].active(specs, self._record, self._read_slice)
            queries = part[QUERIES]
        rows = tf.reshape(embeddings, [-1, features.id_columns, width])
        pooled = supernet.embedding.pooled(rows, self._inputs["sparse"], queries)
        return tf.reshape(pooled, [-1, width])

    def _dense_columns(self):
        if not self.supernet.features.dense:
            return tf.zeros([self.batch, 0], self.supernet.compute_dtype)
        return tf.cast(self._inputs["dense"], self.supernet.compute_dtype)

    def weights(self, name, specs, bits):
        """The active weights of a part; gradients flow to the slices that they are made of.

        Args:
            name: the part.
            specs: its weights on the path.
            bits: of its weights and of its maps' inputs; not looked at in a float supernet.
        """
        weights = self.supernet.parts[name].active(specs, self._record, self._read_slice)
        if not self.supernet.quantizers:
            return weights
        return self.supernet.quantizers[name].quantized(weights, specs, *bits, self.training)

    def operator_bits(self, number, name):
        """Bits of a block's operator: of its weights and of its maps' inputs, as tensors."""
        if not self.supernet.quantizers:
            return None
        space, live = self.supernet.space, self.live
        if OPERATORS[name].branch == DENSE:
            bits = live.dense_bits[number - 1, space.dense_operators.index(name)]
        else:
            bits = live.sparse_bits[number - 1, space.sparse_operators.index(name)]
        return tuple(tf.unstack(bits * self.sizes[number - 1].active[name]))

    def merger_bits(self, number, merger, on):
        """Bits of a merger: the largest of the branch that it reads."""
        if not self.supernet.quantizers:
            return None
        bits = self.live.dense_bits if merger.reads == DENSE else self.live.sparse_bits
        return tuple(tf.unstack(tf.reduce_max(bits[number - 1], axis=0) * on))

    def _record(self, part):
        if self.tape is not None:
            self.tape.watch(part.value)
        self.slices.append(part)

    def operator_inputs(self, operator, shape, read, on):
        """What an operator reads, each from the values that are left of its kind."""
        widths = {DENSE: shape.dense_width, SPARSE: shape.tokens}
        if PAIR in operator.reads:
            widths |= {"left": shape.left, "right": shape.right}
        kinds = [kind for kind in widths if kind in operator.reads or kind in ("left", "right")]
        return OperatorInputs(
            **{
                kind: self.joins.present(read[kind].pop(), on, self.batch, widths[kind])
                for kind in kinds
            }
        )


class Sources:
    """Outputs of a branch, from the raw one on, each with a value for every time it is read.

    Args:
        run: the run.
        raw: what block 1 reads.
        readers: how often block n reads each source; N + 1 is the head, which reads block N alone.
    """

    def __init__(self, run, raw, readers):
        self._run = run
        self._readers = readers
        self._values = []
        self.add(raw)

    def add(self, output):
        count, made = self._run.supernet.space.num_blocks, len(self._values)
        last = count + 1 if made == count else count
        times = sum(self._readers(number) for number in range(made + 1, last + 1))
        self._values.append(self._run.joins.aliases(output, times))

    def read(self) -> list:
        """For each time that the next block reads them, all sources; the head reads the last."""
        number = len(self._values)
        sources = self._values
        if number > self._run.supernet.space.num_blocks:
            sources = self._values[-1:]
            return [values.pop() for values in sources]
        return [[values.pop() for values in sources] for _ in range(self._readers(number))]
