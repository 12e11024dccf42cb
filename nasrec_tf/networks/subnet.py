"""A stand-alone network, built from an architecture."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf import native
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import HEAD_BITS
from nasrec_tf.architecture.shapes import network_shapes
from nasrec_tf.data.features import Features
from nasrec_tf.networks.layers.feature_embedding import FeatureEmbedding
from nasrec_tf.networks.layers.operator_layer import WeightedPart
from nasrec_tf.networks.layers.quantized_maps import MapQuantizers
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
        seed: seed of the initial weights; ``None`` for zeros, where others are read or assigned
            next.

    Input shape: a mapping of ``"dense"`` (batch, dense columns), absent or empty without dense
    features, and ``"sparse"`` (batch, fields) row ids. Output shape: (batch, 1), logits.
    """

    def __init__(
        self,
        architecture: Architecture,
        features: Features,
        options: NetworkOptions = DEFAULT_OPTIONS,
        seed: int | None = 0,
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
        self.parts: dict[str, Any] = {}
        self.quantizers: dict[str, MapQuantizers] = {}
        self.bits: dict[str, Any] = {}
        for number, sizes in enumerate(self.shapes.blocks, start=1):
            live = self.live[number - 1]
            for name_, shape in sizes.operators.items():
                operator = OPERATORS[name_]
                if live.dense_operators if operator.branch == DENSE else live.sparse_operators:
                    bits = architecture.blocks[number - 1].bits.get(name_)
                    self._add_part(part_name(number, name_), operator.weights(shape), bits, seed)
            for merger in (DENSE_TO_SPARSE, SPARSE_TO_DENSE):
                if getattr(live, merger.name):
                    specs = merger.weights(sizes.merger)
                    bits = architecture.blocks[number - 1].branch_bits(merger.reads)
                    self._add_part(part_name(number, merger.name), specs, bits, seed)
        head_bits = HEAD_BITS if architecture.is_quantized else None
        self._add_part(HEAD, self.shapes.head_weights, head_bits, seed)
        self.built = True

    def _add_part(self, name, specs, bits, seed):
        self.parts[name] = WeightedPart(specs, seed, name=name)
        if bits is not None:
            ranges = self.options.weight_ranges
            self.bits[name] = bits
            self.quantizers[name] = MapQuantizers(specs, ranges, name=f"{name}_quantizers")

    def build(self, input_shape=None):
        """Nothing is left to build: all sizes are known from the start."""

    def named_weights(self) -> dict[str, keras.Variable]:
        """Every weight by its name, such as ``block_1_fc/dense_kernel``.

        In a quantized network also the ranges of the inputs of its linear maps.
        """
        weights = {f"{EMBEDDING}/table": self.embedding.table}
        for name, part in (*self.parts.items(), *self.quantizers.items()):
            weights |= {f"{name}/{key}": value for key, value in part.variables_by_name.items()}
        return weights

    def call(self, inputs, training=None):
        run = self.values(bool(training))
        return self._logits(self._head_inputs(inputs, run), run)

    def logits(self, head_inputs):
        """The final fully connected layer: (batch, head inputs) to (batch, 1)."""
        return self._logits(head_inputs, self.values())

    def head_inputs(self, inputs):
        """What the final layer reads: (batch, head inputs)."""
        return self._head_inputs(inputs, self.values())

    def logits_with_maps(self, inputs, maps: Mapping[str, Callable], table=None) -> np.ndarray:
        """Logits with some linear maps computed elsewhere, such as on analog arrays.

        Args:
            inputs: as for the network itself.
            maps: by the map's name, such as ``block_2_dot_product/tokens``, a function of its
                inputs (..., K), an array, that gives its outputs (..., M) with the bias added.
            table: rows of all embedding tables in place of the network's own.

        Returns:
            (batch, 1).
        """
        run = self.values()
        for name, function in maps.items():
            part, map_name = name.split("/")
            run[part][f"{map_name}_map"] = functools.partial(_call_with_array, function)
        head_inputs = self._head_inputs(inputs, run, table)
        return self._logits(head_inputs, run).numpy()

    def values(self, training: bool = False) -> dict[str, dict]:
        """The weights of every part as they enter its arithmetic, quantized where it is."""
        values = {}
        for name, part in self.parts.items():
            values[name] = part.values()
            if name in self.quantizers:
                bits = self.bits[name]
                values[name] = self.quantizers[name].quantized(
                    values[name], part.specs, bits.weights, bits.activations, training
                )
        return values

    @staticmethod
    def _logits(head_inputs, run):
        return linear(head_inputs, run[HEAD], HEAD)

    def _head_inputs(self, inputs, run, table=None):
        dense, sparse = self._block_outputs(inputs, run, table)[-1]
        tokens = tf.transpose(sparse, [0, 2, 1])
        flat = tf.reshape(tokens, [-1, tokens.shape[1] * tokens.shape[2]])
        return tf.concat([dense, flat], axis=1)

    def block_outputs(self, inputs):
        """Dense and sparse output of each block; ``None`` for one that nothing reads."""
        return self._block_outputs(inputs, self.values())

    def _block_outputs(self, inputs, run, table=None):
        dense = [self._raw_dense(inputs)]
        sparse = [self.embedding(inputs["sparse"], table)]
        for number in range(1, len(self.shapes.blocks) + 1):
            dense_output, sparse_output = self._run_block(number, dense, sparse, run)
            dense.append(dense_output)
            sparse.append(sparse_output)
        return list(zip(dense[1:], sparse[1:]))

    def _raw_dense(self, inputs):
        if self.features.dense:
            return tf.cast(inputs["dense"], self.compute_dtype)
        return tf.zeros([tf.shape(inputs["sparse"])[0], 0], self.compute_dtype)

    def _run_block(self, number, dense, sparse, run):
        block = self.architecture.blocks[number - 1]
        live = self.live[number - 1]
        sizes = self.shapes.blocks[number - 1]
        dense_output = sparse_output = None
        if live.dense_operators:
            dense_output = self._run_operators(
                number, block.dense_operators, dense, sparse, block.dense_width, run
            )
        if live.sparse_operators:
            sparse_output = self._run_operators(
                number, block.sparse_operators, dense, sparse, block.operator_tokens, run
            )
        tokens, operators_dense = sparse_output, dense_output
        if live.dense_to_sparse:
            weights = run[part_name(number, DENSE_TO_SPARSE.name)]
            merged = DENSE_TO_SPARSE(operators_dense, weights, sizes.merger)
            sparse_output = _joined([tokens, merged])
        if live.sparse_to_dense:
            weights = run[part_name(number, SPARSE_TO_DENSE.name)]
            dense_output = operators_dense + SPARSE_TO_DENSE(tokens, weights, sizes.merger)
        return (
            dense_output if live.dense_output else None,
            sparse_output if live.sparse_output else None,
        )

    def _run_operators(self, number, names, dense, sparse, width, run):
        """The sum of a branch's active operators, the narrower ones zero-padded (Eq. 3 and 4)."""
        outputs = []
        for name in names:
            operator = OPERATORS[name]
            shape = self.shapes.blocks[number - 1].operators[name]
            inputs = self._operator_inputs(number, operator, dense, sparse)
            output = operator(inputs, run[part_name(number, name)], shape)
            outputs.append(pad_last_axis(output, width))
        return outputs[0] if len(outputs) == 1 else tf.add_n(outputs)

    def _operator_inputs(self, number, operator, dense, sparse):
        block = self.architecture.blocks[number - 1]
        inputs = {}
        if "dense" in operator.reads:
            inputs["dense"] = _joined([dense[source] for source in block.dense_sources])
        if "sparse" in operator.reads:
            inputs["sparse"] = _joined([sparse[source] for source in block.sparse_sources])
        if "pair" in operator.reads:
            inputs["left"] = dense[block.left_source]
            inputs["right"] = dense[block.right_source]
        return OperatorInputs(**inputs)


def _joined(values):
    """Values of known widths, concatenated along their last axis."""
    library = native.kernels(values[0].dtype)
    if library is None:
        return tf.concat(values, axis=-1)
    return library.nasrec_join(values, [value.shape[-1] for value in values])


def _call_with_array(function, x):
    return tf.constant(function(x.numpy()), x.dtype)
