"""Reading a data set directory, as Beam wrote it, into batches of tensors."""

import pathlib
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from beam_preprocess.config import MOST_TABLE_ROWS
from beam_preprocess.dataset.schema import Schema
from nasrec_tf.common.errors import UserError
from nasrec_tf.data.epoch_order import epoch_order
from nasrec_tf.data.features import Features
from nasrec_tf.data.held_rows import HeldRows
from nasrec_tf.data.joined_splits import JOIN, split_of
from nasrec_tf.data.row_counts import RowCounts
from nasrec_tf.data.row_parser import LABEL, WEIGHT, RowParser, narrowed, widened
from nasrec_tf.data.windows import read_shards, shuffled_windows

IN_MEMORY_BYTES = 2 << 30
"""Splits that take up to this much, parsed, are held in memory."""

SHUFFLED, FILE_ORDER = "shuffled", "file"
ORDERS = (SHUFFLED, FILE_ORDER)

PARSE_BATCH = 4096

GROUP = "group"
"""What records call the group that a row is of."""


class Records:
    """The splits of a data set directory.

    A split that fits is parsed once and held in memory, where every epoch is a new permutation of
    its rows. A larger one is streamed: several shards at a time, shuffled in windows (see
    ``epoch_order``), within some 200 MB of memory, whatever the size. Either way the order of the
    training rows depends on the data set, the seed, the epoch and the step alone, so that training
    resumes at any step, and every host reads the same batches.

    Args:
        directory: the data set directory.
        memory_limit: bytes up to which a split is held in memory, the most that loading takes
            included.
        order: order of training rows, ``"shuffled"`` or ``"file"``: as they stand in the files,
            in every epoch, in memory or streamed.

    Raises:
        DataError: if it is not a complete data set.
        UserError: if file order is wanted of a data set whose rows were dealt out by a hash, or a
            table is too large.

    Example:
        >>> records = Records("data/criteo")                           # doctest: +SKIP
        >>> for inputs, labels in records.training_batches(512, epoch=0, seed=1):
        ...     print(inputs["dense"].shape, inputs["sparse"].shape, labels.shape)
        ...     break                                                  # doctest: +SKIP
        (512, 13) (512, 26) (512, 1)
    """

    def __init__(
        self,
        directory: str | pathlib.Path,
        memory_limit: int = IN_MEMORY_BYTES,
        order: str = SHUFFLED,
    ):
        if order not in ORDERS:
            raise ValueError(f"`order` must be one of {', '.join(ORDERS)}. Received: {order!r}")
        self.directory = pathlib.Path(directory)
        self.schema = Schema.load(self.directory)
        if order == FILE_ORDER and self.schema.row_order == "hashed":
            raise UserError(
                f"{self.directory}: its rows were dealt out to the shards by a hash, so it has no "
                "file order; preprocess the log with --row-order log."
            )
        if max(self.schema.sparse_rows, default=0) > MOST_TABLE_ROWS:
            raise UserError(
                f"{self.directory}: has an embedding table of {max(self.schema.sparse_rows)} rows; "
                f"training takes at most {MOST_TABLE_ROWS}. Preprocess with fewer --table-rows."
            )
        self.memory_limit = memory_limit
        self.order = order
        self._loaded: dict[str, HeldRows] = {}
        self._columns: dict[tuple[str, str], np.ndarray] = {}
        self.features = Features.of_schema(self.schema)

    @property
    def input_spec(self) -> dict[str, tf.TensorSpec]:
        """Shapes of a batch's inputs, for a function that is traced once for every batch size."""
        dense, sparse = self.features.dense, self.features.id_columns
        return {
            "dense": tf.TensorSpec([None, dense], tf.float32),
            "sparse": tf.TensorSpec([None, sparse], tf.int64),
        }

    @property
    def weighted(self) -> bool:
        """Whether rows count differently: batches then have their weights, (B,), as third part."""
        return self.schema.weight is not None

    def labels(self, split: str) -> np.ndarray:
        """The label of each row, in file order.

        Args:
            split: name of the split.

        Returns:
            float32 (rows,), 0 or 1.

        Raises:
            UserError: if the split has other rows than the data set says.
        """
        if split in self._loaded:
            return self._loaded[split].labels.numpy()[:, 0]
        return self._column(split, LABEL, tf.float32)

    def weights(self, split: str, limit: int | None = None) -> np.ndarray | None:
        """How much each row counts, in file order; 1 on average over the training split.

        Args:
            split: name of the split.
            limit: of the first rows only.

        Returns:
            float32 (rows,); ``None`` if all rows count alike.

        Raises:
            UserError: if the split has other rows than the data set says.
        """
        if not self.weighted:
            return None
        return self._column(split, WEIGHT, tf.float32)[:limit] * self._weight_scale

    def groups(self, split: str, limit: int | None = None) -> np.ndarray | None:
        """The group of each row, such as a user, in file order.

        Args:
            split: name of the split.
            limit: of the first rows only.

        Returns:
            int64 (rows,), a hash, 0 where the group is missing; ``None`` if there are no groups.

        Raises:
            UserError: if the split has other rows than the data set says.
        """
        return None if self.schema.group is None else self._column(split, GROUP, tf.int64)[:limit]

    @property
    def _parser(self) -> RowParser:
        return RowParser(self.features, float(self._weight_scale) if self.weighted else None)

    @property
    def _weight_scale(self) -> np.float32:
        train = self.schema.splits["train"]
        return np.float32(train.rows / (train.weight or train.rows))

    def _column(self, split: str, name: str, dtype: tf.DType) -> np.ndarray:
        """What stands beside the features, (rows,); read once and kept."""
        if (split, name) not in self._columns:
            rows = self.rows(split)
            values = np.empty(rows, dtype.as_numpy_dtype)
            spec = {name: tf.io.FixedLenFeature([], dtype)}
            serialized = self._serialized(split_of(self.schema, split).files).batch(PARSE_BATCH)
            parsed = serialized.map(lambda examples: tf.io.parse_example(examples, spec)[name])
            first = 0
            for part in parsed:
                last = first + part.shape[0]
                if last <= rows:
                    values[first:last] = part
                first = last
            if first != rows:
                raise self._other_rows(split, first)
            self._columns[split, name] = values
        return self._columns[split, name]

    @property
    def counts(self) -> RowCounts:
        """Rows of the splits."""
        rows = {name: split.rows for name, split in self.schema.splits.items()}
        return RowCounts(rows, str(self.directory))

    def rows(self, split: str) -> int:
        """Number of rows of a split.

        Args:
            split: ``"train"``, ``"validation"`` or ``"test"``, or several joined by ``"+"``.
        """
        return self.counts.rows(split)

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> tf.data.Dataset:
        """The rows of a split in file order, the last batch as small as it is.

        Args:
            split: ``"train"``, ``"validation"`` or ``"test"``.
            batch_size: rows of a batch.
            limit: read the first rows only.

        Returns:
            Batches ``(inputs, labels)`` of ``{"dense": (B, dense), "sparse": (B, fields)}`` and
            (B, 1); where rows are weighted, with their weights, (B,), as a third part. A list
            has as many columns as the longest of its field, filled up with ``PADDING_ID``.
        """
        if self._fits(split):
            return self._in_memory(split).batches(batch_size, limit)
        serialized = self._serialized(split_of(self.schema, split).files)
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
            start: batches of the epoch to leave out at its beginning, to resume there; nothing is
                left where it has no more.
            split: the split to train on, or several joined by ``"+"``.

        Returns:
            Batches as those of ``batches``.
        """
        if self._fits(split):
            rows = self._in_memory(split)
            order = np.arange(rows.count)
            if self.order == SHUFFLED:
                order = np.random.default_rng((seed, epoch)).permutation(rows.count)
            order = order[start * batch_size : rows.count // batch_size * batch_size]
            # Rows of a matrix: row numbers one by one cost more than the batches they make.
            index = tf.data.Dataset.from_tensor_slices(order.reshape(-1, batch_size))
            return rows.batches_of(index)
        first_row = start * batch_size
        if self.order == FILE_ORDER:
            serialized = self._from_row(split, first_row)
            return self._parsed(serialized.batch(batch_size, drop_remainder=True))
        if first_row >= self.rows(split):
            return self.training_batches(batch_size, epoch, seed, split=split).take(0)
        windows = self._shuffled_windows(split, epoch, seed, first_row)
        batches = windows.rebatch(batch_size, drop_remainder=True)
        return batches.map(widened, num_parallel_calls=1).prefetch(2)

    def steps_per_epoch(self, batch_size: int, split: str = "train") -> int:
        """Full batches of an epoch.

        Args:
            batch_size: rows of a batch.
            split: name of the split.

        Raises:
            UserError: if there is not even one.
        """
        return self.counts.steps_per_epoch(batch_size, split)

    def loading_bytes(self, split: str) -> int:
        """The most memory that holding a split takes: all of it, and one part of it twice.

        While a split is loaded, its largest part (dense columns, sparse columns or labels) is there
        as an array and as a tensor for a moment.

        Args:
            split: name of the split.
        """
        dense, sparse = self.features.dense, self.features.id_columns
        beside = 2 if self.weighted else 1
        return self.rows(split) * 4 * (beside + dense + sparse + max(1, dense, sparse))

    def _fits(self, split: str) -> bool:
        return self.loading_bytes(split) <= self.memory_limit

    def _in_memory(self, split: str) -> HeldRows:
        if split not in self._loaded:
            for part in split.split(JOIN):
                self._loaded.pop(part, None)  # Its rows are not to be held twice.
            self._loaded[split] = self._load(split)
        return self._loaded[split]

    def _load(self, split: str) -> HeldRows:
        rows = self.rows(split)
        if not rows:
            raise UserError(f"{self.directory}: split {split!r} is empty.")
        parts: dict[str, Any] = {
            "dense": np.empty((rows, self.features.dense), np.float32),
            # Ids lie below the rows of a table, which fit 32 bits: half the memory.
            "sparse": np.empty((rows, self.features.id_columns), np.int32),
            "labels": np.empty((rows, 1), np.float32),
        }
        if self.weighted:
            parts["weights"] = np.empty(rows, np.float32)
        serialized = self._serialized(split_of(self.schema, split).files)
        first = 0
        for inputs, *beside in self._parsed(serialized.batch(PARSE_BATCH)):
            last = first + beside[0].shape[0]
            if last <= rows:
                for name, values in (*inputs.items(), *zip(("labels", "weights"), beside)):
                    parts[name][first:last] = values
            first = last
        if first != rows:
            raise self._other_rows(split, first)
        # Not in the memory of a GPU, from which each batch would be fetched.
        with tf.init_scope(), tf.device("CPU:0"):
            # One after the other, so that no two are there twice at once.
            return HeldRows(**{name: tf.constant(parts.pop(name)) for name in tuple(parts)})

    def _other_rows(self, split: str, found: int) -> UserError:
        return UserError(
            f"{self.directory}: split {split!r} has {found} rows in its shards, "
            f"{self.rows(split)} in its schema; preprocess the data again."
        )

    def _from_row(self, split: str, row: int) -> tf.data.Dataset:
        """Serialized rows in file order from one on; shards before it are not opened."""
        described = split_of(self.schema, split)
        files = described.files
        for rows in described.shard_rows or ():
            if row < rows:
                break
            files, row = files[1:], row - rows
        return self._serialized(files).skip(row)

    def _shuffled_windows(
        self, split: str, epoch: int, seed: int, first_row: int
    ) -> tf.data.Dataset:
        described = split_of(self.schema, split)
        order = epoch_order(
            described,
            (self.features.dense, self.features.id_columns),
            hashed=self.schema.row_order == "hashed",
            seed=seed,
            epoch=epoch,
        )
        return shuffled_windows(
            self._paths(described.files),
            order,
            first_row,
            lambda rows: narrowed(*self._parser(rows)),
        )

    def _serialized(self, files: Sequence[str]) -> tf.data.Dataset:
        return read_shards(self._paths(files))

    def _paths(self, files: Sequence[str]) -> list[str]:
        return [str(self.directory / name) for name in files]

    def _parsed(self, serialized: tf.data.Dataset) -> tf.data.Dataset:
        return serialized.map(self._parser, num_parallel_calls=2, deterministic=True).prefetch(2)


def derived_seed(seed: int, name: str) -> int:
    """A seed for one purpose, so that stages do not share their draws.

    Args:
        seed: of the run.
        name: of the purpose.

    Example:
        >>> derived_seed(0, "supernet") == derived_seed(0, "supernet") != derived_seed(0, "retrain")
        True
    """
    return int(np.random.SeedSequence((seed, zlib.crc32(name.encode()))).generate_state(1)[0] >> 1)
