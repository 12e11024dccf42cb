"""What a network is without a part is what it is with that part's output at 0."""

import numpy as np
import pytest

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.data.features import Features
from nasrec_tf.networks.ablation import AblatedLogits, ablations
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.operators import BY_LAYER, NetworkOptions

FEATURES = Features(3, (5, 9))
ARCHITECTURE = Architecture(
    (
        Block({"fc": 8, "dot_product": 8}, {"efc": 4}, (0,), (0,), sparse_to_dense=True),
        Block({"sigmoid_gating": 8}, {"efc": 4}, (1,), (1,), 0, 1, dense_to_sparse=True),
    )
)


@pytest.fixture(scope="module")
def network():
    options = NetworkOptions(embedding_dim=8, normalization=BY_LAYER)
    return Subnet(ARCHITECTURE, FEATURES, options, seed=3)


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    sparse = rng.integers(0, (5, 9), (6, 2))
    return {"dense": rng.standard_normal((6, 3)).astype("float32"), "sparse": sparse}


@pytest.fixture(scope="module")
def ablated(network):
    import tensorflow as tf

    return AblatedLogits(
        network,
        {
            "dense": tf.TensorSpec([None, 3], tf.float32),
            "sparse": tf.TensorSpec([None, 2], tf.int64),
        },
    )


def test_every_block_and_every_part_is_left_out_once(network):
    found = {(one.block, one.part): one.parts for one in ablations(network)}
    assert set(found) == {
        (1, None), (1, "fc"), (1, "dot_product"), (1, "efc"), (1, "sparse_to_dense"),
        (2, None), (2, "sigmoid_gating"), (2, "efc"), (2, "dense_to_sparse"),
    }  # fmt: skip
    assert set(found[1, None]) == {parts[0] for (block, part), parts in found.items()
                                   if block == 1 and part is not None}  # fmt: skip


def test_nothing_left_out_is_the_network_itself(network, batch, ablated):
    np.testing.assert_allclose(ablated(batch), network(batch).numpy()[:, 0], atol=1e-6)


def test_an_operator_left_out_is_one_whose_output_is_0(network, batch, ablated):
    """The first block's fully connected layer alone: its weights at 0 give an output of 0."""
    variables = network.parts["block_1_fc"].variables_by_name
    before = {name: variable.numpy() for name, variable in variables.items()}
    for variable in variables.values():
        variable.assign(np.zeros(variable.shape))
    try:
        without = network(batch).numpy()[:, 0]
    finally:
        for name, variable in variables.items():
            variable.assign(before[name])
    np.testing.assert_allclose(ablated(batch, ("block_1_fc",)), without, atol=1e-6)
    assert np.abs(without - network(batch).numpy()[:, 0]).max() > 1e-4


def test_a_network_without_its_last_block_is_the_bias_of_its_final_layer(network, batch, ablated):
    [last] = [one for one in ablations(network) if (one.block, one.part) == (2, None)]
    bias = network.named_weights()["head/head_bias"].numpy()
    np.testing.assert_allclose(ablated(batch, last.parts), np.broadcast_to(bias, 6), atol=1e-6)
