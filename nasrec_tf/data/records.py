"""Reading a data set directory, as Beam wrote it, into batches of tensors."""

import dataclasses
import functools
import pathlib
import zlib

import numpy as np
import tensorflow as tf

from beam_preprocess.dataset.schema import Schema
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features

IN_MEMORY_BYTES = 2 << 30
"""Splits up to this size once parsed are held in memory and shuffled freely."""

PARSE_BATCH = 4096


class Records:
    """The splits of a data set directory.

    A split that fits is parsed once and held in memory, where every epoch is a new permutation of
    its rows. A larger one is streamed shard by shard in file order, which the records stage has
    mixed, as the paper's own training does; later epochs start at another shard. Both orders
    depend on the seed and the epoch alone, so that training may resume at any step.

    Args:
        directory: the data set directory.
        memory_limit: bytes up to which a split is held in memory.

    Raises:
        DataError: if it is not a complete data set.
    """

    def __init__(self, directory: str | pathlib.Path, memory_limit: int = IN_MEMORY_BYTES):
        self.directory = pathlib.Path(directory)
        self.schema = Schema.load(self.directory)
        self.memory_limit = memory_limit
        self._loaded: dict[str, _Rows] = {}
        self.features = Features(len(self.schema.dense), self.schema.sparse_rows)

    @property
    def input_spec(self) -> dict[str, tf.TensorSpec]:
        """Shapes of a batch's inputs, for a function that is traced once for every batch size."""
        dense, sparse = len(self.schema.dense), len(self.schema.sparse)
        return {
            "dense": tf.TensorSpec([None, dense], tf.float32),
            "sparse": tf.TensorSpec([None, sparse], tf.int64),
        }

    def rows(self, split: str) -> int:
        """Number of rows of a split."""
        return self.schema.splits[split].rows

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> tf.data.Dataset:
        """The rows of a split in file order, the last batch as small as it is.

        Args:
            split: ``"train"``, ``"validation"`` or ``"test"``.
            batch_size: rows of a batch.
            limit: read the first rows only.

        Returns:
            Batches ``(inputs, labels)`` of ``{"dense": (B, dense), "sparse": (B, fields)}`` and
            (B, 1).
        """
        if self._fits(split):
            rows = self._in_memory(split)
            count = min(limit or rows.count, rows.count)
            index = tf.data.Dataset.range(count).batch(batch_size)
            return index.map(rows.take, num_parallel_calls=1).prefetch(2)
        serialized = self._serialized(split, 0)
        if limit is not None:
            serialized = serialized.take(limit)
        return self._parsed(serialized.batch(batch_size))

    def training_batches(
        self, batch_size: int, epoch: int, seed: int, start: int = 0, split: str = "train"
    ) -> tf.data.Dataset:
        """One epoch of full batches; what is left over at its end is not trained on.

        Args:
            batch_size: rows of a batch.
            epoch: number of the epoch, from 0.
            seed: seed of the order.
            start: batches of the epoch to leave out at its beginning, to resume there.
            split: the split to train on.
        """
        if self._fits(split):
            rows = self._in_memory(split)
            order = np.random.default_rng((seed, epoch)).permutation(rows.count)
            index = tf.data.Dataset.from_tensor_slices(order[start * batch_size :])
            index = index.batch(batch_size, drop_remainder=True)
            return index.map(rows.take, num_parallel_calls=1).prefetch(2)
        serialized = self._serialized(split, epoch).batch(batch_size, drop_remainder=True)
        return self._parsed(serialized.skip(start))

    def steps_per_epoch(self, batch_size: int, split: str = "train") -> int:
        """Full batches of an epoch.

        Raises:
            UserError: if there is not even one.
        """
        steps = self.rows(split) // batch_size
        if not steps:
            raise UserError(
                f"{self.directory}: split {split!r} has {self.rows(split)} rows, fewer than one "
                f"batch of {batch_size}; use a smaller --batch-size."
            )
        return steps

    def _fits(self, split: str) -> bool:
        row_bytes = 4 * (1 + len(self.schema.dense)) + 4 * len(self.schema.sparse)
        return self.rows(split) * row_bytes <= self.memory_limit

    def _in_memory(self, split: str) -> "_Rows":
        if split not in self._loaded:
            self._loaded[split] = self._load(split)
        return self._loaded[split]

    def _load(self, split: str) -> "_Rows":
        batches = list(self._parsed(self._serialized(split, 0).batch(PARSE_BATCH)))
        if not batches:
            raise UserError(f"{self.directory}: split {split!r} is empty.")
        return _Rows(
            np.concatenate([inputs["dense"] for inputs, _ in batches]),
            # Row ids fit 32 bits up to two billion rows, at half the memory.
            np.concatenate([inputs["sparse"] for inputs, _ in batches]).astype(np.int32),
            np.concatenate([labels for _, labels in batches]),
        )

    def _serialized(self, split: str, epoch: int) -> tf.data.Dataset:
        files = [str(self.directory / name) for name in self.schema.splits[split].files]
        first = epoch % len(files) if files else 0
        files = files[first:] + files[:first]
        return tf.data.TFRecordDataset(files, compression_type="GZIP", buffer_size=1 << 20)

    def _parsed(self, serialized: tf.data.Dataset) -> tf.data.Dataset:
        return serialized.map(self._parse, num_parallel_calls=2, deterministic=True).prefetch(2)

    def _parse(self, examples):
        dense, sparse = len(self.schema.dense), len(self.schema.sparse)
        spec = {
            "label": tf.io.FixedLenFeature([1], tf.float32),
            "sparse": tf.io.FixedLenFeature([sparse], tf.int64),
        }
        if dense:
            spec["dense"] = tf.io.FixedLenFeature([dense], tf.float32)
        parsed = tf.io.parse_example(examples, spec)
        if not dense:
            parsed["dense"] = tf.zeros([tf.shape(examples)[0], 0])
        return {"dense": parsed["dense"], "sparse": parsed["sparse"]}, parsed["label"]


@dataclasses.dataclass(frozen=True, eq=False)
class _Rows:
    """A split in memory."""

    dense: np.ndarray
    sparse: np.ndarray
    labels: np.ndarray

    @property
    def count(self) -> int:
        return len(self.labels)

    @functools.cached_property
    def _tensors(self):
        with tf.init_scope():
            return tuple(map(tf.constant, (self.dense, self.sparse, self.labels)))

    def take(self, index):
        dense, sparse, labels = (tf.gather(tensor, index) for tensor in self._tensors)
        return {"dense": dense, "sparse": tf.cast(sparse, tf.int64)}, labels


def derived_seed(seed: int, name: str) -> int:
    """A seed for one purpose, so that stages do not share their draws."""
    return int(np.random.SeedSequence((seed, zlib.crc32(name.encode()))).generate_state(1)[0] >> 1)
