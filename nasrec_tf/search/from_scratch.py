"""One network trained from scratch with a recipe, its quality kept by epoch (paper 5.1)."""

import contextlib
import dataclasses
import gc
import pathlib
import time
from collections.abc import Callable
from typing import Any

from nasrec_tf.common.time_spent import time_spent
from nasrec_tf.search.epoch_validation import EpochValidation, Looks, evaluations
from nasrec_tf.search.results import EpochQuality, Look, best_epoch
from nasrec_tf.search.run import Run
from nasrec_tf.search.time_budget import TimeBudget
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.search.training_task import WEIGHTS, FromScratch, make_ready
from nasrec_tf.training.divergence import DivergedError
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.training_files import CHECKPOINT


@dataclasses.dataclass(frozen=True)
class Trained:
    """How a training from scratch went.

    Args:
        steps_per_epoch: training steps of an epoch.
        passes: over the training split.
        epochs: quality at each evaluation: after each epoch, or parts of one.
        best_epoch: number of the best of them, from 0; ``None`` if none was finite.
        validation: quality after it.
        seconds: wall time so far, over all calls that went on with it.
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
    plan = training_plan(run, what.recipe, what.purpose)
    records = run.records if what.records is None else what.records
    make_ready(what.directory)
    with time_spent(what.directory) as spent:
        looks = Looks(what)
        ended, cut = looks.go_on, None
        if ended:
            ended, cut = _train(run, what, title, plan, records, looks)
        epochs = evaluations(what)
    best = best_epoch(epochs, what.recipe.monitor)
    return Trained(
        steps_per_epoch=plan.steps_per_epoch(records),
        passes=(plan.evaluation_step(len(epochs) - 1, records) if cut is None else cut)
        / plan.steps_per_epoch(records),
        epochs=epochs,
        best_epoch=best,
        validation=None if best is None else epochs[best],
        seconds=spent(),
        looks=looks.found,
        ended=ended,
        cut=cut,
    )


def _train(
    run: Run, what: FromScratch, title: str, plan: Any, records: Any, looks: Looks
) -> tuple[bool, int | None]:
    """Whether a training came to its end, and the step at which its time was over, if it was."""
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.loop import Rungs, train

    seed = derived_seed(what.recipe.seed_or(run.config.seed), what.purpose)
    network = build(run, what.architecture, what.recipe, seed)
    begin(network, what.directory, what.start)
    run.time.slowness.begin_training()
    validation = EpochValidation(run, records, network, what, title)
    validation.check_complete(lambda index: plan.evaluation_step(index, records), looks.next_step)
    stop = TimeStop(run.time, network)
    ended, cut = True, None
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
            rungs=Rungs(looks.left, lambda step: looks.take(step, validation)),
            stop=stop,
        )
        if stop.was_time:
            cut = int(network.optimizer.iterations.numpy())
    return ended, cut


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


def training_plan(run: Run, recipe: Recipe, purpose: str = "retrain", split: str = "train"):
    """What a training from scratch does, a ``TrainingPlan``.

    Args:
        run: the run.
        recipe: how; complete.
        purpose: of the training.
        split: what it is trained on, or several joined by ``"+"``.
    """
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.training_plan import TrainingPlan

    return TrainingPlan(
        recipe,
        seed=derived_seed(recipe.seed_or(run.config.seed), f"{purpose} rows"),
        split=split,
        learning_rate_option="--retrain-learning-rates",
    )


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


class TimeStop:
    """Whether a training ends where it is, and whether it did; tells the pace of its steps.

    Args:
        budget: the run's time.
        network: what is trained, compiled.
    """

    def __init__(self, budget: TimeBudget, network: Any):
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
