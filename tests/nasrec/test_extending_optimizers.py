"""The optimizer of ``docs/extending.md`` trains a network, by its one file and registration."""

import importlib.util
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from nasrec_tf.architecture.presets import preset
from nasrec_tf.data.features import Features
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.optimizers.catalogue import OPTIMIZERS, make_optimizer

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "extending.md"
TABLE_ROWS = (5, 9)


@pytest.fixture(scope="module", autouse=True)
def sgd(tmp_path_factory):
    """The code of the page, in a file of its own."""
    code = next(c for c in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
                if "class Sgd" in c)  # fmt: skip
    path = tmp_path_factory.mktemp("optimizer") / "sgd.py"
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("sgd", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.Sgd
    del OPTIMIZERS["sgd"]


def test_a_network_trains_with_it_by_name(sgd):
    network = Subnet(preset("nasrec-criteo-small").architecture, Features(3, TABLE_ROWS))
    optimizer = make_optimizer("sgd", 0.01, row_decay=0.5, weight_decay=0.01, table_rate_scale=2.0)
    assert isinstance(optimizer, sgd)
    network.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    optimizer.build(network.trainable_variables)
    rng = np.random.default_rng(0)
    inputs = {
        "dense": tf.constant(rng.normal(size=(8, 3)), tf.float32),
        "sparse": tf.constant([[1, 2]] * 8),
    }
    labels = tf.constant(rng.integers(0, 2, (8, 1)), tf.float32)
    before = network.embedding.table.numpy()
    losses = []
    for _ in range(5):
        network.reset_metrics()
        losses.append(float(network.train_step((inputs, labels))["loss"]))
    assert losses[-1] < losses[0]
    others = np.setdiff1d(np.arange(sum(TABLE_ROWS)), [1, 5 + 2])
    np.testing.assert_array_equal(network.embedding.table.numpy()[others], before[others])
    optimizer.settle()
    # Five steps at twice the rate of 0.01.
    faded = before[others] * np.exp(-5 * 0.02 * 0.5)
    np.testing.assert_allclose(network.embedding.table.numpy()[others], faded, rtol=1e-5)


def test_it_reads_back_from_its_configuration(sgd):
    optimizer = make_optimizer("sgd", 0.5, clip_norm=None)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, sgd) and again.get_config() == optimizer.get_config()
