"""A run tells whether its model is worth it, beside simple models trained alike."""

import json
import shutil
import types

import numpy as np
import pytest
from search_calls import call, run_of

from nasrec_tf.data.features import Features
from nasrec_tf.report.page import capital
from nasrec_tf.report.verdict import told_yardstick, verdict_line
from nasrec_tf.search import epoch_validation, training_task, yardsticks
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.explained_model import ExplainedModel
from nasrec_tf.search.results import ExplainResult
from nasrec_tf.search.trainable import load_trainable
from nasrec_tf.search.yardsticks import HAND_MADE, refusal
from nasrec_tf.training.recipe import Recipe

PRESET = "nasrec-criteo-small"
"""The cheapest on the generated log: fewest blocks that read its dense features."""

NAMES = ["constant", "lr", "dlrm", PRESET]


@pytest.fixture(scope="module")
def explained(finished_run, tmp_path_factory):
    """A finished run that has been explained, and its last screen."""
    directory = tmp_path_factory.mktemp("explained")
    shutil.copytree(finished_run / "run", directory / "run")
    said = explain(directory)
    assert said.code == 0, said.err
    return directory, said.out


def explain(directory, *more):
    """Goes on with the finished run, whose options are in its directory."""
    config = directory / "run" / "config.toml"
    return call("--config", config, "--run-dir", directory / "run", "--explain", "--quiet", *more)


def explanation(directory):
    return run_of(directory).directory.finished("explain", ExplainResult).explanation


def test_simple_models_stand_beside_the_winner_with_paired_differences(explained):
    found = explanation(explained[0])
    assert [one.name for one in found.yardsticks] == NAMES
    for one in found.yardsticks:
        assert one.test.samples == found.found.samples
        gap = found.found.log_loss - one.test.log_loss
        assert one.difference.log_loss == pytest.approx(gap, abs=1e-12)
        low, high = one.difference.log_loss_interval
        assert low < gap < high


def test_a_model_that_is_a_constant_on_the_data_is_left_out_and_said_so():
    run = types.SimpleNamespace(features=Features(0, (9,)), config=SearchConfig())
    dlrm, logistic = (refusal(run, load_trainable(name), Recipe()) for name in HAND_MADE[::-1])
    assert dlrm.startswith("dlrm: takes inner products of different fields, and there is one")
    assert logistic is None


def test_the_constant_prediction_is_the_training_click_rate(explained):
    run = run_of(explained[0])
    rate = run.schema.splits["train"].label_rate
    labels = ExplainedModel.of(run).predicted_test().labels
    known = -np.mean(np.where(labels == 1, np.log(rate), np.log1p(-rate)))
    [constant] = [one for one in explanation(explained[0]).yardsticks if one.name == "constant"]
    assert constant.test.log_loss == pytest.approx(known, rel=1e-6)


@pytest.mark.slow
def test_a_simple_model_is_what_the_main_job_would_train_of_it(explained, tmp_path):
    """By the same recipe, on the same rows in the same order, from the same initial weights."""
    said = call(
        "--data", run_of(explained[0]).dataset, "--architecture", "dlrm", "--recipe", "paper",
        "--batch-size", 64, "--retrain-epochs", 2, "--seed", 3, "--quiet", "--no-explain",
        "--run-dir", tmp_path / "run", "--export-dir", tmp_path / "models",
    )  # fmt: skip
    assert said.code == 0, said.err
    result = run_of(tmp_path).directory.result("retrain")
    [dlrm] = [one for one in explanation(explained[0]).yardsticks if one.name == "dlrm"]
    assert result.test.log_loss == dlrm.test.log_loss
    assert result.test.auc == dlrm.test.auc


def test_what_would_take_too_much_of_the_run_is_left_out_and_said(explained, monkeypatch, tmp_path):
    run = run_of(explained[0])
    monkeypatch.setattr(yardsticks, "LEAST_ROWS", 0)
    monkeypatch.setattr(yardsticks, "SHARE", 1e-9)
    model = ExplainedModel.of(run)
    found = yardsticks.yardsticks(run, model, model.predicted_test(), tmp_path)
    assert [one.left_out is None for one in found] == [True, False, False, False]
    assert "--yardsticks all trains it" in told_yardstick(found[1])


def test_what_was_not_asked_for_at_first_is_added_to_what_there_is(explained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(explained[0] / "run", run)
    trained = {path: path.stat().st_mtime_ns for path in run.glob("explain/*/yardstick.json")}
    assert explain(tmp_path, "--yardsticks", "none").code == 0
    assert explanation(tmp_path).yardsticks == ()
    assert explain(tmp_path, "--yardsticks", "all").code == 0
    assert explanation(tmp_path) == explanation(explained[0])
    assert trained == {path: path.stat().st_mtime_ns for path in trained}


def test_verdict_and_differences_are_told_on_the_screen_and_first_in_the_report(explained):
    directory, screen = explained
    [verdict] = [line for line in screen.splitlines() if line.startswith("verdict  ")]
    for name in NAMES:
        assert f"         {name}: test log loss 0." in screen
    page = (directory / "run" / "report.html").read_text()
    assert f'<p class="verdict">{verdict.removeprefix("verdict  ")}' in page.replace("&#39;", "'")
    assert "Is it worth it?" in page


def test_a_stage_that_was_stopped_ends_with_the_same_figures(explained, tmp_path, monkeypatch):
    """In the midst of a training; what had been done before it is taken up."""
    run = tmp_path / "run"
    shutil.copytree(explained[0] / "run", run)
    for name in ("result.json", "ablation.json", "dlrm"):
        path = run / "explain" / name
        path.unlink() if path.is_file() else shutil.rmtree(path)
    save, saved = epoch_validation.write_state, []

    def stopping(path, value):
        save(path, value)
        saved.append(path)
        raise KeyboardInterrupt  # after the first of two epochs

    with monkeypatch.context() as patch:
        patch.setattr(epoch_validation, "write_state", stopping)
        assert explain(tmp_path).code == 130
    assert [path.parents[1].name for path in saved] == ["dlrm"]
    assert explain(tmp_path).code == 0
    assert lasting(tmp_path) == lasting(explained[0])


def lasting(directory):
    """The result without what no two runs share."""

    def without_times(value):
        if isinstance(value, dict):
            return {
                k: without_times(v) for k, v in value.items() if k not in ("seconds", "checksum")
            }
        return [without_times(part) for part in value] if isinstance(value, list) else value

    return without_times(json.loads((directory / "run" / "explain" / "result.json").read_text()))


def test_weights_of_simple_models_do_not_stay(explained):
    assert not list((explained[0] / "run" / "explain").rglob(training_task.WEIGHTS))


# Why it is good.


def test_every_feature_and_every_live_part_is_weighed(explained):
    run, why = run_of(explained[0]), explanation(explained[0]).why
    named = {one.feature for one in why.importances}
    assert named == {*run.schema.dense_names, *run.schema.sparse_names}
    rises = [one.rise for one in why.importances]
    assert rises == sorted(rises, reverse=True)
    live = run.directory.result("retrain").architecture.architecture.liveness.blocks
    alive = {number for number, part in enumerate(live, start=1) if part.anything}
    assert {one.block for one in why.ablations} == alive
    for one in (*why.importances, *why.ablations):
        low, high = one.interval
        assert low <= one.rise <= high


def test_slices_by_new_values_hold_every_test_row_once(explained):
    run, why = run_of(explained[0]), explanation(explained[0]).why
    found = [one for one in why.slices if one.feature == "values out of vocabulary"]
    left_out = why.slice_rows - sum(one.rows for one in found)
    assert why.slice_rows == why.rows == run.schema.splits["test"].rows
    assert 0 <= left_out < 2 * 20  # slices of fewer than 20 rows are not told
    assert all(0 <= one.clicks <= 1 and one.log_loss > 0 for one in why.slices)


def test_the_same_stands_beside_the_result_as_markdown(explained):
    text = (explained[0] / "run" / "explain" / "explanation.md").read_text()
    found = explanation(explained[0])
    assert text.splitlines()[2] == verdict_line(found)
    for name in (one.title for one in found.yardsticks):
        assert f"| {capital(name)} | 0." in text
    for one in found.why.importances:
        assert f"| {one.feature} | {one.kind} | {one.rise:+.5f} (" in text


def test_the_page_tells_why(explained):
    page = (explained[0] / "run" / "report.html").read_text()
    for told in ("Why is it good?", "What it relies on", "What its parts do", "Where it is good"):
        assert told in page
