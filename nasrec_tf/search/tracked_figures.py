"""What stages have left, as programs that track experiments have it: trials with their curves."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from nasrec_tf.search.results import AttemptFigures
from nasrec_tf.search.run import Run
from nasrec_tf.strategies.oracle.trial_results import TrialResult, read_results
from nasrec_tf.training.curves import kept_curve


@dataclasses.dataclass(frozen=True)
class TrackedTrial:
    """A candidate, or a network that was trained from scratch.

    Args:
        name: that no other of its stage has.
        hyperparameters: what it is, and how it was trained.
        scalars: from name to steps and values.
    """

    name: str
    hyperparameters: dict[str, Any]
    scalars: dict[str, list[tuple[int, float]]]


def tracked_candidates(run: Run) -> Iterator[TrackedTrial]:
    """The candidates of the search, each with its scores at step 0.

    Args:
        run: the run, whose evolution has finished.
    """
    for result in read_results(run.search_project):
        yield TrackedTrial(
            f"{result.number:06d}",
            _hyperparameters_of(result),
            {name: [(0, value)] for name, value in result.metrics.items()},
        )


def tracked_trainings(run: Run) -> Iterator[TrackedTrial]:
    """The networks that were trained from scratch, with their curves.

    Args:
        run: the run, whose retraining has finished.
    """
    from nasrec_tf.search.attempts import ended_attempts

    for attempt, figures in ended_attempts(run):
        recipe = dataclasses.asdict(attempt.recipe)
        chosen = {name: value for name, value in recipe.items() if value is not None}
        points = kept_curve(attempt.directory)
        yield TrackedTrial(
            attempt.directory.name,
            {"rank": attempt.rank, "identity": attempt.architecture.identity, **chosen},
            {
                "loss": points,
                "learning rate": _rates(attempt.recipe, figures, [step for step, _ in points]),
                "validation log loss": _by_step(figures, "log_loss"),
                "validation AUC": _by_step(figures, "auc"),
            },
        )


def _hyperparameters_of(result: TrialResult) -> dict[str, Any]:
    """What a candidate is, as columns of the table of trials."""
    found: dict[str, Any] = {"generation": result.generation, "status": result.status}
    for number, block in enumerate(result.architecture.blocks, start=1):
        operators = (*block.dense_operators, *block.sparse_operators)
        found[f"block {number} operators"] = " ".join(operators)
        found[f"block {number} dense width"] = block.dense_width
        found[f"block {number} tokens"] = block.operator_tokens
    return found | dict(result.hardware or {})


def _by_step(figures: AttemptFigures, field: str) -> list[tuple[int, float]]:
    """A quality at each evaluation that has it."""
    parts = 1 if figures.recipe is None else figures.recipe.evaluations_per_epoch
    steps = figures.steps_per_epoch
    values = [(index, getattr(found, field)) for index, found in enumerate(figures.epochs)]
    return [
        ((index + 1) * steps // min(parts, steps), value)
        for index, value in values
        if value is not None
    ]


def _rates(recipe: Any, figures: AttemptFigures, steps: list[int]) -> list[tuple[int, float]]:
    """The learning rate at steps; none of a schedule that goes by what validation found."""
    from nasrec_tf.optimizers.schedules import WarmupPlateau, make_schedule

    epochs = recipe.epochs or 1
    schedule = make_schedule(
        recipe.schedule, recipe.learning_rate, epochs * figures.steps_per_epoch, recipe.warmup_share
    )
    if isinstance(schedule, WarmupPlateau):
        return []
    return [(step, float(schedule(step))) for step in steps]
