"""Searches by real processes, which are really killed."""

import contextlib
import os
import socket
import threading
import time
from concurrent import futures

import pytest
from evolution_landscape import TRIALS, log_loss, make_oracle
from forked import Forked

from nasrec_tf.common.errors import RunError
from nasrec_tf.strategies import Budget, Patience, SubnetTuner, read_results
from nasrec_tf.strategies.oracle import chief_and_workers

MAIN = """
from evolution_landscape import main
main()
"""
PATIENCE_SECONDS = 240


class Processes:
    """Starts searches and leaves none behind."""

    def __init__(self, directory):
        self.directory = directory
        self.journal = directory / "evolution" / "journal.jsonl"
        self._started = []

    def start(self, *options, part=None, port=None):
        environment = dict(os.environ)
        if part is not None:
            environment |= {
                "KERASTUNER_TUNER_ID": part,
                "KERASTUNER_ORACLE_IP": "127.0.0.1",
                "KERASTUNER_ORACLE_PORT": str(port),
            }
        process = Forked(MAIN, [self.directory, *options], environment)
        self._started.append(process)
        return process

    def wait_for(self, condition, *alive):
        """Waits until something holds, while the processes it depends on are alive."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            for process in alive:
                assert process.poll() is None, process.err
            assert time.monotonic() < deadline, "nothing came of it in time"
            time.sleep(0.02)

    def ended(self):
        """How many candidates have been scored."""
        with contextlib.suppress(RunError):
            results = read_results(self.journal.parent)
            return sum(result.status != "running" for result in results)
        return 0

    def finish(self, process):
        assert process.wait(PATIENCE_SECONDS) == 0, process.err

    def close(self):
        for process in self._started:
            kill(process)


@pytest.fixture
def processes(tmp_path):
    started = Processes(tmp_path)
    yield started
    started.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("undisturbed")
    SubnetTuner(
        make_oracle(),
        lambda architecture: {"log_loss": log_loss(architecture)},
        directory=directory,
        progress=False,
    ).search()
    return directory / "evolution"


def told(directory):
    return [
        (r.number, r.generation, r.parent, r.status, r.metrics, r.architecture.to_json())
        for r in read_results(directory)
    ]


def kill(process):
    process.kill()
    process.wait()


def test_a_search_killed_half_way_equals_an_undisturbed_one(processes, undisturbed):
    process = processes.start("--seconds", "0.03")
    processes.wait_for(lambda: processes.ended() >= 17, process)
    kill(process)
    assert processes.ended() < TRIALS
    processes.finish(processes.start())
    assert told(processes.journal.parent) == told(undisturbed)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_chief_and_workers_survive_the_death_of_the_chief_and_of_a_worker(
    processes, undisturbed, tmp_path
):
    hang = tmp_path / "hang"
    port = free_port()
    chief = processes.start(part="chief", port=port)
    stranger = processes.start("--steps", "5", part="worker_2", port=port)
    survivor = processes.start("--seconds", "0.1", part="worker_0", port=port)
    victim = processes.start("--seconds", "0.1", "--hang", hang, part="worker_1", port=port)

    processes.wait_for(lambda: processes.ended() >= 8, chief, survivor, victim)
    kill(chief)
    chief = processes.start(part="chief", port=port)
    before = processes.ended()
    processes.wait_for(lambda: processes.ended() >= before + 4, chief, survivor, victim)

    # The victim dies with a candidate in its hands.
    hang.touch()
    processes.wait_for(hang.with_suffix(".hanging").exists, chief, survivor, victim)
    kill(victim)

    # One with other fine-tuning steps scored nothing.
    assert stranger.wait(PATIENCE_SECONDS) == 1
    assert "This worker has --steps = 5, the chief at" in stranger.err.splitlines()[-1]

    processes.finish(survivor)
    processes.finish(chief)
    assert told(processes.journal.parent) == told(undisturbed)
    assert (processes.journal.parent / "leaderboard.csv").exists()


def test_what_ends_the_chief_is_told_by_chief_and_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker_0")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(free_port()))
    oracle = make_oracle(budgets=[Budget("blocks", len, 1)], max_redraws=5)
    oracle._set_project_dir(str(tmp_path), "evolution")
    worker = SubnetTuner(make_oracle(), lambda _: {}, directory=tmp_path)
    with futures.ThreadPoolExecutor() as pool:
        chief = pool.submit(chief_and_workers.serve, oracle, lambda: None)
        with pytest.raises(RunError, match="The chief at .* gave up: RunError: .*no candidate"):
            worker.search()
        with pytest.raises(RunError, match="gives no candidate"):
            chief.result(timeout=PATIENCE_SECONDS)


def test_a_worker_whose_name_another_process_takes_is_sent_away(tmp_path, monkeypatch):
    """Both had the same candidates, and one was never told of the end: it waited for an hour."""
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker_0")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(free_port()))
    oracle = make_oracle()
    oracle._set_project_dir(str(tmp_path), "evolution")
    has_first, goes_on = threading.Event(), threading.Event()

    def slow(architecture):
        has_first.set()
        assert goes_on.wait(PATIENCE_SECONDS)
        return {"log_loss": log_loss(architecture)}

    def quick(architecture):
        return {"log_loss": log_loss(architecture)}

    first = SubnetTuner(make_oracle(), slow, directory=tmp_path)
    with futures.ThreadPoolExecutor() as pool:
        chief = pool.submit(chief_and_workers.serve, oracle, lambda: None)
        worker = pool.submit(first.search)
        assert has_first.wait(PATIENCE_SECONDS)
        second = SubnetTuner(make_oracle(), quick, directory=tmp_path)
        joined = second.oracle.join

        def join():
            joined()
            goes_on.set()
            with pytest.raises(RunError, match="sends this worker away: another process has joi"):
                worker.result(timeout=PATIENCE_SECONDS)

        monkeypatch.setattr(second.oracle, "join", join)
        second.search()
        chief.result(timeout=PATIENCE_SECONDS)
    assert oracle.finished


def test_a_worker_that_comes_after_the_end_does_not_wait_for_a_chief(tmp_path, monkeypatch):
    """It waited for an hour, and failed: what was to follow the search did not."""
    monkeypatch.setattr(chief_and_workers, "LOOK_SECONDS", 0.05)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker_0")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(free_port()))
    asked, scored = [], []

    def has_ended():
        asked.append(True)
        return len(asked) == 3

    SubnetTuner(make_oracle(), scored.append, directory=tmp_path, has_ended=has_ended).search()
    assert len(asked) == 3 and not scored
    monkeypatch.setattr(chief_and_workers, "CHIEF_SECONDS", 0.2)
    with pytest.raises(RunError, match=r"No chief answered at 127\.0\.0\.1:\d+ for .* minutes"):
        SubnetTuner(make_oracle(), scored.append, directory=tmp_path).search()


def test_a_worker_that_was_given_up_ends_with_the_search(tmp_path, monkeypatch):
    """Its candidate was scored by another one, and the chief was gone when it came to its end."""
    monkeypatch.setattr(chief_and_workers, "LOOK_SECONDS", 0.05)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(free_port()))
    oracle = make_oracle(patience=Patience(factor=1.0, seconds=0.5))
    oracle._set_project_dir(str(tmp_path), "evolution")
    is_held, has_ended = threading.Event(), threading.Event()

    def hangs(architecture):
        is_held.set()
        assert has_ended.wait(PATIENCE_SECONDS)
        return {"log_loss": log_loss(architecture)}

    def quick(architecture):
        return {"log_loss": log_loss(architecture)}

    found = []
    for name, score in (("worker_0", hangs), ("worker_1", quick)):
        monkeypatch.setenv("KERASTUNER_TUNER_ID", name)
        found.append(
            SubnetTuner(make_oracle(), score, directory=tmp_path, has_ended=has_ended.is_set)
        )
    with futures.ThreadPoolExecutor() as pool:
        chief = pool.submit(chief_and_workers.serve, oracle, lambda: None)
        slow = pool.submit(found[0].search)
        assert is_held.wait(PATIENCE_SECONDS)
        found[1].search()
        chief.result(timeout=PATIENCE_SECONDS)
        has_ended.set()
        slow.result(timeout=PATIENCE_SECONDS)
    assert oracle.finished and len(oracle.history) == TRIALS


def test_a_chief_whose_port_is_taken_says_so(tmp_path, monkeypatch):
    oracle = make_oracle()
    oracle._set_project_dir(str(tmp_path), "evolution")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
        monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))
        with pytest.raises(RunError, match=f"cannot listen on 127.0.0.1:{port}: choose another"):
            chief_and_workers.serve(oracle, lambda: None)
