"""The best candidates from scratch, and the choice among them (paper 5.1)."""

import pathlib

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.saved_state import write_state
from nasrec_tf.search.attempts import (
    Attempt,
    finished,
    first_attempts,
    further_attempts,
)
from nasrec_tf.search.from_scratch import (
    WEIGHTS,
    FromScratch,
    build,
    clear_checkpoint,
    train_from_scratch,
)
from nasrec_tf.search.results import (
    AttemptResult,
    RetrainResult,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.search.winner_quality import measure


def run_stage(run: Run) -> RetrainResult:
    """Trains the candidates, chooses by validation log loss and reports on the test split once.

    Args:
        run: the run.

    Raises:
        UserError: if every training diverged.
    """
    attempts = first_attempts(run)
    results = _train_all(run, attempts, [])
    further = further_attempts(run, attempts, results)
    attempts, results = attempts + further, _train_all(run, attempts + further, results)
    best = _best(results)
    winner, validation = attempts[best], results[best].validation
    if validation is None:
        raise UserError(
            f"{run.directory.stage('retrain')}: the training of every candidate diverged; delete "
            "this directory and repeat the command with a lower --retrain-learning-rates."
        )
    run.say(f"best by validation log loss: candidate {winner.rank}; now the test split, once")
    network = load(run, winner.architecture, winner.directory / WEIGHTS)
    test, calibration = measure(run, network, winner.directory)
    return RetrainResult(
        rank=winner.rank,
        learning_rate=winner.recipe.learning_rate,
        recipe=winner.recipe,
        directory=str(winner.directory.relative_to(run.directory.path)),
        architecture=winner.architecture,
        validation=validation,
        test=test,
        attempts=tuple(result.figures for result in results),
        calibration=calibration,
    )


def _train_all(
    run: Run, attempts: list[Attempt], results: list[AttemptResult]
) -> list[AttemptResult]:
    """Results of all attempts, of which the first have some already."""
    results = list(results)
    for number, attempt in enumerate(attempts[len(results) :], start=len(results) + 1):
        result = finished(attempt)
        if result is None:
            result = train_attempt(run, attempt, f"retrain {number}/{len(attempts)}")
        results.append(result)
        _keep_best_weights(attempts[:number], results)
    return results


def load(run: Run, architecture: Architecture, path: pathlib.Path):
    """A network with the weights of a file.

    Args:
        run: the run.
        architecture: of the network.
        path: an ``.npz`` file of its weights.

    Raises:
        RunError: if the file is missing, damaged, or of another network.
    """
    from nasrec_tf.networks.weights import load_weights

    subnet = build(run, architecture, run.recipe, seed=None)
    load_weights(subnet, path, f"delete {path.parent} to train it again")
    return subnet


def load_winner(run: Run):
    """The trained network that won.

    Args:
        run: the run.

    Raises:
        RunError: if the retrain stage has not finished, or its weights are missing or damaged.
    """
    result = run.directory.finished("retrain", RetrainResult)
    return load(run, result.architecture, run.directory.path / result.directory / WEIGHTS)


def train_attempt(run: Run, attempt: Attempt, title: str) -> AttemptResult:
    """Trains a network from scratch, going on where it was stopped; its quality by epoch.

    Args:
        run: the run.
        attempt: what is trained, and where.
        title: what the progress bar is called.
    """
    recipe = attempt.recipe
    what = FromScratch(attempt.architecture, recipe, attempt.directory)
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
    name = f"candidate {attempt.rank}, learning rate {recipe.learning_rate:g}"
    if recipe.row_decay:
        name += f", row decay {recipe.row_decay:g}"
    if result.validation is None:
        return f"{name}: diverged, so it comes last"
    return (
        f"{name}: validation log loss {result.validation.log_loss:.5f} after epoch "
        f"{result.best_epoch + 1}"
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
