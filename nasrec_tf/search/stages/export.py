"""The winner as a SavedModel for TF Serving."""

import json
import pathlib
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.export.versions import check_request, versions
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import write_json

PLAN_FILE = "version.json"


def run_stage(run: Run) -> dict[str, Any]:
    """Exports the winner with its preprocessing."""
    from nasrec_tf.export.saved_model import export_saved_model
    from nasrec_tf.export.serving import write_models_config
    from nasrec_tf.search.stages.retrain import load_winner

    config = run.config
    export_dir = pathlib.Path(config.export_dir)
    version = _planned_version(run)
    path = export_dir / config.name / str(version)
    if path.exists():
        # Versions appear whole: this one was finished just before an earlier stop.
        write_models_config(export_dir)
        return {"path": str(path.resolve())}
    result = run.directory.result("retrain")
    metrics = {name: result[name] for name in ("validation", "test", "learning_rate")}
    path = export_saved_model(
        load_winner(run),
        run.records.schema,
        run.dataset,
        export_dir,
        config.name,
        version=version,
        metrics=metrics,
    )
    return {"path": str(path.resolve())}


def _planned_version(run: Run) -> int:
    """The version to write, settled once, so that a stopped export does not count up again."""
    plan = run.directory.stage("export") / PLAN_FILE
    model = pathlib.Path(run.config.export_dir) / run.config.name
    if plan.exists():
        planned = json.loads(plan.read_text(encoding="utf-8"))
        if planned["model"] == str(model.resolve()):
            return planned["version"]
    check_target(run.config)
    version = run.config.export_version or max(versions(model), default=0) + 1
    write_json(plan, {"model": str(model.resolve()), "version": version})
    return version


def check_target(config: SearchConfig) -> None:
    """Finds out before hours of work whether the export can be written.

    Raises:
        UserError: if it cannot.
    """
    export_dir = pathlib.Path(config.export_dir)
    for path in (export_dir, export_dir / config.name):
        if path.exists() and not path.is_dir():
            raise UserError(f"{path}: is not a directory; use another --export-dir or --name.")
    check_request(export_dir, config.name, config.export_version)
