"""A whole co-design run on a small generated log, and what its options refuse."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import nasrec_tf
from beam_preprocess.dataset.schema import Schema
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.codesign.costs import HardwareCosts
from nasrec_tf.codesign.crossbar_quality import CELLS
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.data.records import Records
from nasrec_tf.export.preprocessing import Preprocessing
from nasrec_tf.export.raw_inputs import NUMBER, raw_inputs, sample_rows
from nasrec_tf.export.vocabularies import first_entries, vocabulary_files
from nasrec_tf.networks.quantization import quantized_weights
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.weights import load_weights
from nasrec_tf.operators import NetworkOptions
from nasrec_tf.search.command import main
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.strategies.oracle.trial_results import read_results
from pim import changed, hardware_preset, to_analog

OPTIONS = {
    "--space": "nasrec-small",
    "--recipe": "paper",
    "--demo-rows": 1500,
    "--blocks": 2,
    "--supernet-epochs": 1,
    "--population": 6,
    "--tournament": 3,
    "--children": 2,
    "--generations": 2,
    "--fine-tune-steps": 5,
    "--top-k": 2,
    "--retrain-epochs": 1,
    "--hardware-rows": 40,
    "--max-area-mm2": 400,
}


def arguments(directory, *more):
    given = [str(part) for item in OPTIONS.items() for part in item]
    places = ["--run-dir", str(directory / "run"), "--export-dir", str(directory / "models")]
    return ["--codesign", "--quiet", "--no-explain", *given, *places, *more]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("codesign")
    assert main(arguments(directory)) == 0
    return directory


def result(run, stage):
    return json.loads((run / "run" / stage / "result.json").read_text())


def test_every_candidate_has_bits_hardware_and_costs_within_the_limit(run):
    found = read_results(run / "run" / "evolution" / "search")
    assert len(found) == 10
    for candidate in found:
        assert candidate.architecture.is_quantized
        assert set(candidate.hardware) >= {"array.rows", "adc.bits"}
        assert 0 < candidate.metrics["area_mm2"] <= 400
        assert candidate.metrics["latency_us"] > 0 and candidate.metrics["energy_nj"] > 0


def test_the_winner_is_measured_in_floating_point_quantized_and_on_crossbars(run):
    quality = result(run, "hardware")["quality"]
    names = ["float", "quantized", "crossbar_ideal", "crossbar_variation", "crossbar_stuck"]
    assert list(quality) == names
    assert {found["samples"] for found in quality.values()} == {40}
    # Ideal crossbars compute the quantized network; only the tables are rounded besides.
    ideal, quantized = quality["crossbar_ideal"], quality["quantized"]
    assert ideal["log_loss"] == pytest.approx(quantized["log_loss"], abs=0.01)


def test_costs_of_the_winner_are_those_it_was_found_with(run):
    hardware, retrain = result(run, "hardware"), result(run, "retrain")
    identity = Architecture.from_json(retrain["architecture"]).identity
    same = [
        candidate
        for candidate in read_results(run / "run" / "evolution" / "search")
        if candidate.architecture.identity == identity
        and candidate.hardware == hardware["settings"]
    ]
    assert len(same) == 1
    for name in ("latency_us", "energy_nj", "area_mm2"):
        assert hardware["costs"][name] == pytest.approx(same[0].metrics[name])
    assert set(hardware["comparison"]["ratios"]) == {"handcrafted", "uniform8", "recnmp"}


def test_the_report_shows_the_front_the_qualities_and_the_other_designs(run):
    page = (run / "run" / "report.html").read_text()
    for text in ("The hardware", "Pareto front", "0.1 % of cells stuck", "RecNMP", "adc.bits"):
        assert text in page


@pytest.fixture(scope="module")
def winner(run):
    """The retrained quantized network, and its data set's directory."""
    retrain = result(run, "retrain")
    dataset = pathlib.Path(result(run, "records")["dataset"])
    dataset = dataset if dataset.is_absolute() else run / "run" / dataset
    architecture = Architecture.from_json(retrain["architecture"])
    subnet = Subnet(architecture, Records(dataset).features, NetworkOptions(normalization="none"))
    load_weights(subnet, run / "run" / retrain["directory"] / "best.npz")
    return subnet, dataset


def test_load_gives_the_winner_of_a_run_directory(run, winner):
    subnet, _ = winner
    loaded = nasrec_tf.load(run / "run").model
    assert loaded.architecture.blocks == subnet.architecture.blocks
    for one, other in zip(subnet.variables, loaded.variables):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def raw_rows(winner):
    """Raw columns of 64 rows as an export takes them, and as the network does."""
    _, dataset = winner
    schema = Schema.load(dataset)
    files = vocabulary_files(schema, dataset)
    entries = {feature: first_entries(path, 64) for feature, path in files.items()}
    rows = sample_rows(schema, entries, 64)
    rng = np.random.default_rng(0)
    raw = {}
    for column in raw_inputs(schema):
        values = [row[column.column] for row in rows]
        if column.kind == NUMBER:
            values = np.float32(values * rng.integers(0, 4, 64))
        raw[column.name] = tf.constant(values)
    by_column = {column.column: raw[column.name] for column in raw_inputs(schema)}
    return raw, Preprocessing(schema, files)(by_column)


def test_the_exported_model_computes_the_quantized_winner(run, winner, raw_rows):
    subnet, _ = winner
    raw, encoded = raw_rows
    exported = tf.saved_model.load(result(run, "export")["path"])
    logits = exported.signatures["serving_default"](**raw)["logit"].numpy()
    # Rounding of sums may move an input across a step of its quantizer, in few rows.
    assert np.isclose(logits, subnet(encoded)[:, 0], rtol=0, atol=1e-5).mean() > 0.9
    # As integers and scales do, which is what hardware computes with, ...
    maps = quantized_weights(subnet)
    integers = subnet.logits_with_maps(encoded, maps)
    assert np.isclose(logits, integers[:, 0], rtol=0, atol=1e-4).mean() > 0.9
    # ... and not as the same weights do without their bits.
    in_floating_point = Subnet(
        subnet.architecture.in_floating_point(), subnet.features, subnet.options
    )
    for name, variable in in_floating_point.named_weights().items():
        variable.assign(subnet.named_weights()[name])
    assert np.abs(in_floating_point(encoded)[:, 0] - logits).max() > 1e-3


@pytest.mark.parametrize("preset", ["handcrafted", "isaac32"])
def test_ideal_crossbars_compute_the_integers_of_the_winner(winner, raw_rows, preset):
    subnet, _ = winner
    _, encoded = raw_rows
    hardware = changed(hardware_preset(preset), CELLS["ideal"])
    hardware = changed(hardware, {"adc.bits": hardware.lossless_adc_bits})
    maps = quantized_weights(subnet)
    on_arrays = subnet.logits_with_maps(
        encoded, to_analog(maps, hardware, np.random.default_rng(0))
    )
    np.testing.assert_array_equal(on_arrays, subnet.logits_with_maps(encoded, maps))
    # A converter that loses bits is seen.
    lossy = changed(hardware, {"adc.bits": 3})
    lost = subnet.logits_with_maps(encoded, to_analog(maps, lossy, np.random.default_rng(0)))
    assert np.abs(lost - on_arrays).max() > 1e-3


def test_a_finished_stage_is_not_run_again_and_a_lost_one_gives_the_same(run):
    before = result(run, "hardware")
    path = run / "run" / "hardware"
    (path / "result.json").unlink()
    (path / "cells-stuck.json").unlink()
    assert main(arguments(run)) == 0
    after = result(run, "hardware")
    for found in (before, after):
        del found["seconds"], found["checksum"]
    assert after == before


# Costs.


def test_more_bits_cost_more_and_impossible_hardware_costs_everything():
    features = Features(13, (100,) * 26)
    costs = HardwareCosts(
        hardware_preset("handcrafted"), features, NetworkOptions(normalization="none")
    )
    settings = {"array.rows": 128, "adc.bits": 9, "device.bits_per_cell": 1, "dac.bits": 1}
    found = {
        bits: costs(NASREC_SMALL.replace(num_blocks=2, bits=(bits,)).widest, settings)
        for bits in (4, 8)
    }
    for name in ("latency_us", "energy_nj", "area_mm2"):
        assert found[4][name] < found[8][name]
    architecture = NASREC_SMALL.replace(num_blocks=2, bits=(4,)).widest
    lossy = costs(architecture, settings | {"adc.bits": 4})
    assert set(lossy.values()) == {float("inf")}
    too_many = costs(architecture, settings | {"device.bits_per_cell": 4})
    assert set(too_many.values()) == {float("inf")}


@pytest.mark.parametrize("change", [{"normalization": "layer"}, {"operator_balancing": False}])
def test_costs_are_those_of_the_network_s_options(change):
    features = Features(13, (100,) * 26)
    architecture = NASREC_SMALL.replace(num_blocks=2, bits=(8,)).widest
    settings = {"array.rows": 128, "adc.bits": 9, "device.bits_per_cell": 1, "dac.bits": 1}

    def energy(**options):
        network = NetworkOptions(**{"normalization": "none"} | options)
        costs = HardwareCosts(hardware_preset("handcrafted"), features, network)
        return costs(architecture, settings)["energy_nj"]

    assert energy(**change) > energy()


def test_a_co_design_search_takes_any_option_of_the_network():
    config = SearchConfig(
        codesign=True, operator_balancing=False, final_layer_norm=True, recipe="paper"
    )
    assert config.codesign and not config.operator_balancing


# Mistakes.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hardware": "isaac32"}, "--hardware goes with --codesign, which is missing."),
        ({"max_area_mm2": 3.0}, "--max-area-mm2 goes with --codesign, which is missing."),
        ({"codesign": True, "bits": "4,9"}, "--bits must be different whole numbers from 2 to 8"),
        ({"codesign": True, "bits": "four"}, "--bits must be different whole numbers from 2 to 8"),
        (
            {"codesign": True, "objective": "pareto", "strategy": "random"},
            "--objective pareto needs --strategy evolution.",
        ),
        ({"codesign": True, "max_latency_us": 0.0}, "--max-latency-us must be positive."),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        SearchConfig(**options)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--hardware", "isac"], "--hardware: no hardware 'isac': give a file, or one of"),
        (["--hardware", "mnsim2"], "--hardware mnsim2: MNSIM 2.0's own formulas fix"),
        (["--architecture", "nasrec-criteo-small"], "gives its operators no bits"),
    ],
)
def test_hardware_that_cannot_be_searched_is_one_line(tmp_path, capsys, more, message):
    assert main(arguments(tmp_path, *more)) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and message in error[0]


def test_impossible_hardware_names_file_and_setting(tmp_path, capsys):
    from pim import hardware_to_json

    value = hardware_to_json(hardware_preset("handcrafted"))
    value["array"]["rows"] = 0
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(value))
    assert main(arguments(tmp_path, "--hardware", str(path))) == 2
    error = capsys.readouterr().err
    assert f"--hardware: {path}: array.rows" in error


def test_the_hardware_stage_is_one_of_co_design_runs_alone(tmp_path, capsys):
    options = ["--run-dir", str(tmp_path / "run"), "--stage", "hardware"]
    assert main(options) == 2
    assert "--stage hardware goes with --codesign, which is missing." in capsys.readouterr().err
    searched = ("supernet", "evolution", "retrain", "export", "explain")
    assert SearchConfig().stages == ("records", "recipe", *searched)
    assert SearchConfig(recipe="paper").stages == ("records", *searched)


def test_a_limit_that_nothing_keeps_says_so(run, tmp_path, capsys):
    limit = ["--max-latency-us", "0.000001"]
    assert main(arguments(tmp_path, *limit)) == 2
    assert "latency_us <= 1e-06" in capsys.readouterr().err
