"""What lets a model learn that stays at the click rate.

Inner products of embeddings alone have a saddle at 0: where two embeddings are nearly 0, so are the
gradients of both. New embeddings of a large table are small, and a row decay takes those that are
read seldom back to 0 before they are read again. MLPs over embeddings and first-order weights have
no such place (docs/recipes.md).
"""

from collections.abc import Collection

from nasrec_tf.training.recipe import Recipe

LEAST_AUC = 0.6
"""Below, a model may be one that has not left the click rate: DLRM on MovieLens had 0.50 to 0.52,
and 0.56 where it had just begun to. A log that tells no more costs two trainings more."""

TABLE_RATE = 0.48
"""Of the tables, by Adagrad: DLRM learnt there with 0.5, beside 0.03 and beside 0.12."""

LARGER_STEPS = 4
"""Times the learning rate, that of the tables by another optimizer, whose steps are of another
size."""

DEVIATION = 0.05
"""Of new embeddings: with 0.2 DLRM came to 0.46 on MovieLens, with this to 0.33."""


def has_learnt(auc: float | None) -> bool:
    """Whether a model tells rows apart so well that it has left the click rate.

    Args:
        auc: on validation rows; ``None`` if its training came to nothing.

    Example:
        >>> has_learnt(0.503), has_learnt(0.71)
        (False, True)
    """
    return auc is not None and auc >= LEAST_AUC


def ways_out(start: Recipe, fixed: Collection[str]) -> tuple[tuple[str, Recipe], ...]:
    """Recipes by which it may learn, each with the field that tells it, the likeliest first.

    Args:
        start: what a model learnt nothing by; complete.
        fixed: fields that are not to change.

    Example:
        >>> [str(recipe) for _, recipe in ways_out(Recipe(row_decay=0.003), ())]
        ['table_learning_rate 0.48', 'initial_deviation 0.05']
        >>> ways_out(Recipe(row_decay=0.003), {"row_decay"})
        ()
    """
    if "row_decay" in fixed and start.row_decay:
        return ()
    rate = TABLE_RATE if start.optimizer == "adagrad" else LARGER_STEPS * start.learning_rate
    told = {"table_learning_rate": rate, "initial_deviation": DEVIATION}
    return tuple(
        (field, start.replace(row_decay=0.0, **{field: value}))
        for field, value in told.items()
        if field not in fixed and getattr(start, field) is None
    )
