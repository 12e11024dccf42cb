"""Figures that the report works out itself, and what data put into pages and tables."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasrec_tf.report import CandidateSummary, DataSummary, QualitySummary, TrialSummary
from nasrec_tf.report.comparison_summary import ComparisonSummary, FigureSummary, RivalSummary
from nasrec_tf.report.comparison_text import as_csv, markdown
from nasrec_tf.report.explanation_summary import ExplanationSummary, YardstickSummary
from nasrec_tf.report.gap_share import Gap, known_gap, seen_gap
from nasrec_tf.report.search_agreement import correlation_interval, search_agreement


def test_both_ends_of_the_gap_are_known_of_generated_data_alone():
    assert known_gap(None) is None
    assert known_gap(DataSummary("log", constant_log_loss=0.5)) is None
    known = known_gap(DataSummary("log", constant_log_loss=0.5, best_log_loss=0.3))
    assert [known.share(loss) for loss in (0.5, 0.4)] == [0.0, pytest.approx(0.5)]
    assert known.share(None) is None and Gap(0.5, 0.5).share(0.5) is None


def test_of_other_data_the_gap_ends_at_the_best_that_was_seen():
    def yardstick(name, loss):
        return YardstickSummary(name, name, QualitySummary(loss, 100))

    beside = [yardstick("constant", 0.5), yardstick("lr", 0.3), YardstickSummary("dlrm", "DLRM")]
    found = seen_gap(ExplanationSummary("it", QualitySummary(0.4, 100), yardsticks=beside))
    assert (found.constant, found.best, found.is_known) == (0.5, 0.3, False)
    assert found.share(0.4) == pytest.approx(0.5)
    assert seen_gap(ExplanationSummary("it", QualitySummary(0.4, 100))) is None
    assert seen_gap(None) is None


@given(st.integers(4, 60), st.floats(-1, 1))
def test_the_interval_of_a_rank_correlation_holds_it_and_leaves_doubt(count, correlation):
    low, high = correlation_interval(correlation, count)
    assert -1 <= low <= correlation <= high <= 1
    assert low < high


def test_the_interval_of_a_rank_correlation_is_the_published_one():
    """Bonett and Wright's formula by hand: tanh(atanh(0.5) ± 1.96 √((1 + 0.125) / 25))."""
    assert correlation_interval(0.5, 28) == pytest.approx((0.132747, 0.746533), abs=1e-6)


def test_the_first_training_of_each_scored_candidate_counts_for_the_correlation():
    losses = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    trials = [TrialSummary(n, 0, "completed", losses[i], identity=i) for n, i in enumerate("abcd")]
    trained = [CandidateSummary(1, name, validation_log_loss=losses[name]) for name in "abcd"]
    assert search_agreement(trials, trained).correlation == 1.0
    later = CandidateSummary(4, "d", validation_log_loss=0.01)  # another recipe, for the best alone
    refined = CandidateSummary(5, "e", validation_log_loss=0.01)  # never scored
    diverged = CandidateSummary(6, "f", validation_log_loss=float("nan"))
    found = search_agreement(trials, [*trained, later, refined, diverged])
    assert (found.correlation, found.candidates, found.interval[1]) == (1.0, 4, 1.0)
    assert search_agreement(trials, trained[:3]) is None
    alike = [CandidateSummary(1, name, validation_log_loss=0.5) for name in "abcd"]
    assert search_agreement(trials, alike) is None


# What data put into tables.

HOSTILE = "=1+1|<script>alert('$x$')</script>\n$\\frac"


def test_tables_of_a_comparison_hold_neither_formulas_nor_html():
    rivals = [RivalSummary(HOSTILE, HOSTILE, seeds=1, recipe=HOSTILE, log_loss=FigureSummary(0.5))]
    comparison = ComparisonSummary(HOSTILE, HOSTILE, (), "rule", 1, rivals)
    [row] = csv.DictReader(io.StringIO(as_csv(comparison)))
    assert row["model"] == f"'{HOSTILE}" and row["log_loss_mean"] == "0.5"
    text = markdown(comparison)
    assert "<script" not in text
    [line] = [line for line in text.splitlines() if line.startswith("| =1+1") and "0.5" in line]
    assert line.replace("\\|", "").count("|") == 8  # of seven columns
