"""Which rows of a streamed split come when: a pure function of data set, seed, epoch and step.

Shards are read side by side, a *band* of them at a time, so many rows from each in turn. What comes
out is cut into *windows*, and the rows of a window are shuffled. Where the records stage has dealt
the rows out by a hash (row order ``hashed``), every block of a shard is a random sample of the log;
a band has as many shards as blocks fit into a window, drawn anew for each epoch, and a window is
as good a sample as any. In shards that hold successive parts of the log (row order ``log``, and all
data sets of version 1) a window takes from all of them alike, which mixes the log as far as its
shards are many.

A step is found again by counting: bands before it are not opened, windows before it in its band
are read but neither shuffled nor parsed.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from beam_preprocess.dataset.schema import Split

WINDOW_BYTES = 16 << 20
"""Parsed rows of one window. Part of the order: another size gives another one."""

MOST_OPEN_SHARDS = 256
"""Shards in log order that are read side by side."""

CHUNK_ROWS = 1024
"""Most rows that come from one shard in turn."""


Groups = tuple[tuple[tuple[int, ...], ...], ...]
"""Shards by group and band."""


@dataclasses.dataclass(frozen=True)
class EpochOrder:
    """The order of one epoch.

    Args:
        groups: bands of shards, by position among the split's files. The windows of a group begin
            with it; groups follow each other.
        group_rows: rows of each group.
        chunk_rows: rows from one shard of a band in turn.
        window_rows: rows that are shuffled together, a multiple of ``chunk_rows``; the last window
            of a group has what is left.
        seed: of the windows' shuffles.

    Example:
        >>> order = EpochOrder(groups=(((0, 1),), ((2,),)), group_rows=(50, 20), chunk_rows=4,
        ...                    window_rows=20, seed=0)
        >>> order.locate(47)
        Position(group=0, window=2, windows_before=2, row=7)
    """

    groups: Groups
    group_rows: tuple[int, ...]
    chunk_rows: int
    window_rows: int
    seed: int

    def locate(self, row: int) -> "Position":
        """Where the row of that number is, counted through the epoch from 0.

        Args:
            row: number of the row.

        Raises:
            ValueError: if the epoch has no such row.
        """
        if not 0 <= row < sum(self.group_rows):
            raise ValueError(f"`row` must lie in [0, {sum(self.group_rows)}). Received: {row}")
        windows_before = 0
        for group, rows in enumerate(self.group_rows):
            if row < rows:
                window, row = divmod(row, self.window_rows)
                return Position(group, window, windows_before + window, row)
            windows_before += -(-rows // self.window_rows)
            row -= rows
        raise AssertionError("rows of groups and of the epoch disagree")


@dataclasses.dataclass(frozen=True)
class Position:
    """A row of an epoch.

    Args:
        group: its group.
        window: its window within the group.
        windows_before: windows of the epoch before that one.
        row: the row within the shuffled window.
    """

    group: int
    window: int
    windows_before: int
    row: int


def epoch_order(
    split: Split, features: tuple[int, int], *, hashed: bool, seed: int, epoch: int
) -> EpochOrder:
    """The order of a split's rows in one epoch.

    Args:
        split: the split, with at least one row.
        features: number of dense and of sparse columns.
        hashed: whether the rows were dealt out to the shards by a hash.
        seed: seed of the order.
        epoch: number of the epoch, from 0.
    """
    sequence = np.random.SeedSequence((seed, epoch))
    shuffle_seed = int(sequence.generate_state(1, np.uint64)[0] >> 1)
    random = np.random.default_rng(sequence.spawn(1)[0])
    window_rows = max(1, WINDOW_BYTES // (4 * (1 + sum(features))))
    shards = np.arange(len(split.files))
    if split.shard_rows is not None:
        shards = np.flatnonzero(split.shard_rows)
    if hashed and split.shard_rows is not None:  # which a schema of hashed rows always says
        block_rows = -(-max(split.shard_rows) // split.blocks)
        width = min(len(shards), max(1, window_rows // block_rows))
        window_rows = width * block_rows  # every shard gives about one whole block to each window
        shuffled = random.permutation(shards)
        bands = [shuffled[first : first + width] for first in range(0, len(shards), width)]
    else:
        width = min(len(shards), MOST_OPEN_SHARDS)
        count = -(-len(shards) // width)
        # Every band takes shards from all over the log.
        bands = [shards[first::count] for first in random.permutation(count)]
        window_rows = max(window_rows, width)
    groups, group_rows = _groups(bands, split)
    chunk_rows = max(1, min(CHUNK_ROWS, window_rows // width))
    window_rows = -(-window_rows // chunk_rows) * chunk_rows
    return EpochOrder(groups, group_rows, chunk_rows, window_rows, shuffle_seed)


def _groups(bands: Sequence[np.ndarray], split: Split) -> tuple[Groups, tuple[int, ...]]:
    """Each band by itself, where its rows are known; else all of them together."""
    shards = tuple(tuple(band.tolist()) for band in bands)
    if split.shard_rows is None:
        return (shards,), (split.rows,)
    rows = tuple(sum(split.shard_rows[shard] for shard in band) for band in shards)
    return tuple((band,) for band in shards), rows
