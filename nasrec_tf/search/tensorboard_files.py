"""What stages have left, as TensorBoard shows it: curves of trainings, and candidates as trials.

Made anew from the files of the run, so that a run that was stopped has nothing twice. The loss of a
training that goes on is beside its checkpoint (``training/loop.py``).
"""

import pathlib
import shutil
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.search.results import Skipped
from nasrec_tf.search.run import Run
from nasrec_tf.search.tracked_figures import tracked_candidates, tracked_trainings

DIRECTORY = "tensorboard"


def write_tensorboard(run: Run, stage: str) -> None:
    """Writes what a stage has left; stages without curves and trials leave nothing.

    Args:
        run: the run.
        stage: one that has just finished.

    Raises:
        UserError: if the files cannot be written.
    """
    trials = {"evolution": tracked_candidates, "retrain": tracked_trainings}
    if stage not in trials or isinstance(run.directory.result(stage), Skipped):
        return
    directory = run.directory.path / DIRECTORY / stage
    try:
        shutil.rmtree(directory, ignore_errors=True)
        for trial in trials[stage](run):
            _write(directory / trial.name, trial.hyperparameters, trial.scalars)
    except OSError as error:
        raise UserError(f"{directory}: cannot be written: {error.strerror or error}") from error


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
