"""The torture run itself: what it compares, what it draws, and that its disturbances strike."""

import collections
import dataclasses
import json
import os
import signal
import subprocess
import sys
import zipfile

import pytest
from torture.cases import DECK, nth_case
from torture.recipes import RECIPES, REPOSITORY, command
from torture.state import differences, state

from nasrec_tf.search.command import _parser
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.options import STAGES

WRITER = """
import os, sys
with open(sys.argv[1] + "/draft", "w") as file:
    file.write("0123456789")
os.replace(sys.argv[1] + "/draft", sys.argv[1] + "/whole")
"""


@pytest.fixture
def run(tmp_path):
    """A directory with the kinds of files that runs leave."""
    place = tmp_path / "place"
    (place / "run" / "retrain").mkdir(parents=True)
    result = {"log_loss": 0.5, "seconds": 3.0, "attempts": [{"auc": 0.75, "seconds": 1.0}]}
    (place / "run" / "result.json").write_text(json.dumps(result))
    (place / "run" / "leaderboard.csv").write_text("rank,seconds\n1,2.5\n")
    with zipfile.ZipFile(place / "run" / "retrain" / "best.npz", "w") as archive:
        archive.writestr("kernel.npy", b"\1\2\3")
    return place


def change(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def test_times_are_not_compared(run):
    before = state(run)
    change(run / "run" / "result.json", "3.0", "4.0")
    change(run / "run" / "result.json", "1.0", "2.0")
    change(run / "run" / "leaderboard.csv", "2.5", "9.5")
    assert differences(state(run), before) == []


def test_a_figure_a_weight_and_a_file_more_or_less_are_noticed(run):
    before = state(run)
    change(run / "run" / "result.json", "0.75", "0.76")
    with zipfile.ZipFile(run / "run" / "retrain" / "best.npz", "w") as archive:
        archive.writestr("kernel.npy", b"\1\2\4")
    (run / "run" / "leaderboard.csv").unlink()
    (run / "run" / ".draft-1").touch()
    assert differences(state(run), before) == [
        "run/.draft-1 (should not be there)",
        "run/leaderboard.csv (missing)",
        "run/result.json (differs)",
        "run/retrain/best.npz (differs)",
    ]


def test_the_tensors_of_a_checkpoint_are_compared_and_not_how_often_it_was_saved(tmp_path):
    import tensorflow as tf

    def saved(name, value, times):
        checkpoint = tf.train.Checkpoint(variables=[tf.Variable(value)])
        for _ in range(times):
            checkpoint.save_counter.assign_add(1)
        checkpoint.write(str(tmp_path / name / "checkpoint" / "ckpt-1"))
        path = tmp_path / name / "checkpoint" / "checkpoint"
        path.write_text('model_checkpoint_path: "ckpt-1"\n')
        return state(tmp_path / name)

    first = saved("first", [1.0, 2.0], 1)
    assert differences(saved("again", [1.0, 2.0], 5), first) == []
    assert differences(saved("other", [1.0, 2.5], 1), first) == ["checkpoint (differs)"]


def test_every_kind_comes_in_every_stage_and_follows_from_the_seed():
    cases = [nth_case(number, seed=4) for number in range(2 * len(DECK))]
    counted = collections.Counter((case.kind, case.stage) for case in cases)
    assert counted == {place: 2 * count for place, count in collections.Counter(DECK).items()}
    assert {case.stage for case in cases if case.kind == "kills"} == set(STAGES)
    assert all(case.stage in RECIPES[case.recipe].disturbed for case in cases)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_the_stages_that_its_command_has(name, tmp_path):
    """Of those of a recipe's choice and of pruning it had all, so that their cases all failed."""
    options = vars(_parser().parse_args(command(name, tmp_path)[1:]))
    fields = {field.name for field in dataclasses.fields(SearchConfig)}
    given = {name: value for name, value in options.items() if name in fields and value is not None}
    assert RECIPES[name].stages == SearchConfig(**given).stages


def test_the_next_case_follows_from_the_seed():
    cases = [nth_case(number, seed=4) for number in range(2 * len(DECK))]
    assert cases == [nth_case(number, seed=4) for number in range(len(cases))]
    assert cases != [nth_case(number, seed=5) for number in range(len(cases))]


@pytest.fixture
def disturbed(tmp_path):
    """Runs a writer with a disturbance."""
    module, place = tmp_path / "writer.py", tmp_path / "place"
    module.write_text(WRITER)
    place.mkdir()
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY), str(REPOSITORY / "tests")])

    def run_writer(kind, number):
        arguments = ["-m", "torture.disturbed", kind, str(number), str(place), "writer"]
        return subprocess.run(
            [sys.executable, *arguments, str(place)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    return run_writer, place


def test_events_are_counted(disturbed):
    run_writer, place = disturbed
    assert run_writer("count", 0).stderr == "events 2\n"
    assert (place / "whole").read_text() == "0123456789"


def test_a_kill_ends_half_way_through_a_write_or_before_a_rename(disturbed):
    run_writer, place = disturbed
    assert run_writer("kill", 1).returncode == -signal.SIGKILL
    assert (place / "draft").read_text() == "01234"
    assert run_writer("kill", 2).returncode == -signal.SIGKILL
    assert (place / "draft").read_text() == "0123456789" and not (place / "whole").exists()


def test_a_fault_is_the_systems(disturbed):
    run_writer, place = disturbed
    assert "No space left on device" in run_writer("ENOSPC", 1).stderr
    assert (place / "draft").read_text() == "01234"
