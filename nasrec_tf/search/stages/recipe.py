"""The choice of a recipe on the data, before anything else is trained."""

from nasrec_tf.search.recipe_search import RecipeSearch
from nasrec_tf.search.references import OF_MANY_KINDS, PLAIN, other_plain
from nasrec_tf.search.results import RecipeResult
from nasrec_tf.search.run import Run
from nasrec_tf.search.trainable import SpaceModel, Trainable
from nasrec_tf.search.warm_start_note import WarmStartNote
from nasrec_tf.search.workload import default_recipe_passes, recipe_passes
from nasrec_tf.training.recipe import Recipe


def run_stage(run: Run) -> RecipeResult:
    """Tries a short list of recipes by validation log loss.

    Args:
        run: the run.

    Raises:
        RunError: if what an earlier call left is damaged.
    """
    changes = run.config.recipe_changes()
    if run.warm_start is not None:
        return _as_before(run, run.warm_start)
    fixed = {*changes, "normalization"} if run.config.codesign else set(changes)
    search = RecipeSearch(
        run,
        run.given_model if run.config.architecture is not None else SpaceModel(PLAIN),
        run.directory.stage("recipe"),
        budget(run),
        "--recipe-share",
        *_others(run),
    )
    return search(run.completed(Recipe(**changes)), fixed)


def _as_before(run: Run, note: WarmStartNote) -> RecipeResult:
    """That of the run that this one starts from, without a trial."""
    recipe = note.recipe.replace(**run.config.recipe_changes())
    run.say(f"recipe: {recipe}, as in {note.source}")
    return RecipeResult(recipe=recipe, architecture=note.architecture, trials=(), row_passes=0.0)


def budget(run: Run) -> float:
    """Passes over the training split that the choice may take.

    Args:
        run: the run.
    """
    rows = {split: run.records.rows(split) for split in ("train", "validation")}
    return recipe_passes(run.config, run.settings, rows)


def default_budget(run: Run, passes: float) -> float:
    """Passes over the training split that a choice may take that nothing is said of.

    Args:
        run: what is trained on.
        passes: that everything else takes.
    """
    return default_recipe_passes(run.settings, run.records.rows("train"), passes)


def _others(run: Run) -> tuple[Trainable | None, Trainable | None]:
    """What recipes are tried on beside DLRM's shape: many operators, where those tell, and Wide &
    Deep's, where candidates may have embeddings in source 0.

    A random one of the space is no judge: many hardly train at all, whatever the recipe.
    """
    if run.config.architecture is not None:
        return None, None
    other = other_plain(run.space)
    return SpaceModel(OF_MANY_KINDS), None if other is None else SpaceModel(other)
