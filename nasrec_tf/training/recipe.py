"""How a network is trained: one immutable value, with one form in JSON and TOML.

A recipe stands beside an ``Architecture`` wherever a network is trained. What it leaves open
(``None``) follows from the size of the data set.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import tomli_w

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.fields import plain_type
from nasrec_tf.common.own_modules import OR_ONES_OWN
from nasrec_tf.common.strict_json import shown
from nasrec_tf.common.value_checks import is_number, is_whole
from nasrec_tf.operators import NORMALIZATIONS

LEAST_RATE, MOST_RATE = 1e-30, 1e30
"""Learning rates that are neither nothing nor without end in 32-bit floating point."""

LEAST_DEVIATION = 1e-30
"""Of new embeddings: at 0 all would be alike, which some networks never leave."""

MOST_EPOCHS = 2**20
"""Times the steps of an epoch, this stays a whole number of 64 bits."""

MOST_BATCH = 2**24

OPTIMIZER_NAMES = ("adagrad", "adam", "adamw")
"""Those of the package; a recipe may name any of ``optimizers.catalogue.OPTIMIZERS``."""

PLATEAU = "plateau"

SCHEDULE_NAMES = ("cosine", "constant", PLATEAU)
"""Those of ``optimizers.schedules``, which loads TensorFlow."""

LOG_LOSS, AUC = "log-loss", "auc"
MONITORS = (LOG_LOSS, AUC)


class RecipeError(UserError):
    """A recipe that cannot be used; the message names the field."""


def _part(default: Any, text: str, **bounds: Any) -> Any:
    """A field with its help text and its bounds: ``least``, ``most``, ``step``, ``choices``."""
    return dataclasses.field(default=default, metadata={"help": text, **bounds})


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are the paper's (5.1).

    Every field's help text and bounds are in its metadata.

    Args:
        optimizer: ``adagrad`` (the paper's), ``adam``, or ``adamw``, which decays kernels as well.
        learning_rate: peak learning rate of the kernels.
        table_learning_rate: peak learning rate of embedding tables; that of the kernels unless
            given.
        schedule: ``cosine`` falls to nothing at the last step, ``plateau`` to a tenth of its value
            whenever validation has not improved, ``constant`` not at all; all after the warm-up.
        warmup_share: share of the steps over which the learning rate rises to its peak.
        batch_size: rows of a batch.
        epochs: most passes over the training split.
        epoch_rows: rows after which a pass ends, where it is not to go over the whole split; 0 for
            all of them. Every pass begins with other rows, unless they are read in the log's order.
        evaluations_per_epoch: looks at the validation split in every epoch, evenly spaced; the best
            is kept, and early stopping counts them.
        patience: evaluations in a row without a better one after which a training ends.
        monitor: what early stopping and the choice of the best evaluation look at.
        row_decay: decay of every row of embedding tables at every step, per unit of learning rate
            (``nasrec_tf.optimizers.row_decay``).
        table_l2: factor of an L2 term over whole tables, table_l2 / 2 times the sum of squares, as
            FuxiCTR's ``embedding_regularizer``: each step passes over all tables, so that it is for
            small ones and for comparisons with what was trained so; not beside ``row_decay``.
        weight_decay: decay of the kernels at every step, per unit of learning rate, decoupled from
            the gradients (Loshchilov and Hutter 2019).
        embedding_dropout: share of the embeddings' numbers that a training step leaves out.
        block_dropout: likewise of the outputs of blocks.
        head_dropout: likewise of what the final layer reads.
        normalization: within operators: ``none``, ``layer`` or ``batch``.
        embedding_dim: width of an embedding, and so of every sparse token.
        initial_deviation: standard deviation of new embeddings; Glorot's for each table unless
            given.
        clip_norm: largest global norm of the gradients; 0 for no clipping.
        label_smoothing: share of every label that is drawn to one half.
        weight_average: decay per step of an exponential average over the last weights, which is
            what is evaluated and kept; 0 for none.
        seed: of initial weights and row order; the run's unless given.

    Raises:
        RecipeError: if a value cannot be used; the message names the field.

    Example:
        >>> recipe = Recipe(row_decay=0.003, batch_size=256)
        >>> Recipe.from_json(recipe.to_json()) == recipe
        True
        >>> Recipe(row_decay=-1.0)
        Traceback (most recent call last):
        nasrec_tf.training.recipe.RecipeError: row_decay must be at least 0. Received: -1.0
    """

    optimizer: str = _part("adagrad", "optimizer of the final networks", choices=OPTIMIZER_NAMES)
    learning_rate: float = _part(
        0.12, "peak learning rate of the kernels", least=LEAST_RATE, most=MOST_RATE
    )
    table_learning_rate: float | None = _part(
        None, "peak learning rate of embedding tables", least=LEAST_RATE, most=MOST_RATE
    )
    schedule: str = _part("cosine", "how the learning rate falls", choices=SCHEDULE_NAMES)
    warmup_share: float = _part(
        0.1, "share of the steps over which the learning rate rises", least=0.0, most=1.0
    )
    batch_size: int | None = _part(None, "rows of a batch", least=1, most=MOST_BATCH)
    epochs: int | None = _part(
        None, "most passes over the training split", least=1, most=MOST_EPOCHS
    )
    epoch_rows: int = _part(
        0, "rows after which a pass ends; 0 for all of the training split", least=0, most=2**62
    )
    evaluations_per_epoch: int = _part(
        1, "looks at the validation split in every epoch, for logs of which one epoch is enough",
        least=1, most=10_000,
    )  # fmt: skip
    patience: int = _part(
        2, "evaluations in a row that are no better before a training ends", least=1, most=2**20
    )
    monitor: str = _part(LOG_LOSS, "what early stopping looks at", choices=MONITORS)
    row_decay: float = _part(
        0.0, "decay of all rows of embedding tables at every step, against overfitting rare "
        "values: 0.001 to 0.01 on small data sets", least=0.0, most=10.0,
    )  # fmt: skip
    table_l2: float = _part(
        0.0, "L2 term over whole embedding tables, for which every step passes over them, as "
        "FuxiCTR has it; in place of row decay, on small data sets", least=0.0, most=10.0,
    )  # fmt: skip
    weight_decay: float = _part(
        0.0, "decay of the kernels at every step, decoupled", least=0.0, most=10.0
    )
    embedding_dropout: float = _part(0.0, "dropout of embeddings", least=0.0, most=0.99)
    block_dropout: float = _part(0.0, "dropout of blocks' outputs", least=0.0, most=0.99)
    head_dropout: float = _part(0.0, "dropout of the final layer's inputs", least=0.0, most=0.99)
    normalization: str = _part("none", "normalisation within operators", choices=NORMALIZATIONS)
    embedding_dim: int = _part(
        16, "width of embeddings and sparse tokens, a multiple of 8", least=8, most=512, step=8
    )
    initial_deviation: float | None = _part(
        None, "deviation of new embeddings (Glorot's)", least=LEAST_DEVIATION, most=10.0
    )
    clip_norm: float = _part(
        5.0, "largest global norm of gradients; 0 for no clipping", least=0.0, most=1e30
    )
    label_smoothing: float = _part(
        0.0, "share of every label that is drawn to one half", least=0.0, most=0.5
    )
    weight_average: float = _part(
        0.0, "decay of the average over the last weights; 0 for none", least=0.0, most=0.99999
    )
    seed: int | None = _part(None, "seed of the final networks", least=0, most=2**63 - 1)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = checked(field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        if self.row_decay and self.table_l2:
            raise RecipeError(
                "table_l2 goes over whole tables in place of row_decay: give one of them. "
                f"Received: {self.table_l2:g} and {self.row_decay:g}"
            )
        if self.optimizer == "adam" and self.weight_decay:
            raise RecipeError(
                "weight_decay goes with optimizer adamw, which is adam with it. Received: "
                f"{self.weight_decay:g}"
            )

    def check_unwatched(self, what: str) -> None:
        """Finds out whether a training can follow the recipe that looks at no validation split.

        Args:
            what: such a training, for the message.

        Raises:
            RecipeError: if the learning rate falls by what evaluations say, and so would not fall.

        Example:
            >>> Recipe().check_unwatched("--score-by training")
        """
        if self.schedule == PLATEAU:
            raise RecipeError(
                f"{what} leaves no validation split for --schedule {PLATEAU} to look at; use "
                "another schedule."
            )

    @property
    def table_rate_scale(self) -> float:
        """Learning rate of the tables over that of the kernels."""
        if self.table_learning_rate is None:
            return 1.0
        return self.table_learning_rate / self.learning_rate

    def epoch_steps(self, steps: int) -> int:
        """Steps of a pass: at least one.

        Args:
            steps: full batches of the split.

        Example:
            >>> Recipe(batch_size=512, epoch_rows=100_000).epoch_steps(70_000)
            195
        """
        if not self.epoch_rows or not self.batch_size:
            return steps
        return max(1, min(steps, self.epoch_rows // self.batch_size))

    def pass_rows(self, rows: int) -> int:
        """Rows of a pass, but for what makes no whole batch: all, unless it ends before.

        Args:
            rows: of the split.

        Example:
            >>> Recipe(epoch_rows=100_000).pass_rows(36_000_000), Recipe().pass_rows(500)
            (100000, 500)
        """
        return min(rows, self.epoch_rows or rows)

    @property
    def further_copies(self) -> int:
        """Numbers kept for each weight besides itself and Adagrad's accumulator.

        Example:
            >>> Recipe(optimizer="adam", weight_average=0.99).further_copies
            2
        """
        # The gradient of a table's L2 term is as large as the table, and is clipped into another.
        of_gradients = 2 * (self.table_l2 > 0)
        return (self.optimizer in ("adam", "adamw")) + (self.weight_average > 0) + of_gradients

    def seed_or(self, seed: int) -> int:
        """The recipe's seed, or another where it leaves that open.

        Args:
            seed: the other, such as the run's.
        """
        return seed if self.seed is None else self.seed

    def replace(self, **changes: Any) -> "Recipe":
        """The recipe with some fields changed.

        Args:
            **changes: new values by field.

        Raises:
            RecipeError: if a value cannot be used, or there is no such field.

        Example:
            >>> Recipe().replace(epochs=3).epochs
            3
        """
        return Recipe.from_json(dataclasses.asdict(self) | changes)

    def to_json(self) -> dict[str, Any]:
        """What differs from the paper's recipe, as plain values.

        Example:
            >>> Recipe(row_decay=0.003, learning_rate=0.12).to_json()
            {'row_decay': 0.003}
        """
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            field.name: values[field.name]
            for field in dataclasses.fields(self)
            if values[field.name] != field.default
        }

    @classmethod
    def from_json(cls, value: Any) -> "Recipe":
        """The recipe that ``to_json`` told.

        Args:
            value: values by field; what is left out is the paper's.

        Raises:
            RecipeError: if a field is unknown or a value cannot be used.

        Example:
            >>> Recipe.from_json({"momentum": 0.9})  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            nasrec_tf.training.recipe.RecipeError: No field 'momentum' in a recipe; there are ...
        """
        if not isinstance(value, Mapping):
            raise RecipeError(f"A recipe must be a table of settings. Received: {shown(value)}")
        names = [field.name for field in dataclasses.fields(cls)]
        for name in value:
            if name not in names:
                raise RecipeError(
                    f"No field {shown(name)} in a recipe; there are {', '.join(names)}."
                )
        return cls(**value)

    def to_toml(self) -> str:
        """What differs from the paper's recipe, as TOML.

        Example:
            >>> print(Recipe(row_decay=0.003).to_toml().strip())
            row_decay = 0.003
        """
        return tomli_w.dumps(self.to_json())

    def __str__(self):
        parts = [f"{name} {_plain(value)}" for name, value in self.to_json().items()]
        return ", ".join(parts) or "the paper's"


RECIPE_FIELDS = {field.name: field for field in dataclasses.fields(Recipe)}
"""The fields of a recipe by name."""


def checked(field: dataclasses.Field, value: Any) -> Any:
    """A field's value, a whole number taken for a floating-point one where that is meant.

    Args:
        field: of ``Recipe``.
        value: what it is to be.

    Raises:
        RecipeError: if it cannot be used.
    """
    if value is None and field.default is None:
        return None
    wanted, bounds = plain_type(field), field.metadata
    fits, what = {
        int: (is_whole(value), "a whole number"),
        float: (is_number(value) and math.isfinite(value), "a finite number"),
        str: (isinstance(value, str), "a text"),
    }[wanted]
    if not fits:
        raise _wrong(field, what, value)
    if wanted is str:
        is_optimizer = field.name == "optimizer"
        known = value in bounds["choices"] or is_optimizer and is_registered_optimizer(value)
        if not known:
            error = _wrong(field, f"one of {', '.join(bounds['choices'])}", value)
            raise RecipeError(f"{error}; {OR_ONES_OWN}.") if is_optimizer else error
        return value
    if value < bounds["least"]:
        raise _wrong(field, f"at least {bounds['least']:g}", value)
    if value > bounds["most"]:
        raise _wrong(field, f"at most {bounds['most']:g}", value)
    if value % bounds.get("step", 1) and "step" in bounds:
        raise _wrong(field, f"a multiple of {bounds['step']}", value)
    return wanted(value)


def is_registered_optimizer(name: str) -> bool:
    """Whether somebody has registered an optimizer of a name.

    Args:
        name: as a recipe has it.
    """
    from nasrec_tf.optimizers.catalogue import OPTIMIZERS

    return name in OPTIMIZERS


def _wrong(field: dataclasses.Field, what: str, value: Any) -> RecipeError:
    return RecipeError(f"{field.name} must be {what}. Received: {shown(value)}")


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
