"""The best candidates from scratch, and the choice among them (paper 5.1)."""

import contextlib
import dataclasses
import gc
import pathlib
import shutil
import time

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.results import (
    AttemptFigures,
    AttemptResult,
    EpochQuality,
    RetrainResult,
    best_epoch,
)
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.search.stages.candidates import candidates
from nasrec_tf.search.winner_quality import measure
from nasrec_tf.training.curves import read_curve
from nasrec_tf.training.divergence import DivergedError
from nasrec_tf.training.recipe import Recipe

WEIGHTS = "best.npz"
VALIDATION = "validation.json"
LOSS_CURVE = "loss.csv"
CHECKPOINT = "checkpoint"


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

    subnet = _build(run, architecture, seed=None)
    load_weights(subnet, path, f"delete {path.parent} to train it again")
    return subnet


def _build(run: Run, architecture: Architecture, seed: int | None):
    """The untrained stand-alone network, with the full tables."""
    # Networks hold reference cycles: without this, the full tables and accumulators of the one
    # before would still be in memory.
    gc.collect()
    from nasrec_tf.networks.subnet import Subnet

    return Subnet(architecture, run.records.features, run.final_options, seed)


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
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.loop import TrainingPlan, train

    recipe = run.recipe.replace(learning_rate=attempt.learning_rate)
    seed = run.config.seed if recipe.seed is None else recipe.seed
    plan = TrainingPlan(
        recipe,
        seed=derived_seed(seed, "retrain rows"),
        learning_rate_option="--retrain-learning-rates",
    )
    _make_ready(attempt.directory)
    subnet = _build(run, attempt.architecture, derived_seed(seed, "retrain"))
    validation = _Validation(run, subnet, attempt.directory, recipe)
    validation.check_complete(plan.steps_per_epoch(run.records))
    started = time.monotonic()
    with (
        run.progress(title, plan.steps(run.records), "step") as bar,
        # What an epoch before was worth stays; without one the candidate comes last.
        contextlib.suppress(DivergedError),
    ):
        train(
            subnet,
            run.records,
            plan,
            attempt.directory,
            bar,
            after_epoch=validation,
            checkpoint_seconds=run.config.checkpoint_seconds,
        )
    result = AttemptResult(
        rank=attempt.rank,
        learning_rate=attempt.learning_rate,
        architecture=attempt.architecture,
        steps_per_epoch=plan.steps_per_epoch(run.records),
        epochs=tuple(validation.epochs),
        best_epoch=validation.best_epoch,
        validation=validation.best,
        monitor=recipe.monitor,
        seconds=time.monotonic() - started,
    )
    write_state(attempt.directory / RESULT_FILE, result)
    shutil.rmtree(attempt.directory / CHECKPOINT, ignore_errors=True)
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


def _make_ready(directory: pathlib.Path) -> None:
    """What is left of a training whose checkpoint is gone goes too: it begins anew."""
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / CHECKPOINT).is_dir():
        for name in (VALIDATION, WEIGHTS, LOSS_CURVE):
            (directory / name).unlink(missing_ok=True)


class _Validation:
    """Evaluates after each epoch and keeps the weights of the best one."""

    def __init__(self, run: Run, subnet, directory: pathlib.Path, recipe: Recipe):
        from nasrec_tf.training.evaluation import Predictor

        self._predict = Predictor(subnet, run.records)
        self._subnet = subnet
        self._recipe = recipe
        self._directory = directory
        self._path = directory / VALIDATION
        self._mend = f"delete {directory} to train this candidate anew"
        saved = read_state(self._path, tuple[EpochQuality, ...], self._mend)
        self.epochs: list[EpochQuality] = list(saved or ())

    @property
    def best_epoch(self) -> int | None:
        """Number of the best epoch so far, from 0."""
        return best_epoch(tuple(self.epochs), self._recipe.monitor)

    @property
    def best(self) -> EpochQuality | None:
        """Quality after the best epoch so far."""
        return None if self.best_epoch is None else self.epochs[self.best_epoch]

    def check_complete(self, steps_per_epoch: int) -> None:
        """Finds out at the start whether a quality is lost that cannot be measured again.

        Raises:
            RunError: if so.
        """
        curve = self._directory / LOSS_CURVE
        points = read_curve(curve) if curve.exists() else []
        # The curve goes past the end of an epoch only once that epoch has been evaluated.
        evaluated = (points[-1][0] - 1) // steps_per_epoch if points else 0
        if len(self.epochs) < evaluated:
            raise RunError(
                f"{self._path}: holds {len(self.epochs)} of {evaluated} epochs; {self._mend}."
            )
        if self.best_epoch is not None and not (self._directory / WEIGHTS).exists():
            raise RunError(f"{self._directory / WEIGHTS}: is missing; {self._mend}.")

    def __call__(self, epoch: int) -> bool:
        """Whether to go on: not once it diverged, or several epochs in a row were no better."""
        if epoch >= len(self.epochs):
            self._evaluate(epoch)
        best = self.best_epoch
        return best is not None and epoch - best < self._recipe.patience

    def _evaluate(self, epoch: int) -> None:
        from nasrec_tf.networks.weights import save_weights
        from nasrec_tf.training.evaluation import quality

        found = quality(*self._predict("validation"))
        self.epochs.append(EpochQuality(found.log_loss, found.auc))
        if self.best_epoch == epoch:
            save_weights(self._subnet, self._directory / WEIGHTS)
        write_state(self._path, self.epochs)


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
