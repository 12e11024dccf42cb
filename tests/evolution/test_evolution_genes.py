"""Architectures travel through KerasTuner's hyperparameters unchanged."""

import dataclasses
import itertools

import keras_tuner
import numpy as np
import pytest
from hypothesis import given, settings
from keras_tuner.engine.trial import Trial
from test_evolution_mutation import SEEDS, SPACES

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.presets import preset
from nasrec_tf.architecture.space import NASREC_FULL, NASREC_SMALL
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.strategies.oracle.architecture_genes import (
    from_values,
    search_hyperparameters,
    to_values,
)


@settings(deadline=None)
@given(space=SPACES, seed=SEEDS)
def test_values_give_back_the_architecture_they_came_from(space, seed):
    architecture = space.sample(np.random.default_rng(seed))
    assert from_values(to_values(architecture, space), space).to_json() == architecture.to_json()


@settings(deadline=None)
@given(space=SPACES, seed=SEEDS)
def test_every_value_is_one_of_the_registered_choices(space, seed):
    hyperparameters = search_hyperparameters(space)
    hyperparameters.values = to_values(space.sample(np.random.default_rng(seed)), space)
    active = {hp.name: hp for hp in hyperparameters.space if hyperparameters.is_active(hp)}
    assert set(active) == set(hyperparameters.values)
    for name, value in hyperparameters.values.items():
        choices = getattr(active[name], "values", (False, True))
        assert value in choices


@settings(deadline=None)
@given(space=SPACES, seed=SEEDS)
def test_a_trial_carries_an_architecture_over_the_wire_and_through_its_file(space, seed):
    hyperparameters = search_hyperparameters(space)
    architecture = space.sample(np.random.default_rng(seed))
    hyperparameters.values = to_values(architecture, space)
    trial = Trial(hyperparameters, trial_id="0")
    for copy in (Trial.from_proto(trial.to_proto()), Trial.from_state(trial.get_state())):
        assert from_values(copy.hyperparameters.values, space).to_json() == architecture.to_json()


def test_names_and_values_read_by_themselves():
    block = Block({"dot_product": 64}, {"efc": 32}, (0,), (0,))
    architecture = Architecture((block, Block({"fc": 16}, {"efc": 16}, (0, 1), (1,), 1, 0, True)))
    values = to_values(architecture, NASREC_SMALL.replace(num_blocks=2))
    assert {name: value for name, value in values.items() if name.startswith("block_2")} == {
        "block_2_dense_operators": "fc",
        "block_2_dense_width": 16,
        "block_2_dense_sources": "0,1",
        "block_2_sparse_operators": "efc",
        "block_2_sparse_width": 16,
        "block_2_sparse_sources": "1",
        "block_2_left_source": 1,
        "block_2_right_source": 0,
        "block_2_dense_to_sparse": True,
        "block_2_sparse_to_dense": False,
    }


def test_dense_embeddings_are_a_hyperparameter_where_architectures_choose():
    plain = NASREC_SMALL.sample(np.random.default_rng(0))
    embedded = dataclasses.replace(plain, dense_embeddings=True)
    paper = to_values(plain, NASREC_SMALL)
    assert "dense_embeddings" not in paper
    assert to_values(embedded, NASREC_SMALL.replace(dense_embeddings="always")) == paper
    choosing = NASREC_SMALL.replace(dense_embeddings="any")
    assert to_values(embedded, choosing) == paper | {"dense_embeddings": True}
    with pytest.raises(ArchitectureError, match="'dense_embeddings' is missing"):
        from_values(paper, choosing)


def test_operators_with_their_own_widths_have_one_width_each():
    space = NASREC_FULL.replace(num_blocks=1, operators="any")
    block = Block({"fc": 16, "sum": 64}, {"attention": 48}, (0,), (0,))
    values = to_values(Architecture((block,)), space)
    assert values["block_1_dense_operators"] == "fc+sum"
    assert values["block_1_fc_width"] == 16
    assert values["block_1_sum_width"] == 64
    assert "block_1_dot_product_width" not in values


def test_the_published_architectures_are_values_of_the_published_space():
    for name, space in (
        ("nasrec-criteo-small", NASREC_SMALL),
        ("nasrec-criteo-full", NASREC_FULL),
    ):
        architecture = preset(name).architecture
        assert from_values(to_values(architecture, space), space) == architecture


def test_tensorboard_shows_the_choices():
    from keras_tuner.src.engine.tuner_utils import convert_hyperparams_to_hparams
    from tensorboard.plugins.hparams import api

    hyperparameters = search_hyperparameters(NASREC_FULL)
    architecture = NASREC_FULL.sample(np.random.default_rng(0))
    hyperparameters.values = to_values(architecture, NASREC_FULL)
    converted = convert_hyperparams_to_hparams(hyperparameters, api)
    assert {key.name: value for key, value in converted.items()} == hyperparameters.values


def test_other_hyperparameters_are_left_alone():
    architecture = NASREC_SMALL.sample(np.random.default_rng(0))
    values = to_values(architecture, NASREC_SMALL) | {"learning_rate": 0.1}
    assert from_values(values, NASREC_SMALL) == architecture


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block_2_dense_sources": None}, "'block_2_dense_sources' is missing"),
        ({"block_2_dense_sources": "0,x"}, "'block_2_dense_sources' must list sources"),
        ({"block_2_dense_operators": "sum"}, "Block 2: dense_operators"),
        ({"block_2_left_source": 2}, "Block 2: left_source"),
        ({"block_1_sparse_width": 17}, "Block 1: sparse_operators"),
    ],
)
def test_a_wrong_value_is_named(change, message):
    space = NASREC_SMALL.replace(num_blocks=2)
    values = to_values(space.sample(np.random.default_rng(0)), space) | change
    values = {name: value for name, value in values.items() if value is not None}
    with pytest.raises(ArchitectureError, match=message):
        from_values(values, space)


def test_a_space_with_too_many_sets_of_sources_is_told_apart():
    space = NASREC_FULL.replace(num_blocks=16)
    with pytest.raises(ArchitectureError, match="block 16 .* set max_sources"):
        search_hyperparameters(space)
    registered = search_hyperparameters(space.replace(max_sources=4))
    assert len(registered.space) == 16 * 10


def test_the_registered_space_lists_every_set_of_sources():
    registered = search_hyperparameters(NASREC_FULL)
    choice = next(hp for hp in registered.space if hp.name == "block_7_sparse_sources")
    sets = (c for n in range(1, 8) for c in itertools.combinations(range(7), n))
    assert set(choice.values) == {",".join(map(str, sources)) for sources in sets}
    assert isinstance(registered, keras_tuner.HyperParameters)
