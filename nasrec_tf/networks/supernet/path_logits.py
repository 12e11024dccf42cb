"""Paths drawn by logits, inside the traced graph, and how likely they were."""

from typing import Any

import numpy as np

from nasrec_tf.architecture.space import ALWAYS, SearchSpace
from nasrec_tf.common.lazy import tf
from nasrec_tf.networks.supernet.path import Path
from nasrec_tf.networks.supernet.samplers import PathSampler
from nasrec_tf.strategies.choice_distribution import (
    EMBEDDINGS,
    MERGERS,
    PAIR_SOURCES,
    SETS,
    choice_shapes,
)

LEAST_CHANCE = 1e-6
"""Of a set of sources not to be empty: keeps logarithms finite."""


class LogitsSampler(PathSampler):
    """Draws paths by a ``ChoiceDistribution`` whose logits are variables.

    Categories are drawn by Gumbel noise on the logits; sets of sources by the first member and
    then each later one for itself, so that none is empty.

    Attributes:
        logits: variables by name, of ``choice_shapes``; all 0 at first.
        temperature: a variable; draws go by the logits over it.

    Args:
        space: the search space.

    Raises:
        UserError: if its choices are not those that logits are learnt of.
    """

    name = "logits"

    def __init__(self, space: SearchSpace):
        super().__init__(space)
        self.logits = {
            name: tf.Variable(tf.zeros(shape), trainable=False, name=f"logits_{name}")
            for name, shape in choice_shapes(space).items()
        }
        self.temperature = tf.Variable(1.0, trainable=False, name="temperature")
        count = space.num_blocks
        self._below = np.tril(np.ones((count, count), bool))

    def __call__(self, generator: Any) -> Path:
        """Draws a path.

        Args:
            generator: a ``tf.random.Generator``.
        """
        space, count = self.space, self.space.num_blocks
        dense = self._category(generator, "dense_operators")
        sparse = self._category(generator, "sparse_operators")
        dense_width = tf.gather(space.dense_widths, self._category(generator, "dense_widths"))
        sparse_width = tf.gather(space.sparse_widths, self._category(generator, "sparse_widths"))
        dense_widths = tf.one_hot(dense, len(space.dense_operators), dtype=tf.int32)
        sparse_widths = tf.one_hot(sparse, len(space.sparse_operators), dtype=tf.int32)
        return Path(
            dense_widths * dense_width[:, None],
            sparse_widths * sparse_width[:, None],
            self._set(generator, "dense_sources"),
            self._set(generator, "sparse_sources"),
            self._category(generator, "left"),
            self._category(generator, "right"),
            self._is_on(generator, "dense_to_sparse", [count]),
            self._is_on(generator, "sparse_to_dense", [count]),
            tf.zeros([count, len(space.dense_operators), 2], tf.int32),
            tf.zeros([count, len(space.sparse_operators), 2], tf.int32),
            self._embeddings(generator),
        )

    def log_probability(self, path: Path) -> Any:
        """Logarithm of the probability with which a path is drawn, a scalar.

        Args:
            path: one that ``__call__`` has drawn.
        """
        space, count = self.space, self.space.num_blocks
        widths = {
            "dense_widths": (path.dense_widths, space.dense_widths),
            "sparse_widths": (path.sparse_widths, space.sparse_widths),
        }
        chosen = {
            "dense_operators": path.dense_widths > 0,
            "sparse_operators": path.sparse_widths > 0,
            "left": tf.one_hot(path.left, count, on_value=True, off_value=False),
            "right": tf.one_hot(path.right, count, on_value=True, off_value=False),
        } | {
            name: tf.reduce_max(found, axis=1)[:, None] == np.array(allowed, np.int32)
            for name, (found, allowed) in widths.items()
        }
        parts = [
            tf.where(is_chosen, tf.nn.log_softmax(self._scaled(name)), 0.0)
            for name, is_chosen in chosen.items()
        ]
        parts += [self._log_set(name, getattr(path, name)) for name in SETS]
        parts += [
            _log_bernoulli(self._scaled(name), getattr(path, name))
            for name in (*MERGERS, EMBEDDINGS)
            if name in self.logits
        ]
        return tf.add_n([tf.reduce_sum(part) for part in parts])

    def distribution(self) -> dict[str, np.ndarray]:
        """The logits over the temperature, as ``ChoiceDistribution`` takes them."""
        return {
            name: (variable / self.temperature).numpy() for name, variable in self.logits.items()
        }

    def _scaled(self, name: str) -> Any:
        """Logits over the temperature; sources that there are not have none."""
        logits = self.logits[name] / self.temperature
        return tf.where(self._below, logits, -1e9) if name in PAIR_SOURCES else logits

    def _category(self, generator, name):
        logits = self._scaled(name)
        return tf.argmax(logits + _gumbel(generator, logits.shape), axis=1, output_type=tf.int32)

    def _set(self, generator, name):
        logits = self._scaled(name)
        present, absent = tf.math.log_sigmoid(logits), tf.math.log_sigmoid(-logits)
        chances = tf.where(self._below, present + tf.cumsum(absent, axis=1, exclusive=True), -1e9)
        first = tf.argmax(chances + _gumbel(generator, logits.shape), axis=1, output_type=tf.int32)
        sources = tf.range(logits.shape[1])
        later = (sources > first[:, None]) & (_logistic(generator, logits.shape) < logits)
        return ((sources == first[:, None]) | later) & self._below

    def _log_set(self, name, members):
        """(N,): log probability of sets, given that none is empty."""
        logits = self._scaled(name)
        each = tf.where(self._below, _log_bernoulli(logits, members), 0.0)
        empty = tf.reduce_sum(tf.where(self._below, tf.math.log_sigmoid(-logits), 0.0), axis=1)
        not_empty = tf.maximum(-tf.math.expm1(empty), LEAST_CHANCE)
        return tf.reduce_sum(each, axis=1) - tf.math.log(not_empty)

    def _is_on(self, generator, name, shape):
        if name not in self.logits:
            return tf.zeros(shape, tf.bool)
        return _logistic(generator, shape) < self._scaled(name)

    def _embeddings(self, generator):
        if EMBEDDINGS not in self.logits:
            return tf.constant(self.space.dense_embeddings == ALWAYS)
        return self._is_on(generator, EMBEDDINGS, [1])[0]


def _log_bernoulli(logits, on):
    return tf.where(on, tf.math.log_sigmoid(logits), tf.math.log_sigmoid(-logits))


def _uniform(generator, shape):
    """Uniform in (0, 1), neither end included."""
    return generator.uniform(shape, minval=np.finfo(np.float32).tiny, maxval=1.0)


def _gumbel(generator, shape):
    return -tf.math.log(-tf.math.log(_uniform(generator, shape)))


def _logistic(generator, shape):
    drawn = _uniform(generator, shape)
    return tf.math.log(drawn) - tf.math.log1p(-drawn)
