"""What stages have left, as TensorBoard shows it: curves of trainings, and candidates as trials.

Made anew from the files of the run, so that a run that was stopped has nothing twice. The loss of a
training that goes on is beside its checkpoint (``training/loop.py``).
"""

import dataclasses
import pathlib
import shutil
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.results import AttemptFigures, Skipped
from nasrec_tf.search.run import Run
from nasrec_tf.strategies.oracle.trial_results import TrialResult, read_results
from nasrec_tf.training.curves import read_curve

DIRECTORY = "tensorboard"


def write_tensorboard(run: Run, stage: str) -> None:
    """Writes what a stage has left; stages without curves and trials leave nothing.

    Args:
        run: the run.
        stage: one that has just finished.

    Raises:
        UserError: if the files cannot be written.
    """
    writers = {"evolution": _write_candidates, "retrain": _write_trainings}
    if stage not in writers or isinstance(run.directory.result(stage), Skipped):
        return
    directory = run.directory.path / DIRECTORY / stage
    try:
        shutil.rmtree(directory, ignore_errors=True)
        writers[stage](run, directory)
    except OSError as error:
        raise UserError(f"{directory}: cannot be written: {error.strerror or error}") from error


def _write_candidates(run: Run, directory: pathlib.Path) -> None:
    for result in read_results(run.search_project):
        _write(
            directory / f"{result.number:06d}",
            _hyperparameters_of(result),
            {name: [(0, value)] for name, value in result.metrics.items()},
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


def _write_trainings(run: Run, directory: pathlib.Path) -> None:
    from nasrec_tf.search.attempts import ended_attempts

    for attempt, figures in ended_attempts(run):
        recipe = dataclasses.asdict(attempt.recipe)
        chosen = {name: value for name, value in recipe.items() if value is not None}
        curve = attempt.directory / "loss.csv"
        points = read_curve(curve) if curve.exists() else []
        _write(
            directory / attempt.directory.name,
            {"rank": attempt.rank, "identity": attempt.architecture.identity, **chosen},
            {
                "loss": points,
                "learning rate": _rates(attempt.recipe, figures, [step for step, _ in points]),
                "validation log loss": _by_step(figures, "log_loss"),
                "validation AUC": _by_step(figures, "auc"),
            },
        )


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


def _write(
    directory: pathlib.Path,
    hyperparameters: dict[str, Any],
    scalars: dict[str, list[tuple[int, float]]],
) -> None:
    import tensorflow as tf
    from tensorboard.plugins.hparams import api

    kinds = (bool, int, float, str)
    plain = {k: v if isinstance(v, kinds) else str(v) for k, v in hyperparameters.items()}
    writer = tf.summary.create_file_writer(str(directory))
    with writer.as_default():
        # Not the hash of the values, which equal candidates of two generations would share.
        api.hparams(plain, trial_id=directory.name)
        for name, points in scalars.items():
            for step, value in points:
                tf.summary.scalar(name, value, step)
    writer.close()
