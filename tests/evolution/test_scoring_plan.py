"""Scores of one search are made in one way: by the journal, and by every worker."""

import json
from concurrent import futures

import pytest
from evolution_landscape import TRIALS, log_loss, make_oracle
from test_evolution_processes import free_port

from nasrec_tf.common.errors import RunError
from nasrec_tf.strategies import SubnetTuner, read_results
from nasrec_tf.strategies.oracle import chief_and_workers

PLAN = {"--fine-tune-steps": 500, "--batch-size": 512, "supernet's weights (digest)": "5f3a"}
HERE = {"tensorflow": "2.21.0", "kernels": "5f3a"}


def score(architecture):
    return {"log_loss": log_loss(architecture)}


def tuner(directory, scorer=score, environment=HERE, **changes):
    oracle = make_oracle(**changes)
    return SubnetTuner(oracle, scorer, directory=directory, progress=False, environment=environment)


def interrupt(tmp_path, after, **changes):
    calls = []

    def interrupted(architecture):
        calls.append(architecture)
        if len(calls) > after:
            raise KeyboardInterrupt
        return score(architecture)

    with pytest.raises(KeyboardInterrupt):
        tuner(tmp_path, interrupted, **changes).search()


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (PLAN | {"--fine-tune-steps": 5}, "with --fine-tune-steps = 500, not 5: give"),
        (PLAN | {"supernet's weights (digest)": "77"}, r"\(digest\) = '5f3a', not '77'"),
        (PLAN | {"another": 1}, "another = None, not 1"),
        ({"--fine-tune-steps": 500}, "--batch-size = 512, not None"),
        (None, "--fine-tune-steps = 500, not None"),
    ],
)
def test_a_search_does_not_go_on_with_another_scoring_plan(tmp_path, plan, told):
    interrupt(tmp_path, 3, scoring=PLAN)
    with pytest.raises(RunError, match=told) as error:
        tuner(tmp_path, scoring=plan)
    assert "\n" not in str(error.value)
    tuner(tmp_path, scoring=PLAN).search()
    assert len(read_results(tmp_path / "evolution")) == TRIALS


def test_an_old_search_without_a_plan_goes_on_and_keeps_the_first_it_gets(tmp_path):
    interrupt(tmp_path, 3)
    path = tmp_path / "evolution" / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["version"] = 1
    assert "scoring" not in lines[0]["settings"]
    for line in lines:
        del line["checksum"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    interrupt(tmp_path, 3, scoring=PLAN)
    with pytest.raises(RunError, match="with --fine-tune-steps = 500, not 5"):
        tuner(tmp_path, scoring=PLAN | {"--fine-tune-steps": 5})
    tuner(tmp_path, scoring=PLAN).search()
    assert len(read_results(tmp_path / "evolution")) == TRIALS


@pytest.fixture
def chief(tmp_path, monkeypatch):
    """A chief that listens; what comes after is a worker of it."""
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(free_port()))
    oracle = make_oracle(generations=1, scoring=PLAN)
    oracle._set_project_dir(str(tmp_path), "evolution")
    with futures.ThreadPoolExecutor() as pool:
        over = pool.submit(chief_and_workers.serve, oracle, lambda: None, HERE)
        monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker_0")
        yield oracle
        tuner(tmp_path, generations=1, scoring=PLAN).search()
        over.result(timeout=60)
    assert oracle.finished and len(oracle.history.outcomes) == 14


def test_a_worker_that_would_score_otherwise_is_sent_away_and_the_search_goes_on(chief, tmp_path):
    def refused(told, environment=HERE, **changes):
        worker = tuner(tmp_path, environment=environment, **{"scoring": PLAN} | changes)
        with pytest.raises(RunError, match=told) as error:
            worker.search()
        assert "\n" not in str(error.value)

    refused("has --fine-tune-steps = 5, the chief at 127.*500: start the", scoring=PLAN | {
        "--fine-tune-steps": 5
    })  # fmt: skip
    refused("has --fine-tune-steps = None, the chief", scoring=None)
    refused("runs with tensorflow 2.20.0, .* with 2.21.0", HERE | {"tensorflow": "2.20.0"})
    refused("runs with kernels none, .* with 5f3a: their", HERE | {"kernels": "none"})
    refused("runs with kernels None", {"tensorflow": "2.21.0"})
    assert chief.history.outcomes == {}


def test_a_chief_takes_nothing_from_a_worker_of_another_search(chief, tmp_path):
    """As when another search's chief has taken the address over."""
    stranger = tuner(tmp_path, generations=1, scoring=PLAN)
    with pytest.raises(RunError, match="sends this worker away: it runs another search than"):
        stranger.oracle.join = lambda: None
        stranger.search()
    assert chief.history.outcomes == {}


def test_a_tuner_file_of_keras_tuner_is_no_state(tmp_path):
    (tmp_path / "evolution").mkdir()
    for name in ("tuner0.json", "oracle.json"):
        (tmp_path / "evolution" / name).write_text("{damaged")
    tuner(tmp_path, generations=1).search()
    assert len(read_results(tmp_path / "evolution")) == 14
