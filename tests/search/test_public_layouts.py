"""Logs in the form of five public ones become data sets, and models, by three commands at most."""

import pathlib
import re

import pytest
from public_layouts import LAYOUTS, ROWS
from search_calls import OPTIONS, call

from beam_preprocess.cli import main
from beam_preprocess.dataset.schema import Schema


def told(layout, directory):
    """The path of a log, and the options that say what it is; describes it where need be."""
    log = layout.write(directory)
    toml = directory / "log.toml"
    if layout.describe:
        assert main(["describe", str(log), "-o", str(toml)]) == 0
    if layout.toml:
        toml.write_text(layout.toml)
    dataset = ("--dataset", str(toml)) if toml.exists() else ()
    options = (option.format(directory=directory) for option in layout.options)
    return log, (*dataset, *options)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_public_layout_becomes_a_data_set(tmp_path, name):
    layout = LAYOUTS[name]
    log, options = told(layout, tmp_path)
    out = tmp_path / "data"
    assert main(["--input", str(log), "--output", str(out), *options, "--quiet"]) == 0
    schema = Schema.load(out)
    assert schema.dense_names == layout.dense
    assert schema.sparse_names == layout.sparse
    splits = schema.splits.values()
    assert (sum(split.rows for split in splits), schema.rejected) == (ROWS, {})
    assert sum(split.positives for split in splits) == layout.positives


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_public_layout_becomes_a_model(tmp_path, name):
    log, options = told(LAYOUTS[name], tmp_path)
    demo = OPTIONS.index("--demo-rows")
    small = [*OPTIONS[:demo], *OPTIONS[demo + 2 :]]
    places = ["--run-dir", str(tmp_path / "run"), "--export-dir", str(tmp_path / "models")]
    said = call("--data", str(log), *options, *small, *places)
    assert said.code == 0, said.err
    assert re.search(r"quality  test log loss .* rows, [1-9]\d* with a click$", said.out, re.M)
    of_groups = re.findall(r", by group 0\.\d+ \((\d+) with both labels\)", said.out)
    assert bool(of_groups) == (name == "ratings") and all(int(found) > 1 for found in of_groups)
    assert list(pathlib.Path(tmp_path / "models").rglob("saved_model.pb"))
