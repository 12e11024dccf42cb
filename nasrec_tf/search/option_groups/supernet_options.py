"""How the supernet is trained."""

import dataclasses

from nasrec_tf.search.options import SUPERNET, option
from nasrec_tf.training.recipe import LEAST_RATE, MOST_EPOCHS, MOST_RATE


@dataclasses.dataclass(frozen=True)
class SupernetOptions:
    """How the supernet is trained."""

    batch_size: int | None = option(
        None, SUPERNET, "rows of a batch (512; down to 128 for fewer than 512,000 training rows)",
        least=1, most=2**24, of_choice=True,
    )  # fmt: skip
    supernet_epochs: int | None = option(
        None, SUPERNET, "passes over the training split (1; up to 8 if it is small)", least=1,
        most=MOST_EPOCHS,
    )  # fmt: skip
    supernet_rows: int = option(
        0, SUPERNET, "rows after which a pass of the supernet ends; 0 for all of the training "
        "split, or as many as --max-hours has time for", least=0, most=2**62,
    )  # fmt: skip
    supernet_learning_rate: float | None = option(
        None, SUPERNET, "peak learning rate (0.12; lower for short trainings)",
        least=LEAST_RATE, most=MOST_RATE,
    )  # fmt: skip
    supernet_row_decay: float | None = option(
        None, SUPERNET, "decay of all rows of the supernet's tables at every step, as --row-decay "
        "(that of a recipe that the run has chosen, else none)", least=0.0, most=10.0, before=0.0,
    )  # fmt: skip
    supernet_embedding_dim: int = option(
        16, SUPERNET, "width of the supernet's embeddings, a multiple of 8", least=8, most=512,
        step=8,
    )  # fmt: skip
    path_sampler: str = option(
        "single-operator-any-connection", SUPERNET, "path sampling strategy",
        choices=(
            "single-operator-any-connection",
            "any-operator-any-connection",
            "single-operator-single-connection",
        ),
    )  # fmt: skip
    distribute: str = option(
        "none", SUPERNET, "train on all devices of this host (mirrored), or of all hosts that "
        "TF_CONFIG names (multi-worker); see docs/scaling.md",
        choices=("none", "mirrored", "multi-worker"),
    )  # fmt: skip
    gpu_precision: str = option(
        "float32", SUPERNET, "what the factors of the supernet's matrix products are rounded to on "
        "a GPU, where sums are in float32: float32 (on recent GPUs TF32), or bfloat16",
        choices=("float32", "bfloat16"),
    )  # fmt: skip
    warmup: bool = option(True, SUPERNET, "train the full supernet now and then at first")
    layer_norm: bool = option(True, SUPERNET, "layer norm in the supernet's operators")
    operator_balancing: bool = option(
        True, SUPERNET, "project the tokens of dot products first", of_choice=True
    )
    max_table_rows: int = option(
        500_000, SUPERNET, "cap on embedding tables during the search; 0 for none", least=0
    )
