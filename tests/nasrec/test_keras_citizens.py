"""Networks and their layers as Keras models and layers like any other."""

import json

import keras
import numpy as np
import pytest
from core_cases import (
    EMBEDDED,
    FEATURES,
    FULL,
    NO_DENSE,
    SMALL_OPTIONS,
    raw_inputs,
    raw_labels,
    shake,
)

from nasrec_tf.networks.layers.feature_embedding import FeatureEmbedding, TableInitializer
from nasrec_tf.networks.layers.operator_layer import WeightedPart
from nasrec_tf.networks.layers.quantized_maps import InputRange, MapQuantizers
from nasrec_tf.networks.layers.shared_part import SharedPart
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.networks.supernet.samplers import SAMPLERS, PathSampler, SingleOperatorAnyConnection
from nasrec_tf.operators.base import Prefix, SlotPairs, Slots, WeightSpec
from nasrec_tf.optimizers.adagrad import Adagrad

QUANTIZED = FULL.replace(name="tiny-quantized", num_blocks=1, bits=(4, 8), separate_bits=True)
SPACES = {
    "float-no-dense": (EMBEDDED.replace(num_blocks=2), NO_DENSE),
    "quantized": (QUANTIZED, FEATURES),
}

SPECS = (
    WeightSpec("fc_kernel", (Slots((3, 0, 4)), Prefix(8, 6))),
    WeightSpec("pairs_kernel", (SlotPairs((2, 3)), Prefix(4))),
    WeightSpec("fc_bias", (Prefix(8),), 0.0),
)

LOSS = keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.fixture(scope="module", params=SPACES)
def case(request):
    return SPACES[request.param]


@pytest.fixture(scope="module")
def subnet(case):
    """A network with random weights that has seen a batch."""
    space, features = case
    model = Subnet(space.widest, features, SMALL_OPTIONS, seed=4)
    shake(model)
    model(raw_inputs(features, 16), training=True)
    return model


@pytest.fixture(scope="module")
def supernet(case):
    space, features = case
    model = Supernet(space, features, SMALL_OPTIONS, warmup_steps=7, seed=4)
    shake(model)
    model(raw_inputs(features, 16), training=True)
    model.generator.uniform([])
    return model


@pytest.fixture(params=["subnet", "supernet"])
def network(request, subnet, supernet):
    return {"subnet": subnet, "supernet": supernet}[request.param]


# Configurations.


@pytest.mark.parametrize(
    "layer",
    [
        FeatureEmbedding((5, 9), 4, seed=3),
        FeatureEmbedding((5, 9), 4, seed=None, name="tables"),
        WeightedPart(SPECS, seed=3, name="block_1_fc"),
        WeightedPart(SPECS, seed=None),
        SharedPart(SPECS, {"fc_kernel": {2, 4, 8}}, seed=3),
        MapQuantizers(SPECS, "tensor", (4, 8)),
        MapQuantizers(SPECS),
        InputRange(name="tokens_input"),
    ],
    ids=lambda layer: layer.name,
)
def test_a_layer_is_made_again_from_its_configuration(layer):
    told = keras.saving.serialize_keras_object(layer)
    assert told["registered_name"] == f"nasrec_tf>{type(layer).__name__}"
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(told)))
    assert again.get_config() == layer.get_config() and again.name == layer.name
    assert [v.path.split("/")[-1] for v in again.variables] == [
        v.path.split("/")[-1] for v in layer.variables
    ]
    for one, other in zip(layer.variables, again.variables):
        np.testing.assert_array_equal(one, other)


def test_the_initializer_of_tables_is_made_again_from_its_configuration():
    told = json.loads(json.dumps(keras.saving.serialize_keras_object(TableInitializer((5, 9), 3))))
    again = keras.saving.deserialize_keras_object(told)
    np.testing.assert_array_equal(again((14, 4)), TableInitializer((5, 9), 3)((14, 4)))


def test_a_network_is_made_again_from_its_configuration(network):
    told = json.loads(json.dumps(keras.saving.serialize_keras_object(network)))
    assert told["registered_name"] == f"nasrec_tf>{type(network).__name__}"
    again = keras.saving.deserialize_keras_object(told)
    assert again.get_config() == network.get_config()
    shapes = [[tuple(variable.shape) for variable in each.variables] for each in (network, again)]
    assert shapes[0] == shapes[1]


def test_a_network_made_again_draws_its_weights_also_where_they_were_read(supernet):
    extracted = supernet.extract(supernet.space.widest)
    again = Subnet.from_config(extracted.get_config())
    assert np.abs(again.parts["head"].values()["head_kernel"]).max() > 0
    assert np.abs(again.embedding.table.numpy()).max() > 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_supernet_keeps_its_path_sampler(name):
    model = Supernet(FULL, FEATURES, SMALL_OPTIONS, SAMPLERS[name](FULL), warmup_steps=5)
    again = Supernet.from_config(json.loads(json.dumps(model.get_config())))
    assert type(again.sampler.sampler) is SAMPLERS[name] and again.sampler.steps == 5


@keras.saving.register_keras_serializable("tests")
class FirstSourceAlone(PathSampler):
    """A strategy that is not of the package's own."""

    name = SingleOperatorAnyConnection.name

    def get_config(self):
        return {"space": self.space.to_json()}

    @classmethod
    def from_config(cls, config):
        from nasrec_tf.architecture.space import SearchSpace

        return cls(SearchSpace.from_json(config["space"]))


def test_a_supernet_keeps_a_sampler_of_somebody_else():
    model = Supernet(FULL, FEATURES, SMALL_OPTIONS, FirstSourceAlone(FULL))
    again = Supernet.from_config(json.loads(json.dumps(model.get_config())))
    assert type(again.sampler.sampler) is FirstSourceAlone


# Files.


def test_a_keras_file_gives_the_same_outputs_to_the_bit(network, tmp_path):
    inputs = raw_inputs(network.features, 9, seed=5)
    network.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert type(again) is type(network)
    np.testing.assert_array_equal(again(inputs), network(inputs))
    assert len(again.variables) == len(network.variables)
    for one, other in zip(network.variables, again.variables):
        np.testing.assert_array_equal(one, other)


def test_a_keras_file_of_a_supernet_goes_on_with_the_paths_to_come(supernet, tmp_path):
    supernet.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    for one, other in zip(
        supernet.sampler(supernet.generator, 3), again.sampler(again.generator, 3)
    ):
        np.testing.assert_array_equal(one, other)


def test_a_compiled_network_goes_on_training_from_its_file(case, tmp_path):
    space, features = case
    model = Subnet(space.widest, features, SMALL_OPTIONS)
    model.compile(Adagrad(0.05), LOSS, run_eagerly=True)
    check_training_goes_on(model, features, tmp_path / "net.keras")


@pytest.mark.parametrize(
    "name", ["float-no-dense", pytest.param("quantized", marks=pytest.mark.slow)]
)
def test_a_compiled_supernet_goes_on_training_from_its_file(name, tmp_path):
    space, features = SPACES[name]
    model = Supernet(space, features, SMALL_OPTIONS)
    model.compile(Adagrad(0.05), LOSS)
    check_training_goes_on(model, features, tmp_path / "net.keras")


def check_training_goes_on(model, features, path):
    """A model that was trained, and its copy from a file, train on alike."""
    inputs, labels = raw_inputs(features, 16), raw_labels(16)
    model.train_on_batch(inputs, labels)
    model.save(path)
    again = keras.saving.load_model(path)
    losses = [each.train_on_batch(inputs, labels) for each in (model, again)]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(model(inputs), again(inputs))


# A layer among others.


def larger_model(subnet):
    """A functional model: the network's logit beside a linear model of the dense features."""
    sparse = keras.Input((subnet.features.sparse,), dtype="int64", name="ids")
    dense = keras.Input((3,), name="numbers")
    inputs = {"sparse": sparse}
    if subnet.features.dense:
        inputs["dense"] = keras.layers.Dense(subnet.features.dense, name="mixed")(dense)
    logits = subnet(inputs)
    assert logits.shape == (None, 1)
    beside = keras.layers.Dense(1, name="beside")(dense)
    return keras.Model([dense, sparse], keras.layers.Add()([logits, beside]))


@pytest.fixture
def larger(case):
    space, features = case
    subnet = Subnet(space.replace(num_blocks=1).widest, features, SMALL_OPTIONS, seed=4)
    shake(subnet)
    return larger_model(subnet)


def larger_batch(case):
    _, features = case
    inputs = raw_inputs(features, 16)
    return [np.ones((16, 3), np.float32) * np.arange(16)[:, None], inputs["sparse"]]


def test_a_larger_model_trains_the_network_inside_and_reads_back_from_its_file(
    case, larger, tmp_path
):
    batch, labels = larger_batch(case), raw_labels(16)
    subnet = larger.get_layer("subnet")
    before = {name: value.numpy() for name, value in subnet.named_weights().items()}
    # As Keras compiles by default.
    larger.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    larger.fit(batch, labels, verbose=0)
    moved = [n for n, v in subnet.named_weights().items() if (v.numpy() != before[n]).any()]
    assert {"embedding/table", "head/head_kernel"} <= set(moved)
    larger.save(tmp_path / "larger.keras")
    again = keras.saving.load_model(tmp_path / "larger.keras")
    np.testing.assert_array_equal(again(batch), larger(batch))
    assert again.get_layer("subnet").architecture == subnet.architecture


def test_a_clone_is_the_same_network_with_weights_of_its_own(case, larger):
    clone = keras.models.clone_model(larger)
    assert clone.count_params() == larger.count_params()
    inner, original = clone.get_layer("subnet"), larger.get_layer("subnet")
    assert inner is not original and inner.architecture == original.architecture
    batch = larger_batch(case)
    assert not np.allclose(clone(batch), larger(batch))


def test_shapes_are_known_before_anything_is_computed(network):
    features = network.features
    shapes = {"dense": (None, features.dense), "sparse": (7, features.sparse)}
    assert network.compute_output_shape(shapes) == (7, 1)
    embedding = network.embedding
    ids = np.zeros((7, features.sparse), np.int64)
    assert embedding.compute_output_shape(ids.shape) == tuple(embedding(ids).shape)


@pytest.mark.parametrize("wrong", ["dense", "sparse"])
def test_inputs_of_another_width_are_told_by_name(supernet, wrong):
    features = supernet.features
    inputs = {"dense": keras.Input((features.dense,)), "sparse": keras.Input((features.sparse,))}
    inputs[wrong] = keras.Input((features.dense + features.sparse + 1,))
    with pytest.raises(ValueError, match=f"must hold '{wrong}' of shape"):
        supernet(inputs)


@pytest.mark.parametrize("change", ["no sparse", "list", "one column", "too many", "dense", "flat"])
def test_a_batch_of_another_form_is_an_error_and_no_guess(network, change):
    features = network.features
    batch = raw_inputs(features, 8)
    if change == "no sparse":
        del batch["sparse"]
    elif change == "list":
        batch = [*batch.values()]
    elif change == "one column":  # would be looked up in every table
        batch["sparse"] = batch["sparse"][:, :1]
    elif change == "too many":
        batch["sparse"] = np.tile(batch["sparse"], 2)
    elif change == "dense":
        batch["dense"] = np.zeros((8, features.dense + 1), np.float32)
    else:
        batch["sparse"] = batch["sparse"][:, 0]
    with pytest.raises(ValueError, match="`inputs` must "):
        network(batch)


# Summaries.


def test_a_summary_counts_every_parameter_once(network):
    lines = []
    network.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    trainable = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    fixed = sum(int(np.prod(variable.shape)) for variable in network.non_trainable_variables)
    assert f"Total params: {trainable + fixed:,} " in text
    assert f"Trainable params: {trainable:,} " in text
    assert f"Non-trainable params: {fixed:,} " in text
    assert sum(layer.count_params() for layer in network.layers) == trainable + fixed
    assert {part for part in network.parts} <= {layer.name for layer in network.layers}
