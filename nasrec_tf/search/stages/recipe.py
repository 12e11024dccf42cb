"""The choice of a recipe on the data, before anything else is trained."""

import dataclasses
import pathlib

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.memory import weights_bytes
from nasrec_tf.common.errors import RunError
from nasrec_tf.common.machine_memory import machine_memory_bytes
from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.from_scratch import FromScratch, clear_checkpoint, train_from_scratch
from nasrec_tf.search.results import RecipeResult, RecipeTrial
from nasrec_tf.search.run import Run
from nasrec_tf.search.run_directory import RESULT_FILE
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_choice import (
    LARGE_ROWS,
    Outcome,
    Question,
    RecipeChoice,
    questions,
)

SHARE = 0.3
"""Share of the run's rows that the choice may take unless ``--recipe-share`` says otherwise."""

LEAST_ROWS, LEAST_TRAININGS = 10_000_000, 30
"""Unless told otherwise it may take the smaller of so many rows and so many trainings in any case:
a few minutes where the data set is small."""

REFERENCE = Architecture(
    (
        Block({"dot_product": 64}, {"efc": 16}, (0,), (0,)),
        Block({"fc": 256}, {"efc": 16}, (1,), (1,)),
        Block({"fc": 128}, {"efc": 16}, (2,), (2,)),
    )
)
"""DLRM's shape in our blocks: products of pairs of embeddings, then two fully connected layers."""


def run_stage(run: Run) -> RecipeResult:
    """Tries a short list of recipes by validation log loss.

    Args:
        run: the run.

    Raises:
        RunError: if what an earlier call left is damaged.
    """
    network = _network(run)
    trials = _Trials(run, network)
    choice = RecipeChoice(trials, budget=budget(run))
    start = _start(run)
    asked = _questions(run, start)
    run.say(
        f"recipe: trying {', '.join(question.field for question in asked)} within "
        f"{choice.budget:.0f} passes over the training split"
    )
    recipe = choice(start, asked)
    run.say(f"recipe: {recipe}")
    if choice.unasked:
        run.say(f"recipe: {', '.join(choice.unasked)} left as they are; --recipe-share is used up")
    return RecipeResult(
        recipe=recipe,
        architecture=network,
        trials=tuple(trials.done),
        row_passes=choice.spent,
    )


def _questions(run: Run, start: Recipe) -> list[Question]:
    """What is asked of a run: neither what its options fix, nor what its networks cannot do."""
    fixed = set(run.config.recipe_changes())
    if run.config.codesign:
        fixed.add("normalization")
    asked = questions(start, run.records.rows("train"), fixed)
    for number, question in enumerate(asked):
        if question.field == "embedding_dim":
            widths = tuple(width for width in question.values if _tables_fit(run, width))
            asked[number] = dataclasses.replace(question, values=widths)
    return [question for question in asked if question.values]


def _tables_fit(run: Run, width: int) -> bool:
    numbers = sum(run.features.table_rows) * width
    return weights_bytes(numbers, 0, False, training=True) <= machine_memory_bytes()


def _start(run: Run) -> Recipe:
    """The paper's recipe with what the options say."""
    return run.completed(Recipe(**run.config.recipe_changes()))


def budget(run: Run) -> float:
    """Passes over the training split that the choice may take.

    Args:
        run: the run.

    Returns:
        So many that they are a share of all rows that the run trains on or scores with; unless
        ``--recipe-share`` was given, at least what ``LEAST_ROWS`` and ``LEAST_TRAININGS`` allow,
        but for large logs, of which one pass takes long.
    """
    rows, settings = run.records.rows("train"), run.settings
    trainings, passes = 1, 0.0
    if run.config.architecture is None:
        trainings = settings.top_k
        trials = settings.population + settings.children * settings.generations
        scored = settings.fine_tune_steps * settings.batch_size + settings.validation_rows
        passes = settings.supernet_epochs + trials * scored / rows
    passes += trainings * settings.retrain_epochs
    share = run.config.recipe_share
    if share is not None:
        return share / (1 - share) * passes
    least = min(LEAST_ROWS / rows, LEAST_TRAININGS * settings.retrain_epochs)
    return max(SHARE / (1 - SHARE) * passes, least if rows < LARGE_ROWS else 0.0)


def _network(run: Run) -> Architecture:
    """What is tried: the given architecture, or DLRM's shape.

    A random one of the space is no judge: many hardly train at all, whatever the recipe.
    """
    return REFERENCE if run.config.architecture is None else run.given_architecture


class _Trials:
    """Trains for the choice; what has ended is kept in a file and not trained again."""

    def __init__(self, run: Run, network: Architecture):
        self.done: list[RecipeTrial] = []
        self._run = run
        self._network = network

    def __call__(self, question: str, recipe: Recipe, replica: int) -> Outcome:
        number = len(self.done) + 1
        directory = self._run.directory.stage("recipe") / f"{number:03d}"
        path = directory / RESULT_FILE
        trial = read_state(path, RecipeTrial, f"delete {directory} to train it again")
        if trial is None:
            trial = self._train(question, recipe, replica, directory)
            write_state(path, trial)
            clear_checkpoint(directory)
        elif (trial.recipe, trial.replica) != (recipe, replica + 1):
            raise RunError(
                f"{path}: tells of another trial than this run's; delete {directory.parent} to "
                "choose the recipe again."
            )
        self.done.append(trial)
        self._tell(trial)
        return Outcome(trial.score, trial.passes)

    def _train(self, question, recipe, replica, directory: pathlib.Path) -> RecipeTrial:
        what = FromScratch(
            self._network,
            recipe,
            directory,
            purpose=f"recipe {replica}",
            keeps_weights=False,
            again="train it again",
        )
        trained = train_from_scratch(self._run, what, f"recipe {directory.name}")
        return RecipeTrial(
            question=question,
            replica=replica + 1,
            recipe=recipe,
            validation=trained.validation,
            best_epoch=trained.best_epoch,
            passes=trained.passes,
            seconds=trained.seconds,
        )

    def _tell(self, trial: RecipeTrial) -> None:
        loss = "diverged" if trial.validation is None else f"{trial.validation.log_loss:.5f}"
        value = getattr(trial.recipe, trial.question)
        shown = f"{value:g}" if isinstance(value, int | float) else value
        self._run.say(
            f"recipe: {trial.question} {shown}, seed {trial.replica}: validation log loss {loss}"
        )
