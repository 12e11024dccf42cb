"""What the last screen compares a model with."""

import math

import pytest

from nasrec_tf.data.generated_log import DemoFacts
from nasrec_tf.report import QualitySummary
from nasrec_tf.search.last_screen import baseline_lines
from nasrec_tf.search.results import RecordsResult


def records(train, test, demo=None):
    return RecordsResult(
        seconds=1.0,
        dataset="somewhere",
        name="log",
        rows={"train": 800, "validation": 100, "test": 100},
        label_rates={"train": train, "validation": train, "test": test},
        demo=demo,
    )


def test_predicting_the_training_click_rate_is_what_a_model_has_to_beat():
    known = -0.25 * math.log(0.2) - 0.75 * math.log(0.8)
    assert records(0.2, 0.25).constant_log_loss == pytest.approx(known)


@pytest.mark.parametrize("rates", [(0.0, 0.1), (1.0, 0.9), (0.2, 0.0), (0.2, 1.0)])
def test_a_split_of_one_label_has_nothing_to_compare_with(rates):
    assert records(*rates).constant_log_loss is None
    assert baseline_lines(records(*rates), QualitySummary(0.3, 100)) == []


def test_a_model_that_learned_nothing_is_told_apart_from_one_that_did():
    data = records(0.2, 0.2)
    assert data.constant_log_loss == pytest.approx(0.5004, abs=1e-4)
    [line] = baseline_lines(data, QualitySummary(0.45, 100))
    assert line.strip() == "constant prediction 0.5004"
    [_, told] = baseline_lines(data, QualitySummary(0.51, 100))
    assert "no better than" in told


def test_a_generated_log_is_compared_with_what_is_known_of_it():
    demo = DemoFacts(rows=1000, clicks=200, best_log_loss=0.4, constant_log_loss=0.499)
    [line] = baseline_lines(records(0.2, 0.2, demo), QualitySummary(0.45, 100))
    assert line.strip() == "best possible on this generated log 0.4000, constant prediction 0.4990"
