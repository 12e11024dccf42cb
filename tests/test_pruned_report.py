"""What a report tells of a pruning."""

import re

import pytest

from nasrec_tf.report import (
    PruningStepSummary,
    PruningSummary,
    QualitySummary,
    RunSummary,
    render_report,
)

STEPS = [
    PruningStepSummary(0, 1.0, 0.2, 0.4612345),
    PruningStepSummary(1, 0.8, 0.16, 0.4512345),
    PruningStepSummary(2, 0.64, 0.12, 0.4712345),
]
COSTS = {"arrays": (46.0, 28.0), "latency_us": (1.5, 1.25), "energy_nj": (90.5, 70.25)}


def page(leaves_smaller=True, costs=COSTS):
    pruning = PruningSummary(
        "20% of what was left went (whole units, the smallest)", leaves_smaller, STEPS,
        QualitySummary(0.45111, 1000, 0.79), QualitySummary(0.46222, 1000, None),
        (0.2, 0.12), (24_000, 14_000), costs,
    )  # fmt: skip
    return render_report(RunSummary("run", pruning=pruning))


def cells(text):
    """Rows of all tables as lists of what their cells say."""
    rows = re.findall(r"<tr.*?>(.*?)</tr>", text, re.DOTALL)
    return [
        [re.sub(r"<.*?>", "", each).strip() for each in re.findall(r"<td.*?>(.*?)</td>", row, re.S)]
        for row in rows
    ]


def test_every_iteration_has_its_products_and_its_log_loss():
    found = cells(page())
    assert ["0", "100.0%", "0.2000", "100.0%", "0.46123"] in found
    assert ["2", "64.0%", "0.1200", "60.0%", "0.47123"] in found


def test_the_network_that_is_left_stands_beside_the_winner():
    found = cells(page())
    assert ["Test log loss", "0.45111", "0.46222"] in found
    assert ["Weights without tables", "24,000", "14,000"] in found
    assert ["Crossbar arrays", "46", "28"] in found
    assert ["Latency, µs", "1.500", "1.250"] in found


@pytest.mark.parametrize("costs", [{}, COSTS])
def test_hardware_is_told_where_there_is_some(costs):
    assert ("on the hardware that the search chose" in page(costs=costs)) == bool(costs)


def test_zeros_are_not_told_as_a_smaller_network():
    assert "zeros in its matrices" in page(leaves_smaller=False)
    assert "zeros in its matrices" not in page(leaves_smaller=True)


def test_a_run_without_pruning_has_no_such_section():
    assert "<h2>Pruning</h2>" in page()
    assert "<h2>Pruning</h2>" not in render_report(RunSummary("run"))
