"""The main job trains, reports and exports a hand-made model as it does an architecture."""

import csv
import json
import shutil

import numpy as np
import pytest
from search_calls import call

import nasrec_tf
from nasrec_tf.architecture import memory
from nasrec_tf.architecture.presets import preset
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.draw import main as draw
from nasrec_tf.networks.baselines import BASELINES, baseline
from nasrec_tf.search import epoch_validation, training_task
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.memory_check import memory_lines, training_bytes
from nasrec_tf.search.options import flag
from nasrec_tf.search.preflight import recipe_without_effect
from nasrec_tf.search.recipe_search import RecipeSearch
from nasrec_tf.search.results import AttemptResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.trainable import HandMade, load_trainable, trainable_from_json
from nasrec_tf.training.recipe import Recipe

MODEL = """
model = "deepfm"
hidden = [8, 6]
embedding_dim = 4
dropout = 0.2
batch_norm = true
"""

OPTIONS = (
    "--recipe paper --batch-size 64 --retrain-epochs 3 --retrain-learning-rates 0.05,0.1 "
    "--negative-sampling-rate 0.5 --no-explain --seed 3 --quiet --checkpoint-seconds 0.01"
).split()


@pytest.fixture(scope="module")
def data(finished_run):
    return str(finished_run / "run" / "records" / "dataset")


def arguments(directory, data, *more):
    """The command line that trains the model of a file in a directory."""
    (directory / "mine.toml").write_text(MODEL)
    places = ["--run-dir", str(directory / "run"), "--export-dir", str(directory / "models")]
    return [
        *OPTIONS,
        "--data",
        data,
        "--architecture",
        str(directory / "mine.toml"),
        *places,
        *more,
    ]


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The directory of a finished run, and its last screen."""
    directory = tmp_path_factory.mktemp("hand-made")
    said = call(*arguments(directory, data))
    assert said.code == 0, said.err
    return directory, said.out


def run_of(data, directory, **options):
    """A run on the data set whose records stage has finished."""
    call("--data", data, "--run-dir", str(directory), "--stage", "records", "--quiet")
    return Run(SearchConfig(data=data, run_dir=str(directory), **options), RunDirectory(directory))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return run_of(data, tmp_path_factory.mktemp("run") / "run", architecture="deepfm")


def test_the_last_screen_says_what_it_is_and_what_it_costs(trained, run):
    cost = load_trainable(str(trained[0] / "mine.toml")).complexity(run.features, Recipe())
    assert f"found    DeepFM, {cost.mflops:.4f} M multiply-accumulates" in trained[1]
    [times] = [line for line in trained[1].splitlines() if line.startswith("time ")]
    assert "retrain" in times and "supernet" not in times and "evolution" not in times


def test_the_export_serves_the_network_that_won_with_its_calibration(trained, run):
    won = nasrec_tf.load(trained[0] / "run").model
    served = nasrec_tf.load(trained[0] / "models" / "nasrec").model
    (weights,) = (trained[0] / "run" / "retrain").glob("*/best.npz")
    plain = nasrec_tf.load(weights)
    assert won.baseline == served.baseline == load_trainable(str(trained[0] / "mine.toml")).baseline
    inputs, _ = next(iter(run.records.batches("test", 64)))
    calibrated = served.scale * plain(inputs, training=False) + served.offset
    np.testing.assert_allclose(served(inputs, training=False), calibrated, rtol=1e-6)
    np.testing.assert_array_equal(won(inputs, training=False), served(inputs, training=False))
    assert served.offset != 0.0  # of the down-sampled log at least


def test_the_page_lists_its_parts_and_options_in_the_place_of_a_drawing(trained):
    page = (trained[0] / "run" / "report.html").read_text()
    for text in ("<h3>DeepFM</h3>", "<code>first_order</code>", "<code>dropout</code></th><td>0.2"):
        assert text in page


def test_the_leaderboard_has_both_learning_rates(trained):
    with open(trained[0] / "run" / "leaderboard.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["learning_rate"] for row in rows) == ["0.05", "0.1"]
    assert {json.loads(row["architecture"])["model"] for row in rows} == {"deepfm"}


def test_a_training_that_was_stopped_ends_with_the_same_bits(trained, data, tmp_path, monkeypatch):
    ended = call(*arguments(tmp_path, data, "--stage", "records"))
    assert ended.code == 0, ended.err
    save, saved = epoch_validation.write_state, []

    def stopping(path, value):
        save(path, value)
        saved.append(path)
        if len(saved) == 5:  # within the second training
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(epoch_validation, "write_state", stopping)
        assert call(*arguments(tmp_path, data)).code == 130
    assert call(*arguments(tmp_path, data)).code == 0
    results = [
        json.loads((directory / "run" / "retrain" / "result.json").read_text())
        for directory in (tmp_path, trained[0])
    ]
    for field in ("architecture", "validation", "test", "calibration", "directory"):
        assert results[0][field] == results[1][field]
    weights = [
        np.load(directory / "run" / results[0]["directory"] / training_task.WEIGHTS)
        for directory in (tmp_path, trained[0])
    ]
    names = [name for name in weights[0].files if name.endswith("table") or "kernel" in name]
    assert len(names) > 3
    for name in names:
        np.testing.assert_array_equal(weights[0][name], weights[1][name])


def test_another_model_in_the_file_is_not_taken_for_the_one_that_was_trained(
    trained, data, tmp_path
):
    run = shutil.copytree(trained[0] / "run", tmp_path / "run")
    for stage in ("export", "retrain"):
        (run / stage / "result.json").unlink()
    command = arguments(trained[0], data, "--run-dir", str(run))
    file = trained[0] / "mine.toml"
    file.write_text(MODEL.replace("[8, 6]", "[8]"))
    try:
        assert f"{file} has been edited since this run was made" in call(*command).error
        (run / "option_files.json").unlink()  # As of runs that have kept no texts.
        assert "tells of another training than this run's" in call(*command).error
    finally:
        file.write_text(MODEL)


# What a recipe says of it.


@pytest.mark.parametrize("name", list(BASELINES))
def test_what_a_recipe_says_takes_the_place_of_the_options_that_a_model_has(name):
    recipe = Recipe(embedding_dim=32, normalization="batch", initial_deviation=0.02)
    own, trained = baseline(name), HandMade(baseline(name)).trained_by(recipe)
    expected = {"embedding_dim": 32, "batch_norm": True, "embedding_deviation": 0.02}
    changes = {option: expected[option] for option in expected if option in own.options()}
    assert trained == own.replace(**changes) and changes


def test_what_a_recipe_leaves_at_the_papers_stays_as_the_model_says():
    model = HandMade(baseline("deepfm:bars"))
    assert model.trained_by(Recipe(row_decay=0.1, epochs=3)) == model.baseline


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("lr", {"row_decay", "learning_rate", "epochs"}),
        ("fm", {"row_decay", "learning_rate", "epochs", "embedding_dim"}),
        ("deepfm:bars", {"row_decay", "learning_rate", "epochs", "embedding_dim"}),
        ("deepfm", {"row_decay", "learning_rate", "epochs", "embedding_dim", "normalization"}),
    ],
)
def test_the_choice_of_a_recipe_asks_what_the_model_can_answer(name, fields, run, tmp_path):
    search = RecipeSearch(run, load_trainable(name), tmp_path, 10.0, "--recipe-share")
    asked = {
        question.field: question.values for question in search.questions(run.completed(Recipe()))
    }
    assert set(asked) == fields
    assert asked.get("normalization", ("batch",)) == ("batch",)


@pytest.mark.parametrize("labels", [(0,), (1,), (0, 1)])
def test_the_choice_of_a_recipe_asks_nothing_by_rows_of_one_label(labels, tmp_path):
    files = {"data": (0, 1), "validation_data": labels, "test_data": (0, 1)}
    options = {name: str(tmp_path / f"{name}.csv") for name in files}
    for name, of_split in files.items():
        rows = [f"{of_split[row % len(of_split)]},v{row % 7}" for row in range(140)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["click,a", *rows, ""]))
    options |= {"dataset": "csv", "label": "click", "run_dir": str(tmp_path / "run")}
    given = [word for name, value in options.items() for word in (flag(name), value)]
    said = call(*given, "--stage", "records", "--quiet")
    assert said.code == 0, said.err
    run = Run(SearchConfig(**options), RunDirectory(tmp_path / "run"), quiet=True)

    search = RecipeSearch(run, load_trainable("lr"), tmp_path / "recipe", 10.0, "--recipe-share")
    start = run.completed(Recipe())
    assert bool(search.questions(start)) == (len(labels) == 2)
    if len(labels) == 1:
        found = search(start)
        assert (found.trials, found.recipe) == ((), search.start(start))


def test_the_choice_does_not_go_on_to_tables_that_the_machine_cannot_train(
    run, tmp_path, monkeypatch
):
    model, start = load_trainable("deepfm"), run.completed(Recipe())
    _, tables = training_bytes(run, model, start.replace(embedding_dim=8))
    monkeypatch.setattr("nasrec_tf.search.recipe_search.machine_memory_bytes", lambda: tables)
    search = RecipeSearch(run, model, tmp_path, 10.0, "--recipe-share")
    asked = {question.field: question.values for question in search.questions(start)}
    assert asked["embedding_dim"] == (8,)


def test_the_memory_of_its_training_is_told_and_refused_before(run, monkeypatch):
    [line] = memory_lines(run)
    assert line.startswith("memory: the network's weights take ")
    monkeypatch.setattr(memory, "machine_memory_bytes", lambda: 1 << 16)
    with pytest.raises(UserError, match="smaller --architecture"):
        memory_lines(run)


# What cannot be combined, or is not known.


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (["--codesign"], "--codesign does not take"),
        (["--ensemble", "2"], "--ensemble does not take"),
        (["--embedding-dim", "16", "--architecture", "deepfm:bars"], "--embedding-dim 16"),
        (["--embedding-dim", "32", "--architecture", "lr"], "--embedding-dim 32"),
        (["--normalization", "batch", "--architecture", "fm"], "--normalization batch"),
        (["--normalization", "layer"], "normalization layer is of architectures"),
        (["--final-layer-norm"], "normalization layer is of architectures"),
        (["--head-dropout", "0.1"], "head_dropout is of architectures"),
        (["--architecture", "deepmf"], "No architecture or baseline 'deepmf'"),
        (["--architecture", "deepfm:kaggle"], "deepfm has no options of 'kaggle'"),
    ],
)
def test_what_does_not_go_together_is_one_line_before_any_work(data, tmp_path, more, wanted):
    places = ["--run-dir", str(tmp_path / "run"), "--export-dir", str(tmp_path / "models")]
    line = call("--data", data, "--architecture", "deepfm", *places, *more).error
    assert wanted in line
    assert not (tmp_path / "run").exists()


def test_what_a_recipe_says_and_a_model_does_not_take_is_listed(tmp_path):
    path = tmp_path / "wide.toml"
    path.write_text('embedding_dim = 16\nnormalization = "none"\nepochs = 2\n')

    def unread(model, recipe=str(path), **options):
        config = SearchConfig(architecture=model, recipe=recipe, **options)
        return sorted(recipe_without_effect(config))

    assert unread("lr") == ["embedding_dim", "normalization"]
    assert unread("deepfm:bars") == ["embedding_dim", "normalization"]  # 10, and by the batch
    assert unread("deepfm") == unread("nasrec-criteo-small") == []
    assert unread("lr", recipe="small-data") == ["embedding_dim"]
    assert unread("lr", recipe="paper") == unread("lr", recipe="auto") == []


def test_an_unknown_option_in_a_file_is_one_line_with_the_file(data, tmp_path):
    line = call(*arguments(tmp_path, data)[:-4], "--architecture", str(_wrong(tmp_path))).error
    assert "wrong.toml: deepfm has no option 'layers'" in line


def _wrong(directory):
    path = directory / "wrong.toml"
    path.write_text('model = "deepfm"\nlayers = 3\n')
    return path


def test_there_is_no_drawing_of_it_but_a_line_that_says_where_its_parts_are(tmp_path, capsys):
    assert draw(["deepfm", "-o", str(tmp_path / "deepfm.svg")]) == 2
    assert "python -m nasrec_tf.flops lists its parts" in capsys.readouterr().err


# Files.


def test_results_of_architectures_are_read_as_before():
    architecture = preset("nasrec-criteo-small").architecture
    found = trainable_from_json(architecture.to_json())
    assert found.architecture == architecture and found.to_json() == architecture.to_json()


def test_models_come_back_from_their_json_and_tell_each_other_apart():
    models = [load_trainable(name) for name in (*BASELINES, "deepfm:bars", "nasrec-kdd-small")]
    assert [trainable_from_json(model.to_json()) for model in models] == models
    assert len({model.identity for model in models}) == len(models)


def test_a_result_with_a_hand_made_model_is_read_strictly(tmp_path):
    path = tmp_path / "result.json"
    attempt = AttemptResult(
        rank=1, learning_rate=0.1, steps_per_epoch=3, epochs=(), best_epoch=None, validation=None,
        seconds=1.0, architecture=HandMade(baseline("fm")),
    )  # fmt: skip
    write_state(path, attempt)
    assert read_state(path, AttemptResult, "") == attempt
    value = json.loads(path.read_text())
    del value["checksum"]
    value["architecture"]["width"] = 3
    path.write_text(json.dumps(value))
    with pytest.raises(RunError, match="fm has no option 'width'"):
        read_state(path, AttemptResult, "")
