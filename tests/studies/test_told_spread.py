"""What pages of studies say of their intervals is what these are."""

import dataclasses

import pytest
from benchmark.made_tables import CARD

from nasrec_tf.report.comparison_page import render_comparison
from nasrec_tf.report.comparison_summary import (
    BETTER,
    WITHIN,
    ComparisonSummary,
    CostSummary,
    GapSummary,
    RivalSummary,
    SearchSummary,
    StrategySummary,
)
from nasrec_tf.report.comparison_text import markdown, screen_table
from nasrec_tf.studies.ablation_study import AblationRow
from nasrec_tf.studies.ablation_text import ablation_markdown
from nasrec_tf.studies.paired_intervals import Measured, paired_difference
from nasrec_tf.studies.pruning_result import PruningResult, PruningRow
from nasrec_tf.studies.pruning_text import pruning_markdown
from nasrec_tf.studies.table_rows import figure_summary, gap_summary, of_few_rows

DENSE, OTHER = [0.50, 0.52], [0.47, 0.48]
BEYOND = GapSummary(-0.1, (-0.1, -0.1), BETTER)


def measured(values):
    return Measured(values, [[value - 0.01, value + 0.02] for value in values])


def pruning_page(seeds, few=None):
    base, other = measured(DENSE[:seeds]), measured(OTHER[:seeds])
    difference = paired_difference(other, base)
    rows = (
        PruningRow("dense", 0, 1.0, 0.2, 40.0, base, None, None),
        PruningRow("random", 1, 0.8, 0.1, 30.0, other, None, difference),
    )
    return pruning_markdown(PruningResult(CARD, "a network", seeds, rows, few), ""), difference


def ablation_page(seeds, few=None):
    base, other = measured(DENSE[:seeds]), measured(OTHER[:seeds])
    difference = paired_difference(other, base)
    rows = [
        AblationRow("default", base, None, 0.2, 30.0, 9.0, None),
        AblationRow("refine=0", other, None, 0.2, 20.0, 8.0, difference),
    ]
    return ablation_markdown(rows, "", few), difference


@pytest.mark.parametrize("page_of", [pruning_page, ablation_page])
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_page_says_whether_intervals_are_over_seeds(page_of, seeds):
    page, difference = page_of(seeds)
    assert difference.over_seeds == (seeds > 1)
    assert ("over rows and seeds together" in page) == (seeds > 1)
    assert ("over rows alone" in page) == (seeds == 1)
    assert f"{difference.value:+.5f} (" in page


@pytest.mark.parametrize("page_of", [pruning_page, ablation_page])
def test_a_page_says_that_intervals_hang_on_few_clicks(page_of):
    assert "Only 7 test rows have the rarer label" in page_of(2, few=7)[0]
    assert "All test rows have the same label" in page_of(2, few=0)[0]
    assert "the rarer label" not in page_of(2)[0]


def rival(name, values, other=None):
    """A row of a comparison, by its values by seed and those of the found model."""
    one = measured(values)
    gap = other and gap_summary(one, measured(other), better_if_lower=True)
    title = name.upper()
    return RivalSummary(
        name, title, not other, "as the paper's", len(values), 0, log_loss=figure_summary(one),
        auc=figure_summary(one), log_loss_gap=gap, auc_gap=gap,
    )  # fmt: skip


def comparison(*rivals, **further):
    return ComparisonSummary("run", "log", (), "recipe paper", 2, rivals, **further)


def told(made):
    return screen_table(made), markdown(made), render_comparison(made)


def test_a_comparison_says_whose_intervals_are_over_rows_alone():
    found, single = rival("found", DENSE), rival("single", OTHER[:1], DENSE)
    both = rival("both", OTHER, DENSE)
    for text in told(comparison(found, both)):
        assert "over test rows alone" not in text
    for text in told(comparison(found, both, single)):
        assert "Intervals of single are over test rows alone and promise too much" in text
    for text in told(comparison(rival("found", DENSE[:1]), rival("other", OTHER, DENSE[:1]))):
        assert "Intervals are over test rows alone and promise too much" in text


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_page_of_a_comparison_says_what_its_intervals_are_over(seeds):
    made = comparison(rival("found", DENSE[:seeds]), rival("other", OTHER[:seeds], DENSE[:seeds]))
    page = render_comparison(dataclasses.replace(made, seeds=seeds))
    assert ("intervals over rows and seeds" in page) == (seeds > 1)


@pytest.mark.parametrize("runs", [1, 2])
def test_a_comparison_says_of_single_runs_of_a_strategy_that_rows_alone_count(runs):
    one, other = measured(DENSE[:runs]), measured(OTHER[:runs])
    gap = gap_summary(other, one, better_if_lower=True)
    cost = CostSummary(1e6, 60.0)
    ways = [
        StrategySummary("evolution", runs, figure_summary(one), None, None, None, cost),
        StrategySummary("random", runs, figure_summary(other), None, gap, None, cost),
    ]
    search = SearchSummary("found", "evolution", "supernet", [(0, 0.5)])
    made = comparison(rival("found", DENSE), strategies=ways, searches=[search])
    for text in (markdown(made), render_comparison(made)):
        assert ("Where a way of searching has one run" in text) == (runs == 1)


@pytest.mark.parametrize(("rows", "keeps"), [(1, False), (9, False), (10, True), (5000, True)])
def test_few_rows_of_a_label_tell_no_model_of_a_comparison_apart(rows, keeps):
    row = rival("other", OTHER, DENSE)
    row = dataclasses.replace(row, log_loss_gap=BEYOND, auc_gap=BEYOND, grouped_auc_gap=BEYOND)
    few = of_few_rows(row, rows)
    gaps = few.log_loss_gap, few.auc_gap, few.grouped_auc_gap
    assert {gap.verdict for gap in gaps} == {WITHIN}
    assert [gap.interval for gap in gaps] == [BEYOND.interval if keeps else None, None, None]
    assert few.log_loss == row.log_loss and few.averaged_auc_gap is None


def test_a_comparison_that_was_stopped_says_who_is_left():
    made = comparison(rival("found", DENSE), unfinished=("dlrm", "fm"))
    for text in (markdown(made), render_comparison(made)):
        assert "Not finished yet: dlrm, fm." in text
