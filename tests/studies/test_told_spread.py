"""What pages of studies say of their intervals is what these are."""

import pytest
from benchmark.made_tables import CARD

from nasrec_tf.studies.ablation_study import AblationRow
from nasrec_tf.studies.ablation_text import ablation_markdown
from nasrec_tf.studies.paired_intervals import Measured, paired_difference
from nasrec_tf.studies.pruning_result import PruningResult, PruningRow
from nasrec_tf.studies.pruning_text import pruning_markdown

DENSE, OTHER = [0.50, 0.52], [0.47, 0.48]


def measured(values):
    return Measured(values, [[value - 0.01, value + 0.02] for value in values])


def pruning_page(seeds):
    base, other = measured(DENSE[:seeds]), measured(OTHER[:seeds])
    difference = paired_difference(other, base)
    rows = (
        PruningRow("dense", 0, 1.0, 0.2, 40.0, base, None, None),
        PruningRow("random", 1, 0.8, 0.1, 30.0, other, None, difference),
    )
    return pruning_markdown(PruningResult(CARD, "a network", seeds, rows), ""), difference


def ablation_page(seeds):
    base, other = measured(DENSE[:seeds]), measured(OTHER[:seeds])
    difference = paired_difference(other, base)
    rows = [
        AblationRow("default", base, None, 0.2, 30.0, 9.0, None),
        AblationRow("refine=0", other, None, 0.2, 20.0, 8.0, difference),
    ]
    return ablation_markdown(rows, ""), difference


@pytest.mark.parametrize("page_of", [pruning_page, ablation_page])
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_page_says_whether_intervals_are_over_seeds(page_of, seeds):
    page, difference = page_of(seeds)
    assert difference.over_seeds == (seeds > 1)
    assert ("over rows and seeds together" in page) == (seeds > 1)
    assert ("over rows alone" in page) == (seeds == 1)
    assert f"{difference.value:+.5f} (" in page
