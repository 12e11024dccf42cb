"""The hand-made model of ``docs/extending.md`` is known everywhere, by its one file."""

import importlib.util
import pathlib
import re

import numpy as np
import pytest
from core_cases import FEATURES, raw_inputs, shake
from executed_graph import executed

import nasrec_tf
from nasrec_tf.common.errors import UserError
from nasrec_tf.flops import main
from nasrec_tf.networks.baselines import BASELINES, baseline, load_baseline
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.weights import save_weights

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "extending.md"


@pytest.fixture(scope="module", autouse=True)
def fwfm(tmp_path_factory):
    """The model of the page, which registers itself."""
    section = PAGE.read_text(encoding="utf-8").split("## A hand-made model")[1]
    path = tmp_path_factory.mktemp("baseline") / "fwfm.py"
    path.write_text(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], encoding="utf-8")
    spec = importlib.util.spec_from_file_location("fwfm", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.FwFM
    del BASELINES["fwfm"]


@pytest.fixture
def network():
    net = BaselineNetwork(baseline("fwfm:narrow"), FEATURES)
    shake(net)
    return net


def test_it_computes_what_it_says(network):
    inputs = raw_inputs(FEATURES, 6)
    weights = {name: value.numpy() for name, value in network.named_weights().items()}
    rows = network.tables["embedding"].rows(inputs["sparse"]).numpy()
    of_dense = inputs["dense"][:, :, None] * weights["vectors/vectors"]
    vectors = np.concatenate([of_dense, weights["embedding/table"][rows]], axis=1)
    pairs = [(i, j) for i in range(8) for j in range(i)]
    products = np.stack([(vectors[:, i] * vectors[:, j]).sum(axis=1) for i, j in pairs], axis=1)
    wanted = products @ weights["weighted/output_kernel"] + weights["weighted/output_bias"]
    wanted = wanted + inputs["dense"] @ weights["first_order/dense_kernel"]
    wanted = wanted + weights["first_order/table"][rows].sum(axis=1)
    np.testing.assert_allclose(network(inputs), wanted, rtol=1e-4, atol=1e-5)


def test_it_costs_what_is_executed(network):
    cost = network.baseline.complexity(FEATURES)
    assert sum(executed(network).values()) == cost.multiply_accumulates == 5 + 8**2 * 8 + 28


def test_its_files_and_the_command_know_it(network, tmp_path, capsys):
    save_weights(network, tmp_path / "net.npz")
    loaded = nasrec_tf.load(tmp_path / "net.npz")
    inputs = raw_inputs(FEATURES, 6)
    np.testing.assert_array_equal(loaded(inputs), network(inputs))
    (tmp_path / "mine.toml").write_text('model = "fwfm"\nembedding_dim = 4\n')
    assert load_baseline(tmp_path / "mine.toml").embedding_dim == 4
    assert main([str(tmp_path / "mine.toml")]) == 0
    assert "weighted" in capsys.readouterr().out
    with pytest.raises(UserError, match="embedding_dim"):
        baseline("fwfm", embedding_dim=0)


def test_another_model_of_the_name_is_refused(fwfm):
    from nasrec_tf.networks.baselines import register

    with pytest.raises(ValueError, match="'fwfm'"):
        register(fwfm)
