"""Trainings that end in numbers that are none: never exported, and told with what to change."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
from extreme_rows import SQUARING, extreme_data_set
from search_calls import call, options

from nasrec_tf.common.saved_state import read_state
from nasrec_tf.search.results import AttemptResult, EpochQuality, RetrainResult, best_epoch


@pytest.fixture
def searched(run_files):
    """The run as it was before the retrain stage began."""
    for stage in ("retrain", "export"):
        shutil.rmtree(run_files / "run" / stage)
    return run_files


def test_a_finalist_that_diverges_comes_last_and_the_others_go_on(searched, unrendered):
    said = call(*options(searched), "--retrain-learning-rates", "1e30,0.12")
    assert said.code == 0, said.err
    run = searched / "run"
    result = read_state(run / "retrain" / "result.json", RetrainResult, "")
    assert result.learning_rate == 0.12 and math.isfinite(result.test.log_loss)
    assert [figures.validation is None for figures in result.attempts] == [True, False] * 2
    with open(run / "leaderboard.csv", newline="") as file:
        losses = [row["validation_log_loss"] for row in csv.DictReader(file)]
    assert losses[2:] == ["diverged", "diverged"] and float(losses[0]) <= float(losses[1])
    assert [c.won for c in unrendered[-1].leaderboard] == [True, False, False, False]
    # Weights that are no numbers are not kept.
    weights = list((run / "retrain").glob("*/best.npz"))
    assert weights == [run / result.directory / "best.npz"]
    with np.load(weights[0]) as archive:
        arrays = [archive[name] for name in archive.files if not name.endswith(".json")]
    assert all(np.isfinite(array).all() for array in arrays if array.dtype.kind == "f")


def test_if_all_diverge_one_line_says_what_to_change_and_nothing_is_exported(searched):
    before = sorted((searched / "models" / "nasrec").iterdir())
    error = call(*options(searched), "--retrain-learning-rates", "1e30").error
    assert "diverged; repeat the command with --extend and a lower --retrain-learning" in error
    assert not (searched / "run" / "retrain" / "result.json").exists()
    assert sorted((searched / "models" / "nasrec").iterdir()) == before
    assert call(*options(searched), "--retrain-learning-rates", "1e30").error == error
    said = call(*options(searched), "--retrain-learning-rates", "0.05", "--extend")
    assert said.code == 0, said.err


def test_predictions_that_are_not_finite_never_become_a_report(searched, monkeypatch):
    from nasrec_tf.training import evaluation

    predict = evaluation.Predictor.__call__

    def broken(self, split, **asked):
        labels, logits = predict(self, split, **asked)
        return labels, np.where(np.arange(len(logits)) == 7, np.nan, logits)

    monkeypatch.setattr(
        evaluation.Predictor,
        "__call__",
        lambda self, split, **asked: (broken if split == "test" else predict)(self, split, **asked),
    )
    error = call(*options(searched)).error
    assert "not finite on 1 of" in error and "test rows" in error
    assert not (searched / "run" / "retrain" / "result.json").exists()


def test_a_row_of_test_beyond_what_a_network_reads_is_named(tmp_path):
    """A lower learning rate alone was named, which mends nothing there."""
    architecture = tmp_path / "squaring.json"
    architecture.write_text(json.dumps(SQUARING))
    error = call(
        "--run-dir", tmp_path / "run", "--data", extreme_data_set(tmp_path), "--quiet",
        "--architecture", architecture, "--recipe", "paper", "--no-explain",
    ).error  # fmt: skip
    assert "the winner's predictions are not finite on 1 of 200 test rows" in error
    assert "or mend the data: a value of dense feature 'price' is 3e+38, far above what" in error


def test_an_epoch_that_was_good_stays_the_best_when_a_later_one_diverges():
    epochs = (EpochQuality(0.6), EpochQuality(0.5), EpochQuality(math.nan))
    assert best_epoch(epochs) == 1
    assert best_epoch((EpochQuality(math.inf),)) is None


def test_a_diverged_winner_of_an_earlier_version_is_not_believed(tmp_path):
    """Version 0.1.0 kept and exported a network that was NaN at every epoch."""
    value = {
        "rank": 1, "learning_rate": 0.1, "steps_per_epoch": 3, "best_epoch": 0, "seconds": 1.0,
        "epochs": [{"log_loss": math.nan, "auc": None}],
        "validation": {"log_loss": math.nan, "auc": None},
    }  # fmt: skip
    from nasrec_tf.architecture.presets import preset

    architecture = preset("nasrec-criteo-small").architecture.to_json()
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**value, "architecture": architecture}))
    attempt = read_state(path, AttemptResult, "")
    assert attempt.validation is None and attempt.score == math.inf
