"""A run that goes on with other options makes again what they bind, and keeps the rest."""

import dataclasses
import itertools
import json
import random
import shutil

import numpy as np
import pytest
from forked import Forked
from search_calls import call, options, run_of

from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.export.versions import versions
from nasrec_tf.search.attempts import next_attempts
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.extension import Extension
from nasrec_tf.search.made_of import MADE_OF_FILE, MadeOf, made_of
from nasrec_tf.search.option_changes import READERS, digest_up_to
from nasrec_tf.search.options import STAGES
from nasrec_tf.search.references import PLAIN
from nasrec_tf.search.results import ExportResult, RecipeResult
from nasrec_tf.search.reused_trainings import reused
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.superseded import SUPERSEDED, moved_aside
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.strategies import read_results
from nasrec_tf.training.recipe import Recipe


def times(run, *stages):
    """When what stages left was written."""
    return {
        str(path): path.stat().st_mtime_ns
        for stage in stages
        for path in sorted((run / stage).rglob("*"))
        if path.is_file()
    }


def result(run, stage):
    return json.loads((run / stage / "result.json").read_text())


def timeless(value):
    """A result without what depends on the clock, on the place, or on other options."""
    if isinstance(value, dict):
        left_out = ("seconds", "made_with", "checksum")
        return {name: timeless(part) for name, part in value.items() if name not in left_out}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def outcome(directory):
    """All that a run has found: candidates and scores, trainings, winner and its weights."""
    run = directory / "run"
    scores = [
        (found.architecture, found.metrics, found.status)
        for found in read_results(run / "evolution" / "search")
    ]
    retrain = timeless(result(run, "retrain"))
    weights = dict(np.load(run / retrain["directory"] / "best.npz"))
    return scores, timeless(result(run, "evolution")), retrain, weights


def with_options(directory, changes):
    """The command of the small run with other values of options."""
    given = options(directory)
    for name, value in changes.items():
        flag = "--" + name.replace("_", "-")
        if flag in given:
            given[given.index(flag) + 1] = str(value)
        else:
            given += [flag, str(value)]
    return given


def assert_same(found, expected):
    assert found[:3] == expected[:3]
    assert set(found[3]) == set(expected[3])
    for name, values in expected[3].items():
        np.testing.assert_array_equal(found[3][name], values)


def from_run(given, source):
    """The command of a run on a log that has grown, from a finished one."""
    given = [*given, "--from", source / "run"]
    given[given.index("--demo-rows") + 1] = 2500
    given[given.index("paper")] = "auto"
    return given


def test_what_would_be_made_again_is_said_and_nothing_is_touched(run_files):
    run = run_files / "run"
    stages = ("records", "supernet", "evolution", "retrain", "export")
    before = times(run, *stages)
    error = call(*options(run_files), "--generations", 2).error
    assert "--generations 1, not 2" in error and "--extend" in error
    assert "made again: evolution (goes on from its candidates), retrain, export" in error
    assert "kept: records, supernet)" in error
    assert times(run, *stages) == before


def test_nothing_to_extend_is_said(run_files):
    said = call(*options(run_files), "--extend")
    assert said.code == 0 and "no option differs; there is nothing to extend" in said.out


@pytest.mark.slow
def test_longer_searches_and_more_finalists_go_on_from_what_there_is(run_files):
    run = run_files / "run"
    scored = read_results(run / "evolution" / "search")
    kept = times(run, "records", "supernet")
    trained = {path.name for path in (run / "retrain").glob("*-rate-*")}
    changes = {"generations": 2, "top_k": 3}
    said = call(*with_options(run_files, changes), "--extend")
    assert said.code == 0, said.err
    assert "superseded/1" in said.out
    after = read_results(run / "evolution" / "search")
    assert after[: len(scored)] == scored and len(after) == len(scored) + 2
    assert times(run, "records", "supernet") == kept
    assert len(result(run, "retrain")["attempts"]) == 3
    assert {path.name for path in (run / "superseded/1/retrain").glob("*-rate-*")} == trained
    # Gone on with as any run is.
    assert call(*with_options(run_files, changes)).code == 0


def test_another_limit_leaves_records_and_supernet(run_files):
    run = run_files / "run"
    stored = RunDirectory(run).stored_config()
    found = Extension(run, stored, SearchConfig(max_mflops=1.0, explain=False), ["max_mflops"])
    assert found.again == ("evolution", "retrain", "export")


def test_results_whose_digests_went_by_another_reader_are_still_this_runs(tmp_path):
    """Of version before: ``--max-mflops`` counted as read by the supernet."""
    from nasrec_tf.common.saved_state import write_state
    from nasrec_tf.search.results import Skipped

    directory = RunDirectory(tmp_path)
    with directory.opened(SearchConfig(run_dir=str(tmp_path), max_mflops=2.0)):
        digest = directory._made_with("supernet", version=2)
        assert digest != directory._made_with("supernet")
        (tmp_path / "supernet").mkdir()
        before = Skipped(skipped="a test", made_with=digest)
        write_state(tmp_path / "supernet" / "result.json", before)
        assert directory.result("supernet") == before


@pytest.mark.parametrize(
    "changes, again",
    [
        ({"seed": 1}, ("records", "supernet", "evolution", "retrain", "export")),
        ({"blocks": 3}, ("supernet", "evolution", "retrain", "export")),
        ({"mutation": "annealed", "name": "other"}, ("evolution", "retrain", "export")),
        ({"ensemble": 2}, ("retrain", "export")),
        ({"name": "other"}, ("export",)),
        ({"generations": 300, "refine": 3}, ("evolution", "retrain", "export")),
        ({"recipe": "auto"}, ("recipe", "supernet", "evolution", "retrain", "export")),
    ],
)
def test_stages_from_the_first_reader_on_are_made_again(tmp_path, changes, again):
    stored_options = {"recipe": "paper", "explain": False}
    stored = SearchConfig(**stored_options)
    found = Extension(tmp_path, stored, SearchConfig(**stored_options | changes), [*changes])
    assert found.again == again


RUNS = [
    {},
    {"strategy": "random"},
    {"strategy": "local", "strategy_options": "neighbours=4"},
    {"strategy": "dnas", "strategy_options": "paths=2"},
    {"strategy": "progressive"},
    {"strategy": "autoctr", "score_by": "training", "row_decay": 0.003},
    {"recipe": "auto", "batch_size": 64},
    {"recipe": "auto", "strategy": "dnas"},
    {"recipe": "bars"},
    {"codesign": True},
    {"architecture": "dlrm"},
]


@pytest.mark.parametrize("done", range(1, len(STAGES)))
def test_options_that_differ_for_what_is_there_are_told_whichever_run_reads_them(tmp_path, done):
    """A strategy that learns with the supernet took over a run whose supernet had not learnt.

    It came to no end, and the run's own options were refused from then on.
    """
    directory = RunDirectory(tmp_path)
    for stage in STAGES[:done]:
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "result.json").touch()
    runs = [SearchConfig(run_dir=str(tmp_path), **({"recipe": "paper"} | run)) for run in RUNS]
    for stored, now in itertools.permutations(runs, 2):
        stages = [each for each in STAGES[:done] if each in now.stages and each in stored.stages]
        if any(digest_up_to(each, now) != digest_up_to(each, stored) for each in stages):
            assert directory.extension(now, stored) is not None, (stored, now)


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 64},
        {"architecture": "dlrm"},
        {"operator_balancing": False},
        {"codesign": True},
        {"space": "nasrec-small"},
        {"dense_embeddings": "always"},
        {"final_layer_norm": True},
    ],
)
def test_a_recipe_is_chosen_again_where_it_would_be_chosen_otherwise(tmp_path, changes):
    """By what its networks are, and by the rows of their batches."""
    found = Extension(tmp_path, SearchConfig(), SearchConfig(**changes), [*changes])
    assert found.again[0] == "recipe"
    given = {"recipe": "paper"}
    found = Extension(tmp_path, SearchConfig(**given), SearchConfig(**given, **changes), [*changes])
    assert found.again[0] == ("evolution" if "final_layer_norm" in changes else "supernet")


def test_a_chosen_recipe_of_an_earlier_version_is_still_this_runs(tmp_path):
    """Its digest knew nothing of ``--batch-size``."""
    directory = RunDirectory(tmp_path)
    with directory.opened(SearchConfig(run_dir=str(tmp_path), batch_size=64)):
        digests = [directory._made_with("recipe", version) for version in range(READERS)]
        assert digests[0] != digests[1] == digests[2]
        for digest in digests:
            (tmp_path / "recipe").mkdir(exist_ok=True)
            before = RecipeResult(
                recipe=Recipe(),
                architecture=SpaceModel(PLAIN),
                trials=(),
                row_passes=1.0,
                made_with=digest,
            )
            write_state(tmp_path / "recipe" / "result.json", before)
            assert directory.result("recipe") == before


VALUES = {
    "supernet_epochs": (1, 2),
    "generations": (1, 2, 3),
    "fine_tune_steps": (2, 3),
    "top_k": (1, 2, 3),
    "refine": (0, 1, 2),
    "retrain_epochs": (1, 2),
    "winner_seeds": (1, 2),
    "finalist_seeds": (1, 2, 3),
    "max_mflops": (100.0, 0.2),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", range(6))
def test_an_extended_run_ends_as_a_new_one_with_its_options(tmp_path, case):
    draw = random.Random(case)
    first, second = (
        {name: draw.choice(values) for name, values in VALUES.items()} for _ in range(2)
    )
    extended, fresh = tmp_path / "extended", tmp_path / "fresh"
    for directory in (extended, fresh):
        directory.mkdir()
    assert call(*with_options(extended, first)).code == 0
    said = call(*with_options(extended, second), "--extend")
    assert said.code == 0, said.err
    assert call(*with_options(fresh, second)).code == 0
    assert_same(outcome(extended), outcome(fresh))


@pytest.mark.slow
@pytest.mark.parametrize("fit", ["train", "train+validation"])
def test_an_extended_ensemble_takes_its_trainings_again(tmp_path, fit):
    """Members that lost their weights are trained once more, to the bit as before."""
    extended, fresh = tmp_path / "extended", tmp_path / "fresh"
    first = {"top_k": 2, "ensemble": 2, "final_fit": fit}
    for directory in (extended, fresh):
        directory.mkdir()
    assert call(*with_options(extended, first)).code == 0
    seconds = [each["seconds"] for each in result(extended / "run", "retrain")["attempts"]]
    said = call(*with_options(extended, first | {"top_k": 3}), "--extend")
    assert said.code == 0, said.err
    again = [each["seconds"] for each in result(extended / "run", "retrain")["attempts"]]
    assert set(seconds) & set(again)
    assert said.out.count("validation log loss") < 3
    assert call(*with_options(fresh, first | {"top_k": 3})).code == 0
    assert_same(outcome(extended), outcome(fresh))


@pytest.mark.slow
def test_a_run_from_another_that_is_extended_ends_as_a_new_one(finished_run, tmp_path):
    extended, fresh = tmp_path / "extended", tmp_path / "fresh"
    changes = {"generations": 2, "top_k": 3, "retrain_epochs": 1}
    for directory in (extended, fresh):
        directory.mkdir()
    assert call(*from_run(options(extended), finished_run)).code == 0
    given = from_run(with_options(extended, changes), finished_run)
    said = call(*given, "--extend")
    assert said.code == 0, said.err
    assert call(*from_run(with_options(fresh, changes), finished_run)).code == 0
    assert_same(outcome(extended), outcome(fresh))


def test_a_model_that_an_extension_comes_to_again_is_no_further_version(run_files):
    run, model = run_files / "run", run_files / "models" / "nasrec"
    config = (run / "config.toml").read_text()
    moved_aside(run, ["export"], config)
    assert call(*options(run_files)).code == 0
    assert versions(model) == [1]
    result = RunDirectory(run).finished("export", ExportResult)
    assert result.path == str((model / "1").resolve())
    # Another network is one.
    for aside in (run / "superseded").iterdir():
        shutil.rmtree(aside)
    aside = moved_aside(run, ["export"], config)
    write_state(aside / "export" / "result.json", dataclasses.replace(result, content="other"))
    assert call(*options(run_files)).code == 0
    assert versions(model) == [1, 2]


def test_a_training_is_taken_again_on_the_same_data_alone(run_files):
    """One of before was whatever the data: who deletes all stages may name other data."""
    run = run_of(run_files)
    attempt = next_attempts(run, [], [])[0]
    of = made_of(run.directory.path, run.dataset)
    config = (run.directory.path / "config.toml").read_text()
    aside = moved_aside(run.directory.path, ["retrain", "export"], config, of)
    taken = reused(run, attempt)
    assert taken is not None and (attempt.directory / "result.json").exists()
    shutil.rmtree(attempt.directory)
    for other in (MadeOf("0" * 64), dataclasses.replace(of, start=("0" * 64,))):
        write_state(aside / MADE_OF_FILE, other)
        assert reused(run, attempt) is None
    # As an earlier version left it.
    (aside / MADE_OF_FILE).unlink()
    assert reused(run, attempt) is None


@pytest.mark.slow
def test_a_run_on_other_data_ends_as_if_it_had_never_been_extended(tmp_path):
    run, fresh = tmp_path / "run", tmp_path / "fresh"
    # Of tables that are as large for any rows.
    given = "--recipe paper --architecture lr --encoding hash --table-rows 50 --retrain-epochs 1"
    given = [*given.split(), "--no-explain", "--export-dir", tmp_path / "models", "--run-dir"]
    assert call(*given, run, "--demo-rows", 1500).code == 0
    assert call(*given, run, "--demo-rows", 1500, "--winner-seeds", 2, "--extend").code == 0
    for stage in ("records", "supernet", "evolution", "retrain", "export"):
        shutil.rmtree(run / stage)
    for directory in (run, fresh):
        assert call(*given, directory, "--demo-rows", 2500, "--winner-seeds", 2).code == 0
    found, expected = (result(path, "retrain") for path in (run, fresh))
    assert found["validation"] == expected["validation"] and found["test"] == expected["test"]


def test_the_model_that_an_extension_comes_back_to_is_the_one_that_is_served(run_files):
    """The version of the options in between stood before it."""
    run, model = run_files / "run", run_files / "models" / "nasrec"
    config, found = (run / "config.toml").read_text(), []

    def extended(*contents):
        """Exports once more, after networks of which the versions so far are told to be."""
        found.append(moved_aside(run, ["export"], config))
        for aside, content in zip(found, contents):
            path = aside / "export" / "result.json"
            before = read_state(path, ExportResult, "")
            write_state(path, dataclasses.replace(before, content=content))
        assert call(*options(run_files)).code == 0
        return RunDirectory(run).finished("export", ExportResult).path

    mine = RunDirectory(run).finished("export", ExportResult).content
    assert extended("other") == str((model / "2").resolve())
    assert extended(mine, "other") == str((model / "3").resolve())
    # Another run's, perhaps on later rows, stays the one that is served.
    shutil.copytree(model / "1", model / "4")
    assert extended(mine, "other", "other") == str((model / "1").resolve())
    for aside in (run / "superseded").iterdir():
        shutil.rmtree(aside)


def test_an_export_that_was_stopped_just_before_its_end_is_known_again(run_files):
    run = run_files / "run"
    before = RunDirectory(run).finished("export", ExportResult)
    (run / "export" / "result.json").unlink()
    assert call(*options(run_files)).code == 0
    after = RunDirectory(run).finished("export", ExportResult)
    assert (after.path, after.content) == (before.path, before.content)


EXTENDED = """
import dataclasses, sys
from torture.disturbed import Disturbance, install
from nasrec_tf.search.reused_trainings import reused
from nasrec_tf.search.run_directory import RunDirectory
directory = RunDirectory(sys.argv[1])
config = dataclasses.replace(directory.stored_config(), supernet_epochs=2)
disturbance = Disturbance("kill", int(sys.argv[2]))
install(disturbance, sys.argv[1])
with directory.opened(config, extend=True):
    pass
"""


def test_an_extension_that_is_killed_leaves_no_stage_without_those_before(run_files):
    """What was made of a supernet that had gone was left, and the way on was to delete it."""
    run = run_files / "run"
    again, kept = ("supernet", "evolution", "retrain", "export"), run_files / "kept"
    shutil.copytree(run, kept)
    seen, number, code = set(), 0, None
    while code != 0:
        number += 1
        shutil.rmtree(run)
        shutil.copytree(kept, run)
        killed = Forked(EXTENDED, [run, number])
        code = killed.wait(60)
        assert code in (0, -9), killed.err
        there = [stage for stage in again if (run / stage).is_dir()]
        assert there == list(again[: len(there)])
        seen.add(len(there))
        config = dataclasses.replace(RunDirectory(run).stored_config(), supernet_epochs=2)
        with RunDirectory(run).opened(config, extend=True):
            assert not [stage for stage in again if (run / stage).is_dir()]
        aside = {path.name for path in (run / SUPERSEDED).glob("*/*")}
        assert aside == {*again, "config.toml", "made_of.json"}
        assert RunDirectory(run).stored_config() == config
    assert seen == set(range(len(again) + 1))


@pytest.mark.parametrize("then", [{}, {"top_k": 1}, {"generations": 3}])
def test_a_longer_search_that_was_killed_before_it_was_one_binds_nobody(run_files, then):
    """The journal had the new length and the run the old one, with which it did not go on."""
    directory = RunDirectory(run_files / "run")
    stored = directory.stored_config()
    before = read_results(run_files / "run" / "evolution" / "search")
    directory.extension(dataclasses.replace(stored, generations=2), stored).apply()
    said = call(*with_options(run_files, then), *(["--extend"] if then else []))
    assert said.code == 0, said.err
    after = read_results(run_files / "run" / "evolution" / "search")
    assert after[: len(before)] == before
    assert len(after) == len(before) + 2 * (then.get("generations", 1) - 1)


def test_a_worker_that_comes_before_its_chief_has_extended_says_so(run_files, monkeypatch):
    """It asked for ``--extend``, which it had been given."""
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker_0")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "8000")
    error = call(*options(run_files), "--generations", 2, "--extend").error
    assert "the chief has not extended it yet; start this worker again" in error


def test_a_worker_of_a_search_that_has_ended_has_nothing_to_do(run_files, monkeypatch):
    """A job that was submitted again, for its time had been over, waited for a chief and failed."""
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker_0")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "8000")
    loud = [option for option in options(run_files) if option != "--quiet"]
    said = call(*loud, "--stage", "evolution")
    assert (said.code, said.out) == (0, "evolution: finished before\n"), said.err
