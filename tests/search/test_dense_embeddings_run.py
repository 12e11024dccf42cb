"""The main job on a log without dense features: what its space is then, and what comes of it."""

import dataclasses
import json

import numpy as np
import pytest
from search_calls import call

import nasrec_tf
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.references import FLAT
from nasrec_tf.search.results import RecordsResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory

SMALL = (
    "--recipe paper --space nasrec-small --blocks 2 --batch-size 64 --supernet-epochs 1 "
    "--population 4 --tournament 2 --children 2 --generations 1 --fine-tune-steps 1 --top-k 1 "
    "--refine 1 --retrain-epochs 1 --no-explain --seed 3"
).split()


def write_log(path, rows=700):
    random = np.random.default_rng(5)
    with open(path, "w") as file:
        file.write("click,user,item\n")
        for _ in range(rows):
            user, item = random.integers(9), random.integers(7)
            click = random.random() < (0.7 if (user + item) % 3 == 0 else 0.2)
            file.write(f"{int(click)},u{user},i{item}\n")


def test_without_dense_features_networks_of_a_run_choose_dense_embeddings(tmp_path):
    write_log(tmp_path / "log.csv")
    data = ["--data", tmp_path / "log.csv", "--dataset", "csv", "--label", "click"]
    places = ["--run-dir", tmp_path / "run", "--export-dir", tmp_path / "models"]
    said = call(*data, *SMALL, *places)
    assert said.code == 0, said.err
    assert "no dense features: dense_embeddings any (the paper: never; " in said.out
    journal = (tmp_path / "run" / "evolution" / "search" / "journal.jsonl").read_text()
    events = [json.loads(line) for line in journal.splitlines()[1:]]
    drawn = [event["architecture"] for event in events if event["event"] == "created"]
    choices = [architecture.get("dense_embeddings", False) for architecture in drawn]
    assert set(choices) == {False, True}
    [best] = json.loads((tmp_path / "run" / "evolution" / "result.json").read_text())["best"]
    assert best in drawn
    of_search, plain = [
        json.loads(path.read_text())["architecture"]
        for path in sorted((tmp_path / "run" / "retrain").glob("*/result.json"))
    ]
    assert of_search == best
    assert Architecture.from_json(plain).identity == FLAT.identity
    network = nasrec_tf.load(tmp_path / "models" / "nasrec").model
    best = network.architecture.to_json()
    assert best in (of_search, plain)
    report = (tmp_path / "run" / "report.html").read_text()
    assert ("flattened" in report) == best.get("dense_embeddings", False)


@pytest.mark.slow
def test_recipes_are_tried_on_both_plain_networks_without_dense_features(tmp_path):
    write_log(tmp_path / "log.csv")
    options = ["--data", tmp_path / "log.csv", "--dataset", "csv", "--label", "click"]
    options += ["--space", "nasrec-small", "--blocks", "2", "--batch-size", "64", "--seed", "3"]
    options += ["--retrain-epochs", "1", "--row-decay", "0", "--normalization", "none"]
    options += ["--embedding-dim", "8", "--run-dir", tmp_path / "run"]
    for stage in ("records", "recipe"):
        said = call(*options, "--stage", stage)
        assert said.code == 0, said.err
    trials = json.loads((tmp_path / "run" / "recipe" / "result.json").read_text())["trials"]
    networks = [trial["architecture"] for trial in trials if trial["architecture"] is not None]
    assert {Architecture.from_json(one).identity for one in networks} == {FLAT.identity}
    assert " on the other network, seed 1: validation log loss " in said.out


@pytest.mark.slow
def test_a_yardstick_that_stays_at_the_click_rate_by_the_winners_recipe_is_trained_by_others(
    tmp_path,
):
    """Inner products of embeddings that decay have no gradient: DLRM learns nothing so."""
    write_log(tmp_path / "log.csv", rows=3000)
    options = [option for option in SMALL if option != "--no-explain"]
    options[options.index("--retrain-epochs") + 1] = "8"
    data = ["--data", tmp_path / "log.csv", "--dataset", "csv", "--label", "click"]
    places = ["--run-dir", tmp_path / "run", "--export-dir", tmp_path / "models"]
    said = call(*data, *options, *places, "--row-decay", "10")
    assert said.code == 0, said.err
    assert "dlrm: hardly learns by the winner's recipe; trying " in said.out
    path = tmp_path / "run" / "explain" / "dlrm" / "yardstick.json"
    found = json.loads(path.read_text())
    assert "row_decay" not in found["recipe"]
    assert found["test"]["auc"] > 0.6
    looks = [json.loads(each.read_text()) for each in path.parent.glob("*/validation.json")]
    assert len(looks) > 1 and found["passes"] == sum(len(each["value"]) for each in looks)


def space_of(directory, dense_columns, **options):
    """The search space of a run whose records stage left so many dense columns."""
    config = SearchConfig(run_dir=str(directory / "run"), blocks=2, **options)
    run_directory = RunDirectory(config.run_dir)
    with run_directory.opened(config):
        records = RecordsResult(
            dataset="records", name="log", rows={}, label_rates={}, dense_columns=dense_columns
        )
        run_directory.finish("records", records, seconds=1.0)
        run = Run(config, run_directory)
        run.__dict__["settings"] = dataclasses.make_dataclass("Settings", ["blocks", "max_width"])(
            2, 1024
        )
        return run.space


OWN = 'dense_operators = ["fc"]\nsparse_operators = ["efc"]\nnum_blocks = 2\n'


@pytest.mark.parametrize(
    ("dense_columns", "options", "rule"),
    [
        (0, {}, "any"),
        (13, {}, "never"),
        (None, {}, "never"),  # a run that an earlier version began
        (0, {"dense_embeddings": "never"}, "never"),
        (0, {"dense_embeddings": "always"}, "always"),
        (13, {"dense_embeddings": "always"}, "always"),
        (0, {"space": "own.toml"}, "never"),
        (0, {"space": "any.toml"}, "any"),
        (13, {"space": "any.toml"}, "any"),
        (13, {"space": "any.toml", "dense_embeddings": "never"}, "never"),
    ],
    ids=str,
)
def test_options_go_first_then_a_space_of_one_s_own_then_the_data(
    tmp_path, dense_columns, options, rule
):
    (tmp_path / "own.toml").write_text(OWN)
    (tmp_path / "any.toml").write_text(OWN + 'dense_embeddings = "any"\n')
    if "space" in options:
        options = options | {"space": str(tmp_path / options["space"])}
    assert space_of(tmp_path, dense_columns, **options).dense_embeddings == rule


def test_the_option_is_refused_where_it_would_be_without_effect(tmp_path):
    line = call("--architecture", "nasrec-criteo-small", "--dense-embeddings", "any").error
    assert "--dense-embeddings goes without --architecture" in line
