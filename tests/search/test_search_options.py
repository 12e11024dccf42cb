"""Values that options take: what cannot be used is one line, before anything is begun."""

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_calls import call

from nasrec_tf.common.config_files import read_table
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.config import SearchConfig, load_options
from nasrec_tf.search.options import LARGEST, LONGEST_NAME, shown
from nasrec_tf.search.preflight import check_options
from nasrec_tf.search.scaling import PAPER_ROWS, scale
from nasrec_tf.search.unread_options import without_effect_on_one_model

LONG = "n" * 300
CHINESE = "名" * 100

REFUSED = [
    ("seed = 99999999999999999999999999", "--seed"),
    (f"seed = {'9' * 5000}", "TOML"),
    ("seed = -1", "--seed"),
    ("seed = 1.0", "--seed"),
    ("seed = true", "--seed"),
    ("blocks = 10000000", "--blocks"),
    ("batch_size = 100000000000", "--batch-size"),
    ("demo_rows = '8'", "--demo-rows"),
    ("demo_rows = [3000]", "--demo-rows"),
    ("demo_rows = 999", "--demo-rows"),
    ("demo_rows = 100000000000000", "--demo-rows"),
    ("workers = 1000000", "--workers"),
    ("warmup = 1", "--warmup"),
    ("warmup = 'yes'", "--warmup"),
    ("name = ['nasrec']", "--name"),
    ("name = ''", "--name"),
    ("name = '../up'", "export name"),
    ("name = 'a b'", "export name"),
    (f"name = '{LONG}'", "export name"),
    (f"name = '{CHINESE}'", "export name"),
    ("name = 7", "--name"),
    ("run_dir = ''", "--run-dir"),
    ('run_dir = "a\\u0000b"', "--run-dir"),
    (f"run_dir = '{LONG}'", "--run-dir"),
    (f"run_dir = '{CHINESE}/run'", "--run-dir"),
    (f"run_dir = '{'ab/' * 2000}'", "--run-dir"),
    (f"export_dir = '{LONG}'", "--export-dir"),
    ("export_dir = 'runs/search'", "--export-dir"),
    ("export_dir = 'runs/../runs/search/.'", "--export-dir"),
    ("export_dir = 'runs/search/records'", "--export-dir"),
    ("export_dir = 'runs/search/export/models'", "--export-dir"),
    ("run_dir = 'saved_models/nasrec'", "--run-dir"),
    ("run_dir = 'saved_models/nasrec/run'", "--run-dir"),
    (f"data = '{LONG}'", "--data"),
    ("data = \"a\\u0000b\"\ndataset = 'criteo'", "--data"),
    ("data = {file = 'x'}", "--data"),
    (f"space = '{LONG}'", "--space"),
    ('space = "a\\u0000"', "--space"),
    ("space = []", "--space"),
    (f"architecture = '{CHINESE}'", "--architecture"),
    ("architecture = ''", "--architecture"),
    ("max_mflops = inf", "--max-mflops"),
    ("max_mflops = nan", "--max-mflops"),
    ("max_mflops = 0", "--max-mflops"),
    (f"max_mflops = {'9' * 400}", "--max-mflops"),
    ("codesign = true\nmax_latency_us = inf", "--max-latency-us"),
    ("codesign = true\nmax_energy_nj = nan", "--max-energy-nj"),
    ("codesign = true\nmax_area_mm2 = -inf", "--max-area-mm2"),
    ("checkpoint_seconds = inf", "--checkpoint-seconds"),
    ("supernet_learning_rate = nan", "--supernet-learning-rate"),
    ("supernet_learning_rate = 1e-46", "--supernet-learning-rate"),
    ("supernet_learning_rate = 1e39", "--supernet-learning-rate"),
    ("fine_tune_learning_rate = 1e39", "--fine-tune-learning-rate"),
    ("retrain_learning_rates = '0.1,1e-46'", "--retrain-learning-rates"),
    ("retrain_learning_rates = '1e39'", "--retrain-learning-rates"),
    ("retrain_epochs = 9223372036854775807", "--retrain-epochs"),
    ("supernet_epochs = 9223372036854775807", "--supernet-epochs"),
    ("fine_tune_steps = 9223372036854775807", "--fine-tune-steps"),
    ("ignore = 'C1'", "--ignore"),
    ("delimiter = ';'", "--delimiter"),
    ("export_dir = 'runs/search/config.toml'", "--export-dir"),
    ("export_dir = 'runs/search/report.html/models'", "--export-dir"),
    ("data = '/**x'\ndataset = 'criteo'", "--data"),
    ("fine_tune_learning_rate = 'fast'", "--fine-tune-learning-rate"),
    ("max_reject_share = -0.1", "--max-reject-share"),
    ("max_reject_share = 2", "--max-reject-share"),
    ("retrain_learning_rates = 'inf'", "--retrain-learning-rates"),
    ("retrain_learning_rates = '0.1,nan'", "--retrain-learning-rates"),
    ("retrain_learning_rates = '0.1,0.1'", "--retrain-learning-rates"),
    ("retrain_learning_rates = '0.1,0.10000001'", "--retrain-learning-rates"),
    ("retrain_learning_rates = [0.1]", "--retrain-learning-rates"),
    ("population = 4\ntournament = 8", "--tournament"),
    ("population = 9223372036854775807", "--population"),
    ("tournament = 9223372036854775807", "--population"),
    ("generations = 9223372036854775807", "--generations"),
    ("strategy = 'luck'", "--strategy"),
    ("strategy = ['random']", "--strategy"),
    ("batch_size = 4096\ndemo_rows = 3000", "--batch-size"),
    ("blocs = 3", "blocs"),
    ("max-mflops = 1.0\nmax_mflops = 2.0", "max_mflops"),
    ("seed = ", "TOML"),
    ("seed = 1\nseed = 2", "TOML"),
    (f"a = {'[' * 5000}", "TOML"),
]


@pytest.mark.parametrize(("text", "named"), REFUSED, ids=[text[:40] for text, _ in REFUSED])
def test_a_value_that_cannot_be_used_is_one_line_before_anything_is_begun(
    tmp_path, monkeypatch, text, named
):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "given.toml"
    file.write_text(text, encoding="utf-8")
    error = call("--config", file).error
    assert named in error and len(error) < 400
    assert [entry.name for entry in tmp_path.iterdir()] == ["given.toml"]


def test_a_value_of_a_file_that_cannot_be_used_is_told_with_the_file(tmp_path):
    file = tmp_path / "given.toml"
    file.write_text("seed = '3'\n")
    assert call("--config", file).error.startswith(f"error: {file}: --seed must be a whole number")


@pytest.mark.parametrize("more", [["--extend"], ["--stage", "records"], ["--serve-report", "8000"]])
def test_what_has_no_effect_on_a_plan_is_refused(tmp_path, more):
    said = call("--run-dir", tmp_path / "run", "--plan", *more)
    assert f"{more[0]} goes without --plan" in said.error


def test_a_plan_is_not_made_for_a_directory_that_no_run_can_have(tmp_path):
    (tmp_path / "theirs.csv").write_text("1")
    said = call("--run-dir", tmp_path, "--demo-rows", "1500", "--plan")
    assert "holds 'theirs.csv' but no config.toml" in said.error


def test_a_file_in_place_of_a_run_is_told_by_its_own_option(tmp_path):
    (tmp_path / "file").write_text("1")
    said = call("--run-dir", tmp_path / "run", "--from", tmp_path / "file")
    assert "is not a directory; use another --from." in said.error


@pytest.mark.parametrize("name", [LONG, CHINESE, "a\0b", "", "."])
def test_a_configuration_file_that_cannot_be_read(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert call("--config", name).error


def test_bytes_that_are_no_text_are_refused(tmp_path):
    # What Python makes of a byte on the command line that is not UTF-8.
    with pytest.raises(UserError, match="--data must be text"):
        SearchConfig(data="log-\udcff.txt", dataset="criteo")


@pytest.mark.parametrize("share", [0, 0.0, 1, 0.5])
def test_a_share_of_malformed_rows_is_from_none_to_all(share):
    assert SearchConfig(max_reject_share=share).max_reject_share == share


def test_a_name_as_long_as_file_systems_take_is_taken():
    assert SearchConfig(run_dir="r" * LONGEST_NAME)


@given(
    population=st.none() | st.integers(1, 10_000),
    tournament=st.none() | st.integers(1, 10_000),
    children=st.none() | st.integers(1, 100),
    generations=st.none() | st.integers(1, 1000),
    top_k=st.none() | st.integers(1, 100),
    rows=st.integers(1, 10 * PAPER_ROWS),
)
@settings(max_examples=200, deadline=None)
def test_settings_that_are_accepted_fit_whatever_the_data_is(rows, **given):
    """What is scaled follows what was given: no pair fails once the rows are known."""
    from nasrec_tf.strategies import RegularizedEvolution

    try:
        config = SearchConfig(**given)
        check_options(config)
    except UserError as error:
        assert given["tournament"] > given["population"], error
        return
    found = scale(config, rows)
    assert {name: value for name, value in given.items() if value is not None}.items() <= {
        name: getattr(found, name) for name in given
    }.items()
    RegularizedEvolution(found.population, found.tournament, found.children, found.generations)


TEXTS = st.text(min_size=1, max_size=60).filter(lambda text: _fits(text))


def _fits(text: str) -> bool:
    try:
        return "\0" not in text and len(text.encode()) <= LONGEST_NAME
    except UnicodeEncodeError:
        return False


def _numbers():
    return st.floats(1e-300, 1e300) | st.integers(1, LARGEST)


@given(
    data=TEXTS,
    label=st.text(min_size=1).filter(_fits),
    run_dir=TEXTS,
    max_mflops=st.none() | _numbers(),
    seed=st.integers(0, LARGEST),
    checkpoint_seconds=_numbers(),
    warmup=st.booleans(),
    supernet_learning_rate=st.none() | st.floats(1e-30, 1e30),
)
@settings(max_examples=300, deadline=None)
def test_what_is_written_as_toml_is_read_as_it_was(tmp_path_factory, **given):
    try:
        config = SearchConfig(dataset="csv", export_dir="/models", name="m", **given)
    except UserError as error:
        assert "--run-dir" in str(error)  # In the exported model.
        return
    path = tmp_path_factory.mktemp("toml") / "config.toml"
    path.write_text(config.to_toml(), encoding="utf-8", newline="\n")
    again = SearchConfig(**load_options(path))
    assert again == config
    assert repr(again) == repr(config)  # 1 is not 1.0.


@pytest.mark.parametrize(
    "text", ["𝔸😀", 'a"b', "a\\b", "a\nb\tc", "\x01\x7f\x85\u2028", "'''", "#", " "]
)
def test_characters_that_toml_has_to_escape(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(SearchConfig(data="x", dataset="csv", label=text).to_toml(), encoding="utf-8")
    assert load_options(path)["label"] == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
@settings(max_examples=100, deadline=None)
def test_a_value_is_shown_in_one_short_line(value):
    text = shown(value)
    assert len(text) <= 80 and len(text.splitlines()) <= 1


def test_a_value_of_any_type_is_taken_or_refused_with_its_name():
    import dataclasses

    values = [None, True, 0, -1, 1, 10**30, 0.5, float("nan"), "", "x", "8", [], ["a"], {}, b"x"]
    for field in dataclasses.fields(SearchConfig):
        for value in values:
            try:
                SearchConfig(**{field.name: value})
            except UserError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[1, 2]", b"9" * 5000, b"[" * 100_000, b""])
def test_json_that_is_no_table_of_settings(tmp_path, content):
    path = tmp_path / "space.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match="space.json"):
        read_table(path)


def test_the_same_path_is_no_two_places(tmp_path):
    with pytest.raises(UserError, match="--run-dir and --export-dir must differ"):
        SearchConfig(run_dir=str(tmp_path / "x" / ".." / "y"), export_dir=str(tmp_path / "y"))
    assert SearchConfig(run_dir=str(tmp_path / "runs"), export_dir=str(tmp_path / "runs" / "out"))
    assert pathlib.Path(SearchConfig().run_dir) != pathlib.Path(SearchConfig().export_dir)


def test_a_parquet_log_is_read_by_the_main_job(tmp_path):
    import pyarrow
    import pyarrow.parquet

    from beam_preprocess.dataset.schema import Schema

    rows = range(400)
    columns = {
        "click": [int(row % 5 == 0) for row in rows],
        "price": [float(row % 7) for row in rows],
        "item": [f"item-{row % 9}" for row in rows],
        "row_id": [*rows],
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "log.parquet")
    options = ["--data", tmp_path / "log.parquet", "--dataset", "parquet", "--label", "click"]
    options += ["--dense", "price", "--ignore", "row_id", "--stage", "records", "--quiet"]
    said = call(*options, "--run-dir", tmp_path / "run")
    assert said.code == 0, said.err
    schema = Schema.load(tmp_path / "run" / "records" / "dataset")
    assert schema.dense_names == ("price",)
    assert schema.sparse_names == ("item",)


def test_what_says_nothing_to_a_model_that_is_given_is_listed():
    given = {"blocks": 3, "candidates": 9, "supernet_epochs": 2, "batch_size": 64, "seed": 5}
    config = SearchConfig(architecture="deepfm", **given)
    found = without_effect_on_one_model(config)
    assert sorted(found) == ["blocks", "candidates", "supernet_epochs"]
    assert without_effect_on_one_model(SearchConfig(architecture="deepfm")) == []
    assert without_effect_on_one_model(SearchConfig(**given)) == []
