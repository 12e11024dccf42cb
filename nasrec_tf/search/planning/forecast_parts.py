"""What the stages of a forecast are made of: trainings, rows in memory, checkpoints."""

import dataclasses

from nasrec_tf.architecture.memory import NUMBER_BYTES
from nasrec_tf.search.halving import trained_share
from nasrec_tf.search.planning.pilot import Pilot
from nasrec_tf.search.planning.unit_costs import TrainingCost, UnitCosts
from nasrec_tf.training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Parts:
    """Seconds and bytes of what a run does again and again.

    Args:
        pilot: the run.
        costs: as measured.
    """

    pilot: Pilot
    costs: UnitCosts

    def training(self, cost: TrainingCost) -> float:
        """Seconds of a whole training from scratch with the run's recipe.

        Args:
            cost: as measured.
        """
        recipe = self.pilot.recipe
        epochs = recipe.epochs or 1
        evaluations = epochs * recipe.evaluations_per_epoch
        steps = epochs * self.steps_per_epoch(recipe)
        seconds = cost.seconds(steps, evaluations, self.pilot.rows["validation"])
        copies = 2 + recipe.further_copies  # Weights, accumulators, and what the recipe keeps more.
        beside = evaluations * copies * self.further_weights(recipe)
        return seconds + beside * self.costs.written_byte

    def steps_per_epoch(self, recipe: Recipe) -> int:
        """Steps of a pass over the training split.

        Args:
            recipe: whose batches.
        """
        return recipe.epoch_steps(self.pilot.counts.steps_per_epoch(recipe.batch_size or 1))

    def loading(self, split: str) -> float:
        """Seconds to bring a split into memory; none if it is streamed.

        Args:
            split: its name.
        """
        return self.costs.load_row * self.pilot.rows[split] if self.held(split) else 0.0

    def held(self, split: str) -> int:
        """Bytes of a split that is held in memory.

        Args:
            split: its name.
        """
        from nasrec_tf.data.records import IN_MEMORY_BYTES

        records = self.pilot.records
        each = records.loading_bytes(split) / max(1, records.rows(split))
        needed = round(each * self.pilot.rows[split])
        return needed if needed <= IN_MEMORY_BYTES else 0

    def saving(self, seconds: float, save: float, size: int) -> float:
        """Seconds of the checkpoints of a training, of a network of full size.

        Args:
            seconds: of the training.
            save: of a checkpoint, as measured.
            size: bytes of one.
        """
        saves = 1 + seconds / self.pilot.config.checkpoint_seconds
        return saves * max(save, size * self.costs.written_byte)

    def memory(self, weights: int) -> int:
        """Bytes of the process.

        Args:
            weights: bytes of them, in it.
        """
        held = sum(self.held(split) for split in ("train", "validation"))
        return self.costs.process_bytes + weights + held

    def further_weights(self, recipe: Recipe) -> int:
        """Bytes of a network's tables beyond those of the measured data set, which are measured.

        Args:
            recipe: whose embeddings.
        """
        rows = sum(self.pilot.table_rows) - sum(self.pilot.schema.sparse_rows)
        return NUMBER_BYTES * max(0, rows) * recipe.embedding_dim

    def whole_trainings(self, first: int) -> float:
        """How many whole trainings those of what the search hands over make.

        Args:
            first: how many they are, some of which ``--halving`` gives up.
        """
        pilot = self.pilot
        if not pilot.settings.halving:
            return first
        rates = len(pilot.config.learning_rates() or (1,))
        return rates * trained_share(first // rates, pilot.config.ensemble)

    def choosing(self) -> float:
        """Of the retrain stage, what comes after its trainings: calibration and the test split."""
        costs, rows = self.costs, self.pilot.rows
        seconds = rows["test"] * (costs.found[0].evaluated_row + costs.judged_row)
        return seconds + self.labels() + self.loading("test") + costs.found[0].start

    def labels(self) -> float:
        """Seconds to read the labels of validation, whose logits the training has kept."""
        return self.costs.load_row * self.pilot.rows["validation"]
