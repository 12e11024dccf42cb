"""How the final networks are trained."""

import dataclasses

from nasrec_tf.search.options import RECIPE, option, recipe_option
from nasrec_tf.training.recipe import is_registered_optimizer
from nasrec_tf.training.recipes import PAPER

AUTO = "auto"
"""In place of a recipe: one that is chosen on the data."""

LOWER_RATES = "repeat the command with --extend and a lower --retrain-learning-rates"
"""What mends trainings that diverge. To delete what they have left would not do where the run has
chosen its recipe, since that choice has read the rates as well."""


@dataclasses.dataclass(frozen=True)
class RecipeOptions:
    """How the final networks are trained."""

    recipe: str = option(
        AUTO, RECIPE, "how the final networks are trained: auto (a short list is tried first; see "
        "docs/recipes.md), a recipe by name, or a TOML or JSON file", path=True, before=PAPER,
        reader="supernet", content=True,
    )  # fmt: skip
    recipe_share: float | None = option(
        None, RECIPE, "of --recipe auto: largest share of the rows that the run trains on and "
        "scores with that the choice may take (0.3, more on small data; see docs/recipes.md)",
        least=0.0, most=0.9,
    )  # fmt: skip
    optimizer: str | None = recipe_option("optimizer", registry=is_registered_optimizer)
    retrain_learning_rates: str | None = option(
        None, RECIPE, "peak learning rates to try for each candidate, comma separated (0.12)",
        part="learning_rate",
    )  # fmt: skip
    table_learning_rate: float | None = recipe_option("table_learning_rate")
    schedule: str | None = recipe_option("schedule")
    warmup_share: float | None = recipe_option("warmup_share")
    retrain_batch_size: int | None = recipe_option(
        "batch_size", "rows of a batch (that of --batch-size)"
    )
    retrain_epochs: int | None = recipe_option(
        "epochs", "most passes over the training split (1; up to 5 if it is small)"
    )
    epoch_rows: int | None = recipe_option("epoch_rows")
    evaluations_per_epoch: int | None = recipe_option("evaluations_per_epoch")
    patience: int | None = recipe_option("patience")
    monitor: str | None = recipe_option("monitor")
    row_decay: float | None = recipe_option("row_decay", before=0.0)
    table_l2: float | None = recipe_option("table_l2")
    weight_decay: float | None = recipe_option("weight_decay")
    embedding_dropout: float | None = recipe_option("embedding_dropout")
    block_dropout: float | None = recipe_option("block_dropout")
    head_dropout: float | None = recipe_option("head_dropout")
    normalization: str | None = recipe_option("normalization", reader="evolution")
    embedding_dim: int | None = recipe_option("embedding_dim", reader="evolution")
    initial_deviation: float | None = recipe_option("initial_deviation")
    clip_norm: float | None = recipe_option("clip_norm")
    label_smoothing: float | None = recipe_option("label_smoothing")
    weight_average: float | None = recipe_option("weight_average")
    retrain_seed: int | None = recipe_option("seed")
