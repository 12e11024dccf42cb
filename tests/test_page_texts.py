"""Figures that the report works out itself, and what data put into pages and tables."""

import csv
import io

import pytest

from nasrec_tf.report import CandidateSummary, DataSummary, TrialSummary
from nasrec_tf.report.comparison_summary import ComparisonSummary, FigureSummary, RivalSummary
from nasrec_tf.report.comparison_text import as_csv, markdown
from nasrec_tf.report.gap_share import gap_share
from nasrec_tf.report.search_agreement import search_agreement


def test_the_share_of_the_gap_is_known_of_generated_data_alone():
    assert gap_share(DataSummary("log", constant_log_loss=0.5), 0.4) is None
    assert gap_share(None, 0.4) is None
    known = DataSummary("log", constant_log_loss=0.5, best_log_loss=0.3)
    assert [gap_share(known, loss) for loss in (0.5, 0.4)] == [0.0, pytest.approx(0.5)]
    assert gap_share(known, None) is None


def test_the_first_training_of_each_scored_candidate_counts_for_the_correlation():
    losses = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    trials = [TrialSummary(n, 0, "completed", losses[i], identity=i) for n, i in enumerate("abcd")]
    trained = [CandidateSummary(1, name, validation_log_loss=losses[name]) for name in "abcd"]
    assert search_agreement(trials, trained).correlation == 1.0
    later = CandidateSummary(4, "d", validation_log_loss=0.01)  # another recipe, for the best alone
    refined = CandidateSummary(5, "e", validation_log_loss=0.01)  # never scored
    diverged = CandidateSummary(6, "f", validation_log_loss=float("nan"))
    found = search_agreement(trials, [*trained, later, refined, diverged])
    assert (found.correlation, found.candidates) == (1.0, 4)
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
