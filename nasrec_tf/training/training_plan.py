"""What one network is trained on, and how: a recipe with an order of the rows."""

import dataclasses

import keras

from nasrec_tf.data.records import Records
from nasrec_tf.optimizers.catalogue import make_optimizer
from nasrec_tf.optimizers.schedules import make_schedule
from nasrec_tf.training.recipe import Recipe, RecipeError
from nasrec_tf.training.weight_average import WeightAverage

AVERAGES_PER_EPOCH = 100
"""Averages of the weights in an epoch, up to twice as many: each takes a pass over all tables."""


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """What one network is trained on, and how.

    Args:
        recipe: how; it has to say batch size and epochs.
        seed: seed of the order of the rows.
        split: the split to train on.
        learning_rate_option: how the user sets the learning rate, for the line that tells of a
            training that diverged.

    Raises:
        RecipeError: if the recipe leaves batch size or epochs open.

    Example:
        >>> plan = TrainingPlan(Recipe(batch_size=512, epochs=2), seed=0)
        >>> plan.mend
        'use a smaller learning rate than 0.12, or a --batch-size larger than 512'
    """

    recipe: Recipe
    seed: int
    split: str = "train"
    learning_rate_option: str = "learning rate"

    def __post_init__(self):
        for name in ("batch_size", "epochs"):
            if getattr(self.recipe, name) is None:
                raise RecipeError(f"{name} must be given to train with this recipe.")

    @property
    def batch_size(self) -> int:
        """Rows of a batch."""
        return self.recipe.batch_size or 0

    @property
    def epochs(self) -> int:
        """Most passes over the split."""
        return self.recipe.epochs or 0

    def steps_per_epoch(self, records: Records) -> int:
        """Full batches of an epoch.

        Args:
            records: the data set.

        Raises:
            UserError: if there is not even one.
        """
        return self.recipe.epoch_steps(records.steps_per_epoch(self.batch_size, self.split))

    def steps(self, records: Records) -> int:
        """Steps of the whole training.

        Args:
            records: the data set.
        """
        return self.epochs * self.steps_per_epoch(records)

    def evaluation_step(self, index: int, records: Records) -> int:
        """Steps made before an evaluation: the last of each epoch comes at its end.

        Args:
            index: number of the evaluation, from 0.
            records: the data set.
        """
        epoch, part = divmod(index, self.evaluations_per_epoch(records))
        steps = self.steps_per_epoch(records)
        return epoch * steps + steps * (part + 1) // self.evaluations_per_epoch(records)

    def evaluations_per_epoch(self, records: Records) -> int:
        """Evaluations in an epoch, of which none has more than its steps.

        Args:
            records: the data set.
        """
        return min(self.recipe.evaluations_per_epoch, self.steps_per_epoch(records))

    def evaluations_until(self, step: int, records: Records) -> int:
        """How many evaluations are due at a step or before it.

        Args:
            step: of the whole training.
            records: the data set.
        """
        per_epoch, parts = self.steps_per_epoch(records), self.evaluations_per_epoch(records)
        epoch, start = divmod(step, per_epoch)
        return epoch * parts + sum(
            per_epoch * (part + 1) // parts <= start for part in range(parts)
        )

    def compile(self, model: keras.Model, records: Records) -> None:
        """Gives the model the recipe's optimizer and schedule, and log loss on logits.

        Args:
            model: the network.
            records: the data set.
        """
        recipe, steps = self.recipe, self.steps(records)
        schedule = make_schedule(recipe.schedule, recipe.learning_rate, steps, recipe.warmup_share)
        model.compile(
            optimizer=make_optimizer(
                recipe.optimizer,
                schedule,
                clip_norm=recipe.clip_norm or None,
                row_decay=recipe.row_decay,
                weight_decay=recipe.weight_decay,
                table_rate_scale=recipe.table_rate_scale,
                table_l2=recipe.table_l2,
            ),
            loss=keras.losses.BinaryCrossentropy(
                from_logits=True, label_smoothing=recipe.label_smoothing
            ),
            # Paths and table rows make dynamic shapes, which XLA would compile again and again.
            jit_compile=False,
        )
        model.optimizer.build(model.trainable_variables)

    def weight_average(self, model: keras.Model, records: Records) -> WeightAverage | None:
        """What averages the weights of the compiled model; ``None`` if the recipe does not.

        Args:
            model: the network.
            records: the data set.
        """
        if not self.recipe.weight_average:
            return None
        steps = min(self.steps(records), self.steps_per_epoch(records))
        every = max(1, steps // AVERAGES_PER_EPOCH)
        return WeightAverage(model, self.recipe.weight_average, every)

    @property
    def mend(self) -> str:
        """What the user can change if the training diverges."""
        return (
            f"use a smaller {self.learning_rate_option} than {self.recipe.learning_rate:g}, or a "
            f"--batch-size larger than {self.batch_size}"
        )
