"""Limits, leaderboard, report and hardware costs are those of the network that is trained."""

import csv
import json

import pytest
from search_calls import call

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.operators import NetworkOptions
from nasrec_tf.search.config import SearchConfig, load_options
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory

FLAGS = ["--no-operator-balancing", "--final-layer-norm", "--embedding-dim", 24]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A run with the flags, of one architecture in which all count."""
    directory = tmp_path_factory.mktemp("flags")
    architecture = NASREC_SMALL.replace(num_blocks=2).widest
    architecture.save(directory / "given.json")
    said = call(
        "--architecture", directory / "given.json", "--run-dir", directory / "run",
        "--export-dir", directory / "models", "--demo-rows", 1000, "--retrain-epochs", 1,
        "--recipe", "paper", "--no-explain",
        "--quiet", *FLAGS,
    )  # fmt: skip
    assert said.code == 0, said.err
    return directory, said.out


@pytest.fixture
def run(directory):
    path = directory[0] / "run"
    return Run(SearchConfig(**load_options(path / "config.toml")), RunDirectory(path), quiet=True)


def trained_parameters(subnet):
    """Trainable weights of the network as it stands, without its tables."""
    tables = {id(v) for v in subnet.trainable_variables if "embedding" in v.path}
    return sum(
        v.value.shape.num_elements() for v in subnet.trainable_variables if id(v) not in tables
    )


def test_each_flag_changes_the_count(run, directory):
    architecture = Architecture.load(directory[0] / "given.json")
    found = {
        (norm, balancing, width): complexity(
            architecture,
            run.features,
            NetworkOptions(width, normalization=norm, operator_balancing=balancing),
        ).mflops
        for norm in ("none", "layer")
        for balancing in (False, True)
        for width in (16, 24)
    }
    assert len(set(found.values())) == 8
    assert run.cost(architecture).mflops == found["layer", False, 24]


def test_every_figure_is_that_of_the_exported_network(run, directory):
    import nasrec_tf
    from nasrec_tf.search.run_summary import summarize

    path, screen = directory
    subnet = nasrec_tf.load(path / "models" / "nasrec" / "1").model
    assert subnet.options == run.final_options
    cost = complexity(subnet.architecture, subnet.features, subnet.options)
    assert cost.parameters == trained_parameters(subnet)
    with open(path / "run" / "leaderboard.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (float(row["mflops"]), int(row["parameters"])) == (cost.mflops, cost.parameters)
    summary = summarize(run)
    for found in (summary.winner, *summary.candidates):
        assert (found.mflops, found.parameters) == (cost.mflops, cost.parameters)
    assert f"{cost.mflops:.4f} M multiply-accumulates, {cost.parameters:,} parameters" in screen


def test_limits_and_hardware_costs_count_it_too(run, directory):
    from nasrec_tf.search.stages.evolution import _oracle, hardware_costs
    from nasrec_tf.strategies.design import Design

    architecture = Architecture.load(directory[0] / "given.json")
    (budget,) = _oracle(run, {}).draws.budgets
    assert budget.of(Design(architecture)) == run.cost(architecture).mflops
    costs = hardware_costs(run)
    assert costs.options == run.final_options
    [tables] = costs.workload(architecture).embedding_operators
    assert (tables.dimension, run.search_options.embedding_dim) == (24, 16)


def test_the_default_network_is_the_published_one(tmp_path):
    config = SearchConfig(recipe="paper")
    assert Run(config, RunDirectory(tmp_path)).final_options == NetworkOptions(normalization="none")
    assert json.loads(json.dumps(config.operator_balancing)) is True
