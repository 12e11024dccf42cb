"""One row of a table: an architecture trained from scratch, judged at every evaluation.

Both splits are looked at every time, so that a table tells what early stopping would have chosen,
and what that would have been worth. Nothing is kept of a training but its figures; one that is
killed begins anew, which is why trainings here are short.
"""

import contextlib
import functools
import math
import pathlib
import tempfile
import time

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.benchmark.measured_rows import CurvePoint, DataSetCard, MeasuredRow
from nasrec_tf.common.json_digest import json_digest
from nasrec_tf.search.from_scratch import build
from nasrec_tf.search.run import Run
from nasrec_tf.search.scoring_settings import scoring_environment
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.training.divergence import DivergedError

PURPOSE = "benchmark"


@functools.cache
def environment() -> tuple[str, dict[str, str]]:
    """What rows are computed with in this process: its digest, and versions by name."""
    found = scoring_environment()
    return json_digest(found), found


def train_row(
    run: Run,
    card: DataSetCard,
    architecture: Architecture,
    seed: int,
    stream: int | None = None,
    number: int | None = None,
) -> MeasuredRow:
    """Trains an architecture from scratch.

    Args:
        run: where the records are.
        card: says how.
        architecture: what is trained.
        seed: of initial weights and order of rows, from 1.
        stream: that the architecture is of.
        number: its place in the stream.
    """
    from nasrec_tf.data.records import derived_seed
    from nasrec_tf.training.loop import train
    from nasrec_tf.training.training_plan import TrainingPlan

    model, recipe = SpaceModel(architecture), card.recipe
    network = build(run, model, recipe, derived_seed(seed, PURPOSE))
    plan = TrainingPlan(
        recipe, derived_seed(seed, f"{PURPOSE} rows"), learning_rate_option="--learning-rate"
    )
    judge = _Judge(network, run.records, plan)
    started = time.monotonic(), time.process_time()
    with (
        tempfile.TemporaryDirectory(prefix="nasrec_tf-") as directory,
        run.progress("training", plan.steps(run.records), "step") as bar,
        contextlib.suppress(DivergedError),
    ):
        train(
            network, run.records, plan, pathlib.Path(directory), bar, judge,
            checkpoint_seconds=math.inf,
        )  # fmt: skip
    seconds = time.monotonic() - started[0] - judge.seconds
    cpu_seconds = time.process_time() - started[1] - judge.cpu_seconds
    cost = model.complexity(card.features, recipe, card.operator_balancing)
    return MeasuredRow(
        protocol=card.protocol,
        architecture=model.dumps(),
        identity=architecture.identity,
        seed=seed,
        curve=tuple(judge.points),
        mflops=cost.mflops,
        parameters=cost.parameters,
        embedding_parameters=cost.embedding_parameters,
        seconds=round(max(0.0, seconds), 3),
        cpu_seconds=round(max(0.0, cpu_seconds), 3),
        made_with=environment()[0],
        stream=stream,
        number=number,
    )


class _Judge:
    """Measures a network at every evaluation, and never ends its training."""

    def __init__(self, network, records, plan):
        from nasrec_tf.training.evaluation import Predictor

        self._network, self._predict = network, Predictor(network, records)
        self._records, self._plan = records, plan
        self.points: list[CurvePoint] = []
        self.seconds = self.cpu_seconds = 0.0

    def __call__(self, index: int) -> bool:
        from nasrec_tf.training.evaluation import quality
        from nasrec_tf.training.plateaus import tell_schedule

        started = time.monotonic(), time.process_time()
        figures: list[float | None] = []
        for split in ("validation", "test"):
            labels, logits = self._predict(split)
            found = quality(labels, logits, self._records.weights(split))
            if split == "validation":
                monitor = self._plan.recipe.monitor
                tell_schedule(self._network, monitor, found.log_loss, found.auc)
            finite = math.isfinite(found.log_loss)
            figures += [found.log_loss, found.auc] if finite else [None, None]
        step = self._plan.evaluation_step(index, self._records)
        self.points.append(CurvePoint(step, *figures))
        self.seconds += time.monotonic() - started[0]
        self.cpu_seconds += time.process_time() - started[1]
        return True
