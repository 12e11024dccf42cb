"""Rows of many shards, read side by side and shuffled in windows."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from nasrec_tf.data.epoch_order import EpochOrder, Position
from nasrec_tf.data.pipelines import untuned

READ_AHEAD_BYTES = 32 << 20
"""Bytes to read ahead, of all shards together that are open at a time."""

_MOST_OF_A_SHARD = 1 << 20
_LEAST_OF_A_SHARD = 1 << 16


def read_shards(files: Sequence[str], open_together: int = 1) -> tf.data.Dataset:
    """The serialized rows of shards, one shard after the other.

    Args:
        files: paths of gzip TFRecords.
        open_together: shards that the caller reads at a time, which share the memory.

    Returns:
        Scalar strings.
    """
    ahead = READ_AHEAD_BYTES // max(1, open_together)
    ahead = max(_LEAST_OF_A_SHARD, min(_MOST_OF_A_SHARD, ahead))
    rows = tf.data.TFRecordDataset(files, compression_type="GZIP", buffer_size=ahead)
    return untuned(rows)


def shuffled_windows(
    files: Sequence[str],
    order: EpochOrder,
    first_row: int,
    parse: Callable[[tf.Tensor], Any],
) -> tf.data.Dataset:
    """The windows of an epoch from one of its rows on.

    Args:
        files: paths of the split's shards.
        order: order of the epoch.
        first_row: number of the row to begin with, below the rows of the epoch.
        parse: makes tensors, with as many rows, of serialized rows.

    Returns:
        What ``parse`` makes of at most ``order.window_rows`` rows, shuffled; of the first window
        without the rows before ``first_row``.
    """
    position = order.locate(first_row)
    width = max(len(band) for group in order.groups for band in group)
    # Paths as an array [groups, bands, width]; a narrower band is filled up with empty names.
    paths = [
        [[files[shard] for shard in band] + [""] * (width - len(band)) for band in group]
        for group in order.groups[position.group :]
    ]

    def read_group(bands: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(bands).flat_map(read_band)

    def read_band(names: tf.Tensor) -> tf.data.Dataset:
        names = tf.boolean_mask(names, tf.strings.length(names) > 0)
        return tf.data.Dataset.from_tensor_slices(names).interleave(
            lambda name: read_shards(name, width).batch(order.chunk_rows),
            cycle_length=width,
            num_parallel_calls=min(2, width),
            deterministic=True,
        )

    def cut(chunks: tf.data.Dataset) -> tf.data.Dataset:
        parsed = chunks.map(parse, num_parallel_calls=2, deterministic=True)
        return parsed.rebatch(order.window_rows)

    chunks = read_group(tf.constant(paths[0]))
    if position.window:
        before = position.window * order.window_rows // order.chunk_rows
        chunks = chunks.rebatch(order.chunk_rows).skip(before)
    windows = cut(chunks)
    if len(paths) > 1:
        rest = tf.data.Dataset.from_tensor_slices(paths[1:])
        windows = windows.concatenate(rest.flat_map(lambda bands: cut(read_group(bands))))
    return _shuffled(windows, order.seed, position)


def _shuffled(windows: tf.data.Dataset, seed: int, position: Position) -> tf.data.Dataset:
    def shuffle(window: tf.Tensor, rows: Any) -> Any:
        count = tf.shape(tf.nest.flatten(rows)[0])[0]
        window_seed = tf.stack([tf.constant(seed, tf.int64), window])
        index = tf.random.experimental.stateless_shuffle(tf.range(count), window_seed)
        index = index[tf.where(window == position.windows_before, position.row, 0) :]
        return tf.nest.map_structure(lambda part: tf.gather(part, index), rows)

    numbered = windows.enumerate(start=position.windows_before)
    return untuned(numbered.map(shuffle, num_parallel_calls=1).prefetch(1))
