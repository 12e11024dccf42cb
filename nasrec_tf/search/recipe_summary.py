"""What the report tells of a recipe, and of what it was chosen by."""

import dataclasses
from collections.abc import Sequence

from nasrec_tf.report import RecipeSummary, RecipeTableSummary, RecipeValueSummary
from nasrec_tf.search.references import FLAT, OF_MANY_KINDS, PLAIN
from nasrec_tf.search.results import RecipeResult, RecipeTrial
from nasrec_tf.search.run import Run
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.training.recipe import Recipe

JUDGES = {
    PLAIN.identity: "a plain network (DLRM's shape)",
    FLAT.identity: "another plain network (Wide & Deep's shape)",
    OF_MANY_KINDS.identity: "a mix of all kinds of operators",
}
"""What the networks are called that a recipe is tried on."""

ASKED_TOGETHER = {"epochs": ("epochs", "learning_rate")}
"""Fields that a question varies, where it is not its own alone: fewer passes are tried by a higher
rate, too."""


def recipe_summary(run: Run) -> RecipeSummary | None:
    """The recipe and the trainings that it was chosen by; ``None`` before it is known.

    Args:
        run: in progress or finished.

    Raises:
        RunError: if what the stage left is damaged.
    """
    if run.directory.missing_before("supernet", run.config.stages) is not None:
        return None
    recipe, result = run.recipe, run.directory.result("recipe")
    return RecipeSummary(
        text=str(recipe),
        fields=dataclasses.asdict(recipe),
        tables=() if result is None else _tables(result, recipe),
        trainings=0 if result is None else len(result.trials),
        row_passes=0.0 if result is None else result.row_passes,
    )


def _tables(result: RecipeResult, recipe: Recipe) -> list[RecipeTableSummary]:
    """A table for each network, in the order in which they were first trained."""
    by_judge: dict[str, list[RecipeTrial]] = {}
    for trial in result.trials:
        by_judge.setdefault(_judge(trial.architecture or result.architecture), []).append(trial)
    return [
        RecipeTableSummary(
            judge,
            [
                value
                for question in dict.fromkeys(trial.question for trial in trials)
                for value in _values(question, trials, recipe)
            ],
        )
        for judge, trials in by_judge.items()
    ]


def _values(
    question: str, trials: Sequence[RecipeTrial], recipe: Recipe
) -> list[RecipeValueSummary]:
    """What was tried for a question, and what that was beside, if an earlier one trained it."""
    asked = [trial.recipe for trial in trials if trial.question == question]
    losses: dict[Recipe, dict[int, float | None]] = {}
    for trial in trials:
        if trial.question == question or any(
            _differ_in(question, trial.recipe, other) for other in asked
        ):
            loss = None if trial.validation is None else trial.validation.log_loss
            losses.setdefault(trial.recipe, {})[trial.replica] = loss
    varied = ASKED_TOGETHER.get(question, (question,))
    return [
        RecipeValueSummary(
            question=question,
            value=_told(question, tried),
            log_losses=of_seeds,
            chosen=all(getattr(tried, name) == getattr(recipe, name) for name in varied),
        )
        for tried, of_seeds in losses.items()
    ]


def _differ_in(field: str, one: Recipe, other: Recipe) -> bool:
    """Whether two recipes differ in a field, and in nothing else."""
    return one != other and one.replace(**{field: getattr(other, field)}) == other


def _told(question: str, tried: Recipe) -> str:
    value = getattr(tried, question)
    told = f"{value:g}" if isinstance(value, int | float) else str(value)
    if "learning_rate" in ASKED_TOGETHER.get(question, ()):
        told += f" by rate {tried.learning_rate:g}"
    return told


def _judge(model: Trainable) -> str:
    """On which network a question was judged: figures of one cannot be compared with another's."""
    return JUDGES.get(model.identity, model.told)
