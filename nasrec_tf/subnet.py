"""A stand-alone network, built from an architecture."""

import keras
import tensorflow as tf

from nasrec_tf.architecture import Architecture
from nasrec_tf.features import Features
from nasrec_tf.layers.feature_embedding import FeatureEmbedding
from nasrec_tf.layers.operator_layer import WeightedPart
from nasrec_tf.operators import (
    DEFAULT_OPTIONS,
    DENSE,
    DENSE_TO_SPARSE,
    OPERATORS,
    SPARSE_TO_DENSE,
    NetworkOptions,
    OperatorInputs,
)
from nasrec_tf.operators.arithmetic import linear, pad_last_axis
from nasrec_tf.shapes import network_shapes

EMBEDDING = "embedding"
HEAD = "head"


def part_name(block: int, part: str) -> str:
    """Name of a block's operator or merger in networks and files; blocks count from 1."""
    return f"block_{block}_{part}"


class Subnet(keras.Model):
    """The network of one architecture, of which only the parts that reach the logit exist.

    Args:
        architecture: the architecture.
        features: what the network reads.
        options: what holds for the whole network.
        seed: seed of the initial weights.

    Input shape: a mapping of ``"dense"`` (batch, dense columns), absent or empty without dense
    features, and ``"sparse"`` (batch, fields) row ids. Output shape: (batch, 1), logits.
    """

    def __init__(
        self,
        architecture: Architecture,
        features: Features,
        options: NetworkOptions = DEFAULT_OPTIONS,
        seed: int = 0,
        name: str = "subnet",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.architecture = architecture
        self.features = features
        self.options = options
        self.shapes = network_shapes(architecture, features.dense, features.sparse, options)
        self.live = architecture.liveness.blocks
        self.embedding = FeatureEmbedding(features.table_rows, options.embedding_dim, seed)
        self.parts = {}
        for number, sizes in enumerate(self.shapes.blocks, start=1):
            live = self.live[number - 1]
            for name_, shape in sizes.operators.items():
                operator = OPERATORS[name_]
                if live.dense_operators if operator.branch == DENSE else live.sparse_operators:
                    self._add_part(part_name(number, name_), operator.weights(shape), seed)
            for merger in (DENSE_TO_SPARSE, SPARSE_TO_DENSE):
                if getattr(live, merger.name):
                    specs = merger.weights(sizes.merger)
                    self._add_part(part_name(number, merger.name), specs, seed)
        self._add_part(HEAD, self.shapes.head_weights, seed)
        self.built = True

    def _add_part(self, name, specs, seed):
        self.parts[name] = WeightedPart(specs, seed, name=name)

    def build(self, input_shape=None):
        """Nothing is left to build: all sizes are known from the start."""

    def named_weights(self) -> dict[str, keras.Variable]:
        """Every weight by its name, such as ``block_1_fc/dense_kernel``."""
        weights = {f"{EMBEDDING}/table": self.embedding.table}
        for name, part in self.parts.items():
            weights |= {f"{name}/{key}": value for key, value in part.variables_by_name.items()}
        return weights

    def call(self, inputs, training=None):
        return self.logits(self.head_inputs(inputs))

    def logits(self, head_inputs):
        """The final fully connected layer: (batch, head inputs) to (batch, 1)."""
        return linear(head_inputs, self.parts[HEAD].values(), HEAD)

    def head_inputs(self, inputs):
        """What the final layer reads: (batch, head inputs)."""
        dense, sparse = self.block_outputs(inputs)[-1]
        tokens = tf.transpose(sparse, [0, 2, 1])
        flat = tf.reshape(tokens, [-1, tokens.shape[1] * tokens.shape[2]])
        return tf.concat([dense, flat], axis=1)

    def block_outputs(self, inputs):
        """Dense and sparse output of each block; ``None`` for one that nothing reads."""
        dense = [self._raw_dense(inputs)]
        sparse = [self.embedding(inputs["sparse"])]
        for number in range(1, len(self.shapes.blocks) + 1):
            dense_output, sparse_output = self._run_block(number, dense, sparse)
            dense.append(dense_output)
            sparse.append(sparse_output)
        return list(zip(dense[1:], sparse[1:]))

    def _raw_dense(self, inputs):
        if self.features.dense:
            return tf.cast(inputs["dense"], self.compute_dtype)
        return tf.zeros([tf.shape(inputs["sparse"])[0], 0], self.compute_dtype)

    def _run_block(self, number, dense, sparse):
        block = self.architecture.blocks[number - 1]
        live = self.live[number - 1]
        sizes = self.shapes.blocks[number - 1]
        dense_output = sparse_output = None
        if live.dense_operators:
            dense_output = self._run_operators(
                number, block.dense_operators, dense, sparse, block.dense_width
            )
        if live.sparse_operators:
            sparse_output = self._run_operators(
                number, block.sparse_operators, dense, sparse, block.operator_tokens
            )
        tokens, operators_dense = sparse_output, dense_output
        if live.dense_to_sparse:
            weights = self._weights(number, DENSE_TO_SPARSE.name)
            merged = DENSE_TO_SPARSE(operators_dense, weights, sizes.merger)
            sparse_output = tf.concat([tokens, merged], axis=2)
        if live.sparse_to_dense:
            weights = self._weights(number, SPARSE_TO_DENSE.name)
            dense_output = operators_dense + SPARSE_TO_DENSE(tokens, weights, sizes.merger)
        return (
            dense_output if live.dense_output else None,
            sparse_output if live.sparse_output else None,
        )

    def _weights(self, number, part):
        return self.parts[part_name(number, part)].values()

    def _run_operators(self, number, names, dense, sparse, width):
        """The sum of a branch's active operators, the narrower ones zero-padded (Eq. 3 and 4)."""
        outputs = []
        for name in names:
            operator = OPERATORS[name]
            shape = self.shapes.blocks[number - 1].operators[name]
            inputs = self._operator_inputs(number, operator, dense, sparse)
            output = operator(inputs, self._weights(number, name), shape)
            outputs.append(pad_last_axis(output, width))
        return outputs[0] if len(outputs) == 1 else tf.add_n(outputs)

    def _operator_inputs(self, number, operator, dense, sparse):
        block = self.architecture.blocks[number - 1]
        inputs = {}
        if "dense" in operator.reads:
            inputs["dense"] = tf.concat([dense[source] for source in block.dense_sources], 1)
        if "sparse" in operator.reads:
            inputs["sparse"] = tf.concat([sparse[source] for source in block.sparse_sources], 2)
        if "pair" in operator.reads:
            inputs["left"] = dense[block.left_source]
            inputs["right"] = dense[block.right_source]
        return OperatorInputs(**inputs)
