"""Gathers what a run directory holds for the report page, however far the run has come."""

import dataclasses
import json
import pathlib
import shlex

from beam_preprocess.dataset.schema import Schema
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.common.errors import RunError
from nasrec_tf.data.features import Features
from nasrec_tf.report import (
    BaselineSummary,
    CandidateSummary,
    Curve,
    DataSummary,
    ExportSummary,
    HardwareSummary,
    QualitySummary,
    RunSummary,
    SplitSummary,
    StageSummary,
    TableSummary,
    TrialSummary,
    WinnerSummary,
)
from nasrec_tf.search.config import DEFAULT_HARDWARE
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import CONFIG_FILE, VERSIONS_FILE
from nasrec_tf.search.stages.evolution import PROJECT, run_objectives
from nasrec_tf.strategies.oracle.results import read_results
from nasrec_tf.strategies.pareto import pareto_results
from nasrec_tf.training.curves import read_curve


def summarize(run: Run) -> RunSummary:
    """Everything that the run has left so far."""
    config = run.config
    path = run.directory.path
    command = f"python -m nasrec_tf.search --config {shlex.quote(str(path / CONFIG_FILE))}"
    return RunSummary(
        name=config.name,
        directory=str(path),
        command=f"{command} --run-dir ELSEWHERE",
        seed=config.seed,
        space=config.space if config.architecture is None else None,
        data=_data(run),
        supernet=_curve(path / "supernet"),
        trials=_trials(run),
        max_mflops=config.max_mflops,
        candidates=_candidates(run),
        winner=_winner(run),
        hardware=_hardware(run),
        export=_export(run),
        stages=[_stage(run, name) for name in config.stages],
        configuration=_configuration(run),
        versions=json.loads((path / VERSIONS_FILE).read_text(encoding="utf-8")),
    )


def features(run: Run) -> Features:
    """Inputs of the data set, without TensorFlow."""
    schema = Schema.load(run.dataset)
    return Features(len(schema.dense), schema.sparse_rows)


def _data(run: Run) -> DataSummary | None:
    result = run.directory.result("records")
    if result is None:
        return None
    schema = Schema.load(run.dataset)
    training_rows = schema.splits["train"].rows
    demo = result.get("demo") or {}
    return DataSummary(
        name=schema.name,
        splits=[
            SplitSummary(name, split.rows, split.label_rate)
            for name, split in schema.splits.items()
        ],
        dense_features=schema.dense_names,
        tables=[
            TableSummary(feature.name, feature.rows, feature.missing_count / training_rows)
            for feature in schema.sparse
        ],
        source=run.config.data or "generated",
        rejected=schema.rejected,
        best_log_loss=demo.get("best_log_loss"),
        constant_log_loss=demo.get("constant_log_loss"),
    )


def _curve(directory: pathlib.Path) -> Curve | None:
    path = directory / "loss.csv"
    return Curve(read_curve(path)) if path.exists() else None


def _trials(run: Run) -> list[TrialSummary]:
    try:
        results = read_results(run.directory.path / "evolution" / PROJECT)
    except RunError:
        return []  # The search has not begun.
    from nasrec_tf.codesign.costs import COSTS

    objectives = run_objectives(run)
    front = pareto_results(results, objectives) if objectives else []
    on_front = {result.number for result in front}
    return [
        TrialSummary(
            result.number,
            result.generation,
            result.status,
            result.metrics.get("log_loss"),
            result.metrics.get("mflops"),
            result.architecture.identity,
            {name: result.metrics[name] for name in COSTS if name in result.metrics},
            result.number in on_front,
        )
        for result in results
    ]


def _candidates(run: Run) -> list[CandidateSummary]:
    if run.directory.missing_before("retrain", run.config.stages) is not None:
        return []
    from nasrec_tf.search.stages.retrain import all_attempts, finished

    winner = run.directory.result("retrain")
    found = []
    for attempt in all_attempts(run):
        result = finished(attempt)
        if result is None:
            continue
        cost = complexity(attempt.architecture, features(run))
        name = str(attempt.directory.relative_to(run.directory.path))
        found.append(
            CandidateSummary(
                rank=attempt.rank,
                identity=attempt.architecture.identity,
                learning_rate=attempt.learning_rate,
                curve=_with_validation(attempt.directory, result),
                validation_log_loss=result["validation"]["log_loss"],
                validation_auc=result["validation"]["auc"],
                mflops=cost.mflops,
                parameters=cost.parameters,
                won=winner is not None and winner["directory"] == name,
            )
        )
    return found


def _with_validation(directory: pathlib.Path, result: dict) -> Curve:
    points = read_curve(directory / "loss.csv")
    steps = result["steps_per_epoch"]
    validation = [
        ((epoch + 1) * steps, found["log_loss"]) for epoch, found in enumerate(result["epochs"])
    ]
    return Curve(points, validation)


def _winner(run: Run) -> WinnerSummary | None:
    result = run.directory.result("retrain")
    if result is None:
        return None
    architecture = Architecture.from_json(result["architecture"])
    inputs = features(run)
    cost = complexity(architecture, inputs)
    return WinnerSummary(
        architecture,
        inputs,
        QualitySummary(**result["test"]),
        cost.mflops,
        cost.parameters,
        cost.embedding_parameters,
    )


QUALITIES = {
    "float": "in floating point (trained so)",
    "quantized": "quantized (fake-quantized weights and inputs)",
    "crossbar_ideal": "on crossbars of ideal cells",
    "crossbar_variation": "on crossbars, 5 % variation",
    "crossbar_stuck": "on crossbars, 0.1 % of cells stuck at each end",
}

BASELINES = {
    "handcrafted": "handcrafted ReRAM design, 8 bits everywhere",
    "uniform8": "the winner's own hardware, 8 bits everywhere",
    "recnmp": "RecNMP, near-memory DRAM",
}


def _hardware(run: Run) -> HardwareSummary | None:
    result = run.directory.result("hardware")
    if result is None:
        return None
    comparison = result["comparison"]
    paper = comparison["paper"]
    return HardwareSummary(
        design=run.config.hardware or DEFAULT_HARDWARE,
        settings=result["settings"],
        costs=result["costs"],
        qualities={
            title: QualitySummary(**result["quality"][name]) for name, title in QUALITIES.items()
        },
        baselines=[
            BaselineSummary(
                title,
                comparison["ratios"][name]["speed_up"],
                comparison["ratios"][name]["energy"],
                tuple(comparison["corners"][name]["speed_up"]),
                tuple(comparison["corners"][name]["energy"]),
                (paper[name]["speed_up"], paper[name]["energy"]) if name in paper else None,
                result["baseline_area_mm2"].get(name),
            )
            for name, title in BASELINES.items()
        ],
    )


def _export(run: Run) -> ExportSummary | None:
    result = run.directory.result("export")
    if result is None or not pathlib.Path(result["path"]).exists():
        return None
    from nasrec_tf.export.serving import serving_help

    return ExportSummary(result["path"], serving_help(result["path"]))


def _stage(run: Run, name: str) -> StageSummary:
    result = run.directory.result(name) or {}
    return StageSummary(name, result.get("seconds"), result.get("skipped"))


def _configuration(run: Run) -> dict:
    """Every option in force, those that follow from the data included."""
    values = dataclasses.asdict(run.config)
    if run.directory.result("records") is not None:
        values |= dataclasses.asdict(run.settings)
    return {name: value for name, value in values.items() if value is not None}
