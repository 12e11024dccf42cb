"""Designs: presets, validation, JSON, converters and memories."""

import csv
import dataclasses
import functools
import json
import math

import pytest

from pim.errors import PimError
from pim.hardware import cacti
from pim.hardware.converters import lossless_bits
from pim.hardware.encoding import DIFFERENTIAL, DIGITAL, OFFSET, TWOS_COMPLEMENT, Encoding
from pim.hardware.hardware_json import (
    changed,
    hardware_from_json,
    hardware_to_json,
    load_hardware,
    save_hardware,
)
from pim.hardware.presets import PRESETS, hardware_preset, recnmp_tables


@pytest.mark.parametrize("name", PRESETS)
def test_a_design_survives_json(name, tmp_path):
    hardware = hardware_preset(name)
    text = json.dumps(hardware_to_json(hardware))
    assert hardware_from_json(json.loads(text)) == hardware
    save_hardware(hardware, tmp_path / "design.json")
    assert load_hardware(str(tmp_path / "design.json")) == hardware


def test_dram_tables_survive_json_too():
    hardware = dataclasses.replace(hardware_preset("isaac32"), embedding=recnmp_tables())
    assert hardware_from_json(hardware_to_json(hardware)) == hardware


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("array.rows", 0, "array.rows must be a whole number from 1"),
        ("adc.bits", 0, "adc.bits must be a whole number from 1"),
        ("adc.bits", 7.5, "adc.bits must be a whole number"),
        ("dac.bits", True, "dac.bits must be a whole number"),
        ("device.variation", -0.1, "device.variation must be a number"),
        ("device.low_resistance_ohm", 1e9, "high_resistance_ohm must be above"),
        ("device.stuck_low_resistance", 1.5, "device.stuck_low_resistance must be a number"),
        ("encoding.weights", "ternary", "encoding.weights must be one of differential, offset"),
        ("adc.range_policy", "wrap", "adc.range_policy must be one of clip, round"),
        ("input_register.port_bits", 48, "port_bits of itrs-lop must be one of 64, 128, 256"),
        ("adc.resolution", 8, "no setting 'adc.resolution'"),
        ("array", 8, "setting 'array' has parts of its own"),
        ("duplication", 0, "duplication must be a whole number"),
    ],
)
def test_an_impossible_setting_is_one_clear_line(name, value, message):
    with pytest.raises(PimError, match=message) as caught:
        changed(hardware_preset("isaac32"), {name: value})
    assert "\n" not in str(caught.value)


def _fields(value, path=()):
    for name, part in value.items():
        yield (*path, name)
        if isinstance(part, dict):
            yield from _fields(part, (*path, name))


@pytest.mark.parametrize("name", PRESETS)
def test_no_value_of_json_in_any_field_of_a_design_does_more_than_one_clear_line(name):
    base = hardware_to_json(hardware_preset(name))
    values = [None, [], {}, [[1]], "x", -1, True, 1e308, math.inf, 2**63, 10**400, "a" * 99_999]
    for path in _fields(base):
        for value in values:
            changed_value = json.loads(json.dumps(base))
            part = functools.reduce(lambda part, step: part[step], path[:-1], changed_value)
            part[path[-1]] = value
            try:
                hardware = hardware_from_json(changed_value)
            except PimError as error:
                assert "\n" not in str(error) and len(str(error)) < 400, path
            else:
                assert isinstance(value, int | str | dict | None), (path, value)
                assert math.isfinite(hardware.device.write_pj)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": "pim.hardware", "format": "pim.hardware"}', "'format' stands twice"),
        ('{"format": NaN}', "NaN is no number of JSON"),
    ],
)
def test_json_is_read_strictly(tmp_path, text, message):
    path = tmp_path / "design.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PimError, match=f"design.json: .*{message}"):
        load_hardware(str(path))


def test_no_more_of_a_file_is_read_than_a_description_can_take(tmp_path, monkeypatch):
    monkeypatch.setattr("pim.json_form.MOST_BYTES", 1 << 20)
    path = tmp_path / "design.json"
    path.write_bytes(b" " * (1 << 20) + b"{}")
    with pytest.raises(PimError, match="design.json: cannot be read: larger than 1 MiB"):
        load_hardware(str(path))


def test_flip_coding_needs_offset_weights():
    with pytest.raises(PimError, match="encoding.flip needs encoding.weights = offset"):
        Encoding(weights=DIFFERENTIAL, flip=True)


def test_unknown_presets_and_files_are_named(tmp_path):
    with pytest.raises(PimError, match="no hardware 'isaac33'.*isaac32, handcrafted, mnsim2"):
        load_hardware("isaac33")
    path = tmp_path / "broken.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(PimError, match=r"broken\.json: not JSON: .* at line 1"):
        load_hardware(str(path))
    value = hardware_to_json(hardware_preset("isaac32"))
    value["adc"]["bitz"] = 8
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(PimError, match=r"broken\.json: hardware\.adc: unknown field 'bitz'"):
        load_hardware(str(path))
    del value["adc"]
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(PimError, match=r"hardware: field 'adc' is missing"):
        load_hardware(str(path))


def test_lossless_bits_are_those_of_the_formula():
    analog = Encoding()
    for rows, dac, cell in [(128, 1, 1), (128, 1, 2), (256, 2, 4), (64, 3, 1)]:
        wanted = 1 + math.ceil(math.log2(rows * (2**dac - 1) * (2**cell - 1) + 1))
        assert lossless_bits(rows, dac, cell, analog) == wanted
    assert lossless_bits(128, 1, 1, analog) == 9
    unsigned = Encoding(subtraction=DIGITAL, inputs=TWOS_COMPLEMENT)
    assert lossless_bits(128, 1, 1, unsigned) == 8
    # ISAAC, section V: 128 rows of 2-bit cells need 9 bits, 8 with flipped columns.
    plain = Encoding(weights=OFFSET, inputs=TWOS_COMPLEMENT)
    flipped = Encoding(weights=OFFSET, inputs=TWOS_COMPLEMENT, flip=True)
    assert lossless_bits(128, 1, 2, plain) == 9
    assert lossless_bits(128, 1, 2, flipped) == 8
    # With one bit a cell it saves none: the sum of 128 inputs has to be converted too.
    assert lossless_bits(128, 1, 1, flipped) == lossless_bits(128, 1, 1, plain) == 8


def test_isaacs_component_energies_are_as_published():
    hardware = hardware_preset("isaac32")
    published = {4: 0.79, 5: 0.99, 6: 1.20, 7: 1.42, 8: 1.67, 9: 1.97, 10: 2.38}
    for bits, pj in published.items():
        assert hardware.adc.pj_at(bits) == pytest.approx(pj, rel=1e-12)
    areas = {4: 361, 5: 477, 6: 627, 7: 845, 8: 1200, 9: 1828, 10: 3002}
    for bits, um2 in areas.items():
        assert hardware.adc.area_at(bits) == pytest.approx(um2, rel=1e-12)
    array = hardware.array
    assert array.cell_read_w * array.rows * array.columns == pytest.approx(0.3e-3)
    assert hardware.device.area_um2 * array.rows * array.columns == pytest.approx(25)
    assert hardware.dac.power_w * 8 * 128 == pytest.approx(4e-3, rel=0.01)
    assert hardware.tile_buffer.figures.read_pj == 20.45
    assert hardware.interconnect.router_pj == 20.74
    assert hardware.periphery.shift_add_pj == 0.021


def test_converter_figures_rise_with_bits_beyond_the_table_too():
    adc = hardware_preset("isaac32").adc
    for bits in range(1, 16):
        assert adc.pj_at(bits) < adc.pj_at(bits + 1)
        assert adc.area_at(bits) < adc.area_at(bits + 1)


def _cacti_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["tech"] == "0.032"]


FIGURES = {
    "access_ns": ("access_ns", 1),
    "read_pj": ("read_nJ", 1e3),
    "write_pj": ("write_nJ", 1e3),
    "leakage_mw": ("leak_bank_mW", 1),
    "area_um2": ("area_mm2", 1e6),
}


def test_memories_are_cactis_where_it_was_run(cacti_csv):
    checked = 0
    for row in _cacti_rows(cacti_csv):
        if row["cell"] not in cacti.KINDS:
            continue
        if row["cell"] == "lp-dram" and row["width"] == "128":
            continue
        figures = cacti.memory(row["cell"], float(row["size_KB"]), int(row["width"]))
        for name, (column, scale) in FIGURES.items():
            assert getattr(figures, name) == pytest.approx(float(row[column]) * scale, rel=1e-4)
        checked += 1
    assert checked > 70


def test_interpolation_finds_left_out_sizes_within_ten_percent_on_average(cacti_csv):
    # CACTI picks another organisation at every size, so that its figures jump by up to 20 %.
    errors = {name: [] for name in FIGURES}
    for kind in ("itrs-hp", "itrs-lop"):
        for width in (64, 128, 256):
            rows = [
                row
                for row in _cacti_rows(cacti_csv)
                if row["cell"] == kind and row["width"] == str(width)
            ]
            rows.sort(key=lambda row: float(row["size_KB"]))
            for below, left_out, above in zip(rows, rows[1:], rows[2:]):
                ends = [
                    (float(r["size_KB"]), *(float(r[c]) * s for c, s in FIGURES.values()))
                    for r in (below, above)
                ]
                found = cacti._interpolate(ends, float(left_out["size_KB"]))
                for (name, (column, scale)), value in zip(FIGURES.items(), found):
                    errors[name].append(abs(value / (float(left_out[column]) * scale) - 1))
    for name, values in errors.items():
        assert sum(values) / len(values) < 0.10, name


def test_memories_grow_with_their_size_and_small_ones_scale_down():
    small, large = cacti.memory("itrs-hp", 24, 64), cacti.memory("itrs-hp", 48, 64)
    assert small.area_um2 < large.area_um2 and small.access_ns < large.access_ns
    whole, half = cacti.memory("itrs-hp", 1, 64), cacti.memory("itrs-hp", 0.5, 64)
    assert half.area_um2 == whole.area_um2 / 2 and half.access_ns == whole.access_ns
    with pytest.raises(PimError, match="size_kb of itrs-hp must be above 0 and at most 1024"):
        cacti.memory("itrs-hp", 2048, 64)
