"""The questions that the choice of a recipe asks, in the order in which they have mattered most.

How large steps are, how fast rare rows fade, whether operators are normalised, how wide embeddings
are, and how long to train (docs/recipes.md).
"""

import dataclasses
import math
from collections.abc import Collection
from typing import Any

from nasrec_tf.training.recipe import RECIPE_FIELDS, Recipe

ROWS_OF_DECAY = 200_000
"""Training rows for which ``DECAY`` was found to be right."""

DECAY = 0.003
"""Row decay at ``ROWS_OF_DECAY``; it falls with the root of the rows (docs/recipes.md)."""

LARGE_ROWS = 5_000_000
"""Training rows from which on only the row decay is tried: the rest stays the paper's."""

FEW_ROWS = 100_000
"""Training rows below which the widest embeddings are not tried: networks of all kinds train
several times longer with them, in a search of minutes."""

SIMPLE, OTHER, MIXED = "simple", "other", "mixed"
"""What a question is tried on: a plain network, another plain one in its place, or one of many
kinds of operators, which trains badly where their outputs are of different sizes."""


@dataclasses.dataclass(frozen=True)
class Question:
    """A field of the recipe and what else it might be.

    Args:
        field: of ``Recipe``.
        values: to be tried beside what the recipe says.
        judge: the network that tells which is best: ``SIMPLE``, ``OTHER`` or ``MIXED``.
        further: where the lowest of the values is best, so many times it is tried as well, and so
            on while that gains; above 1, where the highest is best; ``None`` for the values alone.
        scales_rate: of passes: whether fewer are tried by a learning rate that is higher by as
            much, too. On MovieLens either alone gains nothing, and both together 1 %.
    """

    field: str
    values: tuple[Any, ...]
    judge: str = SIMPLE
    further: float | None = None
    scales_rate: bool = False

    def others(self, recipe: Recipe) -> list[Recipe]:
        """What a recipe is compared with.

        Args:
            recipe: complete.

        Example:
            >>> asked = Question("epochs", (3, 8), scales_rate=True)
            >>> for other in asked.others(Recipe(learning_rate=0.015, epochs=5)):
            ...     print(other)
            learning_rate 0.015, epochs 3
            learning_rate 0.025, epochs 3
            learning_rate 0.015, epochs 8
        """
        found = []
        for value in self.values:
            other = recipe.replace(**{self.field: value})
            found.append(other)
            if self.scales_rate and value < (recipe.epochs or 1):
                rate = recipe.learning_rate * (recipe.epochs or 1) / value
                found.append(other.replace(learning_rate=float(f"{rate:.2g}")))
        return [other for other in found if other != recipe]

    def beyond(self, answer: Any) -> "Question | None":
        """What is asked next, once a value has been taken; ``None`` if nothing.

        Args:
            answer: the value.

        Example:
            >>> Question("learning_rate", (0.04, 0.24), further=0.25).beyond(0.04).values
            (0.01,)
        """
        if self.further is None:
            return None
        if answer != (min(self.values) if self.further < 1 else max(self.values)):
            return None
        value, bounds = float(f"{answer * self.further:.2g}"), RECIPE_FIELDS[self.field].metadata
        if not 0 < value <= bounds["most"] or value < bounds["least"]:
            return None
        return dataclasses.replace(self, values=(value,))


def row_decays(rows: int) -> tuple[float, ...]:
    """Row decays worth trying besides none.

    Args:
        rows: of the training split.

    Example:
        >>> row_decays(200_000), row_decays(20_000)
        ((0.001, 0.003, 0.009), (0.0032, 0.0095, 0.028))
    """
    middle = DECAY * math.sqrt(ROWS_OF_DECAY / rows)
    return tuple(float(f"{middle * factor:.2g}") for factor in (1 / 3, 1, 3))


def likely(start: Recipe, rows: int, fixed: Collection[str]) -> Recipe:
    """What a choice begins with: row decay, where there are few rows.

    As much as ``DECAY`` says was better or no worse on every small log that was measured, while
    validation splits of a thousand rows tell little of it (docs/recipes.md): there it takes
    evidence to be with less, or without.

    Args:
        start: the recipe with all that is given.
        rows: of the training split.
        fixed: fields that are not to change.

    Example:
        >>> likely(Recipe(), 200_000, ()).row_decay, likely(Recipe(), 10_000_000, ()).row_decay
        (0.003, 0.0)
    """
    if rows >= LARGE_ROWS or "row_decay" in fixed or start.row_decay or start.table_l2:
        return start
    return start.replace(row_decay=row_decays(rows)[1])


def questions(recipe: Recipe, rows: int, fixed: Collection[str]) -> list[Question]:
    """What is asked, the most important first.

    Args:
        recipe: to begin with; complete.
        rows: of the training split.
        fixed: fields that are not to change.

    Example:
        >>> [question.field for question in questions(Recipe(epochs=5), 10_000, {"epochs"})]
        ['learning_rate', 'row_decay', 'normalization', 'embedding_dim']
    """
    rate, epochs = recipe.learning_rate, recipe.epochs or 1
    asked = []
    if rows < LARGE_ROWS:
        # Before the row decay: where large steps overfit, none looks best, and with it small steps
        # gain nothing (MovieLens, docs/recipes.md).
        asked.append(Question("learning_rate", (rate / 4, rate / 2, rate * 2), further=1 / 2))
    if not recipe.table_l2:  # It stands in the place of row decay.
        asked.append(Question("row_decay", (0.0, *row_decays(rows)), further=3))
    if rows < LARGE_ROWS:
        asked += [
            # A plain network trains as well without: only others tell (docs/recipes.md).
            Question("normalization", ("layer", "batch"), judge=MIXED),
            Question("embedding_dim", (32, 64) if rows >= FEW_ROWS else (8, 32)),
            Question(
                "epochs",
                (max(1, epochs - 2), epochs + 3),
                scales_rate="learning_rate" not in fixed,
            ),
        ]
    return [question for question in asked if question.field not in fixed]
