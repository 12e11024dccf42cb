"""Searches by other strategies that a comparison makes: what they share with its run, and find."""

import contextlib
import csv
import dataclasses
import io
import os
import shutil

import pytest
from search_calls import call as search

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import read_state
from nasrec_tf.compare import main
from nasrec_tf.search.branch import shared_stages
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.preflight import check_options
from nasrec_tf.search.results import STAGE_RESULTS, EvolutionResult, RescoreResult
from nasrec_tf.search.search_size import asked_candidates
from nasrec_tf.strategies.known_strategies import STRATEGIES
from nasrec_tf.strategies.oracle.ledger import read_history
from nasrec_tf.studies import finished_runs, speed, strategy_searches
from nasrec_tf.studies.config import CompareConfig, SearchMethod
from nasrec_tf.studies.strategy_searches import StrategySearches

RECIPE = "learning_rate = 0.1\nbatch_size = 64\nepochs = 1\n"
METHODS = [SearchMethod(name, by) for name, kind in STRATEGIES.items() for by in kind.scored_by]


@pytest.fixture(scope="module")
def place(finished_run, tmp_path_factory):
    """A copy of the finished run (evolution, seed 3), and beside it a recipe."""
    directory = tmp_path_factory.mktemp("strategies")
    shutil.copytree(finished_run / "run", directory / "run")
    (directory / "quick.toml").write_text(RECIPE)
    return directory


def run_of(place):
    return finished_runs.finished_run(place / "run", "--run-dir", True, 60.0)


def call(place, *more):
    """Code, screen and errors of a comparison of the run, in this process."""
    out, err = io.StringIO(), io.StringIO()
    words = ["--run-dir", place / "run", "--recipe", place / "quick.toml", "--models", "lr",
             "--seeds", "1", "--quiet", *more]  # fmt: skip
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return code, out.getvalue(), err.getvalue()


def scores(run):
    """What a search drew, and what it scored that."""
    _, history = read_history(run / "evolution" / "search")
    return [
        (one.to_json(), dict(history.outcomes[one.number].metrics)) for one in history.candidates
    ]


@pytest.fixture(scope="module")
def compared(place):
    """A comparison with two searches, stopped in the second and gone on with; its screen."""
    stages, true = [], strategy_searches.completed_run

    def stopped(config, stage, quiet):
        stages.append(stage)
        if stages.count("evolution") == 2:
            raise KeyboardInterrupt
        return true(config, stage, quiet)

    wanted = "--strategies", "random,random:training"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "ROUND_SECONDS", 0.001)
        patch.setattr(strategy_searches, "completed_run", stopped)
        assert call(place, *wanted)[0] == 130
        patch.setattr(strategy_searches, "completed_run", true)
        code, screen, err = call(place, *wanted)
    assert code == 0, err
    return screen


def test_what_each_strategy_found_is_a_row_and_each_strategy_has_one(compared, place):
    directory = place / "run" / "compare" / "quick"
    with open(directory / "comparison.csv", newline="") as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert {"found", "random-3", "random-training-3", "lr"} <= set(rows)
    assert all(float(rows[name]["search_rows"]) > 0 for name in rows if name.endswith("-3"))
    page = (directory / "comparison.html").read_text()
    ways = "evolution, by supernet", "random, by supernet", "random, by training"
    assert all(f"<td>{way}</td>" in page for way in ways)
    assert "random-training-3" in compared


def test_a_search_is_to_the_bit_the_one_that_a_run_of_its_own_makes(compared, place, tmp_path):
    made = place / "run" / "strategies" / "random-3"
    for stage in ("records", "supernet", "evolution"):
        options = ["--config", made / "config.toml", "--run-dir", tmp_path / "own", "--quiet"]
        said = search(*options, "--export-dir", tmp_path / "models", "--stage", stage)
        assert said.code == 0, said.err
    assert scores(tmp_path / "own") == scores(made) != []


def test_the_supernet_is_taken_from_the_run_where_it_is_the_same(compared, place):
    run = place / "run"
    [weights] = (run / "supernet" / "checkpoint").glob("*.data-*")
    same = run / "strategies" / "random-3" / "supernet" / "checkpoint" / weights.name
    assert os.path.samefile(weights, same)


@pytest.mark.parametrize(
    ("options", "shared"),
    [
        ({}, ["supernet"]),
        ({"strategy": "random", "candidates": 20, "generations": None}, ["supernet"]),
        ({"seed": 4}, []),
        ({"strategy": "dnas", "tournament": None}, []),  # Logits are learnt beside the weights.
        ({"blocks": 3}, []),
        ({"supernet_epochs": 2}, []),
    ],
)
def test_a_supernet_is_shared_by_searches_whose_own_would_be_the_same(place, options, shared):
    run = run_of(place)
    assert shared_stages(run, dataclasses.replace(run.config, **options)) == shared


def test_candidates_that_are_trained_take_as_many_rows_as_the_search_of_the_run(compared, place):
    run = run_of(place)
    config = StrategySearches(run, METHODS, 1).configs["random-training-3"]
    steps, batch = run.directory.result("supernet").steps, run.settings.batch_size
    tuned = run.settings.fine_tune_steps * batch
    scored = min(run.settings.validation_rows, run.schema.splits["validation"].rows)
    rows = run.schema.splits["train"].rows
    # Each is trained on all of them, and scored over validation rows beside.
    of_the_run = steps * batch + 6 * (tuned + scored / 3)
    assert config.score_budget == int(of_the_run * rows / (rows + scored / 3))
    history = scores(place / "run" / "strategies" / "random-training-3")
    assert len(history) == asked_candidates(config, rows) == config.score_budget // rows


def test_scores_that_the_run_made_again_count_as_rows_of_its_search(place, tmp_path):
    shutil.copytree(place / "run", tmp_path / "run")
    run = run_of(tmp_path)
    before = StrategySearches(run, METHODS, 1).configs["random-training-3"].score_budget
    again = {"rescore": 2, "rescore_steps": 3, "rescore_rows": 40}
    stored = dataclasses.replace(run.config, **again)
    (tmp_path / "run" / "config.toml").write_text(stored.to_toml())
    for stage in stored.stages:
        if stage == "rescore":
            best = run.directory.finished("evolution", EvolutionResult).best
            result = RescoreResult(candidates=2, best=best, best_log_loss=0.5, shared=1)
        else:
            result = read_state(tmp_path / "run" / stage / "result.json", STAGE_RESULTS[stage], "")
        if result is not None:
            run.directory.finish(stage, result, result.seconds)
    rows = run.schema.splits["train"].rows
    scored = min(run.settings.validation_rows, run.schema.splits["validation"].rows)
    more = 2 * (3 * run.settings.batch_size + 40 / 3) * rows / (rows + scored / 3)
    config = StrategySearches(run_of(tmp_path), METHODS, 1).configs["random-training-3"]
    assert config.score_budget == pytest.approx(before + more, abs=1) and more > 100
    assert config.rescore is None


def test_the_same_command_makes_nothing_again(compared, place, monkeypatch):
    monkeypatch.setattr(strategy_searches, "completed_run", None)
    code, screen, err = call(place, "--strategies", "random,random:training")
    assert (code, screen) == (0, compared), err


def test_a_search_of_the_run_before_it_was_extended_is_one_line(compared, place):
    config = place / "run" / "strategies" / "random-3" / "config.toml"
    now = config.read_text()
    config.write_text(now.replace("fine_tune_steps = 2", "fine_tune_steps = 5"))
    code, _, err = call(place, "--strategies", "random")
    config.write_text(now)
    assert code == 2 and len(err.splitlines()) == 1
    assert "random-3: was searched with other options than the run has now (--fine-tune" in err


def test_searches_go_along_with_a_run_that_is_moved(compared, place):
    (place / "run").rename(place / "moved")
    code, screen, err = call(place, "--run-dir", place / "moved", "--strategies", "random")
    (place / "moved").rename(place / "run")
    assert code == 0, err
    assert "random-3" in screen
    code, again, err = call(place, "--strategies", "random")
    assert code == 0, err
    assert again.replace("/run/", "/moved/") == screen


def test_the_plan_tells_the_searches_that_are_left_and_makes_none(compared, place):
    more = "--strategies", "random", "--strategy-seeds", "2", "--plan"
    code, screen, err = call(place, *more)
    assert code == 0, err
    assert "before that, 1 search: random-4; that of the run took" in screen
    assert not (place / "run" / "strategies" / "random-4").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"tournament": 2, "mutation": "annealed", "fine_tune_steps": 3, "validation_sample": 40},
        {"rescore": 5, "rescore_rows": 50, "validation_rows": 20},
        {"path_sampler": "any-operator-any-connection", "supernet_row_decay": 0.01},
        {"score_by": "training", "score_budget": 80_000, "strategy": "random"},
        {"ensemble": 3, "winner_seeds": 2, "calibrate": True, "yardsticks": "all"},
        {"strategy": "predicted", "strategy_options": "start=3"},
    ],
    ids=lambda options: ",".join(options),
)
def test_any_run_can_be_searched_by_any_strategy(place, options):
    """Options that a strategy does not look at are left out, in place of being refused."""
    run = run_of(place)
    vars(run)["config"] = SearchConfig(run_dir=run.config.run_dir, **options)
    configs = StrategySearches(run, METHODS, 2).configs
    # The search of the run is one of them.
    assert len(configs) == 2 * len(METHODS) - 1
    for config in configs.values():
        with few_candidates_at_worst():
            check_options(config)


@contextlib.contextmanager
def few_candidates_at_worst():
    """What else may be refused: the run had six candidates, or paid for a few trainings."""
    try:
        yield
    except UserError as error:
        few = "must be below the search's", "are fewer than a population"
        assert any(words in str(error) for words in few)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("--strategies annealing", "--strategies: no strategy 'annealing'; there are evolution, "),
        ("--strategies dnas:training", "dnas is scored by supernet. Received: 'dnas:training'"),
        ("--strategies random,random", "--strategies names random twice; --strategy-seeds says"),
        ("--strategies random,", "--strategies: no strategy ''"),
        ("--strategies random --strategy-seeds 0", "--strategy-seeds must be from 1 to 1000"),
        ("--strategy-seeds 2", "--strategy-seeds goes with --strategies, which is missing"),
        ("--strategies dnas --runs own/dnas-3", "--runs: own/dnas-3 has the name of a search by"),
        ("--strategies predicted", "Leave it out, or search so with options of your own"),
    ],
)
def test_what_cannot_be_searched_by_is_one_line(place, tmp_path, more, wanted):
    code, out, err = call(place, "--out", tmp_path / "out", *more.split())
    assert (code, out, len(err.splitlines())) == (2, "", 1) and wanted in err
    assert not (tmp_path / "out").exists()


def test_a_run_that_searched_for_nothing_is_one_line(place, monkeypatch):
    run = run_of(place)
    monkeypatch.setattr(type(run.directory), "result", lambda self, stage: None)
    with pytest.raises(UserError, match="has searched for nothing, since an architecture was"):
        StrategySearches(run, [SearchMethod.parsed("random")], 1)


def test_the_options_of_a_method_are_those_of_its_command_line():
    config = CompareConfig("run", strategies="autoctr, random:training")
    assert config.methods() == (
        SearchMethod("autoctr", "training"),
        SearchMethod("random", "training"),
    )
    assert SearchConfig().strategy == "evolution"
