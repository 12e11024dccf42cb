"""What a comparison is going to cost, told before anything is trained."""

import dataclasses
import gc
from collections.abc import Sequence

from nasrec_tf.architecture.memory import readable_size
from nasrec_tf.report.page import count, duration, number
from nasrec_tf.search.from_scratch import build
from nasrec_tf.search.memory_check import training_bytes
from nasrec_tf.studies.contenders import Contender
from nasrec_tf.studies.rival_results import SpeedResult
from nasrec_tf.studies.rival_trainings import RivalTrainings

COLUMNS = (
    "model",
    "M multiply-accumulates",
    "weights",
    "memory in training",
    "trainings",
    "M rows at most",
    "µs a row",
    "time at most",
)


@dataclasses.dataclass(frozen=True)
class PlannedCost:
    """What one model is going to cost at most.

    Args:
        contender: the model.
        mflops: millions of multiply-accumulates per sample.
        weights: of the network, tables included.
        memory: bytes that they take in training.
        trainings: of the model, the choice of its recipe aside.
        rows: trained on, and predicted at a third.
        speed: of a training step.
    """

    contender: Contender
    mflops: float
    weights: int
    memory: int
    trainings: int
    rows: float
    speed: SpeedResult

    @property
    def seconds(self) -> float:
        """Wall time, of training steps alone."""
        return self.rows * self.speed.training_us / 1e6


def planned_cost(trainings: RivalTrainings, contender: Contender, seeds: int) -> PlannedCost:
    """What a model is going to cost, its speed measured on a network of it.

    Where the recipe is chosen, it may end with more epochs or a wider network than is counted here.

    Args:
        trainings: of the comparison.
        contender: the model.
        seeds: trainings of it.
    """
    run, recipe = trainings.run, trainings.start()
    cost = contender.model.complexity(run.features, recipe, run.config.operator_balancing)
    pass_rows = recipe.pass_rows(run.records.rows("train"))
    rows = pass_rows * (recipe.epochs or 1)
    count_of_seeds = seeds + max(0, len(trainings.settings.learning_rates) - 1)
    total: float = count_of_seeds * rows
    if trainings.settings.recipe is None:
        total += trainings.budget() * pass_rows
    speed = trainings.speed(contender) or _measured(trainings, contender)
    return PlannedCost(
        contender,
        cost.mflops,
        cost.parameters + cost.embedding_parameters,
        training_bytes(run, contender.model, recipe)[0],
        count_of_seeds,
        total,
        speed,
    )


def _measured(trainings: RivalTrainings, contender: Contender) -> SpeedResult:
    from nasrec_tf.studies.speed import measure_speed

    network = build(trainings.run, contender.model, trainings.start(), seed=0)
    speed = measure_speed(trainings.run, network, trainings.start())
    del network
    gc.collect()
    return speed


def plan_table(costs: Sequence[PlannedCost], test_rows: int) -> str:
    """The costs as columns of plain text, with what they come to together.

    Args:
        costs: of each model.
        test_rows: of the test split.
    """
    rows = [COLUMNS, *(_cells(cost) for cost in costs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.rjust(width) if column else cell.ljust(width)
                       for column, (cell, width) in enumerate(zip(row, widths)))
             for row in rows]  # fmt: skip
    kept = sum(cost.trainings for cost in costs) * test_rows * 4
    lines.append(
        f"in all at most {number(sum(cost.rows for cost in costs) / 1e6, 3)} M rows and "
        f"{duration(sum(cost.seconds for cost in costs))} of training steps, evaluations aside; "
        f"{readable_size(max(cost.memory for cost in costs))} of memory for weights, one model at "
        f"a time; {readable_size(kept)} on disk for test logits"
    )
    return "\n".join(lines)


def _cells(cost: PlannedCost) -> tuple[str, ...]:
    return (
        cost.contender.name,
        number(cost.mflops),
        count(cost.weights),
        readable_size(cost.memory),
        count(cost.trainings),
        number(cost.rows / 1e6, 3),
        number(cost.speed.training_us, 2),
        duration(cost.seconds),
    )
