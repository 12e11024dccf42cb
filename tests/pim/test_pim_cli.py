"""``python -m pim``."""

import json
import subprocess
import sys

import pytest

from nasrec_tf.architecture.presets import presets
from pim.cli.command import main
from pim.hardware.hardware_json import hardware_from_json
from pim.hardware.presets import hardware_preset

SMALL = "nasrec-criteo-small"


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_estimate_prints_tables_and_json_of_the_same_figures(capsys):
    code, out, _ = run(capsys, "estimate", SMALL)
    assert code == 0 and "pipeline interval" in out and "block_7_fc/dense" in out
    code, out, _ = run(capsys, "estimate", SMALL, "--json")
    value = json.loads(out)
    assert sum(value["energy_by_component_pj"].values()) == value["energy_pj"]
    assert len(value["operators"]) > 20


def test_a_file_gives_the_same_as_its_preset(capsys, tmp_path):
    path = tmp_path / "network.json"
    presets()[SMALL].architecture.save(path)
    values = [json.loads(run(capsys, "estimate", a, "--json")[1]) for a in (SMALL, path)]
    for value in values:
        del value["workload"]
    assert values[0] == values[1]


def test_inputs_bits_and_settings_can_be_changed(capsys):
    def energy(*options):
        return json.loads(run(capsys, "estimate", SMALL, "--json", *options)[1])["energy_pj"]

    base = energy()
    assert energy("--weight-bits", "8,block_2=4") < base
    assert energy("--activation-bits", "4") < base
    assert energy("--set", "adc.bits=10") > base
    assert energy("--batch", "2") > base
    assert energy("--tables", "dram") > base == energy("--tables", "reram")
    small = json.loads(
        run(
            capsys,
            "estimate",
            SMALL,
            "--json",
            "--sparse-features",
            10,
            "--dense-features",
            5,
            "--rows-per-table",
            50,
        )[1]
    )
    tables = next(o for o in small["operators"] if o["name"] == "embedding")
    assert tables["energy_pj"]["embedding"] == pytest.approx(10 * 16 * 8 * 1.054, abs=1e-3)


def test_an_architecture_s_own_bits_count_unless_others_are_given(capsys, tmp_path):
    from nasrec_tf.architecture.space import NASREC_SMALL

    quantized = NASREC_SMALL.replace(num_blocks=2, bits=(4,)).widest
    in_floating_point = tmp_path / "float.json"
    quantized.in_floating_point().save(in_floating_point)
    own_bits = tmp_path / "quantized.json"
    quantized.save(own_bits)

    def energy(*arguments):
        code, out, _ = run(capsys, "estimate", *arguments, "--json")
        assert code == 0
        return json.loads(out)["energy_pj"]

    eight = energy(in_floating_point)
    assert energy(own_bits) < eight
    assert energy(own_bits, "--weight-bits", 8, "--activation-bits", 8) == eight


def test_compare_and_explore(capsys, tmp_path):
    code, out, _ = run(capsys, "compare", SMALL, "--weight-bits", 4, "--plot", tmp_path / "s.png")
    assert code == 0 and "recnmp" in out and (tmp_path / "s.png").exists()
    code, out, _ = run(capsys, "compare", SMALL, "--json")
    assert json.loads(out)["paper"]["recnmp"] == {"speed_up": 1.1, "energy": 5.2}
    code, out, _ = run(
        capsys, "explore", SMALL, "--rows-values", "64,128", "--duplication-values", "1", "--json"
    )
    value = json.loads(out)
    assert code == 0 and {row["rows"] for row in value["front"]} <= {64, 128}
    code, out, _ = run(capsys, "explore", SMALL, "--adc-bits-values", "8,9,10")
    assert code == 0 and "Pareto set" in out


def test_a_described_design_can_be_read_again(capsys, tmp_path):
    _, out, _ = run(capsys, "describe", "--hardware", "handcrafted", "--set", "adc.bits=7")
    value = json.loads(out)
    assert hardware_from_json(value).adc.bits == 7
    path = tmp_path / "design.json"
    path.write_text(out, encoding="utf-8")
    code, out, _ = run(capsys, "estimate", SMALL, "--hardware", path)
    assert code == 0 and hardware_preset("handcrafted").name in out


def test_validate_prints_rows_and_worst_error(capsys, mnsim2_csv):
    code, out, _ = run(capsys, "validate", "--against", "mnsim2", "--csv", mnsim2_csv, "--json")
    value = json.loads(out)
    assert code == 0 and value["rows"] == 753 and value["worst_relative_error"] < 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["estimate", "nothing.json"], "no architecture 'nothing.json'"),
        (["estimate", SMALL, "--hardware", "isaac33"], "no hardware 'isaac33'"),
        (["estimate", SMALL, "--set", "array.rows=0"], "array.rows must be a whole number"),
        (["estimate", SMALL, "--set", "adc.bits=0"], "adc.bits must be a whole number"),
        (["estimate", SMALL, "--set", "adc.bits"], "--set must look like adc.bits=6"),
        (
            ["estimate", SMALL, "--weight-bits", "4", "--set", "device.bits_per_cell=8"],
            "cells of 8 bits are more than weights of 4 bits",
        ),
        (["estimate", SMALL, "--weight-bits", "eight"], "--weight-bits: must look like"),
        (["estimate", SMALL, "--weight-bits", "8,block_9=4"], "bits given for 'block_9'"),
        (["estimate", SMALL, "--weight-bits", "40"], "weight_bits must be a whole number"),
        (["estimate", SMALL, "--batch", "0"], "batch must be a whole number"),
        (["estimate", SMALL, "--sparse-features", "0"], "--sparse-features must be at least 1"),
        (["estimate", SMALL, "--set", "digital=null"], "has parts of its own"),
        (["estimate", SMALL, "--plot", "/nowhere/a.png"], "/nowhere/a.png: cannot be written"),
        (["explore", SMALL, "--rows-values", "64,x"], "--rows-values: must look like"),
        (["validate", "--against", "mnsim2", "--csv", "no.csv"], "no.csv: cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, message):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == ""
    assert err.startswith("error: ") and message in err and err.count("\n") == 1


def test_an_architecture_with_an_unknown_operator_is_named(capsys, tmp_path):
    value = presets()[SMALL].architecture.to_json()
    value["blocks"][2]["dense_operators"] = {"convolution": 8}
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    code, _, err = run(capsys, "estimate", path)
    assert code == 2 and "block 3: dense_operators holds 'convolution'" in err and str(path) in err


def test_importing_pim_loads_nothing_heavy():
    code = (
        "import sys, pim; "
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'nasrec_tf', 'apache_beam'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_the_module_runs_and_survives_a_closed_pipe():
    command = f"{sys.executable} -m pim estimate {SMALL} | head -1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert result.stdout.startswith(SMALL) and "Traceback" not in result.stderr
