"""The choice of a recipe for a model, by short trainings that are kept."""

import dataclasses
import pathlib
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from nasrec_tf.common.errors import RunError
from nasrec_tf.common.machine_memory import machine_memory_bytes
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.from_scratch import train_from_scratch
from nasrec_tf.search.kept_logits import ROW_LOSSES, kept_logits
from nasrec_tf.search.memory_check import training_bytes
from nasrec_tf.search.results import RecipeResult, RecipeTrial
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.search.training_task import FromScratch, clear_checkpoint
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_choice import FEW_VALIDATION_ROWS, Outcome, RecipeChoice
from nasrec_tf.training.recipe_questions import (
    LARGE_ROWS,
    MIXED,
    OTHER,
    SIMPLE,
    Question,
    likely,
    questions,
)
from nasrec_tf.training.shallow_recipes import shallow_questions, shallow_start
from nasrec_tf.training.ways_out import has_learnt, ways_out


@dataclasses.dataclass(frozen=True)
class RecipeSearch:
    """The choice of a recipe for a model, by short trainings of it.

    Args:
        run: what it is trained on.
        model: what is trained.
        directory: where the trainings leave what they came to.
        budget: passes over the training split that they may take together.
        option: what raises the budget.
        mixed: what is trained where operators of many kinds tell; the model if left out.
        other: what is trained in the model's place where it is better.
    """

    run: Run
    model: Trainable
    directory: pathlib.Path
    budget: float
    option: str
    mixed: Trainable | None = None
    other: Trainable | None = None

    def __call__(self, start: Recipe, fixed: Collection[str] = ()) -> RecipeResult:
        """Tries recipes, going on where an earlier call was stopped.

        Args:
            start: to begin with; complete.
            fixed: fields that are not to change.

        Raises:
            RunError: if what an earlier call left is damaged.
        """
        say, trials = self.run.say, _Trials(self)
        start = self.start(start, fixed)
        choice = RecipeChoice(
            trials,
            budget=self.budget,
            is_over=trials.are_over,
            ways_out=() if self.model.is_shallow else ways_out(start, fixed),
            has_other=self.other is not None,
        )
        asked = self.questions(start, fixed)
        if asked:
            fields = _listed(each.field for each in asked)
            count, rows = round(choice.budget), start.epoch_rows
            passes = f"{count} pass{'es' * (count != 1)}"
            of = f"of {rows:,} rows" if rows else "over the training split"
            say(f"recipe: trying {fields} within {passes} {of}")
        elif self._has_one_label:
            say("recipe: nothing is tried, since all validation rows have the same label")
        recipe = choice(start, asked)
        say(f"recipe: {recipe}")
        if choice.unfinished:
            say(
                f"recipe: {_listed(choice.unfinished)} by what had been tried of it when "
                f"{self.option} was used up"
            )
        if choice.unasked:
            say(f"recipe: {_listed(choice.unasked)} not tried; {self.option} is used up")
        return RecipeResult(
            recipe=recipe,
            architecture=self.model,
            trials=tuple(trials.done),
            row_passes=choice.spent,
        )

    def start(self, start: Recipe, fixed: Collection[str] = ()) -> Recipe:
        """What the choice begins with.

        Args:
            start: the recipe with all that is given; complete.
            fixed: fields that are not to change.
        """
        if self.model.is_shallow:
            return shallow_start(start, fixed)
        return likely(start, self.run.records.rows("train"), fixed)

    def questions(self, start: Recipe, fixed: Collection[str] = ()) -> list[Question]:
        """What is asked: neither what is fixed, nor what the model or the machine cannot do.

        By rows of one label the best recipe is that which says this label most surely, such as by
        ever higher learning rates: nothing is asked then.

        Args:
            start: to begin with.
            fixed: fields that are not to change.
        """
        found: list[Question] = []
        if self._has_one_label:
            return found
        asked = shallow_questions if self.model.is_shallow else questions
        for question in asked(start, self.run.records.rows("train"), fixed):
            values = tuple(
                value
                for value in question.values
                if self.model.differs_by(question.field, value)
                and (question.field != "embedding_dim" or self._tables_fit(start, value))
            )
            judge = question.judge if self.mixed else SIMPLE
            if values:
                found.append(dataclasses.replace(question, values=values, judge=judge))
        return found

    def records(self, replica: int) -> Any:
        """What a replica is trained on and judged by, a ``Records``.

        A few validation rows tell one recipe from another by chance. Where there are no more, each
        replica holds out others.

        Args:
            replica: its number, from 0.
        """
        from nasrec_tf.data.redealt_splits import RedealtRecords, deals

        own = self.run.records
        if not replica or own.rows("validation") >= FEW_VALIDATION_ROWS or replica >= deals(own):
            return own
        return RedealtRecords(own, replica, self.run.config.seed)

    @property
    def _has_one_label(self) -> bool:
        return not 0 < self.run.schema.splits["validation"].label_rate < 1

    def _tables_fit(self, start: Recipe, width: int) -> bool:
        recipe = start.replace(embedding_dim=width)
        _, tables = training_bytes(self.run, self.model, recipe)
        return tables <= machine_memory_bytes()


def _listed(fields: Iterable[str]) -> str:
    """Fields with commas between, each once: one may be asked for twice."""
    return ", ".join(dict.fromkeys(fields))


class _Trials:
    """Trains for the choice; what has ended is kept in a file and not trained again."""

    def __init__(self, search: RecipeSearch):
        self.done: list[RecipeTrial] = []
        self._search = search

    def __call__(self, question: Question, recipe: Recipe, replica: int) -> Outcome:
        number = len(self.done) + 1
        directory = self._search.directory / f"{number:03d}"
        path = directory / RESULT_FILE
        trial = read_state(path, RecipeTrial, f"delete {directory} to train it again")
        if trial is None:
            trial = self._train(question, recipe, replica, directory)
            write_state(path, trial)
            clear_checkpoint(directory)
        elif (trial.question, trial.recipe, trial.replica) != (
            question.field,
            recipe,
            replica + 1,
        ):
            raise RunError(
                f"{path}: tells of another trial than this run's; delete {directory.parent} to "
                "choose the recipe again."
            )
        self.done.append(trial)
        self._tell(trial, question)
        auc = None if trial.validation is None else trial.validation.auc
        losses = self._row_losses(trial, directory)
        return Outcome(trial.score, trial.passes, losses, has_learnt(auc))

    def are_over(self) -> bool:
        """Whether there is no time to train the next one, which has not been before."""
        directory = self._search.directory / f"{len(self.done) + 1:03d}"
        return self._search.run.time.is_over() and not (directory / RESULT_FILE).exists()

    def _row_losses(self, trial: RecipeTrial, directory: pathlib.Path) -> np.ndarray | None:
        """Kept where rows are few enough to make a difference of chance, by this version."""
        if trial.validation is None or not (directory / ROW_LOSSES).exists():
            return None
        rows = self._search.run.records.rows("validation")
        return kept_logits(directory, rows, f"delete {directory} to train it again", ROW_LOSSES)

    def _train(self, question, recipe, replica, directory: pathlib.Path) -> RecipeTrial:
        search = self._search
        model = {MIXED: search.mixed, OTHER: search.other}.get(question.judge) or search.model
        what = FromScratch(
            model,
            recipe,
            directory,
            purpose=f"recipe {replica}",
            keeps_weights=False,
            keeps_losses=search.run.records.rows("train") < LARGE_ROWS,
            again="train it again",
            records=search.records(replica),
        )
        trained = train_from_scratch(search.run, what, f"recipe {directory.name}")
        if trained.cut is not None:  # Cannot be compared with what was trained to its end.
            trained = dataclasses.replace(trained, validation=None, best_epoch=None)
        return RecipeTrial(
            question=question.field,
            replica=replica + 1,
            recipe=recipe,
            validation=trained.validation,
            best_epoch=trained.best_epoch,
            passes=trained.passes,
            seconds=trained.seconds,
            architecture=None if model is search.model else model,
        )

    def _tell(self, trial: RecipeTrial, question: Question) -> None:
        loss = "none" if trial.validation is None else f"{trial.validation.log_loss:.5f}"
        value = getattr(trial.recipe, trial.question)
        shown = f"{value:g}" if isinstance(value, int | float) else value
        if question.scales_rate:
            shown += f" by rate {trial.recipe.learning_rate:g}"
        where = " on the other network" if question.judge == OTHER else ""
        what = f"{trial.question} {shown}{where}, seed {trial.replica}"
        self._search.run.say(f"recipe: {what}: validation log loss {loss}")
