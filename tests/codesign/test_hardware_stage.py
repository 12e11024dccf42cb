"""What the last stage of a co-design run compares a winner with."""

import pytest

from nasrec_tf.architecture.complexity import FINAL_OPTIONS
from nasrec_tf.architecture.space import CODESIGN
from nasrec_tf.codesign.costs import HardwareCosts
from nasrec_tf.data.features import Features
from nasrec_tf.search.stages.hardware import _areas
from pim import PimError, changed, hardware_preset

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
