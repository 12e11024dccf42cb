"""Where a run lies, and what it may take."""

import dataclasses

from nasrec_tf.search.options import RUN, option
from nasrec_tf.training.devices import DEVICES


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Where a run lies, and what it may take."""

    run_dir: str = option(
        "runs/search", RUN, "directory of this run; repeat it to resume", path=True
    )
    warm_start: str | None = option(
        None, RUN, "directory of a finished run on other rows of the same columns, to start from: "
        "tables keep the rows of the ids that they know, the supernet and the winner go on, and "
        "the recipe is the one chosen there", path=True, reader="recipe", alias="--warm-start",
    )  # fmt: skip
    seed: int = option(0, RUN, "seed of everything", least=0)
    device: str = option(
        "auto", RUN, "where networks are computed: on a GPU if TensorFlow finds one (auto), cpu or "
        "gpu", choices=DEVICES, reader="recipe",
    )  # fmt: skip
    workers: int = option(1, RUN, "worker processes of the records stage", least=1, most=4096)
    checkpoint_seconds: float = option(60.0, RUN, "time between checkpoints")
    imports: tuple[str, ...] | None = option(
        None, RUN, "modules of your own that are imported first, by name or file", of_parser=True
    )
    max_hours: float | None = option(
        None,
        RUN,
        "longest time of all calls of the run together: settings that are left open are "
        "chosen to fit, and stages are cut, so that it ends in time with an export",
    )
    tensorboard: bool = option(
        False, RUN, "write curves (loss, validation, AUC, learning rate) and candidates (HParams) "
        "for TensorBoard into RUN_DIR/tensorboard",
    )  # fmt: skip
    mlflow: str | None = option(
        None, RUN, "log the finished run to MLflow at this tracking URI, such as "
        "http://localhost:5000: options, figures, trainings, report and export (needs "
        "mlflow-skinny)",
    )  # fmt: skip
