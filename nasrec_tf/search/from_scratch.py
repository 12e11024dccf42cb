"""One network trained from scratch with a recipe, its quality kept by epoch (paper 5.1)."""

import contextlib
import dataclasses
import gc
import math
import pathlib
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.kept_logits import ROW_LOSSES, VALIDATION_LOGITS, keep_logits
from nasrec_tf.search.results import EpochQuality, Look, best_epoch
from nasrec_tf.search.run import Run
from nasrec_tf.search.time_budget import TimeBudget
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.training.curves import read_curve
from nasrec_tf.training.divergence import DivergedError
from nasrec_tf.training.recipe import LOG_LOSS, Recipe

WEIGHTS = "best.npz"
VALIDATION = "validation.json"
LOSS_CURVE = "loss.csv"
CHECKPOINT = "checkpoint"
LOOKS = "looks.json"


def always(looks: Sequence[Look]) -> bool:
    """Whether a training goes on that is compared with no other: yes.

    Args:
        looks: what it has come to.
    """
    return True


@dataclasses.dataclass(frozen=True)
class FromScratch:
    """What is to be trained.

    Args:
        architecture: the model.
        recipe: how; complete, as ``Run.completed`` gives it.
        directory: where it leaves weights, curve and validation.
        purpose: of the training; initial weights and row order are drawn for it.
        keeps_weights: whether the weights of the best epoch are kept.
        keeps_logits: whether its validation logits are kept.
        needs_logits: whether what comes after cannot do without them; trainings that an earlier
            version began have kept none.
        keeps_losses: whether its validation log losses are kept row by row.
        again: what deleting the directory makes the run do.
        rungs: steps after which it is looked at, beside its evaluations.
        goes_on: told all looks so far after each, whether to go on.
        records: what it is trained on and judged by, a ``Records``; the run's unless given.
        start: gives the untrained network other weights to begin with.
    """

    architecture: Trainable
    recipe: Recipe
    directory: pathlib.Path
    purpose: str = "retrain"
    keeps_weights: bool = True
    keeps_logits: bool = False
    needs_logits: bool = False
    keeps_losses: bool = False
    again: str = "train this candidate anew"
    rungs: tuple[int, ...] = ()
    goes_on: Callable[[Sequence[Look]], bool] = always
    records: Any = None
    start: Callable[[Any], None] | None = None

    @property
    def mend(self) -> str:
        """What the user can do about damage in the directory."""
        return f"delete {self.directory} to {self.again}"


@dataclasses.dataclass(frozen=True)
class Trained:
    """How a training from scratch went.

    Args:
        steps_per_epoch: training steps of an epoch.
        passes: over the training split.
        epochs: quality at each evaluation: after each epoch, or parts of one.
        best_epoch: number of the best of them, from 0; ``None`` if none was finite.
        validation: quality after it.
        seconds: wall time in this call.
        looks: what it was compared by.
        ended: whether it went to its end, and was not stopped after a look.
        cut: step at which its time was over; ``None`` if it was not.
    """

    steps_per_epoch: int
    passes: float
    epochs: tuple[EpochQuality, ...]
    best_epoch: int | None
    validation: EpochQuality | None
    seconds: float
    looks: tuple[Look, ...] = ()
    ended: bool = True
    cut: int | None = None


def build(run: Run, architecture: Trainable, recipe: Recipe, seed: int | None):
    """An untrained stand-alone network, with the full tables.

    Args:
        run: the run.
        architecture: the model.
        recipe: how it is going to be trained.
        seed: of its initial weights; ``None`` for zeros.
    """
    # Networks hold reference cycles: without this, the full tables and accumulators of the one
    # before would still be in memory.
    gc.collect()
    balancing = run.config.operator_balancing
    return architecture.build(run.records.features, recipe, balancing, seed)


def train_from_scratch(run: Run, what: FromScratch, title: str) -> Trained:
    """Trains a network, going on where an earlier call was stopped.

    A training that diverges ends; what an epoch before was worth stays.

    Args:
        run: the run.
        what: what is trained.
        title: what the progress bar is called.

    Raises:
        RunError: if what an earlier call left is damaged.
    """
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.loop import Rungs, train

    started = time.monotonic()
    plan = training_plan(run, what.recipe, what.purpose)
    records = run.records if what.records is None else what.records
    make_ready(what.directory)
    looks, cut = _Looks(what), None
    ended = looks.go_on
    if ended:
        seed = derived_seed(_seed(run, what.recipe), what.purpose)
        network = build(run, what.architecture, what.recipe, seed)
        begin(network, what.directory, what.start)
        run.time.slowness.begin_training()
        validation = _Validation(run, records, network, what, title)
        validation.check_complete(
            lambda index: plan.evaluation_step(index, records), looks.next_step
        )
        stop = _Stop(run.time, network)
        rungs = Rungs(looks.left, lambda step: looks.take(step, validation))
        with (
            run.progress(title, plan.steps(records), "step") as bar,
            contextlib.suppress(DivergedError),
        ):
            ended = train(
                network,
                records,
                plan,
                what.directory,
                bar,
                evaluate=validation,
                checkpoint_seconds=run.config.checkpoint_seconds,
                rungs=rungs,
                stop=stop,
            )
            if stop.was_time:
                cut = int(network.optimizer.iterations.numpy())
    epochs = _evaluations(what)
    best = best_epoch(epochs, what.recipe.monitor)
    return Trained(
        steps_per_epoch=plan.steps_per_epoch(records),
        passes=(plan.evaluation_step(len(epochs) - 1, records) if cut is None else cut)
        / plan.steps_per_epoch(records),
        epochs=epochs,
        best_epoch=best,
        validation=None if best is None else epochs[best],
        seconds=time.monotonic() - started,
        looks=looks.found,
        ended=ended,
        cut=cut,
    )


def begin(network: Any, directory: pathlib.Path, start: Callable[[Any], None] | None) -> None:
    """Gives a network other initial weights, unless its training goes on from a checkpoint.

    Args:
        network: the network, with its initial weights.
        directory: of the training.
        start: what gives them; ``None`` to leave it as it is.
    """
    from nasrec_tf.training.checkpoint import latest_checkpoint

    if start is not None and latest_checkpoint(directory / CHECKPOINT) is None:
        start(network)


def training_plan(run: Run, recipe: Recipe, purpose: str = "retrain"):
    """What a training from scratch does, a ``TrainingPlan``.

    Args:
        run: the run.
        recipe: how; complete.
        purpose: of the training.
    """
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.training_plan import TrainingPlan

    return TrainingPlan(
        recipe,
        seed=derived_seed(_seed(run, recipe), f"{purpose} rows"),
        learning_rate_option="--retrain-learning-rates",
    )


def _seed(run: Run, recipe: Recipe) -> int:
    return run.config.seed if recipe.seed is None else recipe.seed


def clear_checkpoint(directory: pathlib.Path) -> None:
    """Deletes what only a training that goes on needs.

    Args:
        directory: of a training whose result has been written.
    """
    shutil.rmtree(directory / CHECKPOINT, ignore_errors=True)


def load_trained(run: Run, architecture: Trainable, directory: pathlib.Path, recipe: Recipe | None):
    """A network with the weights that its training has kept.

    Args:
        run: the run.
        architecture: the model.
        directory: of the training.
        recipe: how it was trained; ``None`` in runs that do not tell, which have one for all.

    Raises:
        RunError: if the weights are missing, damaged, or of another network.
    """
    from nasrec_tf.networks.weights import load_weights

    network = build(run, architecture, recipe or run.recipe, seed=None)
    load_weights(network, directory / WEIGHTS, f"delete {directory} to train it again")
    return network


def make_ready(directory: pathlib.Path) -> None:
    """Makes a training's directory, and clears what is left of one whose checkpoint is gone.

    Args:
        directory: of the training, which goes on from its checkpoint or begins anew.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / CHECKPOINT).is_dir():
        for name in (VALIDATION, WEIGHTS, VALIDATION_LOGITS, ROW_LOSSES, LOSS_CURVE, LOOKS):
            (directory / name).unlink(missing_ok=True)


class _Validation:
    """Evaluates after each epoch, or parts of one, and keeps the weights of the best one."""

    def __init__(self, run: Run, records, network, what: FromScratch, title: str):
        from nasrec_tf.training.evaluation import Predictor

        self._run = run
        self._title = title
        self._predict = Predictor(network, records)
        self._network = network
        self._what = what
        self._path = what.directory / VALIDATION
        self._evaluated_at: int | None = None
        self._is_first = True
        self.epochs: list[EpochQuality] = list(_evaluations(what))

    @property
    def best_epoch(self) -> int | None:
        """Number of the best epoch so far, from 0."""
        return best_epoch(tuple(self.epochs), self._what.recipe.monitor)

    def check_complete(
        self, evaluation_step: Callable[[int], int], look_step: int | None = None
    ) -> None:
        """Finds out at the start whether a quality is lost that cannot be measured again.

        Args:
            evaluation_step: steps before an evaluation, by its number.
            look_step: steps before the next look that is not an evaluation; ``None`` if none is.

        Raises:
            RunError: if so.
        """
        what = self._what
        curve = what.directory / LOSS_CURVE
        points = read_curve(curve) if curve.exists() else []
        # The curve goes past an evaluation's step only once that has been made.
        if points and evaluation_step(len(self.epochs)) < points[-1][0]:
            raise RunError(
                f"{self._path}: holds {len(self.epochs)} evaluations, fewer than were made; "
                f"{what.mend}."
            )
        if points and look_step is not None and look_step < points[-1][0]:
            raise RunError(
                f"{what.directory / LOOKS}: lacks the look at step {look_step}; {what.mend}."
            )
        kept = {
            WEIGHTS: what.keeps_weights,
            VALIDATION_LOGITS: what.needs_logits,
            ROW_LOSSES: what.keeps_losses,
        }
        for name, is_kept in kept.items():
            if self.best_epoch is not None and is_kept and not (what.directory / name).exists():
                raise RunError(f"{what.directory / name}: is missing; {what.mend}.")

    def __call__(self, epoch: int) -> bool:
        """Whether to go on: not once it diverged, or several epochs in a row were no better."""
        if epoch >= len(self.epochs):
            self._evaluate(epoch)
        self._observe(epoch)
        best = self.best_epoch
        return best is not None and epoch - best < self._what.recipe.patience

    def log_loss(self) -> float:
        """The lowest validation log loss so far, of the present weights and all evaluations."""
        losses = [epoch.log_loss for epoch in self.epochs]
        if self._evaluated_at != self._step:
            losses.append(self._measured()[0].log_loss)
        return min((loss for loss in losses if math.isfinite(loss)), default=math.inf)

    @property
    def _step(self) -> int:
        return int(self._network.optimizer.iterations.numpy())

    def _observe(self, epoch: int) -> None:
        """Tells a rate that falls at plateaus; what it has seen before is not taken again."""
        from nasrec_tf.optimizers.schedules import WarmupPlateau

        schedule = self._network.optimizer.schedule
        if isinstance(schedule, WarmupPlateau):
            found = self.epochs[epoch]
            by_loss = self._what.recipe.monitor == LOG_LOSS or found.auc is None
            loss = found.log_loss if by_loss else 1.0 - found.auc
            schedule.observe(self._step, loss)

    def _measured(self):
        """Quality, labels and logits of the present weights on the validation split."""
        from nasrec_tf.training.evaluation import quality

        started = time.monotonic()
        labels, logits = self._run.predicted(self._predict, self._title, "validation")
        seconds = time.monotonic() - started
        self._run.time.saw_evaluation(len(labels), seconds, self._is_first)
        self._is_first = False
        weights = self._predict.records.weights("validation")
        return quality(labels, logits, weights), labels, logits

    def _evaluate(self, epoch: int) -> None:
        from nasrec_tf.networks.weights import save_weights
        from nasrec_tf.training.evaluation import log_losses

        found, labels, logits = self._measured()
        self.epochs.append(EpochQuality(found.log_loss, found.auc))
        self._evaluated_at = self._step
        if self.best_epoch == epoch and self._what.keeps_weights:
            save_weights(self._network, self._what.directory / WEIGHTS)
        if self.best_epoch == epoch and self._what.keeps_logits:
            keep_logits(self._what.directory, logits)
        if self.best_epoch == epoch and self._what.keeps_losses:
            losses = log_losses(labels, logits).astype("float32")
            keep_logits(self._what.directory, losses, ROW_LOSSES)
        write_state(self._path, self.epochs)


def _evaluations(what: FromScratch) -> tuple[EpochQuality, ...]:
    return read_state(what.directory / VALIDATION, tuple[EpochQuality, ...], what.mend) or ()


class _Stop:
    """Whether a training ends where it is, and whether it did; tells the pace of its steps."""

    def __init__(self, budget: TimeBudget, network):
        self._budget = budget
        self._network = network
        self._before: tuple[int, float] | None = None
        self.was_time = False

    def __call__(self) -> bool:
        if self._budget.limited:
            self._tell_pace()
        self.was_time = self._budget.is_over()
        return self.was_time

    def _tell_pace(self) -> None:
        now = int(self._network.optimizer.iterations.numpy()), time.monotonic()
        if self._before is not None and now[0] > self._before[0]:
            steps = now[0] - self._before[0]
            self._budget.slowness.saw_steps(steps, now[1] - self._before[1])
        self._before = now


class _Looks:
    """What a training has come to at its rungs, kept in a file."""

    def __init__(self, what: FromScratch):
        self._what = what
        self._path = what.directory / LOOKS
        self.found: tuple[Look, ...] = read_state(self._path, tuple[Look, ...], what.mend) or ()

    @property
    def go_on(self) -> bool:
        """Whether the looks so far let it."""
        return self._what.goes_on(self.found)

    @property
    def left(self) -> tuple[int, ...]:
        """Steps of the looks that have not been taken."""
        taken = [look.step for look in self.found]
        return tuple(step for step in self._what.rungs if step not in taken)

    @property
    def next_step(self) -> int | None:
        """Step of the next look."""
        return min(self.left, default=None)

    def take(self, step: int, validation: _Validation) -> bool:
        """Looks at a training, and says whether it goes on."""
        self.found = (*self.found, Look(step, validation.log_loss()))
        write_state(self._path, self.found)
        return self.go_on
