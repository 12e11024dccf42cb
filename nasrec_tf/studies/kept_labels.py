"""Labels of the test split, and its rows' weights, kept once for all trainings of a comparison."""

import pathlib
from typing import Any

import numpy as np

from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.damaged_archives import ARCHIVE_DAMAGE
from nasrec_tf.common.errors import RunError

TEST_LABELS = "test_labels.npz"


def keep_labels(
    directory: pathlib.Path, labels: np.ndarray, weights: np.ndarray | None = None
) -> None:
    """Writes them, whole or not at all, unless they are there.

    Args:
        directory: of the comparison.
        labels: 0 or 1, (rows,).
        weights: how much each row counts, (rows,), for analyses of the user's own; ``None`` if all
            count alike.

    Raises:
        UserError: if the file cannot be written.
    """
    path = directory / TEST_LABELS
    if path.exists():
        return
    with atomic_path(path) as draft, draft.open("wb") as file:
        if weights is None:
            np.savez(file, labels=labels.astype(np.uint8))
        else:
            np.savez(file, labels=labels.astype(np.uint8), weights=weights)


def kept_labels(directory: pathlib.Path) -> np.ndarray:
    """The labels that ``keep_labels`` wrote.

    Args:
        directory: of the comparison.

    Raises:
        RunError: if it is missing or damaged.
    """
    path = directory / TEST_LABELS
    try:
        with np.load(path) as file:
            return file["labels"]
    except ARCHIVE_DAMAGE as error:
        mend = f"delete {directory} to compare again"
        raise RunError(f"{path}: cannot be read; {mend}.") from error


def labels_of_records(records: Any) -> np.ndarray:
    """The labels of the test split, read without a network.

    Args:
        records: the data set, a ``nasrec_tf.data.records.Records``.
    """
    from nasrec_tf.training.evaluation import EVALUATION_BATCH

    batches = records.batches("test", EVALUATION_BATCH)
    return np.concatenate([labels.numpy()[:, 0] for _, labels, *_ in batches])
