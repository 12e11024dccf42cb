"""Several splits of a data set as one, such as ``"train+validation"`` for a final fit."""

from typing import Any

from beam_preprocess.dataset.schema import Schema, Split

JOIN = "+"
"""Between the names of splits that are read as one."""


def split_of(schema: Schema, name: str) -> Split:
    """A split, or several joined: the shards of one after those of the other.

    In a data set whose rows were dealt out by a hash, the blocks of all shards are random samples
    of their split's rows; joined, windows are drawn over the shards of all splits alike.

    Args:
        schema: of the data set.
        name: of a split, or names joined by ``"+"``.

    Raises:
        KeyError: if there is no such split.

    Example:
        >>> split_of(schema, "train+validation").rows          # doctest: +SKIP
        45000
    """
    parts = [schema.splits[part] for part in name.split(JOIN)]
    if len(parts) == 1:
        return parts[0]
    known = [part.shard_rows for part in parts if part.shard_rows is not None]
    # Data sets of version 1 do not say.
    all_known = len(known) == len(parts)
    shard_rows: Any = tuple(n for rows in known for n in rows) if all_known else None
    # A window holds about a block of the largest shard from every shard.
    largest = max(parts, key=lambda part: max(part.shard_rows or (0,)))
    return Split(
        rows=sum(part.rows for part in parts),
        positives=sum(part.positives for part in parts),
        files=tuple(file for part in parts for file in part.files),
        shard_rows=shard_rows,
        blocks=largest.blocks,
    )
