"""What a training from scratch is worth after each epoch and at its rungs, kept as it goes."""

import math
import time
from collections.abc import Callable
from typing import Any

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.kept_logits import ROW_LOSSES, VALIDATION_LOGITS, keep_logits
from nasrec_tf.search.results import EpochQuality, Look, best_epoch
from nasrec_tf.search.run import Run
from nasrec_tf.search.training_task import LOOKS, VALIDATION, WEIGHTS, FromScratch
from nasrec_tf.training.curves import kept_curve


class EpochValidation:
    """Evaluates after each epoch, or parts of one, and keeps the weights of the best one.

    Args:
        run: the run.
        records: what the network is trained on and judged by.
        network: the network, compiled.
        what: what is trained.
        title: what the progress bar is called.

    Raises:
        RunError: if the qualities that an earlier call has kept are damaged.
    """

    def __init__(self, run: Run, records: Any, network: Any, what: FromScratch, title: str):
        from nasrec_tf.training.evaluation import Predictor

        self._run = run
        self._title = title
        self._predict = Predictor(network, records)
        self._network = network
        self._what = what
        self._path = what.directory / VALIDATION
        self._evaluated_at: int | None = None
        self._is_first = True
        self.epochs: list[EpochQuality] = list(evaluations(what))

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
        points = kept_curve(what.directory)
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
        """Whether to go on: not once it diverged, or several epochs in a row were no better.

        Args:
            epoch: number of the evaluation, from 0.
        """
        from nasrec_tf.training.plateaus import tell_schedule

        if epoch >= len(self.epochs):
            self._evaluate(epoch)
        found = self.epochs[epoch]
        tell_schedule(self._network, self._what.recipe.monitor, found.log_loss, found.auc)
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
        from nasrec_tf.training.evaluation import log_losses, parts_of_mean

        found, labels, logits = self._measured()
        self.epochs.append(EpochQuality(found.log_loss, found.auc))
        self._evaluated_at = self._step
        if self.best_epoch == epoch and self._what.keeps_weights:
            save_weights(self._network, self._what.directory / WEIGHTS)
        if self.best_epoch == epoch and self._what.keeps_logits:
            keep_logits(self._what.directory, logits)
        if self.best_epoch == epoch and self._what.keeps_losses:
            weights = self._predict.records.weights("validation")
            losses = parts_of_mean(log_losses(labels, logits), weights)
            keep_logits(self._what.directory, losses.astype("float32"), ROW_LOSSES)
        write_state(self._path, self.epochs)


def evaluations(what: FromScratch) -> tuple[EpochQuality, ...]:
    """The qualities that a training has kept so far, by evaluation.

    Args:
        what: what is trained.

    Raises:
        RunError: if they are damaged.
    """
    return read_state(what.directory / VALIDATION, tuple[EpochQuality, ...], what.mend) or ()


class Looks:
    """What a training has come to at its rungs, kept in a file.

    Args:
        what: what is trained.

    Raises:
        RunError: if the file is damaged.
    """

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

    def take(self, step: int, validation: EpochValidation) -> bool:
        """Looks at a training, and says whether it goes on.

        Args:
            step: that the training is at.
            validation: of the training.
        """
        self.found = (*self.found, Look(step, validation.log_loss()))
        write_state(self._path, self.found)
        return self.go_on
