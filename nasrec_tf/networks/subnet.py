"""A stand-alone network, built from an architecture."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import HEAD_BITS, Bits
from nasrec_tf.architecture.memory import NUMBER_BYTES, check_fits, memory_bytes
from nasrec_tf.architecture.shapes import BlockShapes, network_shapes
from nasrec_tf.common.value_checks import check_kind
from nasrec_tf.data.features import Features
from nasrec_tf.networks.layers.feature_embedding import (
    POOLING,
    QUERIES,
    FeatureEmbedding,
    pooling_weights,
)
from nasrec_tf.networks.layers.operator_layer import MOMENTUM, WeightedPart
from nasrec_tf.networks.layers.quantized_maps import MapQuantizers
from nasrec_tf.networks.network_config import network_arguments, network_config
from nasrec_tf.networks.network_inputs import check_inputs, dense_columns
from nasrec_tf.networks.part_names import EMBEDDING, HEAD, part_name
from nasrec_tf.networks.portable_export import PortableExport
from nasrec_tf.networks.regularization import (
    NO_DROPOUT,
    NO_REGULARIZATION,
    Regularization,
    StepDropout,
    own_step,
)
from nasrec_tf.networks.subnet_blocks import OUTPUT_SCALE, SubnetBlocks
from nasrec_tf.operators import (
    DEFAULT_OPTIONS,
    DENSE,
    DENSE_TO_SPARSE,
    OPERATORS,
    SPARSE,
    SPARSE_TO_DENSE,
    NetworkOptions,
)
from nasrec_tf.operators.arithmetic import linear
from nasrec_tf.operators.base import WeightSpec
from nasrec_tf.operators.kept_units import Units
from nasrec_tf.optimizers.row_sparse import RowSparseOptimizer


@keras.saving.register_keras_serializable("nasrec_tf")
class Subnet(PortableExport):
    """The network of one architecture, of which only the parts that reach the logit exist.

    It is a Keras model like any other: train it, save it as a ``.keras`` file, or call it as a
    layer of a larger model.

    Args:
        architecture: the architecture.
        features: what the network reads.
        options: what holds for the whole network.
        seed: seed of the initial weights and of dropout; ``None`` for zeros, where others are read
            or assigned next.
        table: (rows of all tables, embedding_dim), rows of the embedding tables to start from in
            place of drawn ones.
        regularization: what training drops; nothing in the paper.
        initial_deviation: standard deviation of the embedding tables' initial values; Glorot's for
            each table unless given.

    Input shape: a mapping of ``"dense"`` (batch, dense columns), absent or empty without dense
    features, and ``"sparse"`` (batch, id columns) row ids, of which each field has one and a
    multi-valued one as many as its longest list, filled up with -1. Output shape: (batch, 1),
    logits.

    Raises:
        UserError: if its weights would not fit into the memory of the machine.

    Example:
        >>> import numpy as np
        >>> from nasrec_tf.architecture.presets import preset
        >>> features = Features(dense=3, table_rows=(5, 9))
        >>> subnet = Subnet(preset("nasrec-criteo-small").architecture, features)
        >>> batch = {"dense": np.zeros((4, 3)), "sparse": np.ones((4, 2), "int64")}
        >>> subnet(batch).shape
        TensorShape([4, 1])
    """

    def __init__(
        self,
        architecture: Architecture,
        features: Features,
        options: NetworkOptions = DEFAULT_OPTIONS,
        seed: int | None = 0,
        name: str = "subnet",
        table: Any = None,
        regularization: Regularization = NO_REGULARIZATION,
        initial_deviation: float | None = None,
        **kwargs: Any,
    ):
        check_kind("architecture", architecture, Architecture)
        check_kind("features", features, Features)
        check_kind("options", options, NetworkOptions)
        check_kind("regularization", regularization, Regularization)
        check_fits(
            memory_bytes(architecture, features, options),
            NUMBER_BYTES * sum(features.table_rows) * options.embedding_dim,
            "prepare the data with a higher --min-count, or cap the tables (Features.capped)",
            "take an architecture of smaller widths",
        )
        super().__init__(name=name, **kwargs)
        self.architecture = architecture
        self.features = features
        self.options = options
        self.seed = seed
        self.regularization = regularization
        self.initial_deviation = initial_deviation
        self.shapes = network_shapes(architecture, features.dense, features.sparse, options)
        self.live = architecture.liveness.blocks
        self._blocks = SubnetBlocks(architecture, self.shapes)
        self.embedding = FeatureEmbedding(
            features.table_rows,
            options.embedding_dim,
            seed,
            table=table,
            initial_deviation=initial_deviation,
            lists=features.lists,
        )
        self.parts: dict[str, WeightedPart] = {}
        self.quantizers: dict[str, MapQuantizers] = {}
        self.bits: dict[str, Bits] = {}
        self._spread: dict[str, dict[str, Units]] = {}
        queries = pooling_weights(features.attention_fields, options.embedding_dim)
        if queries and architecture.liveness.raw_sparse:
            self._add_part(POOLING, queries, None)
        for number, sizes in enumerate(self.shapes.blocks, start=1):
            self._add_block(number, sizes)
        head_bits = HEAD_BITS if architecture.is_quantized else None
        self._add_part(HEAD, self.shapes.head_weights, head_bits)
        self.built = True

    def _add_block(self, number: int, sizes: BlockShapes) -> None:
        block, live = self.architecture.blocks[number - 1], self.live[number - 1]
        for name, part in ({} if sizes.kept is None else sizes.kept.parts).items():
            spread = {f"{each}_spread": units for each, units in part.spread.items()}
            self._spread[part_name(number, name)] = spread
        for name, shape in sizes.operators.items():
            operator = OPERATORS[name]
            if live.dense_operators if operator.branch == DENSE else live.sparse_operators:
                bits = block.bits.get(name)
                specs = sizes.weights(name, operator, shape)
                self._add_part(part_name(number, name), specs, bits)
        for merger in (DENSE_TO_SPARSE, SPARSE_TO_DENSE):
            if getattr(live, merger.name):
                specs = sizes.weights(merger.name, merger, sizes.merger)
                bits = block.branch_bits(merger.reads)
                self._add_part(part_name(number, merger.name), specs, bits)

    def _add_part(self, name: str, specs: Sequence[WeightSpec], bits: Bits | None) -> None:
        self.parts[name] = WeightedPart(specs, self.seed, MOMENTUM, name=name)
        if bits is not None:
            ranges = self.options.weight_ranges
            self.bits[name] = bits
            self.quantizers[name] = MapQuantizers(specs, ranges, name=f"{name}_quantizers")

    def get_config(self) -> dict[str, Any]:
        """Architecture, features, options and seed as plain values, for ``from_config``."""
        config = network_config(self) | {"architecture": self.architecture.to_json()}
        # Told where they are set, so that networks of the paper's settings read everywhere.
        if self.regularization != NO_REGULARIZATION:
            config["regularization"] = dataclasses.asdict(self.regularization)
        if self.initial_deviation is not None:
            config["initial_deviation"] = self.initial_deviation
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Subnet":
        """The network that ``get_config`` told, with newly drawn weights.

        Args:
            config: its result, also after a round through JSON.
            custom_objects: not looked at.

        Raises:
            ArchitectureError: if the architecture is not valid.
        """
        own: dict[str, Any] = {"architecture": Architecture.from_json(config["architecture"])}
        if "regularization" in config:
            own["regularization"] = Regularization(**config["regularization"])
        return cls(**network_arguments(config) | own)

    def named_weights(self) -> dict[str, keras.Variable]:
        """Every weight by its name, such as ``block_1_fc/dense_kernel``.

        Moving statistics are among them, and in a quantized network the ranges of the inputs of
        its linear maps.
        """
        weights = {f"{EMBEDDING}/table": self.embedding.table}
        parts: list[tuple[str, Any]] = [*self.parts.items(), *self.quantizers.items()]
        for name, part in parts:
            weights |= {f"{name}/{key}": value for key, value in part.variables_by_name.items()}
        return weights

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> Any:
        """Logits.

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, id columns).
            training: whether values are dropped, batch norm is by the batch, and moving statistics
                and the ranges of a quantized network follow what they see.

        Returns:
            (batch, 1).

        Raises:
            ValueError: if an input is missing or of another width; the message names it.
        """
        run = self.values(bool(training))
        dropout = self._step_dropout() if training else NO_DROPOUT
        return self._logits(self._head_inputs(inputs, run, dropout), run)

    def _step_dropout(self) -> StepDropout:
        """The dropout of the step that the network's own optimizer is at."""
        if self.regularization == NO_REGULARIZATION:
            return NO_DROPOUT
        return StepDropout(self.regularization, self.seed or 0, own_step(self, self.regularization))

    def train_step(self, data: Any) -> Any:
        """Keras's own step, once the rows that it reads have caught up with their decay."""
        if not isinstance(self.optimizer, RowSparseOptimizer):
            return super().train_step(data)
        self.optimizer.build(self.trainable_variables)
        with self.embedding.before_reading(self.optimizer.catch_up):
            return super().train_step(data)

    def logits(self, head_inputs: Any) -> Any:
        """The final fully connected layer alone: logits (batch, 1).

        Args:
            head_inputs: (batch, head inputs).
        """
        return self._logits(head_inputs, self.values())

    def head_inputs(self, inputs: Mapping[str, Any]) -> Any:
        """What the final layer reads: (batch, head inputs).

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, fields).
        """
        return self._head_inputs(inputs, self.values())

    def logits_with_maps(
        self, inputs: Mapping[str, Any], maps: Mapping[str, Callable], table: Any = None
    ) -> np.ndarray:
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
        head_inputs = self._head_inputs(inputs, run, table=table)
        return self._logits(head_inputs, run).numpy()

    def logits_with_scales(self, inputs: Mapping[str, Any], scales: Mapping[str, Any]) -> Any:
        """Logits with the outputs of some operators and mergers multiplied; by 0, they are gone.

        Args:
            inputs: as for the network itself.
            scales: a number by the name of a part, as ``part_name`` gives it.

        Returns:
            (batch, 1).
        """
        run = self.values()
        for name, scale in scales.items():
            run[name][OUTPUT_SCALE] = scale
        return self._logits(self._head_inputs(inputs, run), run)

    def values(self, training: bool = False) -> dict[str, dict]:
        """The weights of every part as they enter its arithmetic, quantized where it is.

        Args:
            training: whether batch norm is by the batch, and moving statistics and the ranges of a
                quantized network follow what they see.
        """
        values = {}
        for name, part in self.parts.items():
            values[name] = self._part_values(name, training)
            if name in self.quantizers:
                bits = self.bits[name]
                values[name] = self.quantizers[name].quantized(
                    values[name], part.specs, bits.weights, bits.activations, training
                )
            values[name] |= self._spread.get(name, {})
        return values

    def _part_values(self, name, training):
        """The weights of a part before they are quantized."""
        return self.parts[name].values(training)

    @staticmethod
    def _logits(head_inputs, run):
        return linear(head_inputs, run[HEAD], HEAD)

    def _head_inputs(self, inputs, run, dropout=NO_DROPOUT, table=None):
        dense, sparse = self._block_outputs(inputs, run, dropout, table)[-1]
        return dropout.head(tf.concat([dense, _flattened(sparse)], axis=1))

    def block_outputs(self, inputs: Mapping[str, Any]) -> list[tuple[Any, Any]]:
        """Dense (batch, width) and sparse (batch, embedding, tokens) output of each block.

        ``None`` stands for one that nothing reads.

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, id columns).
        """
        return self._block_outputs(inputs, self.values())

    def _block_outputs(self, inputs, run, dropout=NO_DROPOUT, table=None):
        check_inputs(self.features, inputs)
        queries = run[POOLING][QUERIES] if POOLING in run else None
        sparse = [dropout.embeddings(self.embedding(inputs["sparse"], table, queries))]
        dense = [self._dense_source_0(inputs, sparse[0])]
        for number in range(1, len(self.shapes.blocks) + 1):
            dense_output, sparse_output = self._blocks.outputs(number, dense, sparse, run)
            dense.append(dropout.block(dense_output, number, DENSE))
            sparse.append(dropout.block(sparse_output, number, SPARSE))
        return list(zip(dense[1:], sparse[1:]))

    def _dense_source_0(self, inputs, embeddings):
        """The raw dense features, and the flattened embeddings where they are part of it."""
        dense = dense_columns(self.features, inputs, self.compute_dtype)
        if not self.architecture.dense_embeddings:
            return dense
        return tf.concat([dense, _flattened(embeddings)], axis=1)


def _flattened(sparse):
    """(batch, embedding, tokens) as (batch, units), token by token."""
    tokens = tf.transpose(sparse, [0, 2, 1])
    return tf.reshape(tokens, [-1, tokens.shape[1] * tokens.shape[2]])


def _call_with_array(function, x):
    return tf.constant(function(x.numpy()), x.dtype)
