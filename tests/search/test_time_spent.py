"""What something has taken counts over all calls that worked on it, killed or not."""

import dataclasses
import json
import os
import time

import numpy as np
from forked import Forked
from search.search_calls import call, options

from nasrec_tf.architecture.space import NASREC_SMALL
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.common.time_spent import SPENT_FILE, TimeSpent, time_spent
from nasrec_tf.search import attempt_training
from nasrec_tf.search.attempt import Attempt
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.search.training_task import VALIDATION, make_ready

KILLED = """
import itertools, pathlib, sys, time
from nasrec_tf.common.time_spent import time_spent
with time_spent(pathlib.Path(sys.argv[1]), itertools.count(0, 100).__next__):
    time.sleep(600)
"""


def test_the_time_of_a_killed_process_counts(tmp_path):
    process = Forked(KILLED, [tmp_path], dict(os.environ))
    while not (tmp_path / SPENT_FILE).exists():
        assert process.poll() is None, process.err
        time.sleep(0.01)
    process.kill()
    process.wait()
    known = read_state(tmp_path / SPENT_FILE, TimeSpent, "").seconds
    assert known >= 100
    with time_spent(tmp_path, lambda: 0.0) as spent:
        assert spent() == known


def test_the_time_of_a_training_that_was_killed_before_its_first_checkpoint_counts(tmp_path):
    """It was forgotten, up to a whole minute of it by default, as if nobody had trained."""
    write_state(tmp_path / SPENT_FILE, TimeSpent(50.0))
    (tmp_path / VALIDATION).write_text("of the training that begins anew")
    make_ready(tmp_path)
    assert not (tmp_path / VALIDATION).exists()
    with time_spent(tmp_path, lambda: 0.0) as spent:
        assert spent() == 50


def test_a_stage_and_a_training_take_all_that_calls_before_have_taken(tmp_path):
    """A supernet that was killed after hours told the minutes of its last call."""
    directory = tmp_path / "run"
    arguments = options(tmp_path)
    assert call(*arguments, "--stage", "records").code == 0
    (directory / "supernet").mkdir()
    write_state(directory / "supernet" / SPENT_FILE, TimeSpent(5000.0))
    # What was tried and has left nothing else binds no option.
    assert call(*arguments, "--supernet-epochs", "2", "--stage", "supernet").code == 0
    result = json.loads((directory / "supernet" / "result.json").read_text())
    assert 5000 < result["seconds"] < 9000


def test_a_training_that_is_laid_aside_takes_all_of_its_parts(finished_run, tmp_path):
    """One that ``--halving`` had looked at on its way told the time after its last look."""
    directory = RunDirectory(finished_run / "run")
    run = Run(dataclasses.replace(directory.stored_config(), halving=True), directory, quiet=True)
    model = SpaceModel(NASREC_SMALL.replace(num_blocks=1).sample(np.random.default_rng(0)))
    attempt = Attempt(1, model, run.recipe, tmp_path / "1")
    assert not attempt_training.train_to_rung(run, attempt, "", 0).ended
    assert read_state(tmp_path / "1" / SPENT_FILE, TimeSpent, "").seconds > 0
    write_state(tmp_path / "1" / SPENT_FILE, TimeSpent(5000.0))
    rungs = len(attempt_training.rungs(run, attempt))
    assert attempt_training.train_to_rung(run, attempt, "", rungs).seconds > 5000
    assert not (tmp_path / "1" / SPENT_FILE).exists()
