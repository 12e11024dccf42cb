"""Cost of architectures: the published figures, and what TensorFlow really executes."""

import dataclasses
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from core_cases import EMBEDDED, FEATURES, NO_DENSE, SMALL_OPTIONS, random_architectures
from executed_graph import executed

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.complexity import FINAL_OPTIONS, complexity
from nasrec_tf.architecture.presets import preset, presets
from nasrec_tf.data.features import Features
from nasrec_tf.flops import main
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.operators import NetworkOptions

# MFLOPs, parameters, and those that get a gradient, read off the authors' own code with fvcore.
MEASURED = {
    "nasrec-criteo-small": (2.2078, 1_779_720, 1_743_288),
    "nasrec-criteo-full": (1.4662, 2_217_268, 749_764),
    "nasrec-avazu-small": (3.0856, 2_838_609, 2_740_177),
    "nasrec-avazu-full": (1.8771, 3_179_072, 1_477_281),
    "nasrec-kdd-small": (3.4828, 2_606_511, 2_598_255),
    "nasrec-kdd-full": (1.1002, 438_461, 402_893),
}

WITH_NORM = {
    "nasrec-criteo-small": 2.2513,
    "nasrec-criteo-full": 1.4965,
    "nasrec-avazu-small": 3.1408,
    "nasrec-avazu-full": 1.9080,
    "nasrec-kdd-small": 3.5446,
    "nasrec-kdd-full": 1.1317,
}


@pytest.mark.parametrize("name", MEASURED)
def test_published_models_cost_what_the_authors_code_costs(name):
    mflops, parameters, with_gradient = MEASURED[name]
    found = preset(name)
    cost = complexity(found.architecture, found.features)
    assert round(cost.mflops, 4) == mflops
    assert cost.parameters_with_dead_parts == parameters
    assert cost.mflops == pytest.approx(found.mflops, rel=0.02)
    with_norm = complexity(found.architecture, found.features, NetworkOptions())
    assert round(with_norm.mflops, 4) == WITH_NORM[name]
    assert cost.parameters == with_gradient


def test_the_command_prints_one_json_line_without_loading_tensorflow():
    program = (
        "import sys; from nasrec_tf.flops import main; code = main(sys.argv[1:]);"
        "assert not {'tensorflow', 'keras', 'apache_beam', 'matplotlib'} & set(sys.modules);"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "nasrec-criteo-full", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    value = json.loads(line)
    assert round(value["mflops"], 4) == 1.4662
    assert value["parameters"] == 749_764
    assert value["parameters_with_dead_parts"] == 2_217_268


def test_the_command_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "nasrec_tf.flops", "nasrec-kdd-small", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert round(json.loads(done.stdout)["mflops"], 4) == 3.4828


def test_the_table_lists_every_part_and_marks_unused_ones(capsys, tmp_path):
    dead = Block({"fc": 8}, {"efc": 3}, (0,), (0,))
    Architecture((dead, dead)).save(tmp_path / "net.json")
    sizes = ["--dense-features", "5", "--sparse-features", "3"]
    assert main([str(tmp_path / "net.json"), *sizes]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if "unused" in line] == [["1", "fc"], ["1", "efc"]]
    # Block 2: 5 x 8 for fc, 16 positions x 3 x 3 for efc; the head reads 8 + 3 x 16.
    assert any(line.startswith(f"{(40 + 144 + 56) / 1e6:.4f} M") for line in lines)
    assert lines[-1].startswith("of 5 dense and 3 sparse features, embeddings 16 wide")


def test_maps_of_dense_source_0_read_the_flattened_embeddings_too(capsys, tmp_path):
    block = Block({"fc": 8}, {"efc": 3}, (0,), (0,))
    Architecture((block,), dense_embeddings=True).save(tmp_path / "net.json")
    sizes = ["--dense-features", "5", "--sparse-features", "3", "--json"]
    assert main([str(tmp_path / "net.json"), *sizes]) == 0
    # 5 + 3 x 16 units x 8 for fc; efc and head as without them.
    found = json.loads(capsys.readouterr().out)
    assert round(1e6 * found["mflops"]) == (5 + 3 * 16) * 8 + 144 + 56


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nasrec-criteo-tiny"], "nasrec-criteo-tiny"),
        (["nasrec-criteo-small", "--dense-features", "-1"], "dense"),
        (["nasrec-criteo-small", "--sparse-features", "0"], "--sparse-features must be"),
        (["nasrec-criteo-small", "--sparse-features", "9" * 5000], "sparse"),
        (["nasrec-criteo-small", "--dense-features", "1e3"], "dense"),
        (["nasrec-criteo-small", "--dataset", "nowhere"], "nowhere"),
        (
            ["nasrec-criteo-small", "--embedding-dim", "12"],
            "--embedding-dim must be a multiple of 8",
        ),
        (["nasrec-criteo-small", "--embedding-dim", "0"], "--embedding-dim must be"),
    ],
)
def test_a_mistake_is_told_in_one_line(capsys, arguments, told):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert not said.out
    [line] = said.err.splitlines()
    assert told in line


# What TensorFlow executes.


def assert_executes_what_is_counted(architecture, features, options):
    cost = complexity(architecture, features, options)
    live = [part for part in cost.parts if part.live]
    subnet = Subnet(architecture, features, options)
    counts = executed(subnet)
    assert counts["linear_and_matmul"] == sum(part.linear + part.matmul for part in live)
    assert counts["layer_norm"] == sum(part.layer_norm for part in live)
    assert sum(counts.values()) == cost.multiply_accumulates
    trained = sum(math.prod(weight.shape) for weight in subnet.trainable_weights)
    assert cost.parameters + cost.embedding_parameters == trained


@pytest.mark.parametrize("name", MEASURED)
def test_published_models_execute_what_is_counted(name):
    features = Features(preset(name).features.dense, (5,) * preset(name).features.sparse)
    assert_executes_what_is_counted(preset(name).architecture, features, FINAL_OPTIONS)


@pytest.mark.parametrize(
    ("features", "options"),
    [
        (FEATURES, dict(normalization="layer")),
        (FEATURES, dict(normalization="none")),
        (FEATURES, dict(normalization="batch")),
        (FEATURES, dict(normalization="layer", operator_balancing=False)),
        (NO_DENSE, dict(normalization="none", operator_balancing=False)),
        (NO_DENSE, dict(normalization="layer")),
    ],
    ids=str,
)
def test_random_architectures_execute_what_is_counted(features, options):
    options = dataclasses.replace(SMALL_OPTIONS, **options)
    for architecture in random_architectures(EMBEDDED, 5, seed=5):
        assert_executes_what_is_counted(architecture, features, options)


@pytest.mark.parametrize("width", [8, 24, 64])
def test_networks_of_every_width_execute_what_is_counted(width):
    [_, architecture] = random_architectures(EMBEDDED.replace(num_blocks=2), 2, seed=6)
    for normalization in ("layer", "batch"):
        options = NetworkOptions(embedding_dim=width, normalization=normalization)
        assert_executes_what_is_counted(architecture, FEATURES, options)


def test_embedding_parameters_are_the_tables():
    cost = complexity(presets()["nasrec-criteo-small"].architecture, Features(1, (10, 20)))
    assert cost.embedding_parameters == 30 * 16
    assert np.isclose(cost.mflops * 1e6, cost.multiply_accumulates)
