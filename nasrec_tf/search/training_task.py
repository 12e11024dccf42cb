"""What one training from scratch is told, and the files that it leaves."""

import dataclasses
import pathlib
import shutil
from collections.abc import Callable, Sequence
from typing import Any

from nasrec_tf.common.time_spent import SPENT_FILE
from nasrec_tf.search.kept_logits import ROW_LOSSES, VALIDATION_LOGITS
from nasrec_tf.search.results import Look
from nasrec_tf.search.trainable import Trainable
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.training_files import CHECKPOINT, LOSS_CURVE

WEIGHTS = "best.npz"
"""Of the best epoch."""

VALIDATION = "validation.json"
"""Qualities by evaluation."""

LOOKS = "looks.json"
"""What it had come to at its rungs."""


_OF_A_TRAINING = (VALIDATION, WEIGHTS, VALIDATION_LOGITS, ROW_LOSSES, LOSS_CURVE, LOOKS)


def always(looks: Sequence[Look]) -> bool:
    """Whether a training goes on that is compared with no other: yes.

    Args:
        looks: what it has come to.
    """
    return True


@dataclasses.dataclass(frozen=True)
class FromScratch:
    """What is to be trained.

    Args:
        architecture: the model.
        recipe: how; complete, as ``Run.completed`` gives it.
        directory: where it leaves weights, curve and validation.
        purpose: of the training; initial weights and row order are drawn for it.
        keeps_weights: whether the weights of the best epoch are kept.
        keeps_logits: whether its validation logits are kept.
        needs_logits: whether what comes after cannot do without them; trainings that an earlier
            version began have kept none.
        keeps_losses: whether its validation log losses are kept row by row.
        again: what deleting the directory makes the run do.
        rungs: steps after which it is looked at, beside its evaluations.
        goes_on: told all looks so far after each, whether to go on.
        records: what it is trained on and judged by, a ``Records``; the run's unless given.
        start: gives the untrained network other weights to begin with.
    """

    architecture: Trainable
    recipe: Recipe
    directory: pathlib.Path
    purpose: str = "retrain"
    keeps_weights: bool = True
    keeps_logits: bool = False
    needs_logits: bool = False
    keeps_losses: bool = False
    again: str = "train this candidate anew"
    rungs: tuple[int, ...] = ()
    goes_on: Callable[[Sequence[Look]], bool] = always
    records: Any = None
    start: Callable[[Any], None] | None = None

    @property
    def mend(self) -> str:
        """What the user can do about damage in the directory."""
        return f"delete {self.directory} to {self.again}"


def under_way(directory: pathlib.Path) -> bool:
    """Whether a training was stopped here that can go on.

    Args:
        directory: of the training.
    """
    return (directory / CHECKPOINT).is_dir()


def make_ready(directory: pathlib.Path) -> None:
    """Makes a training's directory, and clears what is left of one that has no checkpoint.

    But for its time: what is computed twice counts twice.

    Args:
        directory: of the training, which goes on from its checkpoint or begins anew.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not under_way(directory):
        for name in _OF_A_TRAINING:
            (directory / name).unlink(missing_ok=True)


def clear_checkpoint(directory: pathlib.Path) -> None:
    """Deletes what only a training that goes on needs.

    Args:
        directory: of a training whose result has been written.
    """
    shutil.rmtree(directory / CHECKPOINT, ignore_errors=True)
    (directory / SPENT_FILE).unlink(missing_ok=True)
