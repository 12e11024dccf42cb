"""``python -m nasrec_tf.runs``: what runs have found, beside each other."""

import contextlib
import csv
import io
import json
import pathlib
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_calls import Said

from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.studies.runs_command import main, told_apart


def listed(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def several(finished_run, tmp_path_factory):
    """A finished run, one that was stopped, a damaged one, and what is no run."""
    directory = tmp_path_factory.mktemp("runs")
    small = shutil.ignore_patterns("dataset", "tensorboard", "*.npz", "demo.txt", "checkpoint*")
    for name in ("finished", "below/stopped", "damaged <b>"):
        shutil.copytree(finished_run / "run", directory / name, ignore=small)
    shutil.rmtree(directory / "below" / "stopped" / "export")
    shutil.rmtree(directory / "below" / "stopped" / "retrain")
    (directory / "damaged <b>" / "retrain" / "result.json").write_text("{")
    (directory / "notes").mkdir()
    return directory


def test_each_run_has_a_line_the_best_first_and_damage_is_told_in_its_own(several, finished_run):
    said = listed(several)
    assert (said.code, said.err) == (0, "")
    head, first, *others = said.out.splitlines()
    test = json.loads((finished_run / "run" / "retrain" / "result.json").read_text())["test"]
    assert first.startswith("finished") and f"{test['log_loss']:.4f} (" in first
    states = {line.split("  ")[0]: line for line in others}
    assert "before retrain" in states["below/stopped"]
    assert "damaged: " in states["damaged <b>"] and "result.json" in states["damaged <b>"]
    assert "--seed" not in head, "runs of equal options need no column of them"


def test_options_in_which_runs_differ_have_a_column(several, finished_run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(several / "below" / "stopped", other)
    config = other / "config.toml"
    text = config.read_text()
    assert "retrain_epochs = 2" in text
    config.write_text(text.replace("retrain_epochs = 2", "retrain_epochs = 3"))
    out = tmp_path / "runs.csv"
    assert listed(finished_run / "run", other, "-o", out).code == 0
    with open(out, newline="") as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    found = {name: row["--retrain-epochs"] for name, row in rows.items()}
    assert found == {"run": "2", "other": "3"}
    assert float(rows["run"]["mflops"]) > 0 and rows["run"]["state"] == "finished"
    assert rows["other"]["test_log_loss"] == ""


def test_the_page_links_to_reports_and_escapes_names(several):
    page = several / "runs.html"
    assert listed(several, "-o", page).code == 0
    text = page.read_text()
    assert '<a href="finished/report.html">finished</a>' in text
    assert "damaged &lt;b&gt;" in text and "<b>" not in text
    assert text.count("<script") == 1  # the frame's own


def test_a_run_that_is_named_twice_has_one_line(several, finished_run):
    once = listed(finished_run / "run").out
    assert listed(finished_run / "run", finished_run / "run").out == once
    assert len(listed(several, several / "finished").out.splitlines()) == len(
        listed(several).out.splitlines()
    )


def test_runs_of_one_name_are_told_apart_by_their_paths(several, tmp_path):
    for name in ("monday/run", "tuesday/run", "run"):
        shutil.copytree(several / "below" / "stopped", tmp_path / name)
    out = listed(*(tmp_path / name for name in ("monday", "tuesday", "run"))).out
    names = {line.split("  ")[0] for line in out.splitlines()[1:]}
    assert names == {"monday/run", "tuesday/run", f"{tmp_path.name}/run"}


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), unique_by=tuple))
def test_names_are_told_apart_and_are_ends_of_their_paths(paths):
    places = [pathlib.Path("/", *parts) for parts in paths]
    told = told_apart({place: place.name for place in places})
    assert len(set(told.values())) == len(places)
    for place, name in told.items():
        parts = pathlib.Path(name).parts
        assert place.parts[-len(parts) :] == parts


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "nowhere: no such directory"),
        (["EMPTY"], "holds no run"),
        (["EMPTY", "-o", "runs.pdf"], "ends in .html or .csv"),
    ],
)
def test_what_cannot_be_listed_is_one_line(tmp_path, arguments, told):
    said = listed(*(tmp_path if argument == "EMPTY" else argument for argument in arguments))
    assert told in said.error


def test_runs_are_read_without_a_lock(finished_run):
    directory = RunDirectory(finished_run / "run")
    with directory.opened(directory.stored_config()):
        assert listed(finished_run / "run").code == 0
