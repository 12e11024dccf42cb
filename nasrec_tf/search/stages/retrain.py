"""The best candidates from scratch, and the choice among them (paper 5.1)."""

import dataclasses
import pathlib

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.from_scratch import (
    WEIGHTS,
    FromScratch,
    build,
    clear_checkpoint,
    train_from_scratch,
)
from nasrec_tf.search.results import (
    AttemptFigures,
    AttemptResult,
    RetrainResult,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.search.stages.candidates import candidates
from nasrec_tf.search.winner_quality import measure


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One training from scratch.

    Args:
        rank: the candidate's rank in the search, from 1.
        architecture: what is trained.
        learning_rate: peak learning rate.
        directory: where it leaves its results.
    """

    rank: int
    architecture: Architecture
    learning_rate: float
    directory: pathlib.Path


def run_stage(run: Run) -> RetrainResult:
    """Trains the candidates, chooses by validation log loss and reports on the test split once.

    Args:
        run: the run.

    Raises:
        UserError: if every training diverged.
    """
    results: list[AttemptResult] = []
    attempts = all_attempts(run)
    for number, attempt in enumerate(attempts, start=1):
        result = finished(attempt)
        if result is None:
            result = train_attempt(run, attempt, f"retrain {number}/{len(attempts)}")
        results.append(result)
        _keep_best_weights(attempts[:number], results)
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
        learning_rate=winner.learning_rate,
        directory=str(winner.directory.relative_to(run.directory.path)),
        architecture=winner.architecture,
        validation=validation,
        test=test,
        attempts=tuple(result.figures for result in results),
        calibration=calibration,
    )


def all_attempts(run: Run) -> list[Attempt]:
    """Every candidate with every learning rate.

    Args:
        run: the run.
    """
    directory = run.directory.path / "retrain"
    return [
        Attempt(rank, architecture, rate, directory / f"{rank:02d}-rate-{rate:g}")
        for rank, architecture in enumerate(candidates(run), start=1)
        for rate in run.config.learning_rates() or (run.recipe.learning_rate,)
    ]


def ended_attempts(run: Run) -> list[tuple[Attempt, AttemptFigures]]:
    """The trainings that have ended so far, with their figures.

    Args:
        run: the run.

    Raises:
        RunError: if what the stages left does not fit together.
    """
    attempts, result = all_attempts(run), run.directory.result("retrain")
    if result is None:
        found = [(attempt, finished(attempt)) for attempt in attempts]
        return [(attempt, figures) for attempt, figures in found if figures is not None]
    trained = [(figures.rank, figures.learning_rate) for figures in result.attempts]
    if trained != [(attempt.rank, attempt.learning_rate) for attempt in attempts]:
        raise RunError(
            f"{run.directory.path / 'retrain' / RESULT_FILE}: tells of other trainings than this "
            "run's; delete it to run the retrain stage again."
        )
    return list(zip(attempts, result.attempts))


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
    recipe = run.recipe.replace(learning_rate=attempt.learning_rate)
    what = FromScratch(attempt.architecture, recipe, attempt.directory)
    trained = train_from_scratch(run, what, title)
    result = AttemptResult(
        rank=attempt.rank,
        learning_rate=attempt.learning_rate,
        architecture=attempt.architecture,
        steps_per_epoch=trained.steps_per_epoch,
        epochs=trained.epochs,
        best_epoch=trained.best_epoch,
        validation=trained.validation,
        seconds=trained.seconds,
        monitor=recipe.monitor,
    )
    write_state(attempt.directory / RESULT_FILE, result)
    clear_checkpoint(attempt.directory)
    run.say(_told(attempt, result))
    return result


def _told(attempt: Attempt, result: AttemptResult) -> str:
    name = f"candidate {attempt.rank}, learning rate {attempt.learning_rate:g}"
    if result.validation is None:
        return f"{name}: diverged, so it comes last"
    return (
        f"{name}: validation log loss {result.validation.log_loss:.5f} after epoch "
        f"{result.best_epoch + 1}"
    )


def finished(attempt: Attempt) -> AttemptResult | None:
    """What a training left, or ``None`` if it has not ended.

    Args:
        attempt: the training.

    Raises:
        RunError: if the file is damaged, or of another training.
    """
    path = attempt.directory / RESULT_FILE
    mend = f"delete {attempt.directory} to train this candidate anew"
    result = read_state(path, AttemptResult, mend)
    if result is not None:
        trained = result.rank, result.learning_rate, result.architecture.to_json()
        if trained != (attempt.rank, attempt.learning_rate, attempt.architecture.to_json()):
            raise RunError(f"{path}: tells of another training than this run's; {mend}.")
    return result


def _best(results: list[AttemptResult]) -> int:
    """Index of the lowest validation log loss, the first of equal ones."""
    return min(range(len(results)), key=lambda index: (results[index].score, index))


def _keep_best_weights(attempts: list[Attempt], results: list[AttemptResult]) -> None:
    """Full tables are large: only the best network's weights stay on disk."""
    best = _best(results)
    for index, attempt in enumerate(attempts):
        if index != best:
            (attempt.directory / WEIGHTS).unlink(missing_ok=True)
