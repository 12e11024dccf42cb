"""The winner as a SavedModel for TF Serving."""

import dataclasses
import hashlib
import json
import os
import pathlib
import tempfile
import uuid
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import SAVED, read_state, write_state
from nasrec_tf.export.contents import load_description
from nasrec_tf.export.errors import ExportError
from nasrec_tf.export.serving import check_models_config
from nasrec_tf.export.versions import check_request, versions
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.search.final_model import final_model
from nasrec_tf.search.results import ExportResult, RetrainResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.scoring_settings import digest_of_weights
from nasrec_tf.search.superseded import RESULT_FILE, of_run

PLAN_FILE = "version.json"


@dataclasses.dataclass(frozen=True)
class ExportPlan:
    """By what a stopped export knows its own version again, so that it does not write another.

    Args:
        model: directory of the model, absolute.
        origin: what the version says of where it came from; drawn once.
        version: number of the version, as run directories of format 1 settled it beforehand.
    """

    __pydantic_config__ = SAVED

    model: str
    origin: str | None = None
    version: int | None = None


def run_stage(run: Run) -> ExportResult:
    """Exports the winner with its preprocessing.

    Args:
        run: the run.

    Raises:
        UserError: if the version that was asked for exists, or cannot be written.
    """
    from nasrec_tf.export.saved_model import export_saved_model
    from nasrec_tf.export.serving import write_models_config
    from nasrec_tf.search.served_network import served_network

    config = run.config
    export_dir = pathlib.Path(config.export_dir)
    plan = _plan(run)
    result = final_model(run)
    served = served_network(run)
    content = _content(result, served.network)
    written = _written(plan)
    if written is not None:
        # Versions appear whole: this one was finished just before an earlier stop.
        write_models_config(export_dir)
        return ExportResult(path=str(written.resolve()), content=content)
    same = _exported_before(run, content)
    if same is not None:
        run.say(f"export: {same} holds this very model, which an extension came to again")
        return ExportResult(path=str(same), content=content)
    path = export_saved_model(
        served.network,
        run.schema,
        run.dataset,
        export_dir,
        config.name,
        version=config.export_version or plan.version,
        metrics={
            "validation": dataclasses.asdict((result.ensemble or result).validation),
            "test": dataclasses.asdict((result.ensemble or result).test),
            "learning_rate": result.learning_rate,
            "logits": {**dataclasses.asdict(served.calibration), "told": served.told},
        },
        origin=plan.origin,
    )
    return ExportResult(path=str(path.resolve()), content=content)


def _content(result: RetrainResult, network: Any) -> str:
    """A digest of a network: what it computes, and its weights, calibrated as they are served."""
    members = [(result.architecture, 1)]
    if result.ensemble is not None:
        members = [(each.architecture, each.count) for each in result.ensemble.members]
    computed = json.dumps([(model.to_json(), count) for model, count in members])
    return hashlib.sha256(f"{computed} {digest_of_weights(network)}".encode()).hexdigest()[:16]


def _exported_before(run: Run, content: str) -> pathlib.Path | None:
    """The version that the run exported before it was extended, if it holds the same network.

    TF Serving takes the highest version: a second one of an older model would stand before those
    that other runs, such as on later rows, have exported since. Where the highest is of this run
    and holds another network, it is a further one that has to stand before that.
    """
    model = (pathlib.Path(run.config.export_dir) / run.config.name).resolve()
    there, others = versions(model), set()
    for aside in of_run(run.directory.path):
        mend = f"delete {aside}"
        before = read_state(aside / "export" / RESULT_FILE, ExportResult, mend)
        version = None if before is None else pathlib.Path(before.path)
        if version is None or version.parent != model or int(version.name) not in there:
            continue
        plan = read_state(aside / "export" / PLAN_FILE, ExportPlan, mend)
        # Somebody may have deleted it, and another run taken its number.
        if plan is None or plan.origin is None or _origin(version) != plan.origin:
            continue
        if before.content != content:
            others.add(int(version.name))
        elif run.config.export_version in (None, int(version.name)):
            return None if there[-1] in others else version
    return None


def _plan(run: Run) -> ExportPlan:
    """The plan of an earlier call for the same model, or a new one."""
    path = run.directory.stage("export") / PLAN_FILE
    model = str((pathlib.Path(run.config.export_dir) / run.config.name).resolve())
    plan = read_state(path, ExportPlan, "delete it to export a new version")
    if plan is None or plan.model != model:
        check_target(run.config)
        plan = ExportPlan(model, origin=uuid.uuid4().hex)
        write_state(path, plan)
    return plan


def _written(plan: ExportPlan) -> pathlib.Path | None:
    """The version that the plan's export has written, if it has."""
    model = pathlib.Path(plan.model)
    numbers = versions(model)
    if plan.origin is None:
        return model / str(plan.version) if plan.version in numbers else None
    return next((model / str(n) for n in numbers if _origin(model / str(n)) == plan.origin), None)


def _origin(version: pathlib.Path) -> str | None:
    try:
        return load_description(version).origin
    except ExportError:
        return None  # A version of somebody else's.


def check_target(config: SearchConfig) -> None:
    """Finds out before hours of work whether the export can be written.

    Args:
        config: the options.

    Raises:
        UserError: if it cannot.
    """
    export_dir = pathlib.Path(config.export_dir)
    model = export_dir / config.name
    # A link that leads nowhere is there, and no directory can be made in its place.
    found = next(path for path in (model, *model.absolute().parents) if os.path.lexists(path))
    if not os.path.isdir(found):
        raise UserError(f"{found}: is not a directory; use another --export-dir or --name.")
    try:
        # Asked of the system itself: rights do not tell of file systems that take no files.
        with tempfile.TemporaryDirectory(prefix=".writable-", dir=found):
            pass
    except OSError as error:
        raise UserError(
            f"{found}: cannot be written ({error.strerror}); make it writable or use another "
            "--export-dir."
        ) from error
    check_request(export_dir, config.name, config.export_version)
    check_models_config(export_dir)
