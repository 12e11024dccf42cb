"""Which split a row belongs to. Every function is a pure function of content, position and seed."""

from __future__ import annotations

import numpy as np

from beam_preprocess.common.splitmix import mix, splitmix64
from beam_preprocess.config import MAX_REJECT_SHARE
from beam_preprocess.errors import DataError

TRAIN, VALIDATION, TEST = range(3)

_SINCE_1970 = (1_000_000_000, 2_000_000_000)
"""Seconds of the years 2001 to 2033: numbers by which nothing else is counted as often."""


def stratified_splits(
    label: np.ndarray,
    lines: np.ndarray,
    *,
    seed: int,
    file: int,
    block: int,
    fractions: tuple[float, float, float],
) -> np.ndarray:
    """Split of each row of one block, stratified on the label.

    Within the block, the rows of each label are shuffled and dealt out in exact proportion (to a
    row; which split gets the odd ones is random). So whole data sets keep the shares and the label
    rate of each split almost exactly, without a pass over the data to count labels first.

    Args:
      label: [rows], 0 or 1.
      lines: [rows], line of each row within the block.
      seed, file, block: Which shuffle: seed of the split, position of the file, of the block in it.
      fractions: Shares of train, validation and test.

    Returns:
      int8 [rows]: TRAIN, VALIDATION or TEST.
    """
    splits = np.empty(len(label), np.int8)
    for value in (0, 1):
        rows = np.flatnonzero(label == value)
        if not len(rows):
            continue
        stream = mix(np.array([seed, file, block, value], np.uint64))
        order = np.argsort(splitmix64(stream + lines[rows].astype(np.uint64)), kind="stable")
        start = float(splitmix64(~stream)) / 2.0**64
        place = (np.arange(len(rows)) + start) / len(rows)
        splits[rows[order]] = _cut(place, fractions)
    return splits


def grouped_splits(
    group: np.ndarray,
    lines: np.ndarray,
    *,
    seed: int,
    file: int,
    block: int,
    fractions: tuple[float, float, float],
) -> np.ndarray:
    """Split of each row of one block, the same for all rows of a group wherever they stand.

    A group goes to a split with the chance that is the split's share, whatever its rows, so that
    shares and label rates are only near to those of the log, and the nearer the more groups there
    are. Rows without a group are dealt out one by one.

    Args:
      group: uint64 [rows], a hash of the group, 0 where it is missing.
      lines: [rows], line of each row within the block.
      seed, file, block: Seed of the split; position of the file, and of the block in it.
      fractions: Shares of train, validation and test.

    Returns:
      int8 [rows]: TRAIN, VALIDATION or TEST.

    >>> splits = grouped_splits(np.array([7, 9, 7, 7], np.uint64), np.arange(4), seed=0, file=0,
    ...                         block=0, fractions=(0.4, 0.3, 0.3))
    >>> splits[0] == splits[2] == splits[3]
    np.True_
    """
    by_row = mix(np.array([seed, file, block], np.uint64)) + lines.astype(np.uint64)
    by_group = mix(np.array([seed], np.uint64)) ^ group
    place = splitmix64(np.where(group == 0, by_row, by_group)) / 2.0**64
    return _cut(place, fractions)


def chronological_splits(time: np.ndarray, boundaries: tuple[int, int]) -> np.ndarray:
    """TRAIN before the first boundary, TEST from the second on, VALIDATION between.

    Args:
      time: int64 [rows].
      boundaries: As :func:`chronological_boundaries` gives them.

    Returns:
      int8 [rows].

    >>> chronological_splits(np.array([10, 20, 25, 30]), (20, 30)).tolist()
    [0, 1, 1, 2]
    """
    return np.searchsorted(np.asarray(boundaries), time, side="right").astype(np.int8)


def chronological_boundaries(
    times: np.ndarray, counts: np.ndarray, fractions: tuple[float, float, float]
) -> tuple[int, int]:
    """The two times that come nearest to the wanted shares; rows of one time stay together.

    Args:
      times: int64, distinct times in rising order.
      counts: Rows of each.
      fractions: Shares of train, validation and test, which add up to 1.

    Raises:
      DataError: There are fewer than three distinct times, or some are in seconds and some in
        milliseconds.

    >>> chronological_boundaries(np.arange(10), np.ones(10, int), (0.8, 0.1, 0.1))
    (8, 9)
    """
    counts = np.asarray(counts)
    seconds, milliseconds = (
        int(counts[(times >= low * unit) & (times < high * unit)].sum())
        for unit, (low, high) in ((1, _SINCE_1970), (1000, _SINCE_1970))
    )
    if min(seconds, milliseconds) > MAX_REJECT_SHARE * counts.sum():
        raise DataError(
            f"--split chronological: the time column has {seconds:,} times in seconds since 1970 "
            f"and {milliseconds:,} in milliseconds, which would all come last; write them alike"
        )
    if len(times) < 3:
        raise DataError(
            f"--split chronological: the time column has {len(times)} distinct value(s), three "
            "splits need at least 3; name the files of a split (--test, --test-data of "
            "nasrec_tf.search), or use --split stratified"
        )
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    total = int(np.sum(counts))
    first = 1 + int(np.argmin(np.abs(before[1:-1] - fractions[0] * total)))
    goal = (fractions[0] + fractions[1]) * total
    second = first + 1 + int(np.argmin(np.abs(before[first + 1 :] - goal)))
    return int(times[first]), int(times[second])


def _cut(place: np.ndarray, fractions: tuple[float, float, float]) -> np.ndarray:
    bounds = np.array([fractions[0], fractions[0] + fractions[1]])
    return np.searchsorted(bounds, place, side="right").astype(np.int8)
