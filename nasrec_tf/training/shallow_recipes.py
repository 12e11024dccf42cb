"""What is asked of the recipe of a model without hidden layers: logistic regression, FM.

Its weights are those of single values, each of which has to go its whole way by the few rows that
name it. Steps that suit networks are far too small for that, and a row decay that keeps the
embeddings of a network in bounds holds such weights near 0, where the log loss hardly depends on
the learning rate any more (docs/recipes.md).
"""

from collections.abc import Collection

from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_questions import LARGE_ROWS, Question, questions, row_decays

STEPS_OF_NETWORKS = 0.12
"""The learning rate that networks are tried with first, the paper's."""

LARGER_STEPS = 4
"""Times that, what shallow models are tried with first, and the factor to the next larger or
smaller rate: 0.12 was best on Avazu's head, 0.48 on Frappe and Criteo's head, 1.9 on MovieLens."""


def shallow_start(start: Recipe, fixed: Collection[str]) -> Recipe:
    """What a choice begins with: larger steps than a network's, and no row decay.

    Args:
        start: the recipe with all that is given.
        fixed: fields that are not to change.

    Example:
        >>> shallow_start(Recipe(row_decay=0.003), ()).learning_rate
        0.48
    """
    changes = {"learning_rate": STEPS_OF_NETWORKS * LARGER_STEPS, "row_decay": 0.0}
    if start.optimizer != "adagrad":  # Whose steps are of another size.
        del changes["learning_rate"]
    return start.replace(**{name: value for name, value in changes.items() if name not in fixed})


def shallow_questions(recipe: Recipe, rows: int, fixed: Collection[str]) -> list[Question]:
    """What is asked, the most important first; the learning rate again once the decay is known.

    Args:
        recipe: to begin with; complete.
        rows: of the training split.
        fixed: fields that are not to change.

    Example:
        >>> [question.field for question in shallow_questions(Recipe(epochs=5), 10_000, ())]
        ['learning_rate', 'row_decay', 'learning_rate', 'embedding_dim', 'epochs']
    """
    rate, asked = recipe.learning_rate, []
    steps = Question("learning_rate", (rate / LARGER_STEPS, rate, rate * LARGER_STEPS), further=4)
    others = [
        question
        for question in questions(recipe, rows, fixed)
        if question.field in ("embedding_dim", "epochs")
    ]
    if rows < LARGE_ROWS:
        asked.append(steps)
    if not recipe.table_l2:
        asked.append(Question("row_decay", (0.0, *row_decays(rows)[:2]), further=None))
    if rows < LARGE_ROWS:
        asked.append(steps)
    return [question for question in asked if question.field not in fixed] + others
