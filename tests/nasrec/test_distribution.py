"""Supernet training on several replicas has the loss curve of one replica with the joint batch."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from core_cases import FEATURES, SMALL, SMALL_OPTIONS

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.training.cluster import is_chief
from nasrec_tf.training.distribution import DistributedSupernet

WORKER = pathlib.Path(__file__).parent / "distributed_worker.py"


def start(kind, path, **environment):
    variables = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
    return subprocess.Popen(
        [sys.executable, str(WORKER), kind, str(path)],
        env=variables | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process, path):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return json.loads(path.read_text())


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    path = tmp_path_factory.mktemp("alone") / "losses.json"
    found = finish(start("none", path), path)
    assert found["replicas"] == 1
    return found["losses"]


def test_two_devices_of_a_host_have_the_loss_curve_of_one(alone, tmp_path):
    path = tmp_path / "losses.json"
    found = finish(start("mirrored", path), path)
    assert found["replicas"] == 2
    np.testing.assert_allclose(found["losses"], alone, rtol=2e-4)


def test_two_hosts_on_loopback_have_the_loss_curve_of_one(alone, tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    paths = [tmp_path / f"losses{index}.json" for index in range(2)]
    processes = [
        start(
            "multi-worker",
            path,
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index, path in enumerate(paths)
    ]
    for process, path in zip(processes, paths):
        found = finish(process, path)
        assert found["replicas"] == 2
        np.testing.assert_allclose(found["losses"], alone, rtol=2e-4)


def build(space=SMALL):
    model = Supernet(space.replace(num_blocks=1), FEATURES, SMALL_OPTIONS)
    model.compile(optimizer=Adagrad(0.05), loss="binary_crossentropy", jit_compile=False)
    return model


def test_a_quantized_supernet_is_refused():
    with pytest.raises(UserError, match="trains on one device"):
        DistributedSupernet(tf.distribute.get_strategy(), lambda: build(SMALL.replace(bits=(8,))))


def test_a_batch_that_does_not_divide_is_refused():
    class TwoReplicas:
        num_replicas_in_sync = 2

    trainer = DistributedSupernet(tf.distribute.get_strategy(), build)
    trainer.strategy = TwoReplicas()
    with pytest.raises(UserError, match="A batch of 3 rows does not divide among 2 replicas"):
        trainer.step({}, tf.zeros([3, 1]))


@pytest.mark.parametrize(
    ("task", "chief"),
    [
        (None, True),
        ({"type": "worker", "index": 0}, True),
        ({"type": "worker", "index": 1}, False),
        ({"type": "chief", "index": 0}, True),
    ],
)
def test_host_zero_is_the_chief(monkeypatch, task, chief):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if task is not None:
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {}, "task": task}))
    assert is_chief() == chief


def test_a_malformed_cluster_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "worker 0")
    with pytest.raises(UserError, match="TF_CONFIG must look like .* Received: 'worker 0'"):
        is_chief()
