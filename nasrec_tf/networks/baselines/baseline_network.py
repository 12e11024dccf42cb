"""The Keras model of a baseline."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.architecture.memory import NUMBER_BYTES, check_fits, weights_bytes
from nasrec_tf.common.value_checks import check_kind
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines import baseline_from_json
from nasrec_tf.networks.baselines.baseline import Baseline, FieldValues
from nasrec_tf.networks.layers.feature_embedding import (
    POOLING,
    QUERIES,
    FeatureEmbedding,
    pooling_weights,
)
from nasrec_tf.networks.layers.operator_layer import MOMENTUM, WeightedPart
from nasrec_tf.networks.network_inputs import check_inputs, dense_columns
from nasrec_tf.networks.portable_export import PortableExport
from nasrec_tf.networks.regularization import drop, own_step
from nasrec_tf.optimizers.row_sparse import RowSparseOptimizer, is_table


@keras.saving.register_keras_serializable("nasrec_tf")
class PerRowGlorotNormal(keras.initializers.Initializer):
    """Glorot normal of a weight whose rows are kernels from one number to a vector each.

    Args:
        seed: of the draws.

    Example:
        >>> PerRowGlorotNormal(seed=0)((2000, 7)).numpy().std().round(2)  # sqrt(2 / 8), about
        np.float32(0.51)
    """

    def __init__(self, seed: int = 0):
        self.seed = seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """The values.

        Args:
            shape: (rows, width).
            dtype: not looked at; values are float32.
        """
        deviation = (2.0 / (1 + shape[1])) ** 0.5
        return tf.random.stateless_normal(shape, (self.seed, 0), 0.0, deviation)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this initializer again."""
        return {"seed": self.seed}


@keras.saving.register_keras_serializable("nasrec_tf")
class BaselineNetwork(PortableExport):
    """A hand-made model as a Keras model like any other, which takes what a ``Subnet`` takes.

    Args:
        baseline: the model and its options.
        features: what it reads.
        seed: seed of the initial weights and of dropout; ``None`` for zeros, where others are read
            or assigned next.
        scale: what logits are multiplied by outside of training, as calibration asks for; a sum
            of several terms has no final layer that it could be folded into.
        offset: what is added then.

    Input shape: as for ``Subnet``. Output shape: (batch, 1), logits.

    Raises:
        UserError: if its weights would not fit into the memory of the machine, or options do not
            fit the features.

    Example:
        >>> import numpy as np
        >>> from nasrec_tf.networks.baselines import baseline
        >>> network = BaselineNetwork(baseline("deepfm", hidden=(8,)), Features(3, (5, 9)))
        >>> network({"dense": np.zeros((4, 3)), "sparse": np.ones((4, 2), "int64")}).shape
        TensorShape([4, 1])
        >>> sorted(network.named_weights())[:2]
        ['deep/hidden_1_bias', 'deep/hidden_1_kernel']
    """

    def __init__(
        self,
        baseline: Baseline,
        features: Features,
        seed: int | None = 0,
        name: str = "baseline",
        scale: float = 1.0,
        offset: float = 0.0,
        **kwargs: Any,
    ):
        check_kind("baseline", baseline, Baseline)
        check_kind("features", features, Features)
        cost = baseline.complexity(features)
        check_fits(
            weights_bytes(cost.embedding_parameters, cost.parameters, False, False),
            NUMBER_BYTES * cost.embedding_parameters,
            "prepare the data with a higher --min-count, or cap the tables (Features.capped)",
            "give the model smaller widths",
        )
        super().__init__(name=name, **kwargs)
        self.baseline = baseline
        self.features = features
        self.seed = seed
        self.scale = float(scale)
        self.offset = float(offset)
        self.fields = {name: table.fields for name, table in baseline.tables(features).items()}
        own = {name: table.features(features) for name, table in baseline.tables(features).items()}
        self.tables = {
            name: FeatureEmbedding(
                table.rows(features),
                table.width,
                seed,
                name=name,
                initial_deviation=baseline.embedding_deviation,
                lists=own[name].lists,
            )
            for name, table in baseline.tables(features).items()
        }
        self.pieces = baseline.pieces(features)
        self.parts = {
            name: WeightedPart(piece.weights(), seed, MOMENTUM, name=name)
            for name, piece in self.pieces.items()
        }
        for variable in self.embedding_weights:
            variable.is_table_of_dense_fields = not is_table(variable)
        for name, layer in self.tables.items():
            queries = pooling_weights(own[name].attention_fields, layer.embedding_dim)
            if queries:
                name = f"{name}_{POOLING}"
                self.parts[name] = WeightedPart(queries, seed, MOMENTUM, name=name)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Model, options, features and seed as plain values, for ``from_config``."""
        return {
            "baseline": self.baseline.to_json(),
            "features": self.features.to_json(),
            # A network made anew is to be trained, also where this one's weights were read.
            "seed": self.seed or 0,
            "name": self.name,
            "scale": self.scale,
            "offset": self.offset,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "BaselineNetwork":
        """The network that ``get_config`` told, with newly drawn weights.

        Args:
            config: its result, also after a round through JSON.
            custom_objects: not looked at.

        Raises:
            UserError: if the model or its options are not known here.
        """
        own = {
            "baseline": baseline_from_json(config["baseline"]),
            "features": Features(**config["features"]),
        }
        return cls(**config | own)

    def named_weights(self) -> dict[str, keras.Variable]:
        """Every weight by its name, such as ``deep/hidden_1_kernel``.

        Moving statistics are among them.
        """
        weights = {f"{name}/table": layer.table for name, layer in self.tables.items()}
        for name, part in self.parts.items():
            weights |= {f"{name}/{key}": value for key, value in part.variables_by_name.items()}
        return weights

    @property
    def embedding_weights(self) -> list[keras.Variable]:
        """What FuxiCTR's embedding regulariser takes: all tables, and vectors of dense fields."""
        names = [f"{name}/table" for name in self.tables]
        names += [f"{name}/vectors" for name in self.parts]
        names += [f"{name}/dense_kernel" for name in self.parts]
        weights = self.named_weights()
        return [weights[name] for name in names if name in weights]

    def call(self, inputs: Mapping[str, Any], training: bool | None = None) -> Any:
        """Logits.

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, fields).
            training: whether values are dropped, and batches normalised by their own statistics.

        Returns:
            (batch, 1).

        Raises:
            ValueError: if an input is missing or of another width; the message names it.
        """
        check_inputs(self.features, inputs)
        values = FieldValues(
            dense_columns(self.features, inputs, self.compute_dtype),
            {name: self._embedded(name, inputs["sparse"]) for name in self.tables},
        )
        logit = self.baseline.logit(values, self._run(bool(training)))
        if training or (self.scale, self.offset) == (1.0, 0.0):
            return logit
        return logit * self.scale + self.offset

    def train_step(self, data: Any) -> Any:
        """Keras's own step, once the rows that it reads have caught up with their decay."""
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        if isinstance(self.optimizer, RowSparseOptimizer):
            self.optimizer.build(self.trainable_variables)
            for name, layer in self.tables.items():
                ids = self._ids(name, inputs["sparse"])
                self.optimizer.catch_up(layer.table, layer.named_rows(ids))
        return super().train_step(data)

    def _embedded(self, name, ids):
        """What a table has of a batch: (batch, its fields, its width)."""
        layer, ids = self.tables[name], self._ids(name, ids)
        part = self.parts.get(f"{name}_{POOLING}")
        queries = None if part is None else part.values()[QUERIES]
        return layer.pooled(tf.gather(layer.table.value, layer.rows(ids)), ids, queries)

    def _ids(self, name, ids):
        """Ids of a table's fields: (batch, their id columns)."""
        fields = self.fields[name]
        if len(fields) == self.features.sparse:
            return ids
        columns = np.arange(self.features.id_columns)
        ends = np.cumsum(self.features.widths)[:-1]
        chosen = np.split(columns, ends)
        return tf.gather(ids, np.concatenate([chosen[field] for field in fields]), axis=1)

    def _run(self, training: bool) -> dict[str, Callable]:
        """Each piece, to be called with its inputs alone."""
        run: dict[str, Callable] = {}
        for name, piece in self.pieces.items():
            weights = self.parts[name].values(training)
            if training:
                for dropout, share in piece.dropouts().items():
                    weights[dropout] = self._dropout(share, f"{name}/{dropout}")
            run[name] = functools.partial(piece, weights=weights)
        return run

    def _dropout(self, share: float, place: str) -> Callable:
        """Drops by the step that the network's own optimizer is at."""
        step = own_step(self, f"{share} at {place}")
        return functools.partial(drop, share=share, seed=self.seed or 0, step=step, place=place)
