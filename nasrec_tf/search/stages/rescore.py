"""The best candidates of a search scored again, by longer scores than the search's own.

Short scores propose many candidates and place few of them wrongly by far; what is handed over is
decided among the best of them alone (docs/scaling.md tells what that saves and what it loses).
"""

import gc
import math

from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.search.kept_scores import KeptScores
from nasrec_tf.search.results import EvolutionResult, RescoreResult, Skipped, StageResult
from nasrec_tf.search.run import SEARCH_PROJECT, Run
from nasrec_tf.search.scored_candidates import score_candidates
from nasrec_tf.search.scorers import longer_scores, rescoring_plan, scoring_plan
from nasrec_tf.search.search_plan import MFLOPS
from nasrec_tf.search.search_size import drawn_validation_rows
from nasrec_tf.search.stages.supernet import load
from nasrec_tf.strategies import Budget, best, read_results
from nasrec_tf.strategies.history import LOG_LOSS
from nasrec_tf.strategies.oracle.trial_results import TrialResult


def run_stage(run: Run) -> StageResult:
    """Scores the best candidates again, or works for the chief; leaves those to be trained.

    Args:
        run: the run, whose evolution stage has finished.

    Raises:
        RunError: if the supernet or a journal is missing or damaged, or no candidate got a finite
            log loss.
        UserError: if the scores would be those that there are.
    """
    if run.config.architecture is not None:
        return Skipped(skipped="an architecture was given")
    short = _found(run)
    score_again(run)
    again = read_results(run.directory.stage("rescore") / SEARCH_PROJECT)
    count = run.settings.top_k
    ranked = _ranked(again, short)[:count]
    before = {result.architecture.identity for result in short[:count]}
    return RescoreResult(
        candidates=sum(result.scored for result in again),
        best=tuple(result.architecture for result in ranked),
        best_log_loss=min(result.metrics[LOG_LOSS] for result in again if result.scored),
        shared=sum(result.architecture.identity in before for result in ranked),
    )


def score_again(run: Run) -> None:
    """Scores the best candidates again, as chief, as worker or alone.

    Args:
        run: the run.

    Raises:
        RunError, UserError: as ``run_stage``.
    """
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.strategies import ArchitectureOracle, NoScores
    from nasrec_tf.strategies.given_candidates import GivenCandidates

    check_longer(run)
    found = _found(run)[: run.config.rescore]
    gc.collect()  # Networks hold reference cycles: the search's supernet would still be in memory.
    scores = longer_scores(run, load(run))
    oracle = ArchitectureOracle(
        GivenCandidates(tuple(result.architecture for result in found)),
        run.space,
        budgets=[Budget(MFLOPS, lambda architecture: run.cost(architecture).mflops, math.inf)],
        seed=derived_seed(run.config.seed, "rescoring"),
        scoring=scores.settings,
        is_over=run.time.is_over,
    )
    try:
        kept = KeptScores(run.directory.path, "rescore", scores)
        score_candidates(run, "rescore", oracle, kept)
    except NoScores as error:
        raise RunError(
            f"{run.directory.path}: no candidate got a finite log loss when it was scored again; "
            f"delete {run.directory.path / 'rescore'} and repeat the command with other "
            "--rescore-steps, or go on without --rescore by --extend."
        ) from error


def check_longer(run: Run) -> None:
    """Finds out whether scoring again would change anything.

    Args:
        run: the run, whose records stage has finished.

    Raises:
        UserError: if the scores would be those that there are, or shorter ones.
    """
    if run.config.architecture is not None:
        return
    short, longer = scoring_plan(run), rescoring_plan(run)
    rows = run.schema.splits["validation"].rows
    sample = drawn_validation_rows(run.config, short.validation_rows, rows)
    judged = [min(plan.validation_rows, rows) for plan in (short, longer)]
    before, again = zip((short.fine_tune_steps, longer.fine_tune_steps), judged)
    is_shorter = any(now < then for then, now in zip(before, again))
    if is_shorter or (before == again and not sample):
        raise UserError(
            f"--rescore: candidates are scored by {before[0]} steps and {before[1]:,} validation "
            f"rows already, and would be again by {again[0]} and {again[1]:,}; give less to the "
            "search (--fine-tune-steps, --validation-rows) or more to this (--rescore-steps, "
            "--rescore-rows)."
        )


def _found(run: Run) -> list[TrialResult]:
    """The search's candidates, the best first."""
    run.directory.finished("evolution", EvolutionResult)
    results = read_results(run.search_project)
    return best(results, len(results))


def _ranked(again: list[TrialResult], short: list[TrialResult]) -> list[TrialResult]:
    """Those scored again by that, and after them the others in the search's order."""
    first = best(again, len(again))
    known = {result.architecture.identity for result in again}
    return [*first, *(result for result in short if result.architecture.identity not in known)]
