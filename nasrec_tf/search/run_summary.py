"""Gathers what a run directory holds for the report page, however far the run has come."""

import dataclasses
import datetime
import os
import pathlib
import platform
import shlex
import urllib.parse
from typing import Any

from beam_preprocess.dataset.file_names import CARD_FILE
from beam_preprocess.dataset.findings import Findings
from nasrec_tf.architecture.complexity import Complexity
from nasrec_tf.common.errors import RunError
from nasrec_tf.report import (
    DataSummary,
    ExplanationSummary,
    ExportSummary,
    PartSummary,
    RunSummary,
    SplitSummary,
    StageSummary,
    TableSummary,
    WinnerSummary,
)
from nasrec_tf.search.candidate_summary import (
    candidate_summaries,
    scored_by,
    training_curve,
    trial_summaries,
)
from nasrec_tf.search.chosen_summary import ensemble_summary, spreads, told_choice
from nasrec_tf.search.crossbar_summary import crossbar_summary
from nasrec_tf.search.pruned_summary import pruning_summary, told_pruned
from nasrec_tf.search.recipe_summary import recipe_summary
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import (
    ARCHITECTURE_FILE,
    CONFIG_FILE,
    EXPLANATION_FILE,
    LEADERBOARD_FILE,
    RESULT_FILE,
    RunDirectory,
)
from nasrec_tf.search.scaling import unread_settings
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.search.winner_quality import served_calibration


def summarize(run: Run) -> RunSummary:
    """Everything that the run has left so far.

    Args:
        run: the run.

    Raises:
        RunError: if what a stage left is damaged.
    """
    config = run.config
    path = run.directory.path
    command = f"python -m nasrec_tf.search --config {shlex.quote(str(path / CONFIG_FILE))}"
    return RunSummary(
        name=config.name,
        directory=str(path),
        command=f"{command} --run-dir ELSEWHERE",
        seed=config.seed,
        space=config.space if config.architecture is None else None,
        data=data_summary(run),
        recipe=recipe_summary(run),
        supernet=training_curve(path / "supernet"),
        trials=trial_summaries(run),
        scored_by=scored_by(run),
        max_mflops=config.max_mflops,
        candidates=candidate_summaries(run),
        winner=_winner(run),
        pruning=pruning_summary(run),
        hardware=crossbar_summary(run),
        explanation=_explanation(run),
        export=_export(run),
        stages=[_stage(run, name) for name in config.stages],
        configuration=_configuration(run),
        versions=_versions(run),
        links=_links(run),
        made=_made(run),
    )


def drawn_report(directory: pathlib.Path) -> tuple[str, dict[str, pathlib.Path]]:
    """The page of a run as far as it has come, read from files alone.

    Args:
        directory: of the run.

    Returns:
        The page, which asks for itself again, and the files that it links to by their addresses.

    Raises:
        RunError: if the run has not begun, or what a stage left is damaged.
    """
    from nasrec_tf.report import render_report
    from nasrec_tf.search.live_report import REFRESH_SECONDS

    found = RunDirectory(directory)
    config = found.stored_config()
    if config is None:
        raise RunError(f"{directory}: the run has not begun.")
    summary = summarize(Run(config, found, quiet=True))
    files = {
        address: directory / urllib.parse.unquote(address) for address in summary.links.values()
    }
    return render_report(summary, refresh_seconds=REFRESH_SECONDS), files


def artefacts(run: Run) -> dict[str, pathlib.Path]:
    """Files that lie beside the page, by what they are.

    Args:
        run: the run.
    """
    root = run.directory.path
    places = {
        "leaderboard (CSV)": root / LEADERBOARD_FILE,
        "architecture (JSON)": root / ARCHITECTURE_FILE,
        "explanation (Markdown)": root / EXPLANATION_FILE,
        "options (TOML)": root / CONFIG_FILE,
    }
    if run.directory.result("records") is not None:
        places = {"data card": run.dataset / CARD_FILE, **places}
    return {title: place for title, place in places.items() if place.is_file()}


def _links(run: Run) -> dict[str, str]:
    """What lies beside the page, by what it is."""
    # Quoted as addresses are: names of directories may hold anything.
    return {
        title: urllib.parse.quote(os.path.relpath(place, run.directory.path))
        for title, place in artefacts(run).items()
    }


def _made(run: Run) -> str | None:
    """When the last stage ended, and on which host the page was written."""
    ended = [
        path.stat().st_mtime
        for path in (run.directory.path / stage / RESULT_FILE for stage in run.config.stages)
        if path.is_file()
    ]
    if not ended:
        return None
    moment = datetime.datetime.fromtimestamp(max(ended), datetime.timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M} UTC on {platform.node() or 'a host without a name'}"


def _versions(run: Run) -> dict[str, str]:
    """What the run was last computed with."""
    log = run.directory.environments()
    if log is None or not log.environments:
        return {}
    last = log.environments[-1]
    more = {"machine": last.machine, "kernels": last.kernels}
    return last.packages | {name: value for name, value in more.items() if value is not None}


def data_summary(run: Run) -> DataSummary | None:
    """The data set; ``None`` while there is none.

    Args:
        run: the run.
    """
    result = run.directory.result("records")
    if result is None:
        return None
    schema, findings = run.schema, Findings.load(run.dataset)
    training_rows = schema.splits["train"].rows
    return DataSummary(
        name=schema.name,
        splits=[
            SplitSummary(name, split.rows, split.label_rate)
            for name, split in schema.splits.items()
        ],
        dense_features=schema.dense_names,
        tables=[
            TableSummary(
                feature.name,
                feature.rows,
                feature.missing_count / training_rows,
                findings.out_of_vocabulary.get(feature.name, {}).get("test"),
            )
            for feature in schema.sparse
        ],
        source=", ".join(run.config.data or ("generated",)),
        rejected=schema.rejected,
        best_log_loss=result.demo and result.demo.best_log_loss,
        constant_log_loss=result.constant_log_loss,
        is_generated=result.demo is not None,
        warnings=list(findings.told()),
        weight=schema.weight,
        group=schema.group,
    )


def _winner(run: Run) -> WinnerSummary | None:
    result = run.directory.result("retrain")
    if result is None:
        return None
    cost = run.model_cost(result.architecture, result.recipe)
    model = result.architecture
    hand_made = {} if model.architecture is not None else _hand_made(model, cost)
    return WinnerSummary(
        model.architecture,
        run.features,
        result.test,
        cost.mflops,
        cost.parameters,
        cost.embedding_parameters,
        result.served_calibration,
        served_calibration(run.config, result)[1],
        f"{told_choice(run.config, result)}{told_pruned(run)}",
        ensemble_summary(result),
        spreads(result),
        max(1, len(result.seeds)),
        validation_log_loss=result.validation.log_loss,
        **hand_made,
    )


def _hand_made(model: Trainable, cost: Complexity) -> dict[str, Any]:
    """What the page shows in the place of a drawing."""
    parts = [PartSummary(part.name, part.multiply_accumulates, part.parameters)
             for part in cost.parts]  # fmt: skip
    return {"title": model.told, "parts": parts, "options": model.to_json()}


def _explanation(run: Run) -> ExplanationSummary | None:
    result = run.directory.result("explain")
    return None if result is None else result.explanation


def _export(run: Run) -> ExportSummary | None:
    result = run.directory.result("export")
    if result is None or not pathlib.Path(result.path).exists():
        return None
    from nasrec_tf.export.serving import serving_help

    return ExportSummary(result.path, serving_help(result.path))


def _stage(run: Run, name: str) -> StageSummary:
    result = run.directory.result(name)
    if result is None:
        return StageSummary(name)
    return StageSummary(name, result.seconds, getattr(result, "skipped", None))


def _configuration(run: Run) -> dict:
    """Every option in force, those that follow from the data included."""
    values = dataclasses.asdict(run.config)
    if run.directory.result("records") is not None:
        unread = unread_settings(run.config)
        settings = dataclasses.asdict(run.settings)
        values |= {name: value for name, value in settings.items() if name not in unread}
    return {name: value for name, value in values.items() if value is not None}
