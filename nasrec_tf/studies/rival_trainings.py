"""The trainings of a comparison: for each model a recipe, then one training for each seed.

All models are trained on the same records, in the same order of rows for a seed, by the same rule
for the recipe. Validation chooses recipe and epoch; the test split is looked at once for each
training that counts. One network at a time is in memory, and its weights go once it has been looked
at: what stays is what it predicted.
"""

import dataclasses
import gc
import math
import pathlib
from collections.abc import Sequence

import numpy as np

from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.report.explanation_summary import CONSTANT
from nasrec_tf.search.from_scratch import load_trained, train_from_scratch
from nasrec_tf.search.kept_logits import keep_logits
from nasrec_tf.search.recipe_search import RecipeSearch
from nasrec_tf.search.run import Run
from nasrec_tf.search.stages.recipe import default_budget
from nasrec_tf.search.training_task import WEIGHTS, FromScratch, clear_checkpoint
from nasrec_tf.studies.averaged_trainings import averaged_trainings
from nasrec_tf.studies.contenders import Contender
from nasrec_tf.studies.grouped_quality import GroupedQuality, GroupedResult
from nasrec_tf.studies.kept_labels import (
    TEST_LABELS,
    keep_labels,
    kept_labels,
    labels_of_records,
)
from nasrec_tf.studies.rival_results import (
    TEST_LOGITS,
    AveragedResult,
    MeasuredResult,
    Settings,
    SpeedResult,
    TrainingResult,
    TuningResult,
)
from nasrec_tf.training.recipe import Recipe

TUNING_FILE, TRAINING_FILE = "tuning.json", "training.json"
TEST_FILE, SPEED_FILE = "test.json", "speed.json"


@dataclasses.dataclass(frozen=True)
class RivalTrainings:
    """Trains and measures the models of a comparison, going on where an earlier call was stopped.

    Args:
        run: the run.
        settings: what all models have in common.
        directory: where the comparison lies.
    """

    run: Run
    settings: Settings
    directory: pathlib.Path

    def start(self) -> Recipe:
        """The recipe of all models, or what the choice begins with; complete."""
        return self.run.completed(self.settings.recipe or Recipe())

    def budget(self) -> float:
        """Passes over the training split that the choice of a model's recipe may take."""
        if self.settings.tuning_passes is not None:
            return self.settings.tuning_passes
        return default_budget(self.run, self.run.settings.retrain_epochs)

    def recipe_search(self, contender: Contender) -> RecipeSearch:
        """The choice of a model's recipe.

        Args:
            contender: the model.
        """
        directory = self.directory / contender.directory / "recipe"
        return RecipeSearch(self.run, contender.model, directory, self.budget(), "--tuning-passes")

    def tuned(self, contender: Contender) -> TuningResult:
        """The recipe of a model, chosen by validation if there is a choice.

        Args:
            contender: the model.
        """
        directory = self.directory / contender.directory
        path = directory / TUNING_FILE
        found = read_state(path, TuningResult, f"delete {directory} to choose the recipe again")
        if found is None:
            found = self._tuned(contender)
            directory.mkdir(parents=True, exist_ok=True)
            write_state(path, found)
        return found

    def _tuned(self, contender: Contender) -> TuningResult:
        if self.settings.recipe is None:
            result = self.recipe_search(contender)(self.start())
            rows = result.row_passes * self._pass_rows(result.recipe)
            seconds = sum(trial.seconds for trial in result.trials)
            return TuningResult(result.recipe, len(result.trials), rows, seconds)
        recipes = [
            self.start().replace(learning_rate=rate) for rate in self.settings.learning_rates
        ]
        if not recipes:
            return TuningResult(self.start())
        trials: list[TrainingResult] = []
        for recipe in recipes:
            trials.append(self.trained(contender, recipe, 1))
            self._keep_best_weights(contender, trials)
        best = trials[_best(trials)]
        others = [trial for trial in trials if trial is not best]
        return TuningResult(
            best.recipe,
            len(others),
            sum(trial.rows for trial in others),
            sum(trial.seconds for trial in others),
        )

    def _keep_best_weights(self, contender: Contender, trials: list[TrainingResult]) -> None:
        """Full tables are large: only the best network's weights stay on disk."""
        best = trials[_best(trials)]
        for trial in trials:
            if trial is not best:
                directory = self._training(contender, trial.recipe, trial.seed)
                (directory / WEIGHTS).unlink(missing_ok=True)

    def trained(self, contender: Contender, recipe: Recipe, seed: int) -> TrainingResult:
        """A model trained with a seed.

        Args:
            contender: the model.
            recipe: how.
            seed: number of the seed, from 1.
        """
        directory = self._training(contender, recipe, seed)
        path = directory / TRAINING_FILE
        found = read_state(path, TrainingResult, f"delete {directory} to train it again")
        if found is not None:
            return found
        what = FromScratch(
            contender.model, recipe, directory, purpose=f"compare {seed}", again="train it again"
        )
        trained = train_from_scratch(self.run, what, f"{contender.name}, seed {seed}")
        result = TrainingResult(
            seed,
            recipe,
            trained.validation,
            trained.best_epoch,
            trained.passes * self._pass_rows(recipe),
            trained.seconds,
        )
        write_state(path, result)
        clear_checkpoint(directory)
        loss = "diverged"
        if result.validation is not None:
            loss = f"validation log loss {result.validation.log_loss:.5f}"
        self.run.say(f"{contender.name}, seed {seed}, rate {recipe.learning_rate:g}: {loss}")
        return result

    def tested(self, contender: Contender, training: TrainingResult) -> MeasuredResult:
        """What a training is worth on the test split, at which it is looked once.

        Args:
            contender: the model.
            training: how it went.
        """
        directory = self._training(contender, training.recipe, training.seed)
        path = directory / TEST_FILE
        found = read_state(path, MeasuredResult, f"delete {directory} to train it again")
        if found is None:
            found = MeasuredResult(None, None)
            if training.validation is not None:
                labels, logits = self._predicted(contender, training, directory)
                self._tell_if_not_finite(contender, training, logits)
                found = self._judged(labels, logits)
            write_state(path, found)
        (directory / WEIGHTS).unlink(missing_ok=True)
        clear_checkpoint(directory)
        return found

    def _predicted(self, contender, training, directory) -> tuple[np.ndarray, np.ndarray]:
        from nasrec_tf.studies.speed import measure_speed
        from nasrec_tf.training.evaluation import Predictor

        network = load_trained(self.run, contender.model, directory, training.recipe)
        predict = Predictor(network, self.run.records)
        labels, logits = self.run.predicted(predict, "model", "test")
        keep_logits(directory, logits, TEST_LOGITS)
        keep_labels(self.directory, labels, self.run.records.weights("test"))
        if self.speed(contender) is None:
            speed = measure_speed(self.run, network, training.recipe)
            write_state(self.directory / contender.directory / SPEED_FILE, speed)
        del network
        gc.collect()  # Before the resamples take memory of their own.
        return labels, logits

    def _tell_if_not_finite(self, contender, training, logits) -> None:
        from nasrec_tf.training.evaluation import told_not_finite

        told = told_not_finite(
            logits, self.run.records, "test", "it counts as diverged: use a lower learning rate"
        )
        if told:
            self.run.say(f"{contender.name}, seed {training.seed}: {told}")

    def _judged(self, labels: np.ndarray, logits: np.ndarray) -> MeasuredResult:
        from nasrec_tf.studies.resampled_quality import resampled_quality

        if not np.isfinite(logits).all():
            return MeasuredResult(None, None)
        weights = self.run.records.weights("test")
        found = resampled_quality(labels, logits, self.run.config.seed, weights)
        return MeasuredResult(found.log_loss, found.auc, found.log_losses, found.aucs)

    def speed(self, contender: Contender) -> SpeedResult | None:
        """How fast the model is; ``None`` where it has not been measured.

        Args:
            contender: the model.
        """
        path = self.directory / contender.directory / SPEED_FILE
        return read_state(path, SpeedResult, "delete it, and the directories of the seeds beside")

    def constant(self) -> MeasuredResult | None:
        """Of the training click rate for every row; ``None`` if there is one label alone."""
        rate = self.run.schema.splits["train"].label_rate
        if not 0 < rate < 1:
            return None
        path = self.directory / CONSTANT / TEST_FILE
        found = read_state(path, MeasuredResult, "delete it to judge the constant prediction again")
        if found is None:
            labels = labels_of_records(self.run.records)
            logits = np.full(len(labels), math.log(rate / (1 - rate)), np.float32)
            found = self._judged(labels, logits)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_state(path, found)
        return found

    def grouped(
        self, contender: Contender, trainings: Sequence[TrainingResult], judge: GroupedQuality
    ) -> list[GroupedResult]:
        """What trainings are worth within groups of test rows.

        Args:
            contender: the model.
            trainings: of it, all looked at.
            judge: of the groups.
        """
        return [
            judge.of(self._training(contender, each.recipe, each.seed))
            if each.validation is not None
            else GroupedResult(None)
            for each in trainings
        ]

    def averaged(
        self,
        contender: Contender,
        trainings: Sequence[TrainingResult],
        tests: Sequence[MeasuredResult],
    ) -> AveragedResult | None:
        """What the trainings of a model are worth together; ``None`` where there is no average.

        Args:
            contender: the model.
            trainings: of it.
            tests: of each.
        """
        if not (self.directory / TEST_LABELS).exists():
            return None  # An earlier version kept none, or all trainings diverged.
        finite = [each for each, test in zip(trainings, tests) if test.log_loss is not None]
        return averaged_trainings(
            self.directory / contender.directory,
            [(each.seed, self._training(contender, each.recipe, each.seed)) for each in finite],
            lambda: kept_labels(self.directory),
            self.run.records.weights("test"),
            self.run.config.seed,
        )

    def _pass_rows(self, recipe: Recipe) -> int:
        return recipe.pass_rows(self.run.records.rows("train"))

    def _training(self, contender: Contender, recipe: Recipe, seed: int) -> pathlib.Path:
        name = f"seed-{seed}-rate-{recipe.learning_rate:g}"
        return self.directory / contender.directory / name


def _best(trials: list[TrainingResult]) -> int:
    """Number of the trial of the lowest validation log loss, the first of equal ones."""
    losses = [math.inf if each.validation is None else each.validation.log_loss for each in trials]
    return min(range(len(trials)), key=lambda number: (losses[number], number))
