"""The supernet, which holds every architecture of a search space (paper 3.1 and 4)."""

import contextlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import HEAD_BITS
from nasrec_tf.architecture.memory import NUMBER_BYTES, check_fits
from nasrec_tf.architecture.shapes import head_weights
from nasrec_tf.architecture.space import SearchSpace
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.networks.layers.feature_embedding import POOLING, FeatureEmbedding
from nasrec_tf.networks.layers.quantized_maps import MapQuantizers
from nasrec_tf.networks.layers.shared_part import SharedPart
from nasrec_tf.networks.logit_network import LogitNetwork
from nasrec_tf.networks.network_config import network_arguments, network_config
from nasrec_tf.networks.network_inputs import check_inputs
from nasrec_tf.networks.part_names import HEAD
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.supernet.masked_arithmetic import FLOAT32
from nasrec_tf.networks.supernet.masked_form import MaskedForm
from nasrec_tf.networks.supernet.masked_training import MaskedTraining
from nasrec_tf.networks.supernet.path import Path, encode
from nasrec_tf.networks.supernet.samplers import (
    PathSampler,
    SingleOperatorAnyConnection,
    WarmupSampler,
    sampler_config,
    sampler_from_config,
)
from nasrec_tf.networks.supernet.sliced_form import SlicedForm
from nasrec_tf.networks.supernet.stored_weights import (
    StoredPart,
    stored_parts,
    supernet_memory_bytes,
)
from nasrec_tf.operators import BY_BATCH, DEFAULT_OPTIONS, NetworkOptions
from nasrec_tf.operators.arithmetic import linear
from nasrec_tf.optimizers.adagrad import Adagrad

GENERATOR = "generator"
"""Name under which a ``.keras`` file holds the state of the generator of paths."""


def _moved(generator):
    """The generator on the device of the present scope."""
    return tf.random.Generator.from_state(generator.state.numpy(), alg="philox")


def _check_optimizer(optimizer):
    if not isinstance(optimizer, Adagrad):
        raise ValueError(
            "A supernet trains with nasrec_tf.Adagrad, which updates active rows alone. "
            f"Received: optimizer={optimizer}"
        )


@keras.saving.register_keras_serializable("nasrec_tf")
class Supernet(LogitNetwork):
    """Every architecture of a search space over one set of shared weights.

    Each training step draws a path and trains it alone: only active rows and columns of the
    weights are read, differentiated and updated. One traced graph serves every path.

    Args:
        space: the search space.
        features: what the network reads.
        options: what holds for the whole network.
        sampler: strategy that draws the paths; single-operator any-connection unless given.
        warmup_steps: steps over which the probability of training the full supernet falls from 1
            to 0; the paper takes a fifth of all steps.
        seed: seed of the initial weights and of the paths.

    Input shape: as for ``Subnet``. Output shape: (batch, 1), logits of a path.

    Raises:
        UserError: if its weights would not fit into the memory of the machine, or the options ask
            for batch norm.

    Example:
        >>> import numpy as np
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> space = NASREC_SMALL.replace(num_blocks=2, dense_widths=(4, 8), sparse_widths=(4,))
        >>> supernet = Supernet(space, Features(dense=3, table_rows=(5, 9)))
        >>> architecture = space.sample(np.random.default_rng(0))
        >>> batch = {"dense": np.zeros((4, 3)), "sparse": np.ones((4, 2), "int64")}
        >>> path, alone = supernet.logits(batch, architecture), supernet.extract(architecture)
        >>> bool(np.allclose(path, alone(batch), atol=1e-5))
        True
    """

    def __init__(
        self,
        space: SearchSpace,
        features: Features,
        options: NetworkOptions = DEFAULT_OPTIONS,
        sampler: PathSampler | None = None,
        warmup_steps: int = 0,
        seed: int = 0,
        name: str = "supernet",
        **kwargs: Any,
    ):
        if options.normalization == BY_BATCH:
            raise UserError(
                "A supernet has no batch norm, for the statistics of one path are not those of "
                "another: normalise by 'layer', as the paper does, or by 'none'."
            )
        check_fits(
            supernet_memory_bytes(space, features, options),
            NUMBER_BYTES * sum(features.table_rows) * options.embedding_dim,
            "cap the tables with --max-table-rows (Features.capped)",
            "take fewer --blocks, or a search space of smaller widths",
        )
        super().__init__(name=name, **kwargs)
        self.space = space
        self.features = features
        self.options = options
        self.seed = seed
        self.sampler = WarmupSampler(sampler or SingleOperatorAnyConnection(space), warmup_steps)
        self.generator = tf.random.Generator.from_seed(seed, alg="philox")
        # Evaluating in between must not change what is trained.
        self._evaluation_generator = tf.random.Generator.from_seed(seed, alg="philox")
        self.embedding = FeatureEmbedding(
            features.table_rows, options.embedding_dim, seed, lists=features.lists
        )
        self.parts: dict[str, SharedPart] = {}
        self.quantizers: dict[str, MapQuantizers] = {}
        for part in stored_parts(space, features, options):
            self._add_part(part)
        self._sliced = SlicedForm(self)
        self._masked: MaskedForm | None = None
        self._masked_training: MaskedTraining | None = None
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Space, features, options, sampler and seed as plain values, for ``from_config``.

        A sampler of the package's own goes by its name; another one needs a ``get_config``, and to
        be registered with ``keras.saving``.
        """
        return network_config(self) | {
            "space": self.space.to_json(),
            "sampler": sampler_config(self.sampler.sampler),
            "warmup_steps": self.sampler.steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Supernet":
        """The supernet that ``get_config`` told, with newly drawn weights.

        Args:
            config: its result, also after a round through JSON.
            custom_objects: further classes by name, for a sampler that is not registered.

        Raises:
            UserError: if the search space is not valid or a sampler is not known.
        """
        space = SearchSpace.from_json(config["space"])
        sampler = sampler_from_config(config["sampler"], space, custom_objects)
        return cls(**network_arguments(config) | {"space": space, "sampler": sampler})

    def save_own_variables(self, store: Any) -> None:
        """Adds to a ``.keras`` file where the drawing of paths stands."""
        super().save_own_variables(store)
        store[GENERATOR] = self.generator.state.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads what ``save_own_variables`` wrote: training goes on with the paths to come."""
        self.generator.reset(np.array(store[GENERATOR]))

    def _add_part(self, part: StoredPart) -> None:
        name, specs, column_ends = part
        self.parts[name] = SharedPart(specs, column_ends, self.seed, name=name)
        if self.space.bits and name != POOLING:  # which has no linear map
            self.quantizers[name] = MapQuantizers(
                specs, self.options.weight_ranges, self.space.bits, name=f"{name}_quantizers"
            )

    # Running a path.

    def call(self, inputs, path: Path | None = None, training=None):
        """Logits of a path; of the whole supernet unless one is given.

        With ``training`` a gradient tape that watches the variables sees what is read of them.

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, fields).
            path: as ``encode`` gives it.
            training: whether ranges of a quantized network follow what they see, and a gradient
                tape sees the variables.

        Raises:
            ValueError: if an input is missing or of another width.
        """
        path = self.encode(self.space.widest) if path is None else path
        if self._masked is not None and not training:
            return self._masked.logits(self.head_inputs(inputs, path))
        return self._sliced.logits(self._sliced.start(inputs, path, bool(training)))

    def run_by_masks(self, precision: str = FLOAT32) -> None:
        """Runs and trains paths at full width from now on, for accelerators.

        Every path is one program, which XLA compiles once for each size of batch; results are
        those of the active slices but for rounding. Steps of several replicas stay as they are.

        Args:
            precision: what factors of matrix products are rounded to: ``"float32"`` (on a GPU
                TF32, unless TensorFlow is told otherwise) or ``"bfloat16"``.

        Raises:
            ValueError: if there is no such precision.
            UserError: if the supernet is quantized, or an operator has no masked form.
        """
        self._masked = MaskedForm(self, precision)
        self._masked_training = MaskedTraining(self, self._masked)
        with self._drawing():
            self.generator = _moved(self.generator)
            self._evaluation_generator = _moved(self._evaluation_generator)

    def _drawing(self):
        """Where paths are drawn: hundreds of operations on a few numbers are none for a GPU."""
        return tf.device("CPU:0") if self.runs_by_masks else contextlib.nullcontext()

    @property
    def runs_by_masks(self) -> bool:
        """Whether it runs at full width, by a program for each size of batch."""
        return self._masked is not None

    def logits(self, inputs, architecture: Architecture):
        """Logits of an architecture: (batch, 1).

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, fields).
            architecture: of the search space.

        Raises:
            ArchitectureError: if the space does not hold it.
        """
        return self(inputs, path=self.encode(architecture))

    def encode(self, architecture: Architecture) -> Path:
        """The architecture's path, to be given to ``call`` or to a function over paths.

        Args:
            architecture: of the search space.

        Raises:
            ArchitectureError: if the space does not hold it.
        """
        return Path(*(tf.constant(part) for part in encode(architecture, self.space)))

    def head_inputs(self, inputs, path: Path):
        """What the final layer reads on a path: (batch, head inputs).

        By masks it is at full width, with zeros in what the path does not have.

        Args:
            inputs: ``"dense"`` (batch, dense columns) and ``"sparse"`` (batch, fields).
            path: as ``encode`` gives it.
        """
        if self._masked is not None:
            check_inputs(self.features, inputs)
            return self._masked.head_inputs(inputs, path)
        return self._sliced.head_inputs(self._sliced.start(inputs, path))

    def head_slice(self, path: Path) -> dict:
        """Kernel and bias of the final layer, of the inputs that ``head_inputs`` gives for a path.

        Args:
            path: as ``encode`` gives it.
        """
        if self._masked is not None:
            return self._masked.head_weights()
        return self._sliced.head_weights(path)

    def tunable_logits(self, head_inputs, kernel, bias):
        """Logits of a final layer with other weights: of the kind that scoring tunes.

        Args:
            head_inputs: (batch, head inputs) of a path.
            kernel: (head inputs, 1), not yet quantized.
            bias: (1,).
        """
        weights = {"head_kernel": kernel, "head_bias": bias}
        if self.quantizers:
            slots = (head_inputs.shape[1] or tf.shape(head_inputs)[1],)
            weights = self.quantizers[HEAD].quantized(
                weights, head_weights(slots), HEAD_BITS.weights, HEAD_BITS.activations, False
            )
        return linear(head_inputs, weights, HEAD)

    # Training.

    def compile(self, optimizer: Any = None, *args: Any, **kwargs: Any) -> None:
        """As of any Keras model, but for the optimizer.

        Args:
            optimizer: a ``nasrec_tf.Adagrad``; unless given, one with its defaults.
            *args: as Keras takes them, the loss first.
            **kwargs: likewise.

        Raises:
            ValueError: if it is another optimizer, which would touch what a path leaves out.
        """
        optimizer = Adagrad() if optimizer is None else optimizer
        _check_optimizer(optimizer)
        super().compile(optimizer, *args, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as the model was that a ``.keras`` file holds; Keras calls it.

        Args:
            config: what ``get_compile_config`` told.
        """
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def train_step(self, data):
        """Draws a path and trains it on the batch.

        Args:
            data: inputs, labels (batch, 1) and sample weights, as ``fit`` passes them.
        """
        inputs, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        step = tf.convert_to_tensor(self.optimizer.iterations.value)
        with self._drawing():
            path = self.sampler(self.generator, step)
        logits, loss = self.train_on_path(path, inputs, labels, sample_weight)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(labels)[0])
        return self.compute_metrics(inputs, labels, logits, sample_weight)

    def train_on_path(self, path: Path, inputs, labels, sample_weight=None, combine=None):
        """One step of the optimizer on a path's active weights; its logits and loss before.

        Args:
            path: the path.
            inputs: of a batch.
            labels: (batch, 1).
            sample_weight: of the batch's rows, if any.
            combine: joins the gradients of several replicas that train the path on parts of a
                batch; takes and returns the slices and their gradients (``distribution.py``).
        """
        _check_optimizer(self.optimizer)
        self.optimizer.build(self.trainable_variables)
        if self._masked_training is not None and combine is None:
            check_inputs(self.features, inputs)
            return self._masked_training.step(path, inputs, labels, sample_weight)
        rows = self.embedding.named_rows(inputs["sparse"])
        self.optimizer.catch_up(self.embedding.table, rows)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            run = self._sliced.start(inputs, path, training=True, tape=tape, rows=rows)
            logits = self._sliced.logits(run)
            loss = self.compute_loss(inputs, labels, logits, sample_weight, training=True)
        values = [part.value for part in run.slices]
        upstream = tape.gradient(loss, values, unconnected_gradients="zero")
        slices = run.slices
        if combine is not None:
            slices, upstream = combine(slices, upstream)
        self.optimizer.apply_to_slices(slices, upstream)
        return logits, loss

    def test_step(self, data):
        """Evaluates a drawn path on the batch.

        Args:
            data: inputs, labels (batch, 1) and sample weights, as ``evaluate`` passes them.
        """
        inputs, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with self._drawing():
            path = self.sampler.sampler(self._evaluation_generator)
        logits = self(inputs, path=path, training=False)
        loss = self.compute_loss(inputs, labels, logits, sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(labels)[0])
        return self.compute_metrics(inputs, labels, logits, sample_weight)

    def extract(self, architecture: Architecture) -> Subnet:
        """The stand-alone network with the path's slices of the shared weights.

        Its logits equal those of the path. Both hold one copy of the embedding tables, until
        either is trained further.

        Args:
            architecture: of the space's blocks, operators and widths.

        Raises:
            ArchitectureError: if the supernet does not hold the architecture.
        """
        encode(architecture, self.space)
        table = self.embedding.table.value
        subnet = Subnet(architecture, self.features, self.options, seed=None, table=table)
        for name, part in subnet.parts.items():
            self.parts[name].fill(part)
        for name, quantizers in subnet.quantizers.items():
            quantizers.take_ranges(self.quantizers[name])
        return subnet
