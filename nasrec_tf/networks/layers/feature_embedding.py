"""Embedding tables of all sparse fields."""

import zlib

import keras
import numpy as np
import tensorflow as tf


class TableInitializer(keras.initializers.Initializer):
    """Glorot normal for each table on its own: deviation sqrt(2 / (rows + embedding_dim)).

    Args:
        table_rows: rows of each table.
        seed: seed of the draws; a table's values do not depend on the other tables' sizes.
    """

    def __init__(self, table_rows, seed=0):
        self.table_rows = tuple(table_rows)
        self.seed = seed

    def __call__(self, shape, dtype=None):
        tables = []
        for field, rows in enumerate(self.table_rows):
            deviation = (2.0 / (rows + shape[1])) ** 0.5
            seed = (self.seed, field)
            tables.append(tf.random.stateless_normal((rows, shape[1]), seed, 0.0, deviation))
        return tf.concat(tables, axis=0)

    def get_config(self):
        return {"table_rows": self.table_rows, "seed": self.seed}


class FeatureEmbedding(keras.layers.Layer):
    """Looks up one embedding per sparse field, in tables that stand one below the other.

    Ids beyond a table's end fold back into its rows from the third on, so that rows 0 (missing)
    and 1 (unseen) keep their meaning: this is how a capped table serves uncapped ids.

    Args:
        table_rows: rows of each field's table.
        embedding_dim: width of an embedding.
        seed: seed of the initial values; zeros without one.

    Input shape: (batch, fields), integers. Output shape: (batch, embedding_dim, fields).
    """

    def __init__(self, table_rows, embedding_dim=16, seed=0, name="embedding", **kwargs):
        super().__init__(name=name, **kwargs)
        self.table_rows = tuple(table_rows)
        self.embedding_dim = embedding_dim
        self.seed = seed
        self.offsets = np.cumsum((0, *self.table_rows[:-1]), dtype=np.int64)
        self.table = self.add_weight(
            name="table",
            shape=(sum(self.table_rows), embedding_dim),
            initializer="zeros" if seed is None else TableInitializer(self.table_rows, seed),
        )
        self.built = True

    def rows(self, ids):
        """Rows of the joint table: (batch, fields)."""
        ids = tf.cast(ids, tf.int64)
        sizes = tf.constant(self.table_rows, tf.int64)
        usable = tf.maximum(sizes - 2, 1)
        first = tf.minimum(sizes - 1, 2)
        folded = tf.where(ids < sizes, ids, first + (ids - 2) % usable)
        return folded + self.offsets

    def call(self, ids, table=None):
        """Embeddings from ``table``, all rows of the joint table, if it is given."""
        return arrange(tf.gather(self.table.value if table is None else table, self.rows(ids)))


def arrange(embeddings):
    """(batch, fields, embedding) to the layout of sparse tensors, (batch, embedding, token)."""
    return tf.transpose(embeddings, [0, 2, 1])


def weight_initializer(initializer, seed: int | None, path: str):
    """The Keras initializer that a ``WeightSpec`` asks for, seeded by the weight's path.

    Zeros without a seed.
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
