"""An extension that fails before it has made anything leaves the run as it was."""

import dataclasses
import shutil

import pytest
from forked import Forked
from search_calls import call, options
from torture.state import differences, state

from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.superseded import SUPERSEDED


def one_model(directory, rows=1500, **others):
    """The command line of a run that trains a small model by hand."""
    places = {"run-dir": directory / "run", "export-dir": directory / "models"}
    given = {"recipe": "paper", "demo-rows": rows, "architecture": "lr", "batch-size": 64}
    given |= {"retrain-epochs": 1, "seed": 3} | places | others
    pairs = (("--" + name.replace("_", "-"), value) for name, value in given.items())
    return ["--no-explain", "--quiet", *(word for pair in pairs for word in pair)]


@pytest.mark.parametrize(
    "changes",
    [
        ("--max-mflops", "1e-9"),
        ("--export-version", "1"),
        ("--generations", "2", "--stage", "hardware"),
        ("--supernet-epochs", "2", "--stage", "retrain"),
        ("--data", "{log}", "--dataset", "csv", "--label", "click"),
    ],
    ids=lambda changes: changes[0],
)
def test_options_that_do_not_go_leave_the_run_as_it_was(run_files, tmp_path, changes):
    """All that they bind had been moved aside by then, be it of hours."""
    log = tmp_path / "log.csv"
    log.write_text("a,b\n1,2\n")
    given = options(run_files)
    if "--data" in changes:
        place = given.index("--demo-rows")
        del given[place : place + 2]
    before = state(run_files)
    said = call(*given, *(word.format(log=log) for word in changes), "--extend")
    assert said.code == 2 and said.err.startswith("error: ") and said.err.count("\n") == 1
    assert "nothing has been made with the other options, so the run is put back" in said.out
    assert differences(state(run_files), before) == []
    assert (run_files / "run" / "evolution" / "search" / "journal.jsonl").exists()
    again = call(*options(run_files), "--extend")
    assert again.code == 0 and "no option differs" in again.out


@pytest.mark.slow
def test_too_few_hours_leave_the_run_as_it_was(run_files):
    before = state(run_files)
    said = call(*options(run_files), "--generations", 2, "--max-hours", "1e-6", "--extend")
    assert said.code == 2 and "--max-hours: this machine needs" in said.err
    assert differences(state(run_files), before) == []


def test_what_has_been_made_with_other_options_stays(run_files):
    run = run_files / "run"
    given = [*options(run_files), "--winner-seeds", 2, "--export-version"]
    said = call(*given, 1, "--extend")
    assert said.code == 2 and "put back" not in said.out
    assert (run / SUPERSEDED / "1" / "export").is_dir()
    assert RunDirectory(run).stored_config().winner_seeds == 2
    assert call(*given, 7).code == 0


FAILING = """
import dataclasses, sys
from torture.disturbed import Disturbance, install
from nasrec_tf.common.errors import RunError
from nasrec_tf.search.failed_extension import put_back_unless_made
from nasrec_tf.search.run_directory import RunDirectory
directory = RunDirectory(sys.argv[1])
config = dataclasses.replace(directory.stored_config(), supernet_epochs=2)
disturbance = Disturbance("kill", int(sys.argv[2]))
install(disturbance, sys.argv[1])
try:
    with put_back_unless_made(directory):
        with directory.opened(config, extend=True):
            pass
        raise RunError("does not go")
except RunError:
    pass
"""


@pytest.mark.slow
def test_putting_back_that_is_killed_leaves_a_run_that_was_stopped_earlier(run_files):
    run = run_files / "run"
    stored, before = RunDirectory(run).stored_config(), state(run)
    again, kept = ("supernet", "evolution", "retrain", "export"), run_files / "kept"
    shutil.copytree(run, kept)
    number, code, seen = 0, None, set()
    while code != 0:
        number += 1
        shutil.rmtree(run)
        shutil.copytree(kept, run)
        killed = Forked(FAILING, [run, number])
        code = killed.wait(60)
        assert code in (0, -9), killed.err
        there = [stage for stage in again if (run / stage).is_dir()]
        assert there == list(again[: len(there)])
        now = RunDirectory(run).stored_config()
        assert now == stored or (now.supernet_epochs == 2 and not there)
        with RunDirectory(run).opened(dataclasses.replace(stored), extend=True):
            for stage in there:
                assert RunDirectory(run).result(stage) is not None
        seen.add((len(there), now == stored))
    assert seen == {*((count, True) for count in range(len(again) + 1)), (0, False)}
    assert differences(state(run), before) == []


def test_a_run_whose_start_has_changed_is_not_extended(tmp_path):
    """Its winner was trained on from other weights than its supernet, without a word."""
    source, directory = tmp_path / "source", tmp_path / "later"
    for place in (source, directory):
        place.mkdir()
    assert call(*one_model(source)).code == 0
    given = [*one_model(directory, 2000), "--from", source / "run"]
    assert call(*given).code == 0
    before = state(directory)
    weights = next((source / "run" / "retrain").glob("*/best.npz"))
    content = weights.read_bytes()
    weights.write_bytes(content + b"\0")
    longer = [*given, "--winner-seeds", 2, "--extend"]
    said = call(*longer)
    assert said.code == 2 and f"{weights}: has changed since this run was begun" in said.err
    assert differences(state(directory), before) == []
    weights.write_bytes(content)
    assert call(*longer).code == 0
    # What is exported needs it no more.
    shutil.rmtree(source)
    assert call(*given, "--winner-seeds", 2, "--name", "other", "--extend").code == 0
