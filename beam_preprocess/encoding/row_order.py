"""Which shard, and which block within it, a row goes to.

A shard is a row of blocks. With the row order ``hashed`` a seeded hash of a row's place in the log
deals the rows out to all blocks of all shards: every block is a random sample of the whole log,
however the log is sorted, so that reading a few blocks at a time and shuffling those is as good as
shuffling all rows. With the order ``log`` the shards hold successive parts of the log.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from beam_preprocess.common.splitmix import mix, splitmix64

# Bytes of a block's records: small enough that a reader holds several of them at once, and large
# enough that each is a good sample of the log (35,000 rows of Criteo's shape).
BLOCK_BYTES = 8 << 20
MOST_BLOCKS = 4096  # beyond (32 GiB of records) blocks grow instead

# Shards per split where the user names no number: enough files for a parallel reader, none tiny,
# and none so large that it cannot be fetched again in a moment.
_ROWS_PER_SMALL_SHARD = 4096
_SMALL_SHARDS = 8
_ROWS_PER_SHARD = 1 << 18

# The split of a block hashes with labels, 0 and 1, in this place (see splits.py).
_STREAM = 2


@dataclasses.dataclass(frozen=True)
class Layout:
    """The places for the rows of one split.

    Attributes:
      shards: Number of files.
      blocks: Blocks of each file.
    """

    shards: int
    blocks: int

    @property
    def places(self) -> int:
        """All blocks; place ``p`` is block ``p mod blocks`` of shard ``p div blocks``.

        >>> Layout(shards=3, blocks=4).places
        12
        """
        return self.shards * self.blocks


def record_bytes(dense: int, sparse: int) -> int:
    """About the bytes of one record of so many features, framed and not yet compressed.

    Floats take 4 bytes, and ids, as varints, mostly up to 4; names and frames take some 80.

    Args:
      dense: Number of dense features.
      sparse: Number of sparse features.

    >>> record_bytes(13, 26)
    240
    """
    return 80 + 4 * (1 + dense) + 4 * sparse


def make_layout(rows: int, shards: int | None, row_bytes: int, *, hashed: bool) -> Layout:
    """The layout of a split.

    Args:
      rows: Rows of the split.
      shards: Files that the user asks for; None chooses by the rows.
      row_bytes: As :func:`record_bytes` gives it.
      hashed: Whether the row order is ``hashed``; in log order a shard is one block.

    >>> make_layout(900, None, 240, hashed=True)
    Layout(shards=1, blocks=1)
    >>> make_layout(36_000_000, None, 240, hashed=True)
    Layout(shards=138, blocks=8)
    >>> make_layout(36_000_000, 8, 240, hashed=False)
    Layout(shards=8, blocks=1)
    """
    count = min(shards or _default_shards(rows), max(1, rows))
    if not hashed:
        return Layout(count, 1)
    blocks = min(MOST_BLOCKS, -(-rows * row_bytes // BLOCK_BYTES))
    return Layout(count, max(1, -(-blocks // count)))


def _default_shards(rows: int) -> int:
    small = max(1, min(_SMALL_SHARDS, rows // _ROWS_PER_SMALL_SHARD))
    return max(small, min(MOST_BLOCKS, -(-rows // _ROWS_PER_SHARD)))


def hashed_places(
    lines: np.ndarray, *, seed: int, file: int, block: int, places: int
) -> np.ndarray:
    """The places of rows by the hash of where they stand in the log.

    Args:
      lines: int64 [rows], line of each row within its block of text.
      seed, file, block: Seed of the split, position of the file, of the block of text in it.
      places: Number of places.

    Returns:
      int64 [rows] in [0, places).

    >>> hashed_places(np.arange(6), seed=0, file=0, block=0, places=3).tolist()
    [2, 2, 0, 2, 2, 2]
    """
    stream = mix(np.array([seed, file, block, _STREAM], np.uint64))
    hashed = splitmix64(stream + lines.astype(np.uint64))
    return (hashed % np.uint64(places)).astype(np.int64)


def successive_places(lines: np.ndarray, total: int, places: int) -> np.ndarray:
    """The places of rows in log order: even parts of the log, one after the other.

    Args:
      lines: int64 [rows], line of each row, counted through all files.
      total: Lines of all files.
      places: Number of places.

    Returns:
      int64 [rows] in [0, places), rising with the lines.

    >>> successive_places(np.arange(5), total=5, places=2).tolist()
    [0, 0, 1, 1, 1]
    """
    bounds = np.array([total * place // places for place in range(1, places)], np.int64)
    return np.searchsorted(bounds, lines, side="right")
