"""A finished run as MLflow shows it: options, figures over steps, trainings as runs of their own.

Everything comes from the files of the run and is logged at its end, so that a search that is
stopped and goes on is there once. ``mlflow.json`` tells which run of MLflow it is.
"""

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import RunError, UserError, one_line
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.search.final_model import final_cost, final_figures
from nasrec_tf.search.results import ExportResult, RecordsResult, RetrainResult, Skipped
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import MLFLOW_FILE, REPORT_FILE
from nasrec_tf.search.run_summary import artefacts
from nasrec_tf.search.tracked_figures import TrackedTrial, tracked_candidates, tracked_trainings

_MOST_LETTERS = 500
"""Of the value of a parameter, in MLflow's older servers."""

_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
"""The variable by which MLflow is told how often to ask again."""

_PARENT = "mlflow.parentRunId"
"""The tag by which MLflow nests runs."""

_METRICS_AT_A_TIME = 1000
"""Of a request, at most (MLflow's REST API, ``runs/log-batch``)."""


def check_mlflow(uri: str) -> None:
    """Finds out whether a tracking server answers.

    Args:
        uri: of the server or the store.

    Raises:
        UserError: if MLflow is not installed or nothing answers there.
    """
    with _told(uri), _asking_once():
        _client(uri).search_experiments(max_results=1)


def log_to_mlflow(run: Run, uri: str) -> None:
    """Logs a run that has exported its model; nothing if all of it is there already.

    Args:
        run: the run.
        uri: of the tracking server or the store.

    Raises:
        RunError: if the file that names MLflow's run is damaged.
        UserError: if the server refuses something; what the run has found is not touched.
    """
    if run.directory.result("export") is None:
        return
    stages = [stage for stage in run.config.stages if run.directory.result(stage) is not None]
    found = _found(run, stages)
    with _told(uri):
        client = _client(uri)
        before = _logged_before(run)
        if before.get("uri") == uri and _is_there(client, before["run"]):
            # An earlier version knew of stages alone.
            if before.get("stages") == stages and before.get("found") in (None, found):
                return
            _take_back(client, before["run"])
        identity = _logged(client, run)
        with atomic_file(run.directory.path / MLFLOW_FILE) as file:
            logged = {"uri": uri, "run": identity, "stages": stages, "found": found}
            json.dump(logged, file, indent=1)
            file.write("\n")
    run.say(f"mlflow: logged to {uri} as run {identity}")


def _found(run: Run, stages: Sequence[str]) -> str:
    """A digest of what a run has come to: by its options, which ``--extend`` changes, and data."""
    options = [run.directory.result(stage).made_with for stage in stages]
    export = run.directory.finished("export", ExportResult)
    return json_digest([options, export.path, export.content])


def _logged_before(run: Run) -> dict[str, Any]:
    path = run.directory.path / MLFLOW_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("run"), str):
        raise RunError(f"{path}: damaged; delete it, and the run is logged to MLflow once more.")
    return found


def _client(uri: str) -> Any:
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise UserError("--mlflow needs MLflow: pip install mlflow-skinny, or mlflow.") from None
    return MlflowClient(uri)


@contextlib.contextmanager
def _told(uri: str) -> Iterator[None]:
    """Turns what MLflow and its stores raise into one line."""
    try:
        yield
    except UserError:
        raise
    except (
        Exception
    ) as error:  # Stores raise errors of their own: of HTTP, of data bases, of files.
        raise UserError(f"--mlflow {uri}: {one_line(error) or type(error).__name__}") from error


@contextlib.contextmanager
def _asking_once() -> Iterator[None]:
    """MLflow asks a server that does not answer for minutes; nobody waits for that at the start."""
    before = os.environ.get(_RETRIES)
    os.environ[_RETRIES] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_RETRIES]
        else:
            os.environ[_RETRIES] = before


def _logged(client: Any, run: Run) -> str:
    """Makes MLflow's run; one that could not be made whole is taken back."""
    experiment = _experiment(client, run.config.name)
    made = client.create_run(experiment, run_name=run.directory.path.resolve().name)
    identity = made.info.run_id
    try:
        options = dataclasses.asdict(run.config)
        _log_options(client, identity, options | {"mlflow": None})  # It may hold a password.
        _log_scalars(client, identity, _figures(run))
        winner = run.directory.finished("retrain", RetrainResult).directory.rpartition("/")[2]
        for trial in tracked_trainings(run):
            if trial.name == winner:
                _log_scalars(client, identity, trial.scalars)
            _log_trial(client, experiment, identity, trial)
        _log_artefacts(client, identity, run)
    except BaseException:
        _take_back(client, identity)
        raise
    client.set_terminated(identity)
    return identity


def _is_there(client: Any, identity: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(identity).info.lifecycle_stage == "active"
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def _take_back(client: Any, identity: str) -> None:
    """Deletes a run with those of its trainings."""
    experiment = client.get_run(identity).info.experiment_id
    for trial in client.search_runs([experiment], f"tags.`{_PARENT}` = '{identity}'"):
        client.delete_run(trial.info.run_id)
    client.delete_run(identity)


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return client.create_experiment(name) if found is None else found.experiment_id


def _log_trial(client: Any, experiment: str, parent: str, trial: TrackedTrial) -> None:
    tags = {_PARENT: parent}
    identity = client.create_run(experiment, tags=tags, run_name=trial.name).info.run_id
    _log_options(client, identity, trial.hyperparameters)
    _log_scalars(client, identity, trial.scalars)
    client.set_terminated(identity)


def _log_options(client: Any, identity: str, options: dict[str, Any]) -> None:
    from mlflow.entities import Param

    params = [
        Param(name, str(value)[:_MOST_LETTERS])
        for name, value in options.items()
        if value is not None and str(value)
    ]
    client.log_batch(identity, params=params)


def _log_scalars(client: Any, identity: str, scalars: dict[str, list[tuple[int, float]]]) -> None:
    from mlflow.entities import Metric

    now = int(1000 * time.time())
    metrics = [
        Metric(name, float(value), now, step)
        for name, points in scalars.items()
        for step, value in points
    ]
    for first in range(0, len(metrics), _METRICS_AT_A_TIME):
        client.log_batch(identity, metrics=metrics[first : first + _METRICS_AT_A_TIME])


def _figures(run: Run) -> dict[str, list[tuple[int, float]]]:
    """What was found, and the scores of the candidates in the order of the search."""
    (_, validation, test), cost = final_figures(run), final_cost(run)
    found: dict[str, float | None] = {
        "test log loss": test.log_loss,
        "test AUC": test.auc,
        "best validation log loss": validation.log_loss,
        "best validation AUC": validation.auc,
        "constant log loss": run.directory.finished("records", RecordsResult).constant_log_loss,
        "million multiply-accumulates": cost.mflops,
        "parameters": cost.parameters,
        "embedding parameters": cost.embedding_parameters,
    }
    figures = {name: [(0, value)] for name, value in found.items() if value is not None}
    if isinstance(run.directory.result("evolution"), Skipped):
        return figures
    for step, trial in enumerate(tracked_candidates(run)):
        for name, [(_, value)] in trial.scalars.items():
            figures.setdefault(f"candidate {name}", []).append((step, value))
    return figures


def _log_artefacts(client: Any, identity: str, run: Run) -> None:
    for path in (run.directory.path / REPORT_FILE, *artefacts(run).values()):
        client.log_artifact(identity, str(path))
    export = run.directory.finished("export", ExportResult).path
    client.log_artifacts(identity, export, artifact_path="export")
