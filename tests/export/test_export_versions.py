"""Numbered versions: whole, synced, each its writer's own, however many write at the same time."""

import os
import pathlib
import threading

import pytest

from nasrec_tf.common import atomic_file as files
from nasrec_tf.export.contents import ASSETS, MODEL_FILE, ExportDescription, load_description
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.serving import write_models_config
from nasrec_tf.export.versions import check_name, new_version, versions
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RunDirectory
from nasrec_tf.search.stages import export as stage


def write(directory: pathlib.Path, name: str, text: str) -> int:
    """Writes a version of one file; its number."""
    with new_version(directory, name) as draft:
        (draft.directory / "a").mkdir()
        (draft.directory / "a" / "file").write_text(text)
    return draft.version


def at_once(*works) -> None:
    """Does all of them at the same time."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_all_that_write_one_model_at_the_same_time_come_out_whole(tmp_path):
    at_once(*(lambda text=str(n): write(tmp_path, "model", text) for n in range(20)))
    assert versions(tmp_path / "model") == list(range(1, 21))
    texts = [path.read_text() for path in (tmp_path / "model").glob("*/a/file")]
    assert sorted(texts, key=int) == [str(n) for n in range(20)]
    assert not list((tmp_path / "model").glob(".*"))


def test_a_writer_that_waited_for_one_that_failed_comes_out_whole(tmp_path):
    """The one that fails takes the empty directory and its lock away."""
    entered, go = threading.Event(), threading.Event()

    def fails():
        with pytest.raises(KeyError), new_version(tmp_path, "model"):
            entered.set()
            go.wait()
            raise KeyError

    def waits():
        entered.wait()
        threading.Timer(0.05, go.set).start()
        write(tmp_path, "model", "second")

    at_once(fails, waits)
    assert (tmp_path / "model" / "1" / "a" / "file").read_text() == "second"


def test_models_of_all_that_write_at_the_same_time_are_served(tmp_path):
    def work(name):
        write(tmp_path, name, name)
        write_models_config(tmp_path)

    names = [f"model{n}" for n in range(20)]
    at_once(*(lambda name=name: work(name) for name in names))
    config = (tmp_path / "models.config").read_text()
    assert all(f'name: "{name}"' in config for name in names)


def test_all_of_a_version_is_on_disk_before_it_has_its_number(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, os.replace

    def synced(descriptor):
        done.append(pathlib.Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        sync(descriptor)

    def replaced(draft, path):
        done.append(f"named {pathlib.Path(path).name}")
        replace(draft, path)

    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(files.os, "replace", replaced)
    write(tmp_path, "model", "text")
    assert set(done[: done.index("named 1")]) == {"a", "file", ".exporting-1"}
    assert done[done.index("named 1") :] == ["named 1", "model"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(5, "I/O error")])
def test_a_fault_of_the_device_is_one_line_and_leaves_nothing(tmp_path, error):
    with pytest.raises(ExportError, match="model: the export cannot be written"):
        with new_version(tmp_path, "model"):
            raise error
    assert not (tmp_path / "model").exists()
    assert write(tmp_path, "model", "again") == 1


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "-a", "名", "n" * 201, "a\0", "a\n"])
def test_a_name_that_is_no_directory_or_no_url_is_refused(name):
    with pytest.raises(ExportError, match="at most 200") as caught:
        check_name(name)
    assert len(str(caught.value)) < 200
    check_name("n" * 200)


# Runs that export to one name.


def run_of(tmp_path, number, **options):
    config = SearchConfig(
        run_dir=str(tmp_path / f"run{number}"), export_dir=str(tmp_path / "models"), **options
    )
    (tmp_path / f"run{number}").mkdir(exist_ok=True)
    return Run(config, RunDirectory(config.run_dir), quiet=True)


def described(tmp_path, origin):
    """A version that says where it came from."""
    with new_version(tmp_path / "models", "nasrec") as draft:
        (draft.directory / ASSETS).mkdir()
        about = ExportDescription(
            "nasrec", draft.version, "criteo", (), (), (), {}, {}, {}, origin=origin
        )
        (draft.directory / ASSETS / MODEL_FILE).write_text(about.dumps())
    return tmp_path / "models" / "nasrec" / str(draft.version)


def test_a_run_takes_no_other_runs_version_for_its_own(tmp_path):
    """Both planned before either wrote; the first one's version is not the second one's."""
    plans = [stage._plan(run_of(tmp_path, number)) for number in range(2)]
    first = described(tmp_path, plans[0].origin)
    assert stage._written(plans[0]) == first and stage._written(plans[1]) is None
    second = described(tmp_path, plans[1].origin)
    assert [stage._written(plan) for plan in plans] == [first, second]
    assert load_description(second).origin == plans[1].origin


def test_a_stopped_export_keeps_its_plan_and_another_target_gets_a_new_one(tmp_path):
    plan = stage._plan(run_of(tmp_path, 0))
    assert stage._plan(run_of(tmp_path, 0)) == plan
    assert stage._plan(run_of(tmp_path, 0, name="other")) != plan


def test_versions_that_are_not_ours_or_damaged_are_let_be(tmp_path):
    plan = stage._plan(run_of(tmp_path, 0))
    write(tmp_path / "models", "nasrec", "somebody's")
    damaged = described(tmp_path, plan.origin)
    (damaged / ASSETS / MODEL_FILE).write_text("[]")
    assert stage._written(plan) is None
    assert stage._written(plan) is None and described(tmp_path, plan.origin).name == "3"
    assert stage._written(plan).name == "3"


def test_a_plan_of_version_0_1_0_is_the_version_that_it_settled(tmp_path):
    run = run_of(tmp_path, 0)
    model = str((tmp_path / "models" / "nasrec").resolve())
    path = run.directory.stage("export") / stage.PLAN_FILE
    path.write_text(f'{{"model": "{model}", "version": 1}}')
    assert stage._written(stage._plan(run)) is None
    write(tmp_path / "models", "nasrec", "ours")
    assert stage._written(stage._plan(run)).name == "1"


def test_a_number_that_no_server_counts_to_is_no_version(tmp_path):
    for name in ("1", "99999999999999999999", "07"):
        (tmp_path / "model" / name).mkdir(parents=True)
    assert versions(tmp_path / "model") == [1, 7]
    with new_version(tmp_path, "model") as draft:
        assert draft.version == 8
    (tmp_path / "model" / str(2**63 - 1)).mkdir()
    with pytest.raises(ExportError, match="no version comes after it"):
        with new_version(tmp_path, "model"):
            pass


def test_a_directory_in_place_of_the_servers_configuration_is_told_before_work(tmp_path):
    (tmp_path / "models.config").mkdir()
    config = SearchConfig(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path))
    with pytest.raises(ExportError, match="models.config: is no file"):
        stage.check_target(config)
    with pytest.raises(ExportError, match="models.config: is no file"):
        write_models_config(tmp_path)
