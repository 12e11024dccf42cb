"""Embeddings of other widths than the paper's 16: heads and merged tokens follow."""

import dataclasses

import numpy as np
import pytest
from core_cases import FEATURES, FULL, random_architectures, raw_inputs, shake

from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.architecture.memory import memory_bytes
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.networks.supernet.stored_weights import supernet_memory_bytes
from nasrec_tf.operators import DEFAULT_OPTIONS, NetworkOptions


@pytest.fixture(scope="module", params=[8, 24, 32, 64])
def supernet(request):
    """A supernet of a width, some of whose blocks are as wide as an embedding or merged tokens."""
    options = NetworkOptions(embedding_dim=request.param)
    merged = options.merged_tokens * request.param
    widths = tuple(sorted({10, request.param, merged}))
    space = FULL.replace(num_blocks=2, dense_widths=widths)
    model = Supernet(space, FEATURES, options, seed=3)
    shake(model)
    return model


def test_a_path_is_the_extracted_network(supernet):
    inputs = raw_inputs(FEATURES, 6)
    for architecture in random_architectures(supernet.space, 4, seed=7):
        alone = supernet.extract(architecture)
        assert alone.embedding.table.shape[1] == supernet.options.embedding_dim
        [*_, (_, sparse)] = alone.block_outputs(inputs)
        assert sparse.shape[1] == supernet.options.embedding_dim
        logits = alone(inputs).numpy()
        scale = max(1.0, np.abs(logits).max())
        found = supernet.logits(inputs, architecture)
        np.testing.assert_allclose(found, logits, rtol=0, atol=1e-5 * scale)


def test_the_memory_that_is_told_is_that_of_the_networks(supernet):
    options = supernet.options
    assert supernet_memory_bytes(supernet.space, FEATURES, options) == 4 * supernet.count_params()
    for architecture in random_architectures(supernet.space, 2, seed=8):
        alone = supernet.extract(architecture)
        assert memory_bytes(architecture, FEATURES, options) == 4 * alone.count_params()


def test_an_architecture_has_its_costs_at_every_width():
    [_, architecture] = random_architectures(FULL, 2, seed=9)
    costs = [
        complexity(
            architecture, FEATURES, dataclasses.replace(DEFAULT_OPTIONS, embedding_dim=width)
        )
        for width in (8, 16, 32, 64)
    ]
    tables = sum(FEATURES.table_rows)
    assert [cost.embedding_parameters for cost in costs] == [tables * w for w in (8, 16, 32, 64)]
    flops = [cost.multiply_accumulates for cost in costs]
    assert flops == sorted(set(flops))


@pytest.mark.parametrize("width", [0, -8, 12, 16.0, True, "16"])
def test_a_width_that_cannot_be_is_told_in_one_line(width):
    with pytest.raises(ValueError, match="embedding_dim") as error:
        NetworkOptions(embedding_dim=width)
    assert "\n" not in str(error.value)
