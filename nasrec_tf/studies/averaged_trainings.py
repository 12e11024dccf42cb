"""The trainings of one model averaged: what they are worth together, as one model.

Their logits on the test split lie beside them, so that nothing is trained or predicted anew.
"""

import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from nasrec_tf.common.saved_state import read_state, write_state
from nasrec_tf.search.kept_logits import kept_logits
from nasrec_tf.studies.rival_results import TEST_LOGITS, AveragedResult, MeasuredResult

AVERAGED_FILE = "averaged.json"
LEAST = 2
"""Trainings of which there is an average, and a spread of it."""


def averaged_trainings(
    directory: pathlib.Path,
    trainings: Sequence[tuple[int, pathlib.Path]],
    labels_of: Callable[[], np.ndarray],
    weights: np.ndarray | None,
    seed: int,
) -> AveragedResult | None:
    """Judges the mean of the logits of a model's trainings, once.

    Takes memory as ``resampled_quality`` does, and 16 bytes a row.

    Args:
        directory: of the model, where the outcome is kept.
        trainings: number of the seed and directory of each that has finite logits.
        labels_of: what reads the labels of the test split, (rows,), if they are needed.
        weights: how much each row counts, (rows,); alike unless given.
        seed: of the resamples.

    Returns:
        ``None`` where there are fewer than two, or an earlier version kept no logits.

    Raises:
        RunError: if what is kept is damaged.
    """
    from nasrec_tf.studies.resampled_quality import resampled_quality
    from nasrec_tf.training.evaluation import auc, mean_log_loss

    path, seeds = directory / AVERAGED_FILE, tuple(number for number, _ in trainings)
    mend = "delete it to judge the average of the trainings again"
    kept = read_state(path, AveragedResult, mend)
    if kept is not None and kept.seeds == seeds:
        return kept
    places = [place for _, place in trainings]
    if len(places) < LEAST or not all((place / TEST_LOGITS).exists() for place in places):
        return None

    labels = labels_of()

    def logits_of(place: pathlib.Path) -> np.ndarray:
        return kept_logits(place, len(labels), f"delete {place} to train it again", TEST_LOGITS)

    total = np.zeros(len(labels))
    for place in places:
        total += logits_of(place)
    without = []
    for place in places:
        others = (total - logits_of(place)) / (len(places) - 1)
        without.append((mean_log_loss(labels, others, weights), auc(labels, others, weights)))
    total /= len(places)
    found = resampled_quality(labels, total, seed, weights)
    measured = MeasuredResult(found.log_loss, found.auc, found.log_losses, found.aucs)
    result = AveragedResult(seeds, measured, tuple(without))
    write_state(path, result)
    return result
