"""MNSIM 2.0's formulas: against its own output, and against figures worked out by hand."""

import csv

import pytest

from pim.cli.command import main
from pim.cost.estimate import estimate
from pim.errors import PimError
from pim.hardware.hardware_json import changed, hardware_to_json
from pim.hardware.presets import hardware_preset
from pim.mnsim2 import constants
from pim.mnsim2.buffers import buffer
from pim.mnsim2.layer_costs import estimate_layers
from pim.mnsim2.layer_mapping import Layer, map_layer
from pim.mnsim2.placement import hops
from pim.mnsim2.quirks import Mnsim2Quirks
from pim.mnsim2.validate import validate
from pim.workload.operators import CrossbarOperator, Workload


def test_every_figure_of_every_reference_row_is_reproduced(mnsim2_csv):
    validation = validate(mnsim2_csv)
    with open(mnsim2_csv, encoding="utf-8") as file:
        assert validation.rows == sum(1 for _ in file) - 1 >= 60
    assert validation.skipped == 0
    assert validation.values > 35 * validation.rows
    # Layer figures are printed with six digits, which leaves 5e-6.
    assert validation.worst_relative_error < 1e-5


def test_a_wrong_figure_is_found_and_named(mnsim2_csv, tmp_path):
    with open(mnsim2_csv, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:3]
    rows[1]["e_adc_nJ"] = str(float(rows[1]["e_adc_nJ"]) * 1.02)
    path = tmp_path / "wrong.csv"
    _write(path, rows)
    validation = validate(path)
    assert (validation.worst_column, validation.worst_row) == ("e_adc_nJ", 3)
    assert validation.worst_relative_error == pytest.approx(0.02 / 1.02)


def _write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


ROW = {
    "dac_choice": "1",
    "adc_choice": "6",
    "polarity": "2",
    "sub_position": "0",
    "group_num": "1",
    "buf_tech": "90",
    "buf_bits": "64",
    "pe_x": "2",
    "pe_y": "2",
    "wbit": "8",
    "abit": "8",
    "xbar": "128",
    "dac_num": "64",
    "adc_num": "64",
    "dims": "64-64",
    "latency_ns": "1",
}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("abit", "eight", "line 2, column 'abit': must be a number"),
        ("dims", "64", "line 2, column 'dims': needs two sizes"),
        ("dims", "0-64", "line 2: layer rows must be"),
        ("abit", "0", "line 2: layer activation_bits must be"),
        ("xbar", "0", "line 2: crossbar rows must be"),
        ("adc_num", "nan", "line 2, column 'adc_num': must be a number"),
        ("adc_num", "1e400", "line 2, column 'adc_num': must be a number"),
        ("adc_num", "6.4", "line 2, column 'adc_num': must be a whole number"),
        ("latency_ns", "nan", "line 2, column 'latency_ns': must be a number"),
        ("adc_choice", "12", "line 2: mnsim2.adc_choice must be"),
        ("buf_bits", "512", "line 2: mnsim2: MNSIM has no buffer"),
        ("latency_ns", "?", "line 2, column 'latency_ns': must be a number"),
    ],
)
def test_a_bad_cell_is_named_with_file_line_and_column(tmp_path, column, value, message):
    path = tmp_path / "rows.csv"
    _write(path, [{**ROW, column: value}])
    with pytest.raises(PimError, match=message) as caught:
        validate(path)
    assert str(path) in str(caught.value)


def test_a_missing_column_or_file_is_named(tmp_path):
    path = tmp_path / "rows.csv"
    _write(path, [{k: v for k, v in ROW.items() if k != "wbit"}])
    with pytest.raises(PimError, match="column 'wbit' is missing"):
        validate(path)
    with pytest.raises(PimError, match=r"none\.csv: cannot be read"):
        validate(tmp_path / "none.csv")


def test_the_latency_of_one_layer_by_hand():
    # 64 inputs, 64 outputs, 8-bit inputs, 1-bit DACs, a 128 x 128 crossbar with 64 DACs and ADCs:
    # 8 reads; demultiplexer 2 ways = 2 stages; 7 planes = 7 elements = 2 tiles of 4 elements.
    layer = Layer(64, 64, 8, 8)
    (cost,) = estimate_layers([layer], 128, 128, Mnsim2Quirks(dacs=64, adcs=64))
    parts = cost.latency_ns
    assert cost.mapping.elements == 7 and cost.mapping.tiles == 2
    assert parts["dac"] == 8 * 3 and parts["adc"] == 8 * 8
    assert parts["xbar"] == pytest.approx(8 * 3.16, rel=1e-6)
    assert parts["input_read"] == parts["input_write"] == 64 * 8 / 64 * 20
    assert parts["demultiplexer"] == pytest.approx(8 * 2 * 0.27933)
    assert parts["input_register"] == (1 + 8) * 2
    # Four elements of a tile: 2 merges; 8-bit results 64 wide over the 64-bit bus.
    assert parts["output_write"] == (6 + 2) * 64 * 4 / 64 * 20
    assert parts["intratile"] == (2 * (6 + 2) - 2 * 3 / 2) * 64 / 1024
    # Two neighbouring tiles: one hop of 64 x 4 outputs of 8 bits at 20 bits a ns.
    assert parts["merge"] == 1 * (2 + 64 * 4 * 8 / 20)
    assert parts["total"] == pytest.approx(sum(parts.values()) - parts["total"])


def test_the_area_of_one_tile_by_hand():
    # One crossbar pair an element, 64 x 64 cells of 1.44 um2 and 64 drivers of 1150 um2.
    (cost,) = estimate_layers([Layer(4, 4, 2, 4)], 64, 64, Mnsim2Quirks(dacs=32, adcs=32))
    assert cost.mapping.tiles == 1
    assert cost.area_um2["xbar"] == pytest.approx(4 * 2 * (64 * 64 * 1.44 + 64 * 1150))
    assert cost.area_um2["adc"] == 4 * 32 * 1650
    assert cost.area_um2["buf"] == pytest.approx(5 * 40580.3)


def test_multi_level_cells_do_not_change_the_mapping_but_polarity_does():
    layer = Layer(300, 40, 8, 8)
    assert map_layer(layer, 128, 128, Mnsim2Quirks(polarity=2)).elements == 7 * 3
    assert map_layer(layer, 128, 128, Mnsim2Quirks(polarity=1)).elements == 8 * 3
    assert map_layer(layer, 128, 128, Mnsim2Quirks(groups=4)).elements == 2 * 3


def test_tiles_fill_square_shells_and_hops_are_manhattan():
    # (0,0) (0,1) (1,1) (1,0) (2,0) (2,1) ...: one tile, then three around its corner.
    assert hops([1, 3], 64) == ([0, 1], [2, 0])
    # The two tiles of layer 2 are (2,0) and (2,1); from (1,0) the farther is 2 away.
    assert hops([4, 2], 64) == ([2, 1], [2, 0])
    with pytest.raises(PimError, match="5 tiles do not fit on a mesh of 2 by 2"):
        hops([5], 2)


def test_a_single_layer_without_placement_has_no_distances():
    layer = Layer(1024, 1024, 8, 8)
    placed, forgotten = (
        estimate_layers([layer], 128, 128, Mnsim2Quirks(place_single_layer=place))[0]
        for place in (True, False)
    )
    assert placed.latency_ns["merge"] > 0
    assert forgotten.latency_ns["merge"] == 0


def test_buffers_are_taken_from_the_table_by_size_bus_and_node():
    assert buffer(0.5, 90, 64).area_um2 == pytest.approx(40580.3)
    assert buffer(3, 65, 128).area_um2 == pytest.approx(172761)
    assert buffer(1000, 45, 64).read_power_w == pytest.approx(0.0933836 / 20 + 551.922e-3)
    assert buffer(1, 90, 512) is None


def test_the_sense_amplifier_has_the_power_that_mnsim_gives_it():
    # ADC.py, choice 8: 0.001629 mW. Two tiles of four elements; 64 columns, two to a converter.
    quirks = Mnsim2Quirks(dacs=64, adcs=64, adc_choice=8)
    (cost,) = estimate_layers([Layer(64, 64, 8, 8)], 128, 128, quirks)
    assert cost.power_w["adc"] == pytest.approx(2 * 4 * 32 * 0.001629e-3)


def test_mnsims_slip_in_the_8_bit_dac_is_kept_behind_its_preset():
    assert constants.DACS[6].power_w == 0.4992
    dac = hardware_preset("isaac32").dac
    assert dac.power_at(8) == pytest.approx(4.992e-4)


def test_mnsims_choices_decide_the_common_settings_and_nothing_is_ignored():
    hardware = changed(hardware_preset("mnsim2"), {"mnsim2.adc_choice": 2, "mnsim2.dac_choice": 3})
    assert hardware.adc.bits == 8 and hardware.dac.bits == 3
    assert changed(hardware, {"mnsim2.polarity": 1}).encoding.weights == "offset"
    for name, value in {"adc.bits": 4, "duplication": 2, "device.bits_per_cell": 2}.items():
        with pytest.raises(PimError, match=f"{name} is not free here: .* mnsim2"):
            changed(hardware, {name: value})


def test_the_preset_estimates_a_network_by_mnsims_formulas():
    operator = CrossbarOperator("fc", (), rows=429, columns=256)
    hardware = changed(hardware_preset("mnsim2"), {"array.rows": 128, "array.columns": 128})
    report = estimate(Workload("one layer", (operator,)), hardware)
    (cost,) = estimate_layers([Layer(429, 256, 8, 8)], 128, 128, hardware.mnsim2)
    assert report.latency_ns == pytest.approx(cost.latency_ns["total"], rel=1e-6)
    assert report.energy_pj == pytest.approx(sum(cost.energy_nj.values()) * 1e3, rel=1e-6)
    assert report.area_um2 == pytest.approx(sum(cost.area_um2.values()), rel=1e-6)


def _numbers(value, name=""):
    """Names of the numbers in a description of hardware."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _numbers(part, f"{name}.{key}" if name else key)
    elif isinstance(value, int | float) and not isinstance(value, bool) and name != "version":
        yield name, value


NOT_OF_COSTS = {
    *("device.high_resistance_ohm", "device.variation", "device.stuck_high_resistance"),
    *("device.stuck_low_resistance", "array.wire_resistance_ohm", "mnsim2.sub_position"),
}
"""What the functional model reads."""

LIMITS = {"max_tiles", "mnsim2.mesh", "mnsim2.buffer_technology_nm"}
"""What tells whether there is room, and a technology of which MNSIM has one buffer alone."""


def test_what_mnsims_formulas_do_not_look_at_is_refused_on_the_command_line(capsys):
    """Of the numbers of the preset whose change changes nothing of an estimate."""
    preset = hardware_preset("mnsim2")
    tables = Workload("none", (CrossbarOperator("fc", (), rows=429, columns=256),))
    before = estimate(tables, preset).to_json()
    for name, value in _numbers(hardware_to_json(preset)):
        if name in NOT_OF_COSTS | LIMITS or name.startswith(("embedding.", "digital.")):
            continue  # There are no tables in this network, nor digital operations.
        command = ["estimate", "nasrec-kdd-small", "--hardware", "mnsim2", "--set"]
        other = 2 * value if value else 1
        try:
            after = estimate(tables, changed(preset, {name: other})).to_json()
        except PimError:
            continue
        code = main([*command, f"{name}={other}"])
        told = capsys.readouterr().err
        if after == before:
            assert code == 2 and told.startswith(f"error: --set {name} has no effect: MNSIM"), name
        else:
            assert code == 0 or "has no effect" not in told, name
