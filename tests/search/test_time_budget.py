"""A run with ``--max-hours`` takes what fits, and ends in time with what it has."""

import dataclasses
import json
import math
import shutil
import threading
import time

import pytest
from forked import Forked
from hypothesis import given
from hypothesis import strategies as st
from search_calls import call, options

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import write_state
from nasrec_tf.search import time_budget
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.planning import meter
from nasrec_tf.search.planning.budgeted import with_chosen
from nasrec_tf.search.planning.fitted_options import SHORT_SCORES
from nasrec_tf.search.slowness import Slowness
from nasrec_tf.search.time_budget import (
    CUT,
    EVALUATED_ROW,
    FINISH,
    MUST,
    RESERVE,
    SAFETY,
    START,
    TimeBudget,
    TimeNote,
    read_note,
)
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_choice import Outcome, RecipeChoice
from nasrec_tf.training.recipe_questions import questions

SECONDS = st.floats(0.0, 1e5)


@given(planned=st.lists(SECONDS, min_size=4, max_size=4), finish=SECONDS, late=st.floats(1.0, 3.0))
def test_stages_that_keep_to_their_shares_leave_the_end_its_reserve(planned, finish, late):
    """Each stage takes until it is cut, and is up to ``late`` times as slow as planned."""
    total = sum(planned) + RESERVE * finish + 1.0
    now = [0.0]
    note = TimeNote(0.0, {}, {**dict(zip(CUT, planned)), FINISH: finish})
    budget = TimeBudget(total / 3600, note, clock=lambda: now[0])
    for stage, seconds in zip(CUT, planned):
        budget.begin(stage)
        needed = now[0] + late * seconds
        # The clock goes on until the stage is done or is over.
        low, high = now[0], needed
        now[0] = high
        if budget.is_over():
            for _ in range(60):
                now[0] = (low + high) / 2
                low, high = (low, now[0]) if budget.is_over() else (now[0], high)
            now[0] = high
    assert budget.left >= RESERVE * finish - 1e-6 * total


@given(
    slow=st.floats(1.0, 30.0), finish=st.floats(0.1, 100.0), rows=st.integers(1, 10**7),
    slower=st.floats(1.0, 5.0),
)  # fmt: skip
def test_what_is_kept_for_the_end_follows_from_what_evaluations_take(slow, finish, rows, slower):
    """The machine is slow from the first evaluation on, and gets slower while a network trains."""
    now, row, start = [0.0], 1.0 / rows, finish / 4
    planned = {"retrain": 1.0, FINISH: finish, MUST: finish / 2, EVALUATED_ROW: row, START: start}
    hours = 200 * slow * slower * finish / 3600
    budget = TimeBudget(hours, TimeNote(0.0, {}, planned), clock=lambda: now[0])
    budget.begin("retrain")
    budget.saw_evaluation(rows, (1 + start) * slow, is_first=True)
    for pace in [slow] * 3 + [slow * slower] * 3:
        budget.slowness.saw_steps(100, max(5.0, finish) * pace)
    left = SAFETY * slow * slower * finish
    now[0] = 3600 * hours - 1.001 * max(left, RESERVE * finish)
    assert not budget.is_over() and budget.affords(0)
    now[0] = 3600 * hours - 0.999 * max(left, RESERVE * finish)
    assert budget.is_over()
    # What can be left out is, so that the rest has its time.
    now[0] = 3600 * hours - 0.999 * left / 2
    assert not budget.affords(0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 1e9), st.floats(0.0, 1e9))))
def test_a_machine_is_never_taken_to_be_faster_than_planned(seen):
    slowness = Slowness()
    for is_evaluation, first, second in seen:
        if is_evaluation:
            slowness.saw_evaluation(first, second)
        else:
            slowness.saw_steps(1 + int(first), second)
        assert 1.0 <= slowness.factor < math.inf


def test_what_calls_before_have_spent_counts(tmp_path):
    now = [100.0]
    budget = TimeBudget(1.0, TimeNote(600.0, {"top_k": 2}, {}), clock=lambda: now[0])
    now[0] += 60
    with budget.kept(tmp_path):
        assert read_note(tmp_path) == TimeNote(660.0, {"top_k": 2}, {})
        now[0] += 60
    assert read_note(tmp_path).seconds == 720.0
    assert TimeBudget(1.0, read_note(tmp_path), clock=lambda: now[0]).left == 2880.0


def test_a_disk_that_refuses_for_a_while_ends_no_notes(tmp_path, monkeypatch):
    """The thread that keeps them ended in a traceback, and what was spent after was not known."""
    monkeypatch.setattr(time_budget, "SECONDS_BETWEEN_NOTES", 0.01)
    died = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    now, run = [0.0], tmp_path / "run"
    run.mkdir()
    budget = TimeBudget(1.0, clock=lambda: now[0])
    with pytest.raises(UserError, match="of the stage"), budget.kept(run):
        run.rename(tmp_path / "gone")
        time.sleep(0.1)
        run.mkdir()
        now[0] = 60.0
        patience = time.monotonic() + 60
        while read_note(run) is None:
            assert time.monotonic() < patience
            time.sleep(0.01)
        run.rename(tmp_path / "gone again")
        raise UserError("of the stage")
    assert not died
    assert read_note(tmp_path / "gone again").seconds == 60.0


@given(over_after=st.integers(0, 12))
def test_a_choice_without_time_keeps_what_it_has(over_after):
    made = []

    def measure(question, recipe, replica):
        made.append(recipe)
        return Outcome(0.5 if recipe.row_decay else 0.6, 1.0)

    start = Recipe(epochs=1, batch_size=1)
    choice = RecipeChoice(measure, budget=100.0, is_over=lambda: len(made) >= over_after)
    chosen = choice(start, questions(start, 10_000, ()))
    assert len(made) <= over_after
    assert chosen == start if over_after < 4 else chosen.batch_size == 1


def test_chosen_passes_hold_for_later_calls_until_they_are_given(tmp_path):
    chosen = {"supernet_rows": 4_000_000, "epoch_rows": 5_000_000}
    write_state(tmp_path / "budget.json", TimeNote(1.0, chosen, {}))
    config = SearchConfig(run_dir=str(tmp_path))
    assert with_chosen(config) == dataclasses.replace(config, **chosen)
    said = dataclasses.replace(config, supernet_rows=9_000_000, retrain_epochs=2)
    found = with_chosen(said)
    assert (found.supernet_rows, found.epoch_rows, found.retrain_epochs) == (9_000_000, None, 2)


def test_a_smaller_space_that_was_chosen_holds_for_later_calls(tmp_path):
    chosen = {"blocks": 5, "max_width": 256}
    write_state(tmp_path / "budget.json", TimeNote(1.0, chosen, {}))
    config = SearchConfig(run_dir=str(tmp_path))
    assert with_chosen(config) == dataclasses.replace(config, **chosen)
    wider = with_chosen(dataclasses.replace(config, max_width=512))
    assert (wider.blocks, wider.max_width) == (5, 512)
    for said in ({"codesign": True}, {"architecture": "dlrm"}, {"space": "mine.toml"}):
        found = with_chosen(dataclasses.replace(config, **said))
        assert (found.blocks, found.max_width) == (None, None)


def test_short_scores_that_were_chosen_are_made_and_the_best_again(run_files):
    run, given = run_files / "run", options(run_files)
    for stage in ("evolution", "retrain", "export"):
        shutil.rmtree(run / stage)
    for name in ("--fine-tune-steps", "--validation-rows"):
        if name in given:
            place = given.index(name)
            del given[place : place + 2]
    chosen = {"rescore": 3, "fine_tune_steps": 1, "validation_rows": 100}
    planned = dict.fromkeys((*CUT, FINISH), 60.0)
    write_state(run / "budget.json", TimeNote(1.0, chosen, planned))
    said = call(*given, "--max-hours", 1.0, "--extend")
    assert said.code == 0, said.err
    again = json.loads((run / "rescore" / "result.json").read_text())
    assert again["candidates"] == 3
    assert (run / "export" / "result.json").exists()


def test_what_an_extension_scores_otherwise_is_not_scored_again_in_vain(tmp_path):
    chosen = {**SHORT_SCORES, "rescore": 45, "top_k": 2}
    write_state(tmp_path / "budget.json", TimeNote(1.0, chosen, {}))
    config = SearchConfig(run_dir=str(tmp_path))
    assert with_chosen(config) == dataclasses.replace(config, **chosen)
    for said in ({"codesign": True}, {"architecture": "dlrm"}, {"score_by": "training"}):
        found = with_chosen(dataclasses.replace(config, **said))
        assert not any(getattr(found, name) for name in ("rescore", *SHORT_SCORES))
    found = with_chosen(dataclasses.replace(config, fine_tune_steps=500))
    assert (found.rescore, found.validation_rows) == (45, 20_480)
    both = {"fine_tune_steps": 500, "validation_rows": 819_200}
    assert with_chosen(dataclasses.replace(config, **both)).rescore is None


@pytest.mark.parametrize("more", [(), ("--halving",)])
def test_a_run_whose_time_is_over_ends_with_an_export(run_files, more):
    """Settings have been chosen, records are there, and every stage is cut at once."""
    run = run_files / "run"
    for stage in ("supernet", "evolution", "retrain", "export"):
        shutil.rmtree(run / stage)
    planned = dict.fromkeys((*CUT, FINISH), 1.0)
    write_state(run / "budget.json", TimeNote(3600.0, {}, planned))
    extended = ("--extend",) if more else ()
    said = call(*options(run_files), "--max-hours", 1.0, *more, *extended)
    assert said.code == 0, said.err
    results = {
        stage: json.loads((run / stage / "result.json").read_text())
        for stage in ("supernet", "evolution", "retrain", "export")
    }
    assert results["supernet"]["steps"] == 0 and results["evolution"]["candidates"] == 1
    (attempt,) = results["retrain"]["attempts"]
    assert attempt["cut"] == 0 and len(attempt["epochs"]) == 1
    assert results["retrain"]["calibration"] is None
    assert read_note(run).seconds > 3600
    # Shown again, and gone on with without a limit: it has finished.
    assert call(*options(run_files), *more).code == 0
    assert call(*options(run_files), *more, "--max-hours", 2.0).code == 0


def test_settings_that_were_chosen_hold_for_further_calls(run_files):
    """A call leaves them open as the first one did; one that says something else is refused."""
    run = run_files / "run"
    given = options(run_files)
    place = given.index("--top-k")
    del given[place : place + 2]
    write_state(run / "budget.json", TimeNote(1.0, {"top_k": 2}, {}))
    assert call(*given, "--max-hours", 1.0).code == 0
    assert call(*given).code == 0
    assert "--top-k 2, not 3" in call(*given, "--top-k", 3).error


def test_what_a_budget_cannot_cut_is_refused(tmp_path):
    rates = ("--halving", "--retrain-learning-rates", "0.1,0.2")
    assert "--halving" in call(*options(tmp_path), "--max-hours", 1, *rates).error
    assert (
        "--codesign"
        in call("--codesign", "--run-dir", tmp_path / "run", "--max-hours", 1, "--quiet").error
    )


def test_an_extension_may_say_what_goes_in_the_place_of_a_chosen_setting(tmp_path):
    """``--generations`` beside the chosen candidates was refused, and ``--score-by training``."""
    chosen = {"candidates": 24, "supernet_epochs": 1, "top_k": 2}
    write_state(tmp_path / "budget.json", TimeNote(1.0, chosen, {}))
    config = SearchConfig(run_dir=str(tmp_path))
    assert with_chosen(config) == dataclasses.replace(config, **chosen)
    config = SearchConfig(run_dir=str(tmp_path), generations=3, score_by="training")
    assert with_chosen(config) == dataclasses.replace(config, top_k=2)


MEASURED = """
import os, signal, sys
from nasrec_tf.search.command import main
from nasrec_tf.search.planning import budgeted
budgeted.make_plan = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
main(sys.argv[1:])
"""


@pytest.fixture
def short_measurements(monkeypatch):
    """What is measured is not whether times are right."""
    monkeypatch.setattr(meter, "PIECES", 1)
    monkeypatch.setattr(meter, "PIECE_SECONDS", 0.01)
    monkeypatch.setattr(meter, "DRAWN", 1)
    monkeypatch.setattr(meter, "FURTHER_UNITS", 2)


def test_what_an_extension_leaves_is_planned(run_files, short_measurements):
    """Of a finished run nothing was, so that nothing was kept back for its end; of another one
    it was refused, as if it had not been asked for."""
    given = [*options(run_files), "--top-k", 3, "--max-hours", 1.0, "--stage", "records"]
    said = call(*given, "--extend")
    assert said.code == 0, said.err
    assert "made again: evolution (goes on from its candidates), retrain, export" in said.out
    note = read_note(run_files / "run")
    assert note.planned["evolution"] > 0 and note.planned["retrain"] > 0 and note.planned[FINISH]
    assert "top_k" not in note.chosen and "supernet" not in note.planned
    # Once more: what was kept is gone on with.
    said = call(*given, "--extend")
    assert said.code == 0, said.err
    assert "nothing to extend" in said.out and read_note(run_files / "run").seconds > note.seconds


def test_time_of_measuring_counts_where_it_is_killed(tmp_path, short_measurements):
    """Nothing of it was kept: each call began with all hours."""
    run, given = tmp_path / "run", [*options(tmp_path), "--max-hours", 1.0, "--stage", "records"]
    killed = Forked(MEASURED, given)
    killed.wait(120)
    note = read_note(run)
    assert killed.returncode == -9 and note.seconds > 0 and not note.is_planned, killed.err
    write_state(run / "budget.json", dataclasses.replace(note, seconds=100.0))
    said = call(*given)
    assert said.code == 0, said.err
    later = read_note(run)
    assert later.is_planned and 100 < later.seconds < 3600


def test_a_plan_says_what_a_limit_would_choose(run_files, short_measurements):
    """It planned without one, and refused the settings that an earlier call had chosen."""
    run = run_files / "run"
    (run / "export" / "result.json").unlink()
    shutil.rmtree(run / "retrain")
    given = options(run_files)
    for name in ("--top-k", "--retrain-epochs"):
        place = given.index(name)
        del given[place : place + 2]
    write_state(run / "budget.json", TimeNote(1.0, {"top_k": 2, "retrain_epochs": 2}, {}))
    said = call(*given, "--max-hours", 1.0, "--plan")
    assert said.code == 0, said.err
    assert "2 trainings of up to 2 epochs" in said.out and "time:" not in said.out
    for path in (run, run_files / "models"):
        shutil.rmtree(path)
    said = call(*given, "--max-hours", 1.0, "--plan")
    assert said.code == 0, said.err
    assert "time: chosen to fit: --top-k" in said.out and not run.exists()
    rates = ("--halving", "--retrain-learning-rates", "0.1,0.2")
    assert "--halving" in call(*given, "--max-hours", 1.0, *rates, "--plan").error


@pytest.mark.slow
def test_a_small_search_is_fitted_into_its_time(tmp_path):
    said = call(
        "--demo-rows", 3000, "--run-dir", tmp_path / "run", "--export-dir", tmp_path / "models",
        "--max-hours", 0.04,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert read_note(tmp_path / "run").seconds < 144
    assert "chosen to fit" in said.out and "of 0.04 h left" in said.out
