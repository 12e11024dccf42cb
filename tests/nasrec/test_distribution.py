"""Supernet training on several replicas has the loss curve of one replica with the joint batch."""

import json
import os
import re
import shutil
import socket
import time

import numpy as np
import pytest
import tensorflow as tf
from core_cases import FEATURES, SMALL, SMALL_OPTIONS
from forked import Forked

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.search import main
from nasrec_tf.training.cluster import Host, is_chief, this_host
from nasrec_tf.training.curves import read_curve
from nasrec_tf.training.distribution import DistributedSupernet


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


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


WORKERS = {"worker": ["a:1", "b:1"]}
WITH_CHIEF = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("cluster", "kind", "index", "chief"),
    [
        (WORKERS, "worker", 0, True),
        (WORKERS, "worker", 1, False),
        (WITH_CHIEF, "chief", 0, True),
        (WITH_CHIEF, "worker", 0, False),
        (WITH_CHIEF, "worker", 1, False),
        ({"chief": ["c:1"]}, "chief", 0, True),
    ],
)
def test_the_chief_is_the_one_of_tensorflow_s_rule(monkeypatch, cluster, kind, index, chief):
    task = {"type": kind, "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert is_chief() == chief
    from tensorflow.python.distribute import multi_worker_util

    assert multi_worker_util.is_chief(cluster, kind, index) == chief


@pytest.mark.parametrize("cluster", [WORKERS, WITH_CHIEF, {"chief": ["c:1"]}])
def test_every_cluster_has_one_chief(cluster):
    hosts = [Host(cluster, kind, n) for kind in cluster for n in range(len(cluster[kind]))]
    assert sum(host.is_chief for host in hosts) == 1


@pytest.mark.parametrize("text", [None, "", " "])
def test_a_process_without_cluster_is_its_own_chief(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    assert this_host() is None and is_chief()


TASK = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ("worker 0", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"cluster": ', "is not JSON"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
        ("3", "no JSON object"),
        ({}, '"cluster" is missing'),
        ({"cluster": {}, "task": TASK}, '"cluster" is missing, empty'),
        ({"cluster": ["a:1"], "task": TASK}, '"cluster" is missing, empty or no object'),
        ({"cluster": {"worker": "a:1"}, "task": TASK}, "a list of addresses"),
        ({"cluster": {"worker": []}, "task": TASK}, "a list of addresses"),
        ({"cluster": {"worker": ["a"]}, "task": TASK}, "'a', which is no host:port"),
        ({"cluster": {"worker": ["a:port"]}, "task": TASK}, "no host:port"),
        ({"cluster": {"worker": ["a:70000"]}, "task": TASK}, "no host:port"),
        ({"cluster": {"worker": ["a b:1"]}, "task": TASK}, "no host:port"),
        ({"cluster": {"worker": [1]}, "task": TASK}, "no host:port"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": TASK}, "twice"),
        ({"cluster": {"chief": ["a:1"], "worker": ["a:1"]}, "task": TASK}, "twice"),
        ({"cluster": {"chief": ["a:1", "b:1"]}, "task": TASK}, 'more than one "chief"'),
        ({"cluster": {"ps": ["a:1"], **WORKERS}, "task": TASK}, "kind 'ps'"),
        ({"cluster": WORKERS}, '"task" is missing'),
        ({"cluster": WORKERS, "task": "worker"}, '"task" is missing or no object'),
        ({"cluster": WORKERS, "task": {"index": 0}}, "name one of the hosts' kinds, worker"),
        ({"cluster": WORKERS, "task": {"type": "chief", "index": 0}}, "kinds, worker"),
        ({"cluster": WORKERS, "task": {"type": ["worker"], "index": 0}}, "kinds, worker"),
        ({"cluster": WORKERS, "task": {"type": "worker"}}, "has to lie in 0 to 1"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": 2}}, "has to lie in 0 to 1"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": -1}}, "has to lie in 0 to 1"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": True}}, "has to lie in 0 to 1"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": 0.5}}, "has to lie in 0 to 1"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": "x"}}, "has to lie in 0 to 1"),
    ],
)
def test_a_malformed_cluster_is_one_clear_line(monkeypatch, config, fault):
    text = config if isinstance(config, str) else json.dumps(config)
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=re.escape(fault)) as error:
        is_chief()
    assert str(error.value).startswith("TF_CONFIG: ") and "\n" not in str(error.value)
    assert len(str(error.value)) < 700


# From the command line: the whole stage, compared with one process and the joint batch.

OPTIONS = (
    "--recipe paper --demo-rows 1200 --space nasrec-small --blocks 2 --batch-size 64 "
    "--supernet-epochs 1 "
    "--population 6 --tournament 3 --seed 3"
).split()

TWO_DEVICES = """
import tensorflow as tf
[device] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
"""

COMMAND = """
import sys
from nasrec_tf.search import main
sys.exit(main(sys.argv[1:]))
"""


def search(run_dir, *options, prepare="", **environment):
    variables = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
    arguments = [*OPTIONS, "--run-dir", run_dir, *options]
    return Forked(prepare + COMMAND, arguments, variables | environment)


def succeed(*processes):
    """What the processes say once all have ended well."""
    for process in processes:
        assert process.wait(300) == 0, process.err
    return [process.out for process in processes]


@pytest.fixture(scope="module")
def of_one_process(tmp_path_factory):
    """A run directory whose supernet one process has trained, and one of which none has."""
    trained = tmp_path_factory.mktemp("runs") / "one"
    succeed(search(trained, "--stage", "records"))
    untrained = shutil.copytree(trained, trained.with_name("untrained"))
    succeed(search(trained, "--stage", "supernet"))
    return trained, untrained


def untrained_copy(of_one_process, path):
    shutil.copytree(of_one_process[1], path)
    config = (path / "config.toml").read_text()
    (path / "config.toml").write_text(config.replace(str(of_one_process[0]), str(path)))
    return path


def assert_same_curve(of_one_process, directory):
    expected = read_curve(of_one_process[0] / "supernet" / "loss.csv")
    found = read_curve(directory / "supernet" / "loss.csv")
    assert [step for step, _ in found] == [step for step, _ in expected] != []
    np.testing.assert_allclose(
        [loss for _, loss in found], [loss for _, loss in expected], rtol=2e-4
    )
    result = json.loads((directory / "supernet" / "result.json").read_text())
    assert result["steps"] == found[-1][0] and result["final_loss"] == found[-1][1]


def test_the_command_trains_on_two_devices_as_on_one(of_one_process, tmp_path):
    directory = untrained_copy(of_one_process, tmp_path / "run")
    options = ("--stage", "supernet", "--distribute", "mirrored")
    [said] = succeed(search(directory, *options, prepare=TWO_DEVICES))
    assert "supernet: 2 replicas" in said
    assert_same_curve(of_one_process, directory)


def test_the_command_trains_on_two_hosts_as_on_one(of_one_process, tmp_path):
    directory = untrained_copy(of_one_process, tmp_path / "run")
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    cluster = {"chief": addresses[:1], "worker": addresses[1:]}
    said = succeed(
        *(
            search(
                directory,
                *("--stage", "supernet", "--distribute", "multi-worker"),
                TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": kind, "index": 0}}),
            )
            for kind in cluster
        )
    )
    assert all("supernet: 2 replicas" in output for output in said)
    assert_same_curve(of_one_process, directory)


OF_A_CHOSEN_RECIPE = (
    "--recipe auto --recipe-share 0.01 --row-decay 0.003 --demo-rows 1200 --space nasrec-small "
    "--blocks 1 --batch-size 64 --supernet-epochs 1"
).split()


@pytest.fixture(scope="module")
def of_a_chosen_recipe(tmp_path_factory):
    """A run that is to train a supernet, by a recipe by which rows decay."""
    path = tmp_path_factory.mktemp("chosen") / "run"
    for stage in ("records", "recipe"):
        assert main([*OF_A_CHOSEN_RECIPE, "--run-dir", str(path), "--stage", stage]) == 0
    return path


@pytest.mark.parametrize("begun_by", ["none", "mirrored"])
def test_a_supernet_is_gone_on_with_by_other_devices(of_a_chosen_recipe, begun_by, capsys):
    """Its checkpoint was called damaged where rows decayed in the one half and not in the other."""
    shutil.rmtree(of_a_chosen_recipe / "supernet", ignore_errors=True)
    supernet = [*OF_A_CHOSEN_RECIPE, "--run-dir", str(of_a_chosen_recipe), "--stage", "supernet"]
    assert main([*supernet, "--distribute", begun_by]) == 0
    (of_a_chosen_recipe / "supernet" / "result.json").unlink()
    capsys.readouterr()
    other = {"none": "mirrored", "mirrored": "none"}[begun_by]
    assert main([*supernet, "--distribute", other]) == (2 if begun_by == "none" else 0)
    out, err = capsys.readouterr()
    if begun_by == "none":
        assert "go on without --distribute" in err and "damaged" not in err
    else:
        assert "its rows do not decay, as on the several devices" in out


LATE = """
import tensorflow as tf
from nasrec_tf.common.errors import UserError
from nasrec_tf.training.distribution import MULTI_WORKER, strategy_of
tf.constant(1) + 1  # As a stage before has done.
try:
    strategy_of(MULTI_WORKER)
except UserError as error:
    print(error)
"""


def test_hosts_that_meet_too_late_are_told():
    """A run that has just chosen its recipe ended in a traceback."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(1)]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 0}}
    process = Forked(LATE, [], os.environ | {"TF_CONFIG": json.dumps(config)})
    assert process.wait(120) == 0, process.err
    assert "repeat the command with --stage supernet on all hosts" in process.out


@pytest.mark.slow
def test_a_host_that_dies_is_told_by_the_other_and_both_go_on(of_one_process, tmp_path):
    directory = untrained_copy(of_one_process, tmp_path / "run")

    def start():
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        return [
            search(
                directory,
                *("--stage", "supernet", "--distribute", "multi-worker"),
                *("--checkpoint-seconds", "0.001"),
                TF_CONFIG=json.dumps(
                    {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
                ),
            )
            for index in range(2)
        ]

    chief, victim = start()
    checkpoint = directory / "supernet" / "checkpoint" / "checkpoint"
    while not checkpoint.exists():
        assert chief.poll() is None, chief.err
        time.sleep(0.01)
    victim.kill()
    assert chief.wait(300) == 2
    assert [line for line in chief.err.splitlines() if line.startswith("error: ")] == [
        "error: Another host of this training has ended or cannot be reached; repeat the command "
        "on all hosts to go on from the last checkpoint."
    ]
    assert "Traceback" not in chief.err
    victim.wait()
    assert not (directory / "supernet" / "result.json").exists()
    succeed(*start())
    assert_same_curve(of_one_process, directory)
