"""``python -m pim`` with workload files; with architectures see ``tests/codesign``."""

import ast
import json
import pathlib
import re
import subprocess
import sys

import pytest

from pim.cli.command import main
from pim.hardware.hardware_json import hardware_from_json
from pim.hardware.presets import hardware_preset
from pim.workload.workload_json import load_workload


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def small(criteo_small_file):
    return str(criteo_small_file)


def test_estimate_prints_tables_and_json_of_the_same_figures(capsys, small):
    code, out, _ = run(capsys, "estimate", small)
    assert code == 0 and "pipeline interval" in out and "block_7_fc/dense" in out
    code, out, _ = run(capsys, "estimate", small, "--json")
    value = json.loads(out)
    assert sum(value["energy_by_component_pj"].values()) == value["energy_pj"]
    assert len(value["operators"]) > 20


def test_bits_batch_and_settings_can_be_changed(capsys, small):
    def energy(*options):
        return json.loads(run(capsys, "estimate", small, "--json", *options)[1])["energy_pj"]

    base = energy()
    assert energy("--weight-bits", "8,block_2=4") < base
    assert energy("--activation-bits", "4") < base
    assert energy("--set", "adc.bits=10") > base
    assert energy("--batch", "2") > base == energy("--batch", "1")
    assert energy("--tables", "dram") > base == energy("--tables", "reram")


def test_a_printed_workload_can_be_read_again(capsys, small, tmp_path):
    code, out, _ = run(capsys, "workload", small, "--batch", 4, "--weight-bits", 5)
    path = tmp_path / "changed.json"
    path.write_text(out, encoding="utf-8")
    assert code == 0
    workload, before = load_workload(path), load_workload(small)
    assert workload.batch == 4
    assert {o.weight_bits for o in workload.crossbar_operators} == {5}
    assert workload.multiply_accumulates_by_kind == before.multiply_accumulates_by_kind


def test_compare_and_explore(capsys, small, tmp_path):
    code, out, _ = run(capsys, "compare", small, "--weight-bits", 4, "--plot", tmp_path / "s.png")
    assert code == 0 and "recnmp" in out and (tmp_path / "s.png").exists()
    code, out, _ = run(capsys, "compare", small, "--json")
    assert json.loads(out)["paper"]["recnmp"] == {"speed_up": 1.1, "energy": 5.2}
    code, out, _ = run(
        capsys, "explore", small, "--rows-values", "64,128", "--duplication-values", "1", "--json"
    )
    value = json.loads(out)
    assert code == 0 and {row["rows"] for row in value["front"]} <= {64, 128}
    code, out, _ = run(capsys, "explore", small, "--adc-bits-values", "8,9,10")
    assert code == 0 and "Pareto set" in out


def test_parts_that_a_design_may_lack_are_left_out_by_null(capsys):
    lacking = ("--set", "digital=null", "--set", "embedding=null", "--set", "mnsim2=null")
    code, out, _ = run(capsys, "describe", "--hardware", "mnsim2", *lacking)
    design = hardware_from_json(json.loads(out))
    assert code == 0 and (design.digital, design.embedding, design.mnsim2) == (None, None, None)


def test_a_described_design_can_be_read_again(capsys, small, tmp_path):
    _, out, _ = run(capsys, "describe", "--hardware", "handcrafted", "--set", "adc.bits=7")
    value = json.loads(out)
    assert hardware_from_json(value).adc.bits == 7
    path = tmp_path / "design.json"
    path.write_text(out, encoding="utf-8")
    code, out, _ = run(capsys, "estimate", small, "--hardware", path)
    assert code == 0 and hardware_preset("handcrafted").name in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["estimate", "nothing.json"], "no architecture or workload 'nothing.json'"),
        (["estimate", "SMALL", "--hardware", "isaac33"], "no hardware 'isaac33'"),
        (["estimate", "SMALL", "--set", "array.rows=0"], "array.rows must be a whole number"),
        (["estimate", "SMALL", "--set", "adc.bits=0"], "adc.bits must be a whole number"),
        (["estimate", "SMALL", "--set", "adc.bits"], "--set must look like adc.bits=6"),
        (
            ["estimate", "SMALL", "--weight-bits", "4", "--set", "device.bits_per_cell=8"],
            "cells of 8 bits are more than weights of 4 bits",
        ),
        (["estimate", "SMALL", "--weight-bits", "eight"], "--weight-bits: must look like"),
        (["estimate", "SMALL", "--weight-bits", "8,block_9=4"], "bits given for 'block_9'"),
        (["estimate", "SMALL", "--weight-bits", "40"], "weight_bits must be a whole number"),
        (["estimate", "SMALL", "--batch", "0"], "--batch must be a whole number from 1 to"),
        (["estimate", "SMALL", "--batch", "100000"], "batch must be a whole number from 1 to"),
        (["estimate", "SMALL", "--sparse-features", "0"], "--sparse-features must be a whole"),
        (
            ["estimate", "SMALL", "--sparse-features", str(2**63)],
            "--sparse-features must be a whole",
        ),
        (["estimate", "SMALL", "--set", "adc.bits=" + "1" * 5000], "adc.bits must be a whole"),
        (["estimate", "SMALL", "--set", "adc.bits=" + "[" * 99_999], "adc.bits must be a whole"),
        (["estimate", "a" * 300], "no architecture or workload 'aaa"),
        (["estimate", "SMALL", "--hardware", "a" * 300], "no hardware 'aaa"),
        (["estimate", "no\nfile"], "no architecture or workload"),
        (["estimate", "SMALL", "--plot", ""], "--plot must name a file"),
        (["explore", "SMALL", "--rows-values", str(2**63)], "rows must be a whole number"),
        (
            ["explore", "SMALL", "--rows-values", ",".join(map(str, range(1, 999)))],
            "at most 2,000,",
        ),
        (["validate", "--against", "mnsim2", "--csv", "a\0b"], "cannot be read"),
        (["estimate", "SMALL", "--sparse-features", "3"], "--sparse-features goes with an archi"),
        (["estimate", "SMALL", "--dense-features", "3"], "--dense-features goes with an archi"),
        (["estimate", "SMALL", "--embedding-bits", "3"], "--embedding-bits goes with an archi"),
        (["estimate", "SMALL", "--set", "digital=null"], "isaac32 has no digital unit, which"),
        (["estimate", "SMALL", "--set", "adc=null"], "'adc' has parts of its own: name one of the"),
        (["estimate", "SMALL", "--set", "digital=4"], "name one of them, or say null for none"),
        (
            ["estimate", "SMALL", "--set", "digital=null", "--set", "digital.lanes=4"],
            "digital.lanes is a part of digital, which is set as well; set one of them",
        ),
        (["estimate", "SMALL", "--plot", "/nowhere/a.png"], "/nowhere/a.png: cannot be written"),
        (["explore", "SMALL", "--rows-values", "64,x"], "--rows-values: must look like"),
        (["validate", "--against", "mnsim2", "--csv", "no.csv"], "no.csv: cannot be read"),
        ([], "required: COMMAND; see --help"),
        (["estimat", "SMALL"], "invalid choice: 'estimat' (choose from"),
        (["estimate"], "required: architecture"),
        (["estimate", "SMALL", "--tables", "dramm"], "--tables: invalid choice: 'dramm'"),
        (["estimate", "SMALL", "--batch", "two"], "--batch: invalid int value: 'two'"),
        (["estimate", "SMALL", "--btach", "2"], "unrecognized arguments: --btach 2"),
        (["validate", "--csv", "no.csv"], "required: --against"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, small, arguments, message):
    given = [small if argument == "SMALL" else argument for argument in arguments]
    code, out, err = run(capsys, *given)
    assert code == 2 and out == ""
    assert err.startswith("error: ") and message in err and err.count("\n") == 1
    assert len(err) < 1500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": "pim.hardware", "version": 1}', "\"format\" is 'pim.hardware'; this reads"),
        ('{"format": ["a"]}', "\"format\" is ['a']; this reads pim.workload"),
        ("[1, 2]", 'no "format" in it; this reads pim.workload'),
        ("{", "not JSON"),
    ],
)
def test_a_file_of_something_else_is_named_with_what_can_be_read(capsys, tmp_path, text, message):
    path = tmp_path / "odd.json"
    path.write_text(text, encoding="utf-8")
    code, _, err = run(capsys, "estimate", path)
    assert code == 2 and message in err and str(path) in err and err.count("\n") == 1


def in_a_process(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_importing_pim_loads_nothing_heavy():
    result = in_a_process(
        "import sys, pim; "
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'nasrec_tf', 'apache_beam'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_every_module_of_pim_loads_without_nasrec_tf():
    # None in sys.modules makes an import fail.
    result = in_a_process(
        "import sys, pkgutil, importlib\n"
        "sys.modules['nasrec_tf'] = None\n"
        "import pim\n"
        "names = [m.name for m in pkgutil.walk_packages(pim.__path__, 'pim.')]\n"
        "for name in names:\n"
        "    if name != 'pim.__main__':\n"
        "        importlib.import_module(name)\n"
        "print(len(names) > 40)\n"
    )
    assert result.stdout.strip() == "True", result.stderr


def test_the_module_runs_and_survives_a_closed_pipe(small):
    command = f"{sys.executable} -m pim estimate {small} | head -1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert result.stdout.startswith("nasrec-criteo-small") and "Traceback" not in result.stderr


def test_no_test_of_pim_needs_nasrec_tf():
    # A package that is to stand alone is tested alone; tests of both lie in tests/codesign.
    for path in pathlib.Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            for name in (*names, getattr(node, "module", None) or ""):
                assert name.split(".")[0] not in ("nasrec_tf", "beam_preprocess"), path.name


# What has no effect, or is given twice.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["estimate", "--weight-bits", "8,4"], "--weight-bits: gives the bits of all twice"),
        (["estimate", "--weight-bits", "block_2=4,block_2=6"], "gives block_2 twice"),
        (["estimate", "--activation-bits", ""], "--activation-bits: must look like"),
        (["estimate", "--activation-bits", "=4"], "'=4' names no operator"),
        (["estimate", "--set", "adc.bits=6", "--set", "adc.bits=8"], "gives adc.bits twice"),
        (["explore", "--weight-bits", "6"], "no effect on explore.*give --weight-bits-values"),
        (["explore", "--set", "array.columns=64"], "array.columns has no.*give --rows-values"),
        (["explore", "--weight-bits-values", "4,4"], "weight_bits has 4 twice"),
        (["estimate", "--plot", "drawn"], "drawn: its ending must tell the format: .png"),
        (["estimate", "--plot", "/dev/full"], "/dev/full: its ending must tell the format"),
    ],
)
def test_what_would_be_passed_over_is_told(capsys, small, arguments, message):
    code, out, err = run(capsys, arguments[0], small, *arguments[1:])
    assert code == 2 and out == "" and err.count("\n") == 1
    assert re.search(message, err), err


def test_widths_that_are_not_named_stay_as_the_network_says(capsys, small, tmp_path):
    def widths(path, *options):
        out = run(capsys, "workload", path, *options)[1]
        (tmp_path / "given.json").write_text(out)
        maps = load_workload(tmp_path / "given.json").crossbar_operators
        return {each.name: (each.weight_bits, each.activation_bits) for each in maps}

    four = widths(small, "--weight-bits", 4)
    (tmp_path / "four.json").write_text((tmp_path / "given.json").read_text())
    assert set(four.values()) == {(4, 8)}
    inputs = widths(tmp_path / "four.json", "--activation-bits", 6)
    assert set(inputs.values()) == {(4, 6)}
    one = widths(tmp_path / "four.json", "--weight-bits", "block_7_fc=7")
    assert one["block_7_fc/dense"] == (7, 8)
    assert {bits for name, bits in one.items() if name != "block_7_fc/dense"} == {(4, 8)}
    both = widths(tmp_path / "four.json", "--weight-bits", "5,block_7_fc=7")
    assert set(both.values()) == {(5, 8), (7, 8)}


def test_a_mark_of_utf_8_before_a_workload_is_passed_over(capsys, small, tmp_path):
    marked = tmp_path / pathlib.Path(small).name
    marked.write_bytes(b"\xef\xbb\xbf" + pathlib.Path(small).read_bytes())
    assert run(capsys, "estimate", marked) == run(capsys, "estimate", small)
