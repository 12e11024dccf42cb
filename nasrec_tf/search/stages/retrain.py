"""The best candidates from scratch, and the choice among them (paper 5.1)."""

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.attempts import (
    Attempt,
    expected_count,
    finished,
    next_attempts,
)
from nasrec_tf.search.chosen_models import measure, seed_attempts
from nasrec_tf.search.chosen_summary import told_training
from nasrec_tf.search.from_scratch import (
    WEIGHTS,
    FromScratch,
    clear_checkpoint,
    load_trained,
    train_from_scratch,
)
from nasrec_tf.search.kept_logits import VALIDATION_LOGITS
from nasrec_tf.search.results import (
    AttemptResult,
    RetrainResult,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE

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
        if _keeps_all(run) or run.config.winner_seeds > 1:
            write_state(path, result)
    _keep_exported_weights(run, result)
    return result


def _train_candidates(run: Run) -> tuple[list[Attempt], list[AttemptResult]]:
    attempts: list[Attempt] = []
    results: list[AttemptResult] = []
    while more := next_attempts(run, attempts, results):
        attempts += more
        results = _train_all(run, attempts, results)
    return attempts, results


def _chosen(run: Run, attempts: list[Attempt], results: list[AttemptResult]) -> RetrainResult:
    """The winner with all that is asked of it, measured."""
    best = _best(results)
    candidate = attempts[best]
    if results[best].validation is None:
        raise UserError(
            f"{run.directory.stage('retrain')}: the training of every candidate diverged; delete "
            "this directory and repeat the command with a lower --retrain-learning-rates."
        )
    further = seed_attempts(run, candidate)
    seeds = [(candidate, results[best]), *_train_seeds(run, further)]
    winner, result = seeds[_best([result for _, result in seeds])]
    pool = [*zip(attempts, results), *seeds[1:]]
    measured = measure(
        run,
        [one for one in pool if one[1].validation is not None],
        (winner, result),
        [one for one in seeds if one[1].validation is not None],
    )
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
    )


def _train_all(
    run: Run, attempts: list[Attempt], results: list[AttemptResult]
) -> list[AttemptResult]:
    """Results of all attempts, of which the first have some already."""
    results = list(results)
    count = expected_count(run, attempts)
    for number, attempt in enumerate(attempts[len(results) :], start=len(results) + 1):
        results.append(_trained(run, attempt, f"retrain {number}/{count}"))
        if not _keeps_all(run):
            _keep_best_weights(attempts[:number], results)
    return results


def _train_seeds(run: Run, attempts: list[Attempt]) -> list[tuple[Attempt, AttemptResult]]:
    return [
        (attempt, _trained(run, attempt, f"seed {number}/{len(attempts) + 1}"))
        for number, attempt in enumerate(attempts, start=2)
    ]


def _trained(run: Run, attempt: Attempt, title: str) -> AttemptResult:
    result = finished(attempt)
    return train_attempt(run, attempt, title) if result is None else result


def _keeps_all(run: Run) -> bool:
    """Whether weights and validation logits of all trainings are kept until the choice is made."""
    return run.config.ensemble > 1


def load_winner(run: Run):
    """The trained network that won.

    Args:
        run: the run.

    Raises:
        RunError: if the retrain stage has not finished, or its weights are missing or damaged.
    """
    result = run.directory.finished("retrain", RetrainResult)
    directory = run.directory.path / result.directory
    return load_trained(run, result.architecture, directory, result.recipe)


def train_attempt(run: Run, attempt: Attempt, title: str) -> AttemptResult:
    """Trains a network from scratch, going on where it was stopped; its quality by epoch.

    Args:
        run: the run.
        attempt: what is trained, and where.
        title: what the progress bar is called.
    """
    recipe = attempt.recipe
    what = FromScratch(
        attempt.architecture,
        recipe,
        attempt.directory,
        purpose=attempt.purpose,
        keeps_logits=_keeps_all(run),
    )
    trained = train_from_scratch(run, what, title)
    result = AttemptResult(
        rank=attempt.rank,
        learning_rate=recipe.learning_rate,
        architecture=attempt.architecture,
        steps_per_epoch=trained.steps_per_epoch,
        epochs=trained.epochs,
        best_epoch=trained.best_epoch,
        validation=trained.validation,
        seconds=trained.seconds,
        monitor=recipe.monitor,
        recipe=recipe,
    )
    write_state(attempt.directory / RESULT_FILE, result)
    clear_checkpoint(attempt.directory)
    run.say(_told(attempt, result))
    return result


def _told(attempt: Attempt, result: AttemptResult) -> str:
    recipe = attempt.recipe
    name = told_training(attempt.rank, recipe.learning_rate, recipe)
    if result.validation is None:
        return f"{name}: diverged, so it comes last"
    return (
        f"{name}: validation log loss {result.validation.log_loss:.5f} at evaluation "
        f"{result.best_epoch + 1} of {len(result.epochs)}"
    )


def _best(results: list[AttemptResult]) -> int:
    """Index of the lowest validation log loss, the first of equal ones."""
    return min(range(len(results)), key=lambda index: (results[index].score, index))


def _keep_best_weights(attempts: list[Attempt], results: list[AttemptResult]) -> None:
    """Full tables are large: only the best network's weights stay on disk."""
    best = _best(results)
    for index, attempt in enumerate(attempts):
        if index != best:
            (attempt.directory / WEIGHTS).unlink(missing_ok=True)


def _keep_exported_weights(run: Run, result: RetrainResult) -> None:
    """Of what was kept until the choice was made, the networks that are exported or shown stay."""
    members = [] if result.ensemble is None else result.ensemble.members
    used = {result.directory, *(member.directory for member in members)}
    if result.final_fit is not None and result.candidate is not None:
        used.add(result.candidate)
    root = run.directory.stage("retrain")
    for path in (*root.glob(f"*/{WEIGHTS}"), *root.glob(f"*/{VALIDATION_LOGITS}")):
        is_used = str(path.parent.relative_to(run.directory.path)) in used
        if path.name == VALIDATION_LOGITS or not is_used:
            path.unlink()
