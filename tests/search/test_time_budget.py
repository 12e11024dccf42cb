"""A run with ``--max-hours`` takes what fits, and ends in time with what it has."""

import dataclasses
import json
import math
import shutil
import threading
import time

import pytest
from forked import Forked
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from measured_costs import COSTS, RECORDS
from search_calls import call, options

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import write_state
from nasrec_tf.search import time_budget
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.planning import meter
from nasrec_tf.search.planning.budgeted import with_chosen
from nasrec_tf.search.planning.fitting import FILLED, LEAST, SHORT_SCORES, fitted
from nasrec_tf.search.planning.forecast import Forecast
from nasrec_tf.search.planning.samples import data_set_pilot
from nasrec_tf.search.planning.unit_costs import RecordsCost, TrainingCost
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.scaling import scale
from nasrec_tf.search.search_plan import search_strategy
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


@pytest.fixture(scope="module")
def pilot(finished_run, tmp_path_factory):
    """Of a log of a million rows whose tables are those of the finished run."""
    found = data_set_pilot(
        SearchConfig(max_hours=1.0, run_dir=str(tmp_path_factory.mktemp("other") / "run")),
        RunDirectory(tmp_path_factory.mktemp("another") / "run"),
        finished_run / "run" / "records" / "dataset",
    )
    rows = {"train": 800_000, "validation": 100_000, "test": 100_000}
    pilot = dataclasses.replace(found, rows=rows)
    pilot.records  # noqa: B018  (made once for all)
    return pilot


@settings(max_examples=6, deadline=None, phases=(Phase.generate,))
@given(hours=st.floats(0.02, 60.0), given_top_k=st.one_of(st.none(), st.integers(1, 9)))
def test_what_is_chosen_fits_or_is_the_least(pilot, hours, given_top_k):
    config = dataclasses.replace(pilot.config, top_k=given_top_k)
    forecast = Forecast(dataclasses.replace(pilot, config=config), COSTS, RECORDS)
    fit = fitted(forecast, 3600 * hours)
    assert "top_k" not in fit.chosen or given_top_k is None
    SearchConfig(**fit.chosen)  # Options by name, with values that they take.
    if fit.seconds.expected > FILLED * 3600 * hours:
        assert all(fit.chosen.get(name, 0) <= LEAST[name] for name in ("candidates", "refine"))
        assert fit.planned["recipe"] == 0


@pytest.mark.parametrize(
    ("given", "least"),
    [
        ({"population": 40, "children": 4}, 44),
        ({"tournament": 100, "children": 4}, None),  # Its population is all there would have been.
        ({"strategy": "predicted", "strategy_options": "start=30"}, 31),
        ({"strategy": "local", "strategy_options": "neighbours=25"}, 26),
    ],
)
def test_as_many_candidates_are_left_as_the_search_asks_for(pilot, given, least):
    """A cut below them ended the run in a line on options that the user had not given."""
    config = dataclasses.replace(pilot.config, **given)
    rows = {"train": 60_000, "validation": 8_000, "test": 8_000}
    changed = pilot.with_options(config, rows)
    fit = fitted(Forecast(changed, COSTS, RECORDS), 72.0)
    assert fit.chosen.get("candidates") == least and fit.chosen["retrain_epochs"] == 1
    chosen = dataclasses.replace(config, **fit.chosen)
    assert search_strategy(chosen, changed.with_options(chosen, rows).settings, 60_000)


def test_rows_are_not_cut_below_what_the_search_asks_for(pilot):
    """They decide how many candidates there are, where ``candidates`` may not change."""
    config = dataclasses.replace(
        pilot.config, data=("log.csv",), dataset="csv", score_by="training", score_rows=1000,
        strategy="predicted", strategy_options="start=60",
    )  # fmt: skip
    records = RecordsCost(start=1.0, reading=10.0, disk=1 << 20, raw_disk=0)
    costs = dataclasses.replace(COSTS, supernet=None, scoring=())
    changed = pilot.with_options(config, pilot.rows)
    fit = fitted(Forecast(changed, costs, records), 30.0, fixed=("candidates",))
    chosen = dataclasses.replace(config, **fit.chosen)
    rows = round(0.8 * fit.chosen["max_rows"])
    assert search_strategy(chosen, scale(chosen, rows), rows).trials > 60


def test_rows_of_splits_of_their_own_are_cut_each(pilot):
    """They were planned as if those of one log were, a tenth of validation and test."""
    of_log = {"data": ("log.csv",), "dataset": "csv"}
    given = {"validation_data": ("validation.csv",), "test_data": ("test.csv",)}
    records = RecordsCost(start=1.0, reading=10.0, disk=1 << 20, raw_disk=0)
    for more in ({}, given):
        config = dataclasses.replace(pilot.config, **of_log, **more)
        fit = fitted(Forecast(dataclasses.replace(pilot, config=config), COSTS, records), 60.0)
        most = fit.chosen["max_rows"]
        assert most < 100_000
        read = 3 * most if more else most
        assert fit.planned["records"] == pytest.approx(1.0 + 10.0 * read / 1_000_000, rel=1e-4)


LARGE = {"train": 36_700_000, "validation": 4_600_000, "test": 4_600_000}


@pytest.mark.parametrize("hours", [24.0, 12.0])
def test_a_large_log_is_scored_shortly_and_its_best_again(pilot, hours):
    forecast = Forecast(pilot.with_options(pilot.config, LARGE), COSTS, RECORDS)
    chosen = fitted(forecast, 3600 * hours).chosen
    assert SHORT_SCORES.items() <= chosen.items()
    settings = scale(dataclasses.replace(pilot.config, **chosen), LARGE["train"])
    assert (settings.rescore_steps, settings.rescore_rows) == (500, 819_200)
    # Once more candidates would have to go, they go second.
    whole = fitted(forecast, 3600 * hours, fixed=("rescore",)).chosen
    assert whole["candidates"] < chosen.get("candidates", 2048)


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({}, {"train": 800_000, "validation": 100_000, "test": 100_000}),
        ({}, {**LARGE, "validation": 160_000}),
        ({"fine_tune_steps": 500}, LARGE),
        ({"validation_rows": 819_200}, LARGE),
        ({"validation_sample": 40_960}, LARGE),
        ({"score_by": "training"}, LARGE),
        ({"architecture": "dlrm"}, LARGE),
    ],
)
def test_scores_are_not_made_short_where_it_is_not_known_what_that_loses(pilot, given, rows):
    config = dataclasses.replace(pilot.config, **given)
    forecast = Forecast(pilot.with_options(config, rows), COSTS, RECORDS)
    chosen = fitted(forecast, 3600 * 6.0).chosen
    assert not {"rescore", "fine_tune_steps"} & set(chosen)


def test_a_large_log_of_which_little_is_read_is_scored_as_a_small_one(pilot):
    config = dataclasses.replace(pilot.config, data=("log.csv",), dataset="csv")
    records = RecordsCost(start=1.0, reading=2000.0, disk=1 << 30, raw_disk=0)
    forecast = Forecast(pilot.with_options(config, LARGE), COSTS, records)
    chosen = fitted(forecast, 600.0).chosen
    assert chosen["max_rows"] < 1_600_000
    assert not {"rescore", "fine_tune_steps"} & set(chosen)
    SearchConfig(**{**chosen, "data": ("log.csv",), "dataset": "csv"})


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
    chosen = {**SHORT_SCORES, "top_k": 2}
    write_state(tmp_path / "budget.json", TimeNote(1.0, chosen, {}))
    config = SearchConfig(run_dir=str(tmp_path))
    assert with_chosen(config) == dataclasses.replace(config, **chosen)
    for said in ({"codesign": True}, {"architecture": "dlrm"}, {"score_by": "training"}):
        found = with_chosen(dataclasses.replace(config, **said))
        assert not any(getattr(found, name) for name in SHORT_SCORES)
    found = with_chosen(dataclasses.replace(config, fine_tune_steps=500))
    assert (found.rescore, found.validation_rows) == (45, 20_480)
    both = {"fine_tune_steps": 500, "validation_rows": 819_200}
    assert with_chosen(dataclasses.replace(config, **both)).rescore is None


def test_as_many_more_networks_are_trained_as_comparisons_give_up(pilot):
    """15 that are compared while they train take what five do that are not."""
    costs = dataclasses.replace(COSTS, found=(TrainingCost(1.0, 0.1, 1e-5, 1.0),) * 2)
    kept = {}
    for halving in (False, True):
        config = dataclasses.replace(pilot.config, halving=halving, recipe="paper")
        forecast = Forecast(pilot.with_options(config, LARGE), costs, RECORDS)
        chosen = fitted(forecast, 3600 * 24.0).chosen
        kept[halving] = chosen.get("top_k", 15)
    assert kept[True] >= 2 * kept[False]


def test_more_time_trains_more_networks(pilot):
    forecast = Forecast(pilot, COSTS, RECORDS)
    short, long = (fitted(forecast, 3600 * hours).chosen for hours in (0.5, 100.0))
    assert short["candidates"] < long["candidates"]
    assert short.get("top_k", 15) <= long.get("top_k", 15)


def test_too_little_time_for_any_run_is_one_line(pilot):
    with pytest.raises(UserError, match=r"--max-hours: this machine needs about"):
        fitted(Forecast(pilot, COSTS, RECORDS), 1.0)
    with pytest.raises(UserError, match=r"measuring that has taken all of them: give more"):
        fitted(Forecast(pilot, COSTS, RECORDS), -0.1)


def test_options_that_stages_have_read_stay(pilot):
    fit = fitted(Forecast(pilot, COSTS, RECORDS), 600.0, fixed=("candidates", "recipe_share"))
    assert not {"candidates", "recipe_share"} & set(fit.chosen)


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
