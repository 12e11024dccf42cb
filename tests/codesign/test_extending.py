"""The operator of ``docs/extending.md`` is known everywhere, by its one file and registration."""

import importlib.util
import json
import pathlib
import re

import numpy as np
import pytest

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.complexity import FINAL_OPTIONS, complexity
from nasrec_tf.architecture.space import search_space
from nasrec_tf.codesign.architecture_workload import workload_from_architecture
from nasrec_tf.data.features import Features
from nasrec_tf.operators import OPERATORS, NetworkOptions

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "extending.md"
FEATURES = Features(5, (7, 11, 4))


def code_of_the_page(language):
    """The first block of code in a language."""
    return re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


@pytest.fixture(scope="module", autouse=True)
def squared(tmp_path_factory):
    """The operator of the page, registered as the page says."""
    path = tmp_path_factory.mktemp("operator") / "squared.py"
    path.write_text(code_of_the_page("python"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("squared", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield OPERATORS["squared"]
    del OPERATORS["squared"]


@pytest.fixture(scope="module")
def space_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("space") / "squared.toml"
    path.write_text(code_of_the_page("toml"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def space(space_file):
    return search_space(str(space_file)).replace(num_blocks=2)


@pytest.fixture(scope="module")
def architecture_file(space, tmp_path_factory):
    path = tmp_path_factory.mktemp("architecture") / "squared.json"
    space.widest.save(path)
    return path


@pytest.mark.parametrize("normalization", ["layer", "none"])
def test_a_path_of_the_supernet_is_the_extracted_network(space, normalization):
    from nasrec_tf.networks.supernet.model import Supernet

    supernet = Supernet(space, FEATURES, NetworkOptions(normalization=normalization), seed=3)
    rng = np.random.default_rng(0)
    inputs = {
        "dense": rng.normal(size=(6, 5)).astype(np.float32),
        "sparse": np.stack([rng.integers(0, rows, 6) for rows in FEATURES.table_rows], axis=1),
    }
    for architecture in (space.widest, *(space.sample(rng) for _ in range(4))):
        path = supernet(inputs, path=supernet.encode(architecture)).numpy()
        alone = supernet.extract(architecture)(inputs).numpy()
        np.testing.assert_allclose(path, alone, rtol=0, atol=1e-5 * max(1, np.abs(alone).max()))


def test_flops_count_it(architecture_file, capsys):
    from nasrec_tf.flops import main

    assert main([str(architecture_file), "--dense-features", "5", "--sparse-features", "3"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "squared" in line]
    # 5 dense features to 32 units; then 32 of block 1 and the raw ones again.
    counted = {line[0]: int(line[2].replace(",", "")) for line in lines if len(line) > 2}
    assert counted == {"1": 5 * 32, "2": 37 * 32}


def test_hardware_holds_its_map_and_multiplies(space):
    workload = workload_from_architecture(space.widest, FEATURES)
    found = {operator.name: operator for operator in workload.operators}
    first, square = found["block_1_squared/dense"], found["block_1_squared/square"]
    assert (first.rows, first.columns, square.multiplications) == (5, 32, 32)
    assert square.inputs == (first.name,)
    cost = complexity(space.widest, FEATURES, FINAL_OPTIONS)
    assert workload.multiply_accumulates == cost.multiply_accumulates


def test_a_drawing_shows_it(architecture_file, tmp_path):
    from nasrec_tf.draw import main

    assert main([str(architecture_file), "-o", str(tmp_path / "squared.svg")]) == 0
    assert OPERATORS["squared"].label in (tmp_path / "squared.svg").read_text(encoding="utf-8")


def test_a_co_design_search_finds_trains_and_measures_it(space_file, tmp_path):
    from nasrec_tf.search.command import main

    options = {
        "--space": space_file,
        "--recipe": "paper",
        "--demo-rows": 1000,
        "--blocks": 1,
        "--supernet-epochs": 1,
        "--population": 2,
        "--tournament": 2,
        "--children": 1,
        "--generations": 1,
        "--fine-tune-steps": 2,
        "--top-k": 1,
        "--retrain-epochs": 1,
        "--hardware-rows": 10,
        "--run-dir": tmp_path / "run",
        "--export-dir": tmp_path / "models",
    }
    given = [str(part) for item in options.items() for part in item]
    assert main(["--codesign", "--quiet", "--no-explain", *given]) == 0

    def result(stage):
        return json.loads((tmp_path / "run" / stage / "result.json").read_text())

    winner = Architecture.from_json(result("retrain")["architecture"])
    assert set(winner.blocks[0].dense_operators) == {"squared"} and winner.is_quantized
    hardware = result("hardware")
    assert hardware["costs"]["energy_nj"] > 0
    ideal, quantized = (hardware["quality"][name] for name in ("crossbar_ideal", "quantized"))
    assert ideal["log_loss"] == pytest.approx(quantized["log_loss"], abs=0.01)
    assert pathlib.Path(result("export")["path"]).is_dir()
