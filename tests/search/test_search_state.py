"""What a run directory says of itself: versions, formats, and directories of earlier versions."""

import dataclasses
import hashlib
import json

import pytest
from search_calls import call, options
from test_search_damage import figures
from torture.damages import files

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.environment import (
    Environment,
    EnvironmentLog,
    note_environment,
    read_environments,
)
from nasrec_tf.search.results import Skipped
from nasrec_tf.search.run_directory import RunDirectory

NOW = Environment({"python": "3.11.7", "tensorflow": "2.21.0"}, "x86_64, a processor", "5f3a")


def test_options_are_read_again_where_their_file_has_changed(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    for seed in (3, 4):
        with directory.opened(SearchConfig(run_dir=str(directory.path), seed=seed)):
            assert directory.stored_config().seed == seed
    (directory.path / "config.toml").write_text("seed = ")
    with pytest.raises(RunError, match="config.toml: damaged: .*write into it the options"):
        directory.stored_config()


# What a run is computed with.


def test_the_first_environment_is_no_change(tmp_path):
    assert note_environment(tmp_path, NOW) == []
    assert read_environments(tmp_path) == EnvironmentLog(2, (NOW,))


def test_the_same_environment_is_noted_once(tmp_path):
    note_environment(tmp_path, NOW)
    before = (tmp_path / "versions.json").stat().st_mtime_ns
    assert note_environment(tmp_path, NOW) == []
    assert (tmp_path / "versions.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"packages": {"python": "3.11.7", "tensorflow": "2.22.0"}}, "tensorflow 2.21.0, now 2.22"),
        ({"packages": {"python": "3.11.7"}}, "tensorflow 2.21.0, now missing"),
        ({"machine": "aarch64"}, "machine x86_64, a processor, now aarch64"),
        ({"kernels": "none"}, "kernels 5f3a, now none"),
    ],
)
def test_another_environment_is_told_and_the_earlier_one_is_kept(tmp_path, other, told):
    note_environment(tmp_path, NOW)
    later = dataclasses.replace(NOW, **other)
    changes = note_environment(tmp_path, later)
    assert len(changes) == 1 and changes[0].startswith(told)
    assert read_environments(tmp_path).environments == (NOW, later)
    # Back again is a change as well: what was computed meanwhile stays so.
    assert note_environment(tmp_path, NOW)
    assert read_environments(tmp_path).environments == (NOW, later, NOW)


def test_what_was_not_known_is_filled_in_and_is_no_change(tmp_path):
    note_environment(tmp_path, dataclasses.replace(NOW, kernels=None))
    assert note_environment(tmp_path, NOW) == []
    assert read_environments(tmp_path).environments == (NOW,)
    assert note_environment(tmp_path, dataclasses.replace(NOW, kernels=None)) == []
    assert read_environments(tmp_path).environments == (NOW,)


def test_versions_of_the_first_format_are_compared(tmp_path):
    (tmp_path / "versions.json").write_text(json.dumps(NOW.packages))
    assert read_environments(tmp_path) == EnvironmentLog(1, (Environment(NOW.packages),))
    assert note_environment(tmp_path, NOW) == []
    later = dataclasses.replace(NOW, packages={**NOW.packages, "tensorflow": "2.20.0"})
    assert note_environment(tmp_path, later) == ["tensorflow 2.21.0, now 2.20.0"]


@pytest.mark.parametrize("version", [3, 99, "2", None, 0])
def test_a_directory_of_another_format_is_one_line(tmp_path, version):
    write_state(tmp_path / "versions.json", {"run_directory": version, "environments": []})
    with pytest.raises(RunError, match="a run directory of format"):
        read_environments(tmp_path)


def test_a_run_that_goes_on_with_something_else_warns_and_ends_alike(run_files, unrendered):
    expected = figures(call(*options(run_files)), unrendered)
    path = run_files / "run" / "versions.json"
    log = read_state(path, EnvironmentLog, "")
    begun = dataclasses.replace(
        log.environments[-1],
        packages={**log.environments[-1].packages, "numpy": "1.0.0"},
        kernels="others",
    )
    write_state(path, EnvironmentLog(2, (begun,)))
    (run_files / "run" / "export" / "result.json").unlink()
    said = call(*options(run_files))
    assert figures(said, unrendered) == expected
    (warning,) = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert "numpy 1.0.0, now" in warning and "kernels others, now" in warning
    assert read_state(path, EnvironmentLog, "").environments[0] == begun
    # Nothing is computed in a finished run, so nothing changes.
    assert "warning" not in call(*options(run_files)).err


# Directories of version 0.1.0.


def as_before_checksums(run):
    """Makes a run directory what version 0.1.0 left: no checksum, no list of environments."""
    for path in files(run):
        if path.suffix == ".json" and "dataset" not in path.parts:
            value = json.loads(path.read_text())
            value.pop("checksum", None)
            value = value["value"] if set(value) == {"value"} else value
            path.write_text(json.dumps(value))
        if path.name == "loss.csv":
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    versions = run / "versions.json"
    packages = json.loads(versions.read_text())["environments"][-1]["packages"]
    versions.write_text(json.dumps(packages))
    plan = run / "export" / "version.json"
    plan.write_text(json.dumps({"model": json.loads(plan.read_text())["model"], "version": 1}))


def test_a_directory_without_checksums_is_shown(run_files, unrendered):
    expected = figures(call(*options(run_files)), unrendered)
    as_before_checksums(run_files / "run")
    assert "checksum" not in (run_files / "run" / "retrain" / "result.json").read_text()
    assert figures(call(*options(run_files)), unrendered) == expected


def test_a_directory_without_checksums_goes_on(run_files, unrendered):
    expected = figures(call(*options(run_files)), unrendered)
    as_before_checksums(run_files / "run")
    for stage in ("retrain", "export"):
        (run_files / "run" / stage / "result.json").unlink()
    assert figures(call(*options(run_files)), unrendered) == expected
    assert [path.name for path in (run_files / "models" / "nasrec").iterdir()] == ["1"]


# Options of a run that goes on.


def changed(path, stored, **options):
    directory = RunDirectory(path)
    directory.check_same(dataclasses.replace(stored, **options), stored)


@pytest.mark.parametrize("stage", ["records", "supernet", "evolution", "retrain", "export"])
def test_a_result_of_another_run_is_told(run_files, stage):
    path = run_files / "run" / stage / "result.json"
    state = json.loads(path.read_text())
    del state["checksum"]
    write_state(path, {**state, "made_with": "0" * 16})
    error = call(*options(run_files)).error
    assert f"{stage}/result.json: is of a run with other options" in error
    assert f"delete it to run the {stage} stage again" in error


def test_what_a_stage_does_not_read_leaves_its_result_valid(tmp_path):
    directory = RunDirectory(tmp_path)
    begun = SearchConfig(run_dir=str(tmp_path), seed=3)
    with directory.opened(begun):
        directory.finish("records", Skipped(skipped="a test"), 1.0)
        made_with = read_state(tmp_path / "records" / "result.json", Skipped, "").made_with
    later = dataclasses.replace(begun, top_k=2, workers=3, population=64)
    with directory.opened(later):
        directory.finish("records", Skipped(skipped="a test"), 1.0)
        again = read_state(tmp_path / "records" / "result.json", Skipped, "").made_with
    other = RunDirectory(tmp_path / "other")
    with other.opened(dataclasses.replace(begun, seed=4)):
        other.finish("records", Skipped(skipped="a test"), 1.0)
    found = read_state(other.path / "records" / "result.json", Skipped, "").made_with
    assert made_with == again != found


def test_an_option_may_change_until_the_first_stage_that_reads_it_has_begun(tmp_path):
    stored = SearchConfig(recipe="paper")
    with RunDirectory(tmp_path).opened(stored):
        pass
    changed(tmp_path, stored, supernet_epochs=3, top_k=1, retrain_epochs=2, name="other", workers=2)
    changed(tmp_path, stored, seed=1)
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "result.json").touch()
    with pytest.raises(RunError, match="--seed 0, not 1"):
        changed(tmp_path, stored, seed=1)
    (tmp_path / "supernet").mkdir()
    changed(tmp_path, stored, supernet_epochs=3)
    (tmp_path / "supernet" / "loss.csv").touch()
    with pytest.raises(RunError, match="--supernet-epochs left out, not 3"):
        changed(tmp_path, stored, supernet_epochs=3)
    changed(tmp_path, stored, top_k=1, retrain_epochs=2)
    (tmp_path / "evolution").mkdir()
    (tmp_path / "evolution" / "search").mkdir()
    with pytest.raises(RunError, match="--top-k"):
        changed(tmp_path, stored, top_k=1)
    with pytest.raises(RunError, match="--final-layer-norm"):
        changed(tmp_path, stored, final_layer_norm=True)
    changed(tmp_path, stored, retrain_epochs=2)


def test_options_of_the_recipe_are_settled_once_it_is_being_chosen(tmp_path):
    stored = SearchConfig()
    with RunDirectory(tmp_path).opened(stored):
        pass
    changed(tmp_path, stored, row_decay=0.001)
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "001").mkdir()
    with pytest.raises(RunError, match="--row-decay left out, not 0.001"):
        changed(tmp_path, stored, row_decay=0.001)
    with pytest.raises(RunError, match="--batch-size left out, not 64"):
        changed(tmp_path, stored, batch_size=64)
    with pytest.raises(RunError, match="--recipe 'auto', not 'paper'"):
        changed(tmp_path, stored, recipe="paper")
    changed(tmp_path, stored, top_k=1)


def test_runs_begun_before_there_were_recipes_go_on_with_the_papers(tmp_path):
    """Their options name no recipe; their results were made with digests without one."""
    (tmp_path / "config.toml").write_text('seed = 3\nrow_decay = 0.0\nspace = "nasrec-small"\n')
    directory = RunDirectory(tmp_path)
    digest = hashlib.sha256(
        json.dumps({"seed": 3, "space": "nasrec-small"}, sort_keys=True).encode()
    )
    (tmp_path / "supernet").mkdir()
    skipped = Skipped(skipped="a test", made_with=digest.hexdigest()[:16])
    write_state(tmp_path / "supernet" / "result.json", skipped)
    assert directory.result("supernet") == skipped
    begun = SearchConfig(run_dir=str(tmp_path), seed=3, space="nasrec-small")
    with pytest.raises(RunError, match="made with --recipe 'paper', not 'auto'"):
        directory.check_same(begun, directory.stored_config())
    directory.check_same(dataclasses.replace(begun, recipe="paper"), directory.stored_config())


@pytest.fixture
def with_recipe_file(tmp_path):
    """A run whose retrain stage has begun with a recipe file; the file, and the run's options."""
    recipe = tmp_path / "mine.toml"
    recipe.write_text("epochs = 2\n")
    config = SearchConfig(run_dir=str(tmp_path / "run"), recipe=str(recipe))
    with RunDirectory(tmp_path / "run").opened(config):
        (tmp_path / "run" / "supernet").mkdir()
        (tmp_path / "run" / "supernet" / "loss.csv").touch()
    return recipe, config


def test_a_recipe_file_that_was_edited_since_is_told_and_what_was_in_it_kept(with_recipe_file):
    recipe, config = with_recipe_file
    directory = RunDirectory(config.run_dir)
    recipe.write_text("# as the week before\nepochs=2\n")
    with directory.opened(config):  # Says the same.
        pass
    recipe.write_text("epochs = 3\n")
    with pytest.raises(RunError, match=f"{recipe} has been edited since .* with --recipe; put"):
        directory.check_same(config, config)
    with pytest.raises(RunError, match="--extend .*differs: made again: supernet"):
        with directory.opened(config):
            pass
    kept = read_state(directory.path / "option_files.json", dict[str, str], "")
    assert kept == {"recipe": "# as the week before\nepochs=2\n"}
    with directory.opened(None):  # What it has left is there to be read all the same.
        pass
    recipe.write_text("epochs = 2\n")
    directory.check_same(config, config)


def test_with_extend_an_edited_file_makes_again_what_was_made_by_it(with_recipe_file, capsys):
    recipe, config = with_recipe_file
    directory = RunDirectory(config.run_dir)
    recipe.write_text("epochs = 3\n")
    with directory.opened(config, extend=True):
        assert "made again: supernet" in capsys.readouterr().out
    assert (directory.path / "superseded" / "1" / "supernet" / "loss.csv").exists()
    directory.check_same(config, config)
    recipe.unlink()  # Whoever reads it tells that it is gone.
    with directory.opened(config):
        pass
    recipe.write_text("epochs = 4\n")
    directory.check_same(config, config)  # No stage has read it.


def test_what_a_killed_process_left_of_a_first_file_is_no_stranger(tmp_path):
    (tmp_path / ".draft-abc.toml").write_text("see")
    with RunDirectory(tmp_path).opened(SearchConfig()):
        assert [path.name for path in tmp_path.iterdir() if "draft" in path.name] == []


@pytest.mark.parametrize("text", ["", "seed = 1\nseed = 2\n", "seed = 'x'\n", "what = 1\n"])
def test_a_damaged_configuration_names_its_file_and_the_mend(tmp_path, text):
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(RunError, match=r"config.toml: damaged: .*write into it the options"):
        RunDirectory(tmp_path).stored_config()
