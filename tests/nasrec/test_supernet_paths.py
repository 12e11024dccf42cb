"""A path of the supernet is the stand-alone network of its architecture, in value and in step."""

import dataclasses

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from core_cases import (
    EMBEDDED,
    FEATURES,
    FULL,
    SMALL,
    SMALL_OPTIONS,
    architectures,
    random_architectures,
    raw_inputs,
    raw_labels,
)
from hypothesis import given, settings

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.space import ALWAYS, ANY
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.networks.supernet.path import decode, encode, live_part
from nasrec_tf.operators import OPERATORS
from nasrec_tf.optimizers.adagrad import Adagrad

PATHS = 16
"""Of each configuration of supernet."""

TRAINED_PATHS = 3


# Encoding.


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_decode_is_the_inverse_of_encode(data):
    changes = [{}, {"mergers": False}, {"dense_embeddings": ALWAYS}, {"dense_embeddings": ANY}]
    space = data.draw(st.sampled_from([FULL, SMALL])).replace(**data.draw(st.sampled_from(changes)))
    architecture = data.draw(architectures(space))
    assert decode(encode(architecture, space), space).to_json() == architecture.to_json()


def test_an_architecture_of_another_space_is_refused():
    with pytest.raises(ArchitectureError, match="Block 1: dense_operators"):
        encode(FULL.widest, SMALL)
    with pytest.raises(ArchitectureError, match="3 blocks"):
        encode(FULL.widest, FULL.replace(num_blocks=2))


def test_rules_of_the_space_do_not_bind_paths():
    strict = FULL.replace(operators="single", widths="branch", max_sources=1)
    assert decode(encode(FULL.widest, strict), strict).blocks == FULL.widest.blocks


def test_a_supernet_with_dense_embeddings_holds_paths_without_them_but_not_the_other_way_round():
    always = FULL.replace(dense_embeddings=ALWAYS)
    assert not decode(encode(FULL.widest, always), always).dense_embeddings
    with pytest.raises(ArchitectureError, match="with dense embeddings; .* has them never"):
        encode(always.widest, FULL)


@pytest.fixture(scope="module")
def live_function():
    return tf.function(lambda path: live_part(path, EMBEDDED), autograph=False)


@given(architecture=architectures(EMBEDDED))
@settings(max_examples=150, deadline=None)
def test_the_live_part_in_the_graph_is_that_of_the_architecture(live_function, architecture):
    path = encode(architecture, EMBEDDED)
    found = live_function(type(path)(*map(tf.constant, path)))
    live = architecture.liveness.blocks
    runs_dense = np.array([[block.dense_operators] for block in live])
    runs_sparse = np.array([[block.sparse_operators] for block in live])
    np.testing.assert_array_equal(found.dense_widths, path.dense_widths * runs_dense)
    np.testing.assert_array_equal(found.sparse_widths, path.sparse_widths * runs_sparse)
    np.testing.assert_array_equal(found.dense_to_sparse, [block.dense_to_sparse for block in live])
    np.testing.assert_array_equal(found.sparse_to_dense, [block.sparse_to_dense for block in live])
    reads = [operators_read(block, part) for block, part in zip(architecture.blocks, live)]
    reads_dense = np.array([["dense" in each] for each in reads])
    reads_sparse = np.array([["sparse" in each] for each in reads])
    np.testing.assert_array_equal(found.dense_sources, path.dense_sources & reads_dense)
    np.testing.assert_array_equal(found.sparse_sources, path.sparse_sources & reads_sparse)
    read = architecture.liveness.raw_dense
    assert bool(found.dense_embeddings) == (architecture.dense_embeddings and read)


def operators_read(block, live):
    names = list(block.dense_operators) if live.dense_operators else []
    names += list(block.sparse_operators) if live.sparse_operators else []
    return set().union(*(OPERATORS[name].reads for name in names))


# Values.


def test_extracted_subnets_have_the_logits_of_their_paths(supernet, path_function, path_logits):
    for seed, architecture in enumerate(random_architectures(supernet.space, PATHS, seed=23)):
        inputs = raw_inputs(supernet.features, 8, seed)
        subnet = supernet.extract(architecture)
        training = bool(seed % 2)
        alone = subnet(inputs, training=training).numpy()
        scale = max(1.0, np.abs(alone).max())
        found = path_logits(inputs, architecture)
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-5 * scale)
        if seed < 2:  # once in training and once not
            path = supernet.encode(architecture)
            eager = supernet(inputs, path=path, training=training).numpy()
            np.testing.assert_allclose(eager, alone, rtol=0, atol=1e-5 * scale)
    assert path_function.experimental_get_tracing_count() == 1


def test_without_a_path_the_whole_supernet_runs(supernet):
    inputs = raw_inputs(supernet.features, 4)
    whole = supernet.extract(supernet.space.widest)(inputs)
    scale = max(1.0, np.abs(whole).max())
    np.testing.assert_allclose(supernet(inputs), whole, rtol=0, atol=1e-5 * scale)


def test_equal_architectures_have_equal_logits(supernet, path_logits):
    inputs = raw_inputs(supernet.features, 4)
    for architecture in random_architectures(supernet.space, 6, seed=29):
        live = decode_live(architecture, supernet.space)
        assert live == architecture
        np.testing.assert_array_equal(path_logits(inputs, live), path_logits(inputs, architecture))


def decode_live(architecture, space):
    """The architecture with other choices wherever they cannot reach the logit."""
    blocks = []
    for block, live in zip(architecture.blocks, architecture.liveness.blocks):
        changes = {}
        if not live.dense_operators:
            changes["dense_operators"] = {space.dense_operators[0]: space.dense_widths[0]}
        if not live.sparse_operators:
            changes["sparse_operators"] = {space.sparse_operators[0]: space.sparse_widths[0]}
        if not {"sum", "sigmoid_gating"} & set(block.dense_operators):
            changes |= {"left_source": 0, "right_source": 0}
        blocks.append(dataclasses.replace(block, **changes))
    reads = architecture.liveness.raw_dense
    return Architecture(tuple(blocks), architecture.dense_embeddings and reads)


# Steps.


class Trainer:
    """One traced training step of a supernet, and its state to go back to."""

    def __init__(self, supernet):
        self.supernet = supernet
        supernet.compile(Adagrad(0.05), loss=bce(), jit_compile=False)
        supernet.optimizer.build(supernet.trainable_variables)
        self.step = tf.function(supernet.train_on_path, autograph=False, reduce_retracing=True)
        self.variables = [*supernet.variables, *supernet.optimizer.variables]
        self.start = [variable.numpy() for variable in self.variables]

    def reset(self):
        for variable, value in zip(self.variables, self.start):
            variable.assign(value)

    def values(self):
        return {v.path: v.numpy() for v in self.variables if "iteration" not in v.path}


def bce():
    return keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.fixture(scope="module")
def trainer(supernet):
    trainer = Trainer(supernet)
    yield trainer
    trainer.reset()


def batches_of(supernet, seed, count=2):
    return [
        (raw_inputs(supernet.features, 6, seed + n), raw_labels(6, seed + n)) for n in range(count)
    ]


def test_steps_change_a_path_as_they_change_its_subnet(supernet, trainer):
    for seed, architecture in enumerate(random_architectures(supernet.space, TRAINED_PATHS, 31)):
        trainer.reset()
        subnet = supernet.extract(architecture)
        optimizer = Adagrad(0.05)
        path = supernet.encode(architecture)
        for inputs, labels in batches_of(supernet, seed):
            logits, loss = trainer.step(path, tensors(inputs), tf.constant(labels))
            alone_logits, alone_loss = alone_step(subnet, optimizer, inputs, labels)
            scale = max(1.0, np.abs(alone_logits).max())
            np.testing.assert_allclose(logits, alone_logits, rtol=0, atol=1e-4 * scale)
            assert float(loss) == pytest.approx(float(alone_loss), abs=1e-4)
        trained = supernet.extract(architecture).named_weights()
        for name, variable in subnet.named_weights().items():
            np.testing.assert_allclose(
                trained[name].numpy(), variable.numpy(), rtol=0, atol=1e-5, err_msg=name
            )


def alone_step(subnet, optimizer, inputs, labels):
    variables = subnet.trainable_variables
    with tf.GradientTape() as tape:
        logits = subnet(inputs, training=True)
        loss = bce()(labels, logits)
    gradients = tape.gradient(
        loss, [variable.value for variable in variables], unconnected_gradients="zero"
    )
    optimizer.apply_gradients(zip(gradients, variables))
    return logits, loss


def tensors(inputs):
    return {name: tf.constant(value) for name, value in inputs.items()}


def test_steps_leave_everything_outside_the_path_as_it_is(supernet, trainer):
    for seed, architecture in enumerate(random_architectures(supernet.space, TRAINED_PATHS, 37)):
        trainer.reset()
        belongs = weights_of(supernet, trainer, architecture)
        before = trainer.values()
        [(inputs, labels)] = batches_of(supernet, seed, count=1)
        trainer.step(supernet.encode(architecture), tensors(inputs), tf.constant(labels))
        after = trainer.values()
        used_rows = np.unique(supernet.embedding.rows(inputs["sparse"]))
        for index, variable in enumerate(supernet.trainable_variables):
            accumulator = supernet.optimizer._accumulators[index]
            outside = ~belongs[variable.path]
            if variable is supernet.embedding.table:
                outside = np.ones(variable.shape, bool)
                outside[used_rows] = False
            for path in (variable.path, accumulator.path):
                changed = before[path] != after[path]
                assert not (changed & outside).any(), path
        assert (before[supernet.embedding.table.path] != after[supernet.embedding.table.path]).any()


def weights_of(supernet, trainer, architecture):
    """Which entries of each variable the extracted subnet takes over, by the variable's path."""
    first = 0
    codes = {}
    for variable in supernet.trainable_variables:
        count = int(np.prod(variable.shape))
        codes[variable.path] = np.arange(first, first + count).reshape(variable.shape)
        first += count
        variable.assign(codes[variable.path].astype(np.float32))
    assert first < 2**24, "codes must be exact as float32"
    taken = np.zeros(first, bool)
    for weight in supernet.extract(architecture).named_weights().values():
        taken[weight.numpy().astype(int)] = True
    trainer.reset()
    return {path: taken[code] for path, code in codes.items()}


def test_one_trace_trains_every_path(supernet, trainer):
    [(inputs, labels)] = batches_of(supernet, 41, count=1)
    for architecture in random_architectures(supernet.space, 5, seed=41):
        trainer.step(supernet.encode(architecture), tensors(inputs), tf.constant(labels))
    assert trainer.step.experimental_get_tracing_count() == 1


class RecordingAdagrad(Adagrad):
    """Adagrad that keeps the slices and gradients it was given."""

    def apply_to_slices(self, slices, gradients):
        self.recorded = list(zip(slices, gradients))
        super().apply_to_slices(slices, gradients)


def test_gradients_are_of_active_rows_and_columns_also_eagerly(supernet):
    before = [variable.numpy() for variable in supernet.trainable_variables]
    supernet.compile(RecordingAdagrad(0.05), loss=bce(), jit_compile=False)
    [(inputs, labels)] = batches_of(supernet, 43, count=1)
    [_, architecture] = random_architectures(supernet.space, 2, seed=43)
    supernet.train_on_path(supernet.encode(architecture), tensors(inputs), tf.constant(labels))
    inactive = 0
    for part, gradient in supernet.optimizer.recorded:
        stored = sum(int(np.prod(variable.shape)) for variable in part.variables)
        assert gradient.shape == part.value.shape
        if part.variables[0] is supernet.embedding.table:
            assert gradient.shape[0] == inputs["sparse"].size
        else:
            if part.rows is not None and np.ndim(part.rows):
                assert len(set(part.rows.numpy())) == gradient.shape[0]
            assert np.size(gradient) <= stored
            inactive += stored - np.size(gradient)
    assert inactive > 0
    for variable, value in zip(supernet.trainable_variables, before):
        variable.assign(value)


def test_another_optimizer_is_refused(supernet):
    for optimizer in (keras.optimizers.SGD(), keras.optimizers.Adagrad(), "adagrad"):
        with pytest.raises(ValueError, match="trains with nasrec_tf.Adagrad, "):
            supernet.compile(optimizer, loss=bce(), jit_compile=False)


def test_a_supernet_compiled_without_an_optimizer_takes_its_own(supernet):
    supernet.compile(loss=bce(), jit_compile=False)
    assert isinstance(supernet.optimizer, Adagrad)


def test_extracting_draws_nothing_and_shares_the_tables_until_either_is_trained(monkeypatch):
    from nasrec_tf.networks.layers import feature_embedding

    model = Supernet(FULL, FEATURES, SMALL_OPTIONS, seed=3)
    inputs, labels = raw_inputs(FEATURES, 16), raw_labels(16)

    def no_draw(*_):
        raise AssertionError("an initial value was drawn only to be overwritten")

    monkeypatch.setattr(feature_embedding.TableInitializer, "__call__", no_draw)
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", no_draw)
    subnet = model.extract(FULL.widest)
    before = subnet(inputs).numpy(), subnet.embedding.table.numpy()
    np.testing.assert_array_equal(before[1], model.embedding.table)
    model.compile(Adagrad(0.1), keras.losses.BinaryCrossentropy(from_logits=True))
    model.train_on_path(model.encode(FULL.widest), inputs, labels)
    assert (model.embedding.table.numpy() != before[1]).any()
    np.testing.assert_array_equal(subnet.embedding.table, before[1])
    np.testing.assert_array_equal(subnet(inputs), before[0])
