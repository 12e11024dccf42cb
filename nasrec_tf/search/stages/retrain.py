"""The best candidates from scratch, and the choice among them (paper 5.1)."""

import math

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.attempt import Attempt, finished
from nasrec_tf.search.attempt_training import keeps_all, train_attempt, with_weights
from nasrec_tf.search.attempts import expected_count, next_attempts
from nasrec_tf.search.chosen_models import measure, seed_attempts
from nasrec_tf.search.final_model import final_model
from nasrec_tf.search.finalist_seeds import best_network, leading
from nasrec_tf.search.finalists import beside_best, halved, has_time
from nasrec_tf.search.from_scratch import load_trained
from nasrec_tf.search.kept_logits import VALIDATION_LOGITS
from nasrec_tf.search.option_groups.recipe_options import LOWER_RATES
from nasrec_tf.search.results import (
    AttemptResult,
    RetrainResult,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.training_task import WEIGHTS

OUTCOME = "outcome.json"
"""What was found where weights of several trainings are needed to find it: kept before they go."""


def run_stage(run: Run) -> RetrainResult:
    """Trains the candidates, chooses by validation log loss and reports on the test split once.

    Args:
        run: the run.

    Raises:
        UserError: if every training diverged.
    """
    path = run.directory.stage("retrain") / OUTCOME
    result = read_state(path, RetrainResult, f"delete {path.parent} to run the stage again")
    if result is None:
        result = _chosen(run, *_train_candidates(run))
        if keeps_all(run) or max(run.config.winner_seeds, run.config.finalist_seeds) > 1:
            write_state(path, result)
    _keep_exported_weights(run, result)
    return result


def _train_candidates(run: Run) -> tuple[list[Attempt], list[AttemptResult]]:
    attempts: list[Attempt] = []
    results: list[AttemptResult] = []
    while more := next_attempts(run, attempts, results):
        attempts += more
        results = _train_all(run, attempts, results)
        if len(results) < len(attempts):
            left_out = len(attempts) - len(results)
            run.say(f"retrain: no time for {left_out} or more further trainings")
            return attempts, results
    return attempts, results


def _chosen(run: Run, attempts: list[Attempt], results: list[AttemptResult]) -> RetrainResult:
    """The winner with all that is asked of it, measured."""
    network = best_network(attempts, results)
    if not math.isfinite(results[network.best].score):
        raise UserError(
            f"{run.directory.stage('retrain')}: the training of every candidate diverged; "
            f"{LOWER_RATES}."
        )
    for number in network.numbers:
        results[number] = with_weights(run, attempts[number], results[number])
    made = [(attempts[number], results[number]) for number in network.numbers]
    trained = _train_seeds(run, seed_attempts(run, made[0][0])[len(made) - 1 :], results)
    seeds = [*made, *trained]
    winner, result = seeds[_best([result for _, result in seeds])]
    pool = [*zip(attempts, results), *trained]
    measured = measure(
        run,
        [one for one in pool if math.isfinite(one[1].score)],
        (winner, result),
        [one for one in seeds if math.isfinite(one[1].score)],
    )
    candidate = winner if winner in attempts else attempts[network.best]
    name = str(candidate.directory.relative_to(run.directory.path))
    return RetrainResult(
        rank=winner.rank,
        learning_rate=winner.recipe.learning_rate,
        recipe=winner.recipe,
        directory=str(measured.fitted.directory.relative_to(run.directory.path)),
        architecture=winner.architecture,
        validation=result.validation,
        test=measured.test,
        attempts=tuple(result.figures for result in results),
        calibration=measured.calibration,
        seeds=measured.seeds,
        ensemble=measured.ensemble,
        final_fit=measured.fit,
        candidate=None if measured.fitted is candidate else name,
        out_of_time=len(results) < len(attempts),
    )


def _train_all(
    run: Run, attempts: list[Attempt], results: list[AttemptResult]
) -> list[AttemptResult]:
    """Results of attempts, of which the first have some already, as far as there is time."""
    count = expected_count(run, attempts)
    if run.settings.halving and not results:
        results = halved(run, attempts, "retrain")
        _keep_best(run, attempts, results)
        if len(results) < len(attempts):
            return results
    for number, attempt in enumerate(attempts[len(results) :], start=len(results) + 1):
        title = f"retrain {number}/{count}"
        if finished(attempt) is None and not has_time(run, results):
            break
        if run.settings.halving and attempt.refines:
            result = beside_best(run, attempt, title, results)
        else:
            result = train_attempt(run, attempt, title)
        results = [*results, result]
        _keep_best(run, attempts, results)
    return results


def _train_seeds(
    run: Run, attempts: list[Attempt], before: list[AttemptResult]
) -> list[tuple[Attempt, AttemptResult]]:
    """The winner with further seeds, as many as there is time for."""
    found = []
    for attempt in attempts:
        if finished(attempt) is None and not has_time(run, before):
            run.say("retrain: no time for further seeds")
            break
        title = f"seed {attempt.seed}/{run.config.winner_seeds}"
        found.append((attempt, train_attempt(run, attempt, title)))
    return found


def load_winner(run: Run):
    """The trained network that won, pruned where the run prunes.

    Args:
        run: the run.

    Raises:
        RunError: if the retrain stage has not finished, or its weights are missing or damaged.
    """
    result = final_model(run)
    directory = run.directory.path / result.directory
    return load_trained(run, result.architecture, directory, result.recipe)


def _best(results: list[AttemptResult]) -> int:
    """Index of the lowest validation log loss, the first of equal ones."""
    return min(range(len(results)), key=lambda index: (results[index].standing, index))


def _keep_best(run: Run, attempts: list[Attempt], results: list[AttemptResult]) -> None:
    """Full tables are large: unless all are wanted, only the best networks' weights stay."""
    if keeps_all(run):
        return
    kept = leading(attempts, results, run.config.finalist_seeds)
    for index, attempt in enumerate(attempts[: len(results)]):
        if index not in kept:
            for name in (WEIGHTS, VALIDATION_LOGITS):
                (attempt.directory / name).unlink(missing_ok=True)


def _keep_exported_weights(run: Run, result: RetrainResult) -> None:
    """Of what was kept until the choice was made, the networks that are exported or shown stay.

    Logits of all, where an ensemble was chosen by them, stay for an extension of the run.
    """
    members = [] if result.ensemble is None else result.ensemble.members
    used = {result.directory, *(member.directory for member in members)}
    if result.final_fit is not None and result.candidate is not None:
        used.add(result.candidate)
    root = run.directory.stage("retrain")
    for path in root.glob(f"*/{WEIGHTS}"):
        if str(path.parent.relative_to(run.directory.path)) not in used:
            path.unlink()
    if not keeps_all(run):
        for path in root.glob(f"*/{VALIDATION_LOGITS}"):
            path.unlink()
