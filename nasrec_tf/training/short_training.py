"""Scoring a candidate by training it from scratch on a share of the data.

What random search spends its time on in the paper (5.2), and how AutoCTR scores.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.records import Records
from nasrec_tf.training.evaluation import Predictor, mean_log_loss
from nasrec_tf.training.pace import Pace
from nasrec_tf.training.trainer import OneDevice
from nasrec_tf.training.training_plan import TrainingPlan


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShortTrainingPlan(TrainingPlan):
    """A training over so many rows, whatever the split holds; its schedule ends with them.

    Args:
        rows: of the training split, in the order of training; where there are more than the split
            has, passes follow each other.
        validation_rows: rows of the validation split that a score is taken over, at most.

    Raises:
        RecipeError: if the recipe leaves batch size or epochs open, or follows evaluations.
        UserError: if the rows are not even one batch.
    """

    rows: int
    validation_rows: int

    def __post_init__(self):
        super().__post_init__()
        self.recipe.check_unwatched("a short training")
        if self.rows < self.batch_size:
            raise UserError(
                f"--score-rows {self.rows} is fewer than the {self.batch_size} rows of a batch; "
                "raise it, or lower --batch-size or --retrain-batch-size."
            )

    def steps(self, records: Records) -> int:
        """Steps of the whole training: full batches of its rows.

        Args:
            records: the data set.
        """
        return self.rows // self.batch_size

    def epoch_steps(self, records: Records) -> Iterator[int]:
        """Steps to make in each pass over the split, the last of which may be left early.

        Args:
            records: the data set.

        Raises:
            UserError: if the split does not have one batch.
        """
        left = self.steps(records)
        while left > 0:
            steps = min(left, self.steps_per_epoch(records))
            yield steps
            left -= steps


class TrainingScorer:
    """Log loss of a network after a short training from scratch.

    The same architecture always gets the same score: initial weights and rows are drawn alike for
    every candidate.

    Args:
        build: makes the untrained network of an architecture.
        records: the data set; trained on its training split, scored on its validation split.
        plan: how to train.
    """

    def __init__(
        self,
        build: Callable[[Architecture], keras.Model],
        records: Records,
        plan: ShortTrainingPlan,
    ):
        self._build = build
        self._records = records
        self._plan = plan

    def __call__(self, architecture: Architecture) -> dict[str, float]:
        """Trains and scores an architecture.

        Args:
            architecture: as ``build`` takes it.

        Returns:
            ``log_loss`` on the validation rows, not finite if the training diverges.

        Raises:
            UserError: if the training split holds fewer batches than its schema says.
        """
        model = self._build(architecture)
        self._plan.compile(model, self._records)
        if not self._train(model):
            return {"log_loss": float("nan")}
        predict = Predictor(model, self._records)
        rows = self._plan.validation_rows
        labels, logits = predict("validation", rows)
        weights = self._records.weights("validation", rows)
        return {"log_loss": mean_log_loss(labels, logits, weights)}

    def _train(self, model: keras.Model) -> bool:
        """Whether all losses were finite; what averages weights leaves them averaged."""
        plan, records, trainer = self._plan, self._records, OneDevice(model)
        average, pace, made = plan.weight_average(model, records), Pace(), 0
        for epoch, steps in enumerate(plan.epoch_steps(records)):
            batches = iter(records.training_batches(plan.batch_size, epoch, plan.seed))
            end = made + steps
            while made < end:
                left = end - made
                if average is not None:
                    left = min(left, average.steps_until_next(made))
                count = pace.steps(left, float("inf"))
                with pace.timed(count):
                    losses = self._steps(trainer, batches, count)
                if not np.isfinite(losses).all():
                    return False
                made += count
                if average is not None:
                    average.after_step(made)
            # As after every pass of a longer training; what reads the tables sees all rows decayed.
            model.optimizer.settle()
        if average is not None:
            average.apply()
        return True

    def _steps(self, trainer: OneDevice, batches: Any, count: int) -> np.ndarray:
        try:
            return trainer.steps(batches, count)
        except tf.errors.OutOfRangeError as error:
            raise UserError(
                f"{self._records.directory}: split {self._plan.split!r} has fewer batches than its "
                "schema says; the data set is damaged: make it again."
            ) from error
