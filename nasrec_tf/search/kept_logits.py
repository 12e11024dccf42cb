"""What trainings came to row by row, in files: of validation, until what is chosen by it is."""

import pathlib

import numpy as np

from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.damaged_archives import ARCHIVE_DAMAGE
from nasrec_tf.common.errors import RunError

VALIDATION_LOGITS = "validation.npz"
ROW_LOSSES = "row-losses.npz"


def keep_logits(directory: pathlib.Path, logits: np.ndarray, name: str = VALIDATION_LOGITS) -> None:
    """Writes a training's logits or losses, whole or not at all, with a checksum (that of ZIP).

    Args:
        directory: of the training.
        logits: float32, (rows,); of the validation split unless the name says otherwise.
        name: of the file.

    Raises:
        UserError: if the file cannot be written.
    """
    with atomic_path(directory / name) as draft, draft.open("wb") as file:
        np.savez(file, logits=logits)


def kept_logits(
    directory: pathlib.Path, rows: int, mend: str, name: str = VALIDATION_LOGITS
) -> np.ndarray:
    """What ``keep_logits`` wrote.

    Args:
        directory: of the training.
        rows: of the split.
        mend: what the user can do about a damaged file.
        name: of the file.

    Raises:
        RunError: if it is missing or damaged.
    """
    path = directory / name
    try:
        with np.load(path, allow_pickle=False) as archive:
            logits = archive["logits"]
    except ARCHIVE_DAMAGE as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise RunError(f"{path}: cannot be read ({reason}); {mend}.") from error
    if logits.shape != (rows,) or logits.dtype != np.float32:
        raise RunError(f"{path}: damaged: {logits.dtype} {logits.shape}, not {rows} rows; {mend}.")
    return logits
