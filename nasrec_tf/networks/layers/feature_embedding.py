"""Embedding tables of all sparse fields."""

import contextlib
import dataclasses
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from beam_preprocess.dataset.feature_schema import MISSING_ID
from nasrec_tf.common.value_checks import is_number
from nasrec_tf.data.features import ATTENTION, SUM, Features, ListField
from nasrec_tf.operators.base import Prefix, WeightSpec

POOLING = "pooling"
QUERIES = "queries"
"""Part of a network that holds the queries of attention pooling, and their weight."""


@keras.saving.register_keras_serializable("nasrec_tf")
class TableInitializer(keras.initializers.Initializer):
    """Glorot normal for each table on its own: deviation sqrt(2 / (rows + embedding_dim)).

    Args:
        table_rows: rows of each table.
        seed: seed of the draws; a table's values do not depend on the other tables' sizes.
        deviation: standard deviation of all tables in place of Glorot's.

    Raises:
        ValueError: if the deviation is not a finite number above 0.

    Example:
        >>> TableInitializer((5, 9))((14, 4)).shape
        TensorShape([14, 4])
    """

    def __init__(self, table_rows: Sequence[int], seed: int = 0, deviation: float | None = None):
        self.table_rows = tuple(table_rows)
        self.seed = seed
        self.deviation = checked_deviation("deviation", deviation)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """All tables, one below the other.

        Args:
            shape: (rows of all tables, embedding_dim).
            dtype: not looked at; values are float32.
        """
        tables = []
        for field, rows in enumerate(self.table_rows):
            deviation = self.deviation or (2.0 / (rows + shape[1])) ** 0.5
            seed = (self.seed, field)
            tables.append(tf.random.stateless_normal((rows, shape[1]), seed, 0.0, deviation))
        return tf.concat(tables, axis=0)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this initializer again."""
        config: dict[str, Any] = {"table_rows": self.table_rows, "seed": self.seed}
        return config if self.deviation is None else config | {"deviation": self.deviation}


@keras.saving.register_keras_serializable("nasrec_tf")
class FeatureEmbedding(keras.layers.Layer):
    """Makes one embedding per sparse field, of tables that stand one below the other.

    Ids beyond a table's end fold back into its rows from the third on, so that rows 0 (missing)
    and 1 (unseen) keep their meaning: this is how a capped table serves uncapped ids.

    The embeddings of a list are pooled to one. Its padding reads the row of its first item, with a
    weight of 0: no row is read, decayed or updated that the batch does not name.

    Args:
        table_rows: rows of each field's table.
        embedding_dim: width of an embedding.
        seed: seed of the initial values; ``None`` for zeros.
        table: (rows of all tables, embedding_dim), values to start from; nothing is drawn then.
        initial_deviation: of the values that are drawn; Glorot's for each table unless given.
        lists: the multi-valued fields, ``ListField`` or their JSON form.

    Raises:
        ValueError: if the deviation is not a finite number above 0.

    Input shape: (batch, id columns), integers of at least 0, or of ``PADDING_ID`` behind the last
    item of a list; without lists there are as many columns as fields.
    Output shape: (batch, embedding_dim, fields).

    Example:
        >>> import numpy as np
        >>> embedding = FeatureEmbedding(table_rows=(5, 9), embedding_dim=4)
        >>> embedding(np.array([[0, 8], [4, 2], [1, 1]])).shape
        TensorShape([3, 4, 2])
        >>> embedding.compute_output_shape((3, 2))
        (3, 4, 2)
    """

    def __init__(
        self,
        table_rows: Sequence[int],
        embedding_dim: int = 16,
        seed: int | None = 0,
        name: str = "embedding",
        table: Any = None,
        initial_deviation: float | None = None,
        lists: Sequence[Any] = (),
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        features = Features(0, tuple(table_rows), tuple(lists))
        self.lists = features.lists
        self._widths = features.widths
        self.initial_deviation = checked_deviation("initial_deviation", initial_deviation)
        self.table_rows = tuple(table_rows)
        self.embedding_dim = embedding_dim
        self.seed = seed
        offsets = np.cumsum((0, *self.table_rows[:-1]), dtype=np.int64)
        # By column of the ids, not by field.
        self.offsets = np.repeat(offsets, self._widths)
        self._sizes = np.repeat(np.array(self.table_rows, np.int64), self._widths)
        self._starts = np.cumsum((0, *self._widths[:-1]))
        self.table = self.add_weight(
            name="table",
            shape=(sum(self.table_rows), embedding_dim),
            initializer=self._initializer(table),
        )
        self.table.is_embedding_table = True  # Its rows decay by themselves, see ``RowDecay``.
        self._before_reading: Callable[[Any, Any], None] | None = None
        self._looked_up: Any = None
        self.built = True

    def _initializer(self, table):
        if table is not None:
            return lambda shape, dtype: tf.ensure_shape(tf.convert_to_tensor(table), shape)
        if self.seed is None:
            return "zeros"
        return TableInitializer(self.table_rows, self.seed, self.initial_deviation)

    def rows(self, ids: Any) -> Any:
        """Rows of the joint table that ids of each field's own table name.

        Args:
            ids: (batch, id columns).

        Returns:
            (batch, id columns) int64.
        """
        ids = tf.cast(ids, tf.int64)
        if self.lists:
            first = tf.gather(ids, np.repeat(self._starts, self._widths), axis=1)
            ids = tf.where(ids < 0, tf.maximum(first, MISSING_ID), ids)
        return folded(ids, tf.constant(self._sizes, tf.int64)) + self.offsets

    def named_rows(self, ids: Any) -> Any:
        """The rows of the joint table that ids name, one after the other: (batch * id columns,).

        Args:
            ids: (batch, id columns).
        """
        return tf.reshape(self.rows(ids), [-1])

    def pooled(self, embeddings: Any, ids: Any, queries: Any = None) -> Any:
        """One embedding for each field.

        Args:
            embeddings: (batch, id columns, embedding_dim), of the rows that the ids name.
            ids: (batch, id columns).
            queries: (fields pooled by attention, embedding_dim); their mean is taken of lists
                unless given.

        Returns:
            (batch, fields, embedding_dim).
        """
        if not self.lists:
            return embeddings
        parts, done, attention = [], 0, 0
        for each in self.lists:
            start = self._starts[each.field]
            end = start + each.longest
            items, query = embeddings[:, start:end], None
            if each.pooling == ATTENTION and queries is not None:
                query = queries[attention]
                attention += 1
            parts += [embeddings[:, done:start], pool(items, ids[:, start:end], each, query)]
            done = end
        return tf.concat([*parts, embeddings[:, done:]], axis=1)

    def call(self, ids: Any, table: Any = None, queries: Any = None) -> Any:
        """The embeddings.

        Args:
            ids: (batch, id columns).
            table: rows of the joint table to look up in place of the layer's own.
            queries: as ``pooled`` takes them.

        Returns:
            (batch, embedding_dim, fields).
        """
        if self._looked_up is not None:
            return arrange(self.pooled(self._looked_up, ids, queries))
        rows = self.rows(ids)
        if table is None and self._before_reading is not None:
            self._before_reading(self.table, tf.reshape(rows, [-1]))
        read = tf.gather(self.table.value if table is None else table, rows)
        return arrange(self.pooled(read, ids, queries))

    @contextlib.contextmanager
    def before_reading(self, tell: Callable[[Any, Any], None]) -> Iterator[None]:
        """Within it a call tells the rows that it is about to read, as a training step has to.

        Args:
            tell: called with the table and its rows (count,), each named once or more, such as an
                optimizer's ``catch_up``.
        """
        self._before_reading = tell
        try:
            yield
        finally:
            self._before_reading = None

    @contextlib.contextmanager
    def looked_up(self, embeddings: Any) -> Iterator[None]:
        """Within it a call gives these embeddings, whatever the ids, and reads no table.

        Args:
            embeddings: (batch, id columns, embedding_dim), of the rows that the ids name.
        """
        self._looked_up = embeddings
        try:
            yield
        finally:
            self._looked_up = None

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """(batch, embedding_dim, fields) of ids (batch, id columns)."""
        return (input_shape[0], self.embedding_dim, len(self.table_rows))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again, with newly drawn tables."""
        own: dict[str, Any] = {
            "table_rows": list(self.table_rows),
            "embedding_dim": self.embedding_dim,
            "seed": self.seed,
        }
        if self.initial_deviation is not None:
            own["initial_deviation"] = self.initial_deviation
        if self.lists:
            own["lists"] = [dataclasses.asdict(each) for each in self.lists]
        return super().get_config() | own


def folded(ids: Any, rows: Any) -> Any:
    """Rows of tables that ids name: those beyond an end fold back, from the third row on.

    Args:
        ids: integers from 0, int64.
        rows: of the table of each, int64; of their shape or one that broadcasts to it.

    Example:
        >>> folded(tf.constant([1, 4, 5, 6], tf.int64), tf.constant(5, tf.int64)).numpy()
        array([1, 4, 2, 3])
    """
    usable = tf.maximum(rows - 2, 1)
    first = tf.minimum(rows - 1, 2)
    return tf.where(ids < rows, ids, first + (ids - 2) % usable)


def pool(items: Any, ids: Any, field: ListField, query: Any = None) -> Any:
    """The items' embeddings made one.

    Args:
        items: (batch, longest, embedding), finite also in the place of padding.
        ids: (batch, longest), below 0 in the place of padding; the first counts whatever it is.
        field: how.
        query: (embedding,), for attention; without it attention is the mean.

    Returns:
        (batch, 1, embedding).

    Example:
        >>> items = tf.constant([[[1.0, 4.0], [3.0, 0.0]]])
        >>> pool(items, tf.constant([[5, 7]]), ListField(0, 2)).numpy().tolist()
        [[[2.0, 2.0]]]
    """
    present = tf.concat([tf.ones_like(ids[:, :1], tf.bool), ids[:, 1:] >= 0], axis=1)
    weights = tf.cast(present, items.dtype)
    if query is not None:
        scores = tf.where(present, tf.reduce_sum(items * query, axis=2), items.dtype.min)
        weights = tf.nn.softmax(scores, axis=1)
    elif field.pooling != SUM:
        weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
    return tf.reduce_sum(items * weights[:, :, None], axis=1, keepdims=True)


def pooling_weights(fields: int, embedding_dim: int) -> tuple[WeightSpec, ...]:
    """The queries of attention pooling, which start at 0: as the mean.

    Args:
        fields: pooled by attention.
        embedding_dim: width of an embedding.
    """
    if not fields:
        return ()
    return (WeightSpec(QUERIES, (Prefix(fields), Prefix(embedding_dim)), 0.0),)


def checked_deviation(argument: str, deviation: float | None) -> float | None:
    """A standard deviation of initial values, or none.

    Args:
        argument: what it is called.
        deviation: its value.

    Raises:
        ValueError: if it is not a finite number above 0; the message names the argument.

    Example:
        >>> checked_deviation("initial_deviation", 0.0)
        Traceback (most recent call last):
        ValueError: `initial_deviation` must be a finite number above 0, or None. Received: 0.0
    """
    if deviation is not None and not (is_number(deviation) and 0 < deviation < math.inf):
        raise ValueError(
            f"`{argument}` must be a finite number above 0, or None. Received: {deviation!r}"
        )
    return deviation


def arrange(embeddings: Any) -> Any:
    """Embeddings in the layout of sparse tensors, (batch, embedding, token).

    Args:
        embeddings: (batch, fields, embedding).
    """
    return tf.transpose(embeddings, [0, 2, 1])


def weight_initializer(
    initializer: str | float, seed: int | None, path: str
) -> keras.initializers.Initializer:
    """The Keras initializer that a ``WeightSpec`` asks for.

    Args:
        initializer: a name of Keras, or a constant.
        seed: of the network; ``None`` for zeros.
        path: of the weight, which makes its draws its own.
    """
    if seed is None:
        return keras.initializers.Zeros()
    if isinstance(initializer, float):
        return keras.initializers.Constant(initializer)
    return keras.initializers.get(
        {
            "class_name": initializer,
            "config": {"seed": (zlib.crc32(path.encode()) ^ seed) & 0x7FFFFFFF},
        }
    )
