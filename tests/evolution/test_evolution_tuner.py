"""The tuner runs a search, tells how far it is, resumes it, and leaves a leaderboard."""

import csv
import json
import logging
import math
import subprocess
import sys

import pytest
from evolution_landscape import SPACE, TRIALS, log_loss, make_oracle
from keras_tuner.engine.base_tuner import BaseTuner

from beam_preprocess.common import progress_lines
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.strategies import Budget, NoScores, SubnetTuner, best, read_results
from nasrec_tf.strategies.oracle.architecture_genes import from_values
from nasrec_tf.strategies.oracle.trial_results import TrialResult, write_leaderboard


def score(architecture):
    return {"log_loss": log_loss(architecture), "auc": 1.0 - log_loss(architecture)}


def tuner(directory, scorer=score, progress=False, **changes):
    return SubnetTuner(make_oracle(**changes), scorer, directory=directory, progress=progress)


def told(results):
    return [(r.number, r.parent, r.status, r.metrics, r.architecture.to_json()) for r in results]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    directory = tmp_path_factory.mktemp("finished")
    blocks = Budget("operators", lambda a: float(sum(len(b.dense_operators) for b in a.blocks)))
    tuner(directory, budgets=[blocks]).search()
    return directory / "evolution"


def test_results_tell_the_whole_search(finished):
    results = read_results(finished)
    assert [result.number for result in results] == list(range(TRIALS))
    assert {result.status for result in results} == {"completed"}
    for result in results:
        expected = score(result.architecture) | {"operators": 4.0}
        assert result.metrics == expected
        assert (result.parent is None) == (result.generation == 0)
        if result.parent is not None:
            parent = results[result.parent]
            changed = zip(parent.architecture.blocks, result.architecture.blocks, strict=True)
            assert sum(a != b for a, b in changed) >= 1


def test_the_best_are_in_order_and_distinct(finished):
    results = read_results(finished)
    top = best(results + results, 5)
    assert len({result.architecture.identity for result in top}) == 5
    scores = [result.metrics["log_loss"] for result in top]
    assert scores == sorted(result.metrics["log_loss"] for result in results)[:5]


def test_the_leaderboard_holds_every_candidate_with_its_architecture(finished):
    with open(finished / "leaderboard.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == (
        ["rank", "identity", "trial", "generation", "parent", "log_loss", "auc", "operators"]
        + ["seconds", "architecture", "hardware"]
    )
    assert [int(row["rank"]) for row in rows] == list(range(1, TRIALS + 1))
    for row in rows:
        architecture = Architecture.from_json(json.loads(row["architecture"]))
        assert architecture.identity == row["identity"]
        assert float(row["log_loss"]) == log_loss(architecture)


def test_a_search_whose_scorer_is_interrupted_goes_on_where_it_was(tmp_path, finished):
    calls = []

    def interrupted(architecture):
        calls.append(architecture)
        if len(calls) in (1, 7, 20):
            raise KeyboardInterrupt
        return score(architecture)

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            tuner(tmp_path, interrupted).search()
    tuner(tmp_path, interrupted).search()
    assert len(calls) == TRIALS + 3
    costless = [
        (number, parent, status, {"log_loss": m["log_loss"], "auc": m["auc"]}, architecture)
        for number, parent, status, m, architecture in told(read_results(finished))
    ]
    assert told(read_results(tmp_path / "evolution")) == costless


def test_a_finished_search_scores_nothing_again(finished):
    before = (finished / "journal.jsonl").read_bytes()
    again = SubnetTuner(
        make_oracle(budgets=[Budget("operators", len)]),
        scorer=None,
        directory=finished.parent,
        progress=False,
    )
    again.search()
    assert (finished / "journal.jsonl").read_bytes() == before
    assert again.remaining_trials == 0


def test_overwrite_begins_anew(tmp_path):
    tuner(tmp_path, generations=1).search()
    fresh = SubnetTuner(
        make_oracle(generations=1), score, directory=tmp_path, overwrite=True, progress=False
    )
    assert fresh.remaining_trials == 14


def test_a_worker_leaves_the_chief_s_project_alone(tmp_path, monkeypatch):
    tuner(tmp_path, generations=1).search()
    before = (tmp_path / "evolution" / "journal.jsonl").read_bytes()
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker_0")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    worker = SubnetTuner(make_oracle(seed=1), score, directory=tmp_path, overwrite=True)
    worker.save()
    worker.reload()
    assert (tmp_path / "evolution" / "journal.jsonl").read_bytes() == before


def test_a_worker_that_has_to_wait_asks_ever_more_seldom(tmp_path, monkeypatch):
    oracle = make_oracle()
    waiting = SubnetTuner(oracle, score, directory=tmp_path, progress=False)
    slow = oracle.create_trial("slow")
    pauses = []

    def sleep(seconds):
        if seconds:
            pauses.append(seconds)
        if len(pauses) == 10:
            oracle.update_trial(slow.trial_id, {"log_loss": 0.5})
            slow.status = "COMPLETED"
            oracle.end_trial(slow)

    monkeypatch.setattr("nasrec_tf.strategies.oracle.tuner.time.sleep", sleep)
    waiting.search()
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.1
    assert pauses[-1] == 2.0
    assert len(oracle.history.outcomes) == TRIALS


def test_diverged_and_failed_candidates_are_told_and_do_not_stop_the_search(tmp_path, caplog):
    numbers = iter(range(TRIALS))

    def moody(architecture):
        number = next(numbers)
        if number % 5 == 1:
            raise MemoryError("too wide")
        return {"log_loss": math.nan if number % 5 == 2 else log_loss(architecture)}

    with caplog.at_level(logging.WARNING):
        tuner(tmp_path, moody).search()
    results = read_results(tmp_path / "evolution")
    assert [r.number for r in results if r.status == "failed"] == list(range(1, TRIALS, 5))
    assert [r.number for r in results if r.status == "diverged"] == list(range(2, TRIALS, 5))
    assert results[1].message == "MemoryError: too wide"
    assert "MemoryError: too wide" in caplog.text
    assert len(best(results, TRIALS)) == sum(r.status == "completed" for r in results)


def test_failures_in_a_row_end_in_one_clear_error_and_the_repeated_call_goes_on(tmp_path):
    def broken(architecture):
        raise OSError("no such device")

    with pytest.raises(RunError, match=r"3 candidates in a row failed \(OSError: no such device"):
        tuner(tmp_path, broken).search()
    assert (tmp_path / "evolution" / "leaderboard.csv").exists()
    tuner(tmp_path).search()
    assert {r.status for r in read_results(tmp_path / "evolution")} == {"completed"}


def test_a_search_without_any_score_ends_early_and_says_what_to_change(tmp_path):
    calls = []

    def diverging(architecture):
        calls.append(architecture)
        return {"log_loss": math.nan}

    for _ in range(2):
        with pytest.raises(NoScores, match="^None of the search's 10 candidates .* lower one.$"):
            tuner(tmp_path, diverging, generations=1000).search()
    assert len(calls) == 10
    assert best(read_results(tmp_path / "evolution"), 10) == []


def test_what_the_user_did_wrong_ends_the_search_as_it_is(tmp_path):
    def without_data(architecture):
        raise UserError("validation split: no records.")

    with pytest.raises(UserError, match="^validation split: no records.$"):
        tuner(tmp_path, without_data).search()
    (running,) = read_results(tmp_path / "evolution")
    assert running.status == "running"


def test_the_progress_on_a_terminal_tells_generation_best_rate_and_time_left(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(progress_lines, "is_terminal", lambda stream: True)
    tuner(tmp_path, progress=True).search()
    last = capsys.readouterr().err.split("\r")[-1]
    assert f"{TRIALS}/{TRIALS}" in last
    assert "generation 8" in last
    scores = [result.metrics["log_loss"] for result in read_results(tmp_path / "evolution")]
    assert f"best log_loss={min(scores):.5f}" in last


def test_progress_can_be_switched_off(tmp_path, capsys):
    tuner(tmp_path).search()
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_results_summary_is_keras_tuner_s_own(tmp_path, capsys):
    search = tuner(tmp_path, generations=1)
    search.search()
    search.results_summary(1)
    printed = capsys.readouterr().out
    top = best(read_results(tmp_path / "evolution"), 1)[0]
    assert f"Score: {top.metrics['log_loss']}" in printed
    assert "block_1_dense_operators:" in printed
    hyperparameters = search.get_best_hyperparameters()[0]
    assert from_values(hyperparameters.values, SPACE) == top.architecture


def test_the_oracle_serves_any_other_keras_tuner_tuner(tmp_path):
    class Plain(BaseTuner):
        def run_trial(self, trial):
            return log_loss(from_values(trial.hyperparameters.values, SPACE))

    Plain(make_oracle(generations=1), directory=str(tmp_path), project_name="plain").search()
    reloaded = Plain(make_oracle(generations=1), directory=str(tmp_path), project_name="plain")
    assert len(reloaded.oracle.history.outcomes) == 14
    assert reloaded.oracle.finished


def test_no_search_and_an_unwritable_place_are_named(tmp_path):
    with pytest.raises(RunError, match="journal.jsonl: cannot be read: No such file"):
        read_results(tmp_path)
    result = TrialResult(0, 0, None, make_oracle().space.widest, "completed", {"log_loss": 1.0}, 1)
    with pytest.raises(UserError, match="leaderboard.csv: cannot be written: No such file"):
        write_leaderboard(tmp_path / "missing" / "leaderboard.csv", [result])


def test_everything_but_oracles_and_tuner_comes_without_keras_tuner():
    program = (
        "import sys, nasrec_tf.strategies as e\n"
        "e.BlockMutation, e.RegularizedEvolution, e.Budget, e.to_values, e.read_results\n"
        "heavy = {'keras_tuner', 'tensorflow', 'keras', 'grpc', 'tqdm'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
