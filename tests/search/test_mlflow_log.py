"""``--mlflow``: a finished run as MLflow's own client reads it."""

import json
import sys

import pytest
from search_calls import call, options


def test_without_mlflow_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    said = call(*options(tmp_path), "--mlflow", "http://localhost:1")
    assert "pip install mlflow-skinny" in said.error
    assert not list(tmp_path.iterdir())


def test_a_server_that_does_not_answer_is_told_at_the_start(tmp_path):
    pytest.importorskip("mlflow")
    said = call(*options(tmp_path), "--mlflow", "http://localhost:1")
    assert said.error.startswith("error: --mlflow http://localhost:1: ")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A client of a store in files, and where it lies."""
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "mlruns").as_uri()
    return MlflowClient(uri), uri


def test_a_run_is_there_once_with_its_options_figures_and_files(run_files, unrendered, store):
    client, uri = store
    (run_files / "run" / "report.html").write_text("page")
    for _ in range(2):
        said = call(*options(run_files), "--mlflow", uri)
        assert said.code == 0, said.err
    experiment = client.get_experiment_by_name("nasrec").experiment_id
    runs = client.search_runs([experiment])
    result = json.loads((run_files / "run" / "retrain" / "result.json").read_text())
    assert len(runs) == 1 + len(result["attempts"])
    parents = [each.data.tags.get("mlflow.parentRunId") for each in runs]
    [whole] = [each for each, parent in zip(runs, parents) if parent is None]
    identity = whole.info.run_id
    assert set(parents) == {None, identity}
    assert (whole.info.status, whole.data.params["space"]) == ("FINISHED", "nasrec-small")
    assert whole.data.metrics["test log loss"] == result["test"]["log_loss"]
    assert whole.data.metrics["test AUC"] == result["test"]["auc"]
    attempt = next(each for each in result["attempts"] if each["rank"] == result["rank"])
    steps = attempt["steps_per_epoch"]
    told = client.get_metric_history(identity, "validation AUC")
    assert [(each.step, each.value) for each in told] == [
        ((index + 1) * steps, epoch["auc"]) for index, epoch in enumerate(attempt["epochs"])
    ]
    evolution = json.loads((run_files / "run" / "evolution" / "result.json").read_text())
    candidates = client.get_metric_history(identity, "candidate log_loss")
    assert [each.step for each in candidates] == list(range(evolution["candidates"]))
    names = {each.path for each in client.list_artifacts(identity)}
    assert {"report.html", "architecture.json", "config.toml", "data_card.md", "export"} <= names
    assert "export/saved_model.pb" in {e.path for e in client.list_artifacts(identity, "export")}


def test_what_was_deleted_there_is_logged_once_more(run_files, unrendered, store):
    client, uri = store
    (run_files / "run" / "report.html").write_text("page")
    assert call(*options(run_files), "--mlflow", uri).code == 0
    state = run_files / "run" / "mlflow.json"
    first = json.loads(state.read_text())["run"]
    client.delete_run(first)
    assert call(*options(run_files), "--mlflow", uri).code == 0
    assert json.loads(state.read_text())["run"] != first
    state.write_text("{")
    assert "mlflow.json: damaged; delete it" in call(*options(run_files), "--mlflow", uri).error


def test_what_an_extension_has_found_takes_the_place_of_what_was_logged(
    run_files, unrendered, store
):
    """Stages of the same names had been logged: figures and model there stayed the earlier ones."""
    client, uri = store
    (run_files / "run" / "report.html").write_text("page")
    state = run_files / "run" / "mlflow.json"
    assert call(*options(run_files), "--mlflow", uri).code == 0
    first = json.loads(state.read_text())["run"]
    given = [*options(run_files), "--winner-seeds", 2, "--mlflow", uri]
    said = call(*given, "--extend")
    assert said.code == 0, said.err
    then = json.loads(state.read_text())["run"]
    assert client.get_run(first).info.lifecycle_stage == "deleted"
    assert client.get_run(then).data.params["winner_seeds"] == "2"
    assert call(*given).code == 0
    assert json.loads(state.read_text())["run"] == then
