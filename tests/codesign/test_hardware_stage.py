"""The last stage of a co-design run: what it compares with, and hardware that would stop it."""

import dataclasses

import pytest

from nasrec_tf.architecture.complexity import FINAL_OPTIONS
from nasrec_tf.architecture.space import CODESIGN
from nasrec_tf.codesign.costs import HardwareCosts
from nasrec_tf.codesign.usable_hardware import check_usable
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.preflight import check_options
from nasrec_tf.search.stages import hardware as stage
from nasrec_tf.search.stages.hardware import _areas
from nasrec_tf.strategies.hardware_space import CODESIGN_SPACE
from pim import PimError, changed, hardware_preset
from pim.hardware.hardware_json import save_hardware

SPACE = CODESIGN.replace(num_blocks=1, dense_widths=(64,), sparse_widths=(16,), bits=(4,))
FEATURES = Features(dense=13, table_rows=(500,) * 26)
SMALL_TILES = changed(hardware_preset("isaac32"), {"arrays_per_unit": 1, "units_per_tile": 1})


def test_what_a_winner_is_compared_with_may_take_more_tiles_than_there_are():
    winner = SPACE.widest
    tiles = HardwareCosts(SMALL_TILES, FEATURES, FINAL_OPTIONS).report(winner, {}).tiles
    tight = changed(SMALL_TILES, {"max_tiles": tiles})
    costs = HardwareCosts(tight, FEATURES, FINAL_OPTIONS)
    own = costs(winner, {})["area_mm2"]
    with pytest.raises(PimError, match="raise max_tiles"):
        costs.report(SPACE.replace(bits=(8,)).widest, {})
    areas = _areas(costs, winner, {})
    assert areas["uniform8"] > own and areas["handcrafted"] > 0


HANDCRAFTED = hardware_preset("handcrafted")
WITHOUT = {
    "digital": "has no digital unit, which products needs",
    "embedding": "has no memory for embedding tables",
}
RESISTANT = {"array.wire_resistance_ohm": 1.0}


@pytest.mark.parametrize("part", WITHOUT)
def test_hardware_that_lacks_a_part_is_told_before_anything_is_trained(part, tmp_path):
    path = tmp_path / "mine.json"
    save_hardware(dataclasses.replace(HANDCRAFTED, **{part: None}), path)
    with pytest.raises(UserError, match=f"--hardware {path}: handcrafted {WITHOUT[part]}"):
        check_options(SearchConfig(codesign=True, hardware=str(path)))


def test_wires_that_take_too_much_of_some_array_of_the_search_are_told_with_its_size(tmp_path):
    path = tmp_path / "mine.json"
    save_hardware(changed(HANDCRAFTED, RESISTANT), path)
    with pytest.raises(UserError, match=r"the wires would take .*\(with array.rows = 256, device"):
        check_options(SearchConfig(codesign=True, hardware=str(path)))


def test_a_design_that_is_not_varied_is_looked_at_as_it_is():
    for preset in ("isaac32", "handcrafted"):
        check_usable(hardware_preset(preset), CODESIGN_SPACE.choices)
    comparator = changed(HANDCRAFTED, {"adc.bits": 1})
    check_usable(comparator, {"adc.bits": (8, 9)})
    with pytest.raises(PimError, match="adc.bits must be at least 2"):
        check_usable(comparator, {})


def test_what_the_hardware_refuses_in_the_end_is_one_line_too(monkeypatch):
    def refuses(*_):
        raise PimError("the wires would take 80 %")

    monkeypatch.setattr(stage, "winner", lambda run: (SPACE.widest, {}))
    monkeypatch.setattr(stage, "_qualities", refuses)
    with pytest.raises(UserError, match="--hardware: the wires would take 80 %"):
        stage.run_stage(None)
