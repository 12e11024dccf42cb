"""``python -m pim`` with architectures, which this package offers it by an entry point."""

import importlib.metadata
import json
import pathlib
import subprocess
import sys

import pytest

from nasrec_tf.architecture.presets import presets
from nasrec_tf.architecture.space import NASREC_SMALL
from pim.cli.command import main
from pim.workload import sources

SMALL = "nasrec-criteo-small"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def estimated(capsys, *arguments):
    code, out, err = run(capsys, "estimate", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_file_gives_the_same_as_its_published_model(capsys, tmp_path):
    path = tmp_path / "network.json"
    presets()[SMALL].architecture.save(path)
    values = [estimated(capsys, network) for network in (SMALL, path)]
    assert values[0].pop("workload") == SMALL and values[1].pop("workload") == "network"
    assert values[0] == values[1]


def test_the_workload_of_an_architecture_gives_the_same_without_it(capsys, tmp_path):
    path = tmp_path / "workload.json"
    path.write_text(run(capsys, "workload", SMALL, "--batch", 2)[1], encoding="utf-8")
    assert estimated(capsys, path) == estimated(capsys, SMALL, "--batch", 2)


def test_inputs_can_be_changed(capsys):
    few = ("--sparse-features", 10, "--dense-features", 5, "--rows-per-table", 50)
    tables = next(
        o for o in estimated(capsys, SMALL, *few)["operators"] if o["name"] == "embedding"
    )
    assert tables["energy_pj"]["embedding"] == pytest.approx(10 * 16 * 8 * 1.054, abs=1e-3)
    wide = estimated(capsys, SMALL, "--embedding-bits", 16)
    assert wide["energy_pj"] > estimated(capsys, SMALL)["energy_pj"]


def test_an_architecture_s_own_bits_count_unless_others_are_given(capsys, tmp_path):
    quantized = NASREC_SMALL.replace(num_blocks=2, bits=(4,)).widest
    in_floating_point, own_bits = tmp_path / "float.json", tmp_path / "quantized.json"
    quantized.in_floating_point().save(in_floating_point)
    quantized.save(own_bits)
    eight = estimated(capsys, in_floating_point)["energy_pj"]
    assert estimated(capsys, own_bits)["energy_pj"] < eight
    given = ("--weight-bits", 8, "--activation-bits", 8)
    assert estimated(capsys, own_bits, *given)["energy_pj"] == eight


def _with(**changes):
    value = presets()[SMALL].architecture.to_json()
    value["blocks"][2] |= changes
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (_with(dense_operators={"convolution": 8}), "Block 3: dense_operators knows fc"),
        (_with(dense_operators={"fc": 0}), "Block 3: dense_operators needs a positive width"),
        (_with(dense_operators={}), "Block 3: dense_operators needs at least one of"),
        (_with(dense_sources=[3]), "Block 3: dense_sources may only read sources 0"),
        (_with(sparse_sources=[]), "Block 3: sparse_sources needs at least one source"),
        (_with(dense_to_sparse=1), "Block 3: dense_to_sparse must be true or false"),
        (_with(bits={"fc": {"weights": 4, "activations": 4}}), "Block 3: bits is missing for"),
        ({"format": "nasrec_tf.architecture", "version": 9}, "version 9"),
        ({"format": "nasrec_tf.architecture", "version": 1}, '"blocks" must be a list'),
    ],
)
def test_a_bad_architecture_file_is_one_line(capsys, tmp_path, value, message):
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    code, out, err = run(capsys, "estimate", path)
    assert code == 2 and out == "" and err.count("\n") == 1
    assert err.startswith(f"error: {path}: ") and message in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dense-features", "-1"], "--dense-features must be a whole number from 0"),
        (["--sparse-features", "0"], "--sparse-features must be a whole number from 1"),
        (["--rows-per-table", "0"], "--rows-per-table must be a whole number from 1"),
        (["--rows-per-table", str(1 << 50)], "--rows-per-table must be a whole number"),
        (["--embedding-bits", "0"], "bits must be a whole number from 1"),
        (["--weight-bits", "8,block_9=4"], "bits given for 'block_9'"),
    ],
)
def test_inputs_that_cannot_be_are_one_line(capsys, options, message):
    code, out, err = run(capsys, "estimate", SMALL, *options)
    assert code == 2 and out == "" and message in err and err.count("\n") == 1


def test_an_unknown_network_is_told_with_the_known_ones(capsys):
    code, _, err = run(capsys, "estimate", "nasrec-criteo-tiny")
    assert code == 2 and "no architecture or workload 'nasrec-criteo-tiny'" in err
    assert all(name in err for name in presets())


# What is offered, and how it is found.


def test_the_project_offers_its_architectures():
    (point,) = sources._declared_in_checkout(ROOT)
    assert point.name == "nasrec_tf.architecture"
    assert set(point.load().names()) == set(presets())


@pytest.fixture
def offered(monkeypatch):
    """Replaces what installed packages and the checkout offer."""

    def offer(*points, checkout=()):
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
        monkeypatch.setattr(sources, "_declared_in_checkout", lambda directory: list(checkout))

    return offer


def point(value):
    return importlib.metadata.EntryPoint("nasrec_tf.architecture", value, sources.GROUP)


def test_the_checkout_s_own_declaration_goes_before_a_stale_installation(capsys, offered):
    good = point("nasrec_tf.codesign.workload_source:SOURCE")
    offered(point("nasrec_tf.gone:SOURCE"), checkout=[good])
    assert estimated(capsys, SMALL)["workload"] == SMALL
    offered(good)
    assert estimated(capsys, SMALL)["workload"] == SMALL


@pytest.mark.parametrize("value", ["nasrec_tf.gone:SOURCE", "nasrec_tf.codesign.costs:SOURCE"])
def test_a_stale_installation_is_told_in_one_line(capsys, offered, tmp_path, value):
    offered(point(value))
    path = tmp_path / "network.json"
    presets()[SMALL].architecture.save(path)
    for network in (SMALL, path):
        code, _, err = run(capsys, "estimate", network)
        assert code == 2 and err.count("\n") == 1
        assert f"since {value} cannot be loaded" in err and "install the package" in err


def test_without_any_offer_workload_files_are_read_and_names_are_told(capsys, offered):
    offered()
    file = ROOT / "tests" / "data" / "workloads" / f"{SMALL}.json"
    assert estimated(capsys, file)["workload"] == SMALL
    code, _, err = run(capsys, "estimate", SMALL)
    assert code == 2 and err.count("\n") == 1 and "pip install -e ." in err


@pytest.mark.parametrize("text", ["[project", "[project]\nname = 3\nname = 4"])
def test_a_broken_project_file_is_one_line(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    with pytest.raises(sources.PimError, match=r"pyproject\.toml: not TOML"):
        sources._declared_in_checkout(tmp_path)


def test_an_architecture_is_estimated_without_tensorflow():
    code = (
        "import sys; from pim.cli.command import main; main(['estimate', sys.argv[1]]); "
        "print(sorted({'tensorflow', 'keras', 'apache_beam'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, SMALL], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
