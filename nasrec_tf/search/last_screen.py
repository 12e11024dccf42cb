"""What a run has found: the last screen and the leaderboard."""

import csv
import json

from beam_preprocess.dataset.findings import Findings
from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.csv_cells import plain_row
from nasrec_tf.common.errors import RunError
from nasrec_tf.export.errors import ExportError
from nasrec_tf.report import QualitySummary
from nasrec_tf.report.gap_share import known_gap, seen_gap
from nasrec_tf.report.verdict import told_yardstick, verdict_line
from nasrec_tf.search.chosen_summary import chosen_lines, quality_line
from nasrec_tf.search.final_model import final_model
from nasrec_tf.search.finalist_seeds import means
from nasrec_tf.search.results import (
    AttemptFigures,
    ExportResult,
    RecordsResult,
    RetrainResult,
    Skipped,
    StageResult,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import (
    ARCHITECTURE_FILE,
    EXPLANATION_FILE,
    LEADERBOARD_FILE,
    REPORT_FILE,
)


def last_screen(run: Run) -> str:
    """What was found, how good it is, where it lies, and how to serve it.

    Args:
        run: the run, all of whose stages have finished.

    Raises:
        RunError: if what a stage left is missing or damaged.
    """
    retrain = run.directory.finished("retrain", RetrainResult)
    export = run.directory.finished("export", ExportResult)
    cost = run.model_cost(retrain.architecture, retrain.recipe)
    lines = [
        "",
        f"found    {retrain.architecture.told}, "
        f"{cost.mflops:.4f} M multiply-accumulates, {cost.parameters:,} parameters and "
        f"{cost.embedding_parameters:,} in embedding tables",
        f"quality  {quality_line(retrain.test)}, {run.schema.splits['test'].positives:,} with a "
        "click",
    ]
    if retrain.recipe is not None:
        lines.append(f"recipe   {retrain.recipe}")
    lines += worth_lines(run)
    lines += baseline_lines(run.directory.finished("records", RecordsResult), retrain.test)
    lines += warning_lines(run)
    lines += chosen_lines(run.config, final_model(run))
    lines += pruning_lines(run)
    lines += _hardware_lines(run)
    results = {
        stage: run.directory.finished(stage, StageResult)
        for stage in run.config.stages
        if stage != "explain" or run.directory.result(stage) is not None
    }
    # What a stage takes that is skipped is the start of TensorFlow.
    seconds = [
        f"{stage} {result.seconds:.0f} s"
        for stage, result in results.items()
        if not isinstance(result, Skipped)
    ]
    lines += [
        f"time     {', '.join(seconds)}",
        f"report   {run.directory.path / REPORT_FILE}",
        f"model    {export.path}",
        "",
        _serving_help(run, export),
    ]
    return "\n".join(lines)


def _serving_help(run: Run, export: ExportResult) -> str:
    from nasrec_tf.export.serving import serving_help

    try:
        return serving_help(export.path)
    except ExportError as error:
        raise RunError(
            f"{error}; or delete {run.directory.path / 'export'} to export it again."
        ) from error


def baseline_lines(records: RecordsResult, test: QualitySummary) -> list[str]:
    """What to compare the model's log loss with, and a word where it has learned nothing.

    Args:
        records: of the run's data set.
        test: the model's quality on the test split.
    """
    constant = records.constant_log_loss
    known = []
    if records.demo:
        known.append(f"best possible on this generated log {records.demo.best_log_loss:.4f}")
    if constant is not None:
        known.append(f"constant prediction {constant:.4f}")
    lines = [f"         {', '.join(known)}"] if known else []
    if constant is not None and test.log_loss >= constant:
        lines.append(
            "         the model is no better than its click rate alone: it needs more rows, "
            "more clicks or other features"
        )
    return lines


def worth_lines(run: Run) -> list[str]:
    """Whether the model is worth its search, and the simple models beside it, a line each.

    Args:
        run: the run, of which the explain stage may have finished.

    Raises:
        RunError: if what the stage left is damaged.
    """
    result = run.directory.result("explain")
    line = None if result is None else verdict_line(result.explanation)
    if line is None:
        return []
    beside = [f"         {told_yardstick(one)}" for one in result.explanation.yardsticks]
    return [f"verdict  {line}", *beside]


def warning_lines(run: Run) -> list[str]:
    """What in the data may spoil the model.

    Args:
        run: of which the records stage has finished.

    Raises:
        DataError: if what the data set says of itself is damaged.
    """
    return [f"warning  {text}" for text in Findings.load(run.dataset).told()]


def pruning_lines(run: Run) -> list[str]:
    """What pruning has left of the winner, in a run that prunes.

    Args:
        run: the run.
    """
    result = run.directory.result("prune")
    if result is None:
        return []
    last = result.trainings[-1]
    of_elements = last.mflops < result.mflops
    zeros = f", {last.mflops:.4f} M without those by 0" if of_elements else ""
    return [
        f"pruned   {last.left:.1%} left of what was pruned; {result.mflops:.4f} M "
        f"multiply-accumulates of {result.mflops_before:.4f} M{zeros}, {result.parameters:,} "
        f"parameters of {result.parameters_before:,}",
        f"         {quality_line(result.test)}",
    ]


def _hardware_lines(run: Run) -> list[str]:
    """The winner on its hardware, in a co-design run."""
    result = run.directory.result("hardware")
    if result is None:
        return []
    costs, handcrafted = result.costs, result.comparison.ratios["handcrafted"]
    settings = ", ".join(f"{name} {value}" for name, value in result.settings.items())
    losses = {name: quality.log_loss for name, quality in result.quality.items()}
    return [
        f"hardware {settings or 'as given'}",
        f"         {costs['latency_us']:.3f} us, {costs['energy_nj']:.1f} nJ, "
        f"{costs['area_mm2']:.1f} mm2; the handcrafted design takes "
        f"{handcrafted.speed_up:.2f} times the time and "
        f"{handcrafted.energy:.2f} times the energy",
        f"         log loss on {result.quality['float'].samples:,} test rows: float "
        f"{losses['float']:.4f}, quantized {losses['quantized']:.4f}, on crossbars "
        f"{losses['crossbar_ideal']:.4f}, with 5 % variation {losses['crossbar_variation']:.4f}, "
        f"with stuck cells {losses['crossbar_stuck']:.4f}",
    ]


def write_leaderboard(run: Run) -> None:
    """Writes the retrained candidates, the best first, with their cost, as CSV.

    Args:
        run: the run.
    """
    if run.directory.result("retrain") is None:
        return
    from nasrec_tf.search.attempts import ended_attempts

    rows = []
    ended = ended_attempts(run)
    of_network = means(*zip(*ended))
    for attempt, figures in sorted(ended, key=lambda pair: pair[1].standing):
        cost = run.model_cost(attempt.architecture, attempt.recipe)
        validation = figures.validation
        rows.append(
            {
                "search_rank": attempt.rank,
                "identity": attempt.architecture.identity,
                "learning_rate": attempt.recipe.learning_rate,
                "recipe": str(attempt.recipe),
                "seed": attempt.seed,
                "validation_log_loss": _told_loss(figures),
                "validation_auc": validation.auc if validation else None,
                "mean_validation_log_loss": of_network.get(attempt.first_directory),
                "passes": f"{figures.passes:g}",
                "mflops": cost.mflops,
                "parameters": cost.parameters,
                "architecture": attempt.architecture.dumps(),
            }
        )
    with atomic_file(run.directory.path / LEADERBOARD_FILE) as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(map(plain_row, rows))


def _told_loss(figures: AttemptFigures) -> float | str:
    """The validation log loss; of a training that was given up, what it had come to there."""
    if figures.stopped is not None:
        return figures.looks[-1].log_loss
    return "diverged" if figures.validation is None else figures.validation.log_loss


def write_run_report(run: Run) -> None:
    """Writes leaderboard, architecture and report page from what the stages have left so far.

    Args:
        run: the run.
    """
    from nasrec_tf.report import write_report
    from nasrec_tf.report.explanation_text import explanation_markdown
    from nasrec_tf.search.run_summary import data_summary, summarize

    write_leaderboard(run)
    result = run.directory.result("retrain")
    if result is not None:
        with atomic_file(run.directory.path / ARCHITECTURE_FILE) as file:
            file.write(json.dumps(result.architecture.to_json(), indent=1) + "\n")
    explained = run.directory.result("explain")
    if explained is not None:
        gap = known_gap(data_summary(run)) or seen_gap(explained.explanation)
        with atomic_file(run.directory.path / EXPLANATION_FILE) as file:
            file.write(explanation_markdown(explained.explanation, gap))
    write_report(summarize(run), run.directory.path / REPORT_FILE)
