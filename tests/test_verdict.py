"""The verdict goes by the intervals of the paired differences, not by the figures themselves."""

import pytest

from nasrec_tf.report import (
    DifferenceSummary,
    ExplanationSummary,
    ImportanceSummary,
    QualitySummary,
    RunSummary,
    WhySummary,
    YardstickSummary,
    render_report,
)
from nasrec_tf.report.comparison_page import render_comparison
from nasrec_tf.report.comparison_summary import ComparisonSummary, FigureSummary, RivalSummary
from nasrec_tf.report.comparison_text import markdown, screen_table
from nasrec_tf.report.verdict import NOT_WORTH, UNSURE, WORTH, verdict, verdict_line


def yardstick(name, low, high, log_loss=0.4):
    """A model that the found one, of log loss 0.4, is compared with."""
    value = (low + high) / 2
    difference = DifferenceSummary(value, (low, high), None, None)
    return YardstickSummary(name, name.upper(), QualitySummary(0.4 - value, 100), difference)


def explanation(*yardsticks, auc=0.7, **further):
    return ExplanationSummary(
        "the model found", QualitySummary(0.4, 100, auc), yardsticks=yardsticks, **further
    )


BEHIND, NEAR, AHEAD = (-0.03, -0.01), (-0.02, 0.01), (0.01, 0.03)


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([BEHIND, BEHIND], WORTH),
        ([BEHIND, NEAR], UNSURE),
        ([NEAR, NEAR], UNSURE),
        ([BEHIND, AHEAD], NOT_WORTH),
        ([NEAR, AHEAD], NOT_WORTH),
        ([], None),
    ],
)
def test_all_must_be_behind_beyond_the_interval_and_none_ahead(gaps, expected):
    found = explanation(*(yardstick(f"m{n}", *gap) for n, gap in enumerate(gaps)))
    assert verdict(found) == expected
    assert (verdict_line(found) is None) == (expected is None)


def test_the_line_names_the_model_that_decides_and_its_margin():
    worth = explanation(yardstick("far", -0.2, -0.1), yardstick("dlrm", *BEHIND))
    assert "the nearest, DLRM, is behind by 0.0200 (95 %: 0.0100 to 0.0300)" in verdict_line(worth)
    lost = explanation(yardstick("lr", *BEHIND), yardstick("dlrm", *AHEAD))
    assert "DLRM is better than the model found by 0.0200" in verdict_line(lost)
    unsure = explanation(yardstick("lr", *BEHIND), yardstick("dlrm", *NEAR))
    assert "than DLRM beyond chance (its log loss is lower by 0.0050" in verdict_line(unsure)
    behind = explanation(yardstick("dlrm", -0.01, 0.02))
    assert "(its log loss is higher by 0.0050 (95 %: -0.0100 to 0.0200))" in verdict_line(behind)


@pytest.mark.parametrize("gap", [BEHIND, NEAR, AHEAD])
def test_rows_of_one_label_are_no_ground_for_a_verdict(gap):
    found = explanation(yardstick("lr", *gap), auc=None)
    assert verdict(found) is None
    assert "No verdict: all 100 test rows have the same label" in verdict_line(found)
    assert verdict_line(explanation(auc=None)) is None


@pytest.mark.parametrize("gap", [BEHIND, NEAR, AHEAD])
def test_intervals_of_few_clicks_tell_nothing_apart(gap):
    found = explanation(yardstick("lr", *gap), few_of_a_label=4)
    assert verdict(found) == UNSURE
    assert "only 4 test rows have the rarer label" in verdict_line(found)


@pytest.mark.parametrize(
    ("few", "told"),
    [(None, None), (0, "All test rows have the same label"), (1, "Only 1 test row has the rarer")],
)
def test_a_comparison_on_few_clicks_says_so(few, told):
    rivals = [RivalSummary("lr", "Logistic regression", log_loss=FigureSummary(0.5, 0.01))]
    found = ComparisonSummary("run", "log", (), "recipe paper", 1, rivals, few_of_a_label=few)
    for text in (screen_table(found), markdown(found), render_comparison(found)):
        assert ("test row" in text) == (told is not None) and (told or "") in text


def test_a_comparison_says_what_is_exported_in_place_of_the_found_network():
    rivals = [RivalSummary("lr", "Logistic regression", log_loss=FigureSummary(0.5, 0.01))]
    made = ComparisonSummary(
        "run", "log", (), "recipe paper", 1, rivals, few_of_a_label=7, exported="a pruned network"
    )
    for text in (screen_table(made), markdown(made), render_comparison(made)):
        assert "Only 7 test rows" in text and "The run exports a pruned network; found is" in text


def test_what_was_left_out_or_diverged_says_nothing():
    missing = YardstickSummary("dlrm", "DLRM", left_out="too large")
    assert (
        verdict(explanation(yardstick("lr", *BEHIND), missing, YardstickSummary("x", "X"))) == WORTH
    )
    assert verdict(explanation(missing)) is None


HOSTILE = "=1+1|<script>alert('$x$')</script>\n$\\frac"


def test_a_column_of_any_name_is_shown_in_the_charts_as_it_is():
    why = WhySummary(100, 1, (ImportanceSummary(HOSTILE, "sparse", 0.1, None),))
    found = ExplanationSummary("it", QualitySummary(0.4, 100), why=why)
    page = render_report(RunSummary("run", explanation=found))
    assert "<script>alert" not in page
    assert "&lt;script&gt;ale" in page
