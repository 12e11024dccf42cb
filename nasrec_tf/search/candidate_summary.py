"""What a report shows of the candidates of a search, and of the trainings from scratch."""

import math
import pathlib

from nasrec_tf.common.errors import RunError
from nasrec_tf.report import CandidateSummary, Curve, TrialSummary
from nasrec_tf.search.finalist_seeds import means
from nasrec_tf.search.results import AttemptFigures, RescoreResult, Skipped
from nasrec_tf.search.run import Run
from nasrec_tf.search.search_size import drawn_validation_rows, score_rows
from nasrec_tf.strategies.history import RUNNING
from nasrec_tf.strategies.oracle.ledger import Ledger
from nasrec_tf.strategies.oracle.trial_results import read_results
from nasrec_tf.strategies.pareto import pareto_results
from nasrec_tf.training.curves import read_curve
from nasrec_tf.training.training_files import LOSS_CURVE


def trial_summaries(run: Run) -> list[TrialSummary]:
    """Every candidate of the search; none before it begins.

    Args:
        run: the run.

    Raises:
        RunError: if candidates that a finished search has scored are gone.
    """
    evolution = run.directory.result("evolution")
    if isinstance(evolution, Skipped):
        return []
    if evolution is None and not Ledger(run.search_project).exists():
        return []  # The search has not begun.
    results = read_results(run.search_project)
    ended = sum(result.status != RUNNING for result in results)
    if evolution is not None and (len(results), ended) != (evolution.candidates,) * 2:
        raise RunError(
            f"{run.search_project}: holds {ended} of {evolution.candidates} scored candidates; "
            f"delete {run.search_project.parent} to search again."
        )
    from nasrec_tf.codesign.costs import COSTS

    objectives = run.objectives
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


def scored_by(run: Run) -> str:
    """What the log losses of candidates are those of, after "log losses".

    Args:
        run: the run.

    Raises:
        RunError: if what a stage left is damaged.
    """
    return _scored_by(run) + _scored_again(run)


def _scored_again(run: Run) -> str:
    """What became of the best where they were scored again; nothing where they were not."""
    result = run.directory.result("rescore") if "rescore" in run.config.stages else None
    if not isinstance(result, RescoreResult):
        return ""
    handed, settings = len(result.best), run.settings
    rows = min(settings.rescore_rows, run.schema.splits["validation"].rows)
    return (
        f"; the {result.candidates} best were scored again by {settings.rescore_steps} steps and "
        f"{rows:,} validation rows, and {result.shared} of the {handed} handed over are those that "
        "their first scores would have handed over"
    )


def _scored_by(run: Run) -> str:
    by_supernet = "with the weights of the supernet"
    if run.directory.result("records") is None:
        return by_supernet
    splits = run.schema.splits
    if run.config.trains_candidates:
        rows = score_rows(run.config, splits["train"].rows)
        return f"after a training from scratch on {rows:,} rows"
    rows = min(run.settings.validation_rows, splits["validation"].rows)
    sample = drawn_validation_rows(run.config, rows)
    if sample is None:
        return by_supernet
    return (
        f"{by_supernet}, over {sample:,} of {rows:,} validation rows, drawn by how much they tell "
        "candidates apart"
    )


def candidate_summaries(run: Run) -> list[CandidateSummary]:
    """Every training from scratch that has ended; none before the retrain stage.

    Args:
        run: the run.

    Raises:
        RunError: if what a training left is damaged.
    """
    if run.directory.missing_before("retrain", run.config.stages) is not None:
        return []
    from nasrec_tf.search.attempts import ended_attempts

    winner = run.directory.result("retrain")
    found = []
    ended = ended_attempts(run)
    of_network = means(*zip(*ended)) if ended else {}
    for attempt, figures in ended:
        cost = run.model_cost(attempt.architecture, attempt.recipe)
        validation = figures.validation
        name = str(attempt.directory.relative_to(run.directory.path))
        found.append(
            CandidateSummary(
                rank=attempt.rank,
                identity=attempt.architecture.identity,
                learning_rate=attempt.recipe.learning_rate,
                recipe=None if figures.recipe is None else str(figures.recipe),
                curve=_with_validation(training_curve(attempt.directory) or Curve(), figures),
                validation_log_loss=_log_loss(figures),
                stopped_after=figures.share,
                validation_auc=validation.auc if validation else None,
                mflops=cost.mflops,
                parameters=cost.parameters,
                architecture=attempt.architecture.architecture,
                seed=attempt.seed,
                mean_log_loss=of_network.get(attempt.first_directory),
                won=winner is not None and (winner.candidate or winner.directory) == name,
            )
        )
    return found


def training_curve(directory: pathlib.Path) -> Curve | None:
    """The curve of a training; ``None`` while there is none.

    Args:
        directory: of the training.

    Raises:
        RunError: if it is damaged.
    """
    path = directory / LOSS_CURVE
    return Curve(read_curve(path)) if path.exists() else None


def _log_loss(figures: AttemptFigures) -> float:
    """What a training came to, by its end or until it was given up."""
    if figures.stopped is not None:
        return figures.looks[-1].log_loss
    return figures.validation.log_loss if figures.validation else math.nan


def _with_validation(curve: Curve, figures: AttemptFigures) -> Curve:
    parts = 1 if figures.recipe is None else figures.recipe.evaluations_per_epoch
    steps = figures.steps_per_epoch
    validation = [
        ((index + 1) * steps // min(parts, steps), found.log_loss)
        for index, found in enumerate(figures.epochs)
    ]
    return Curve(curve.points, validation)
