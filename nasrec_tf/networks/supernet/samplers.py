"""Path sampling strategies of supernet training (paper 4.1), inside the traced graph."""

import math
from typing import Any

import numpy as np

from nasrec_tf.architecture.space import ALWAYS, ANY, PER_BRANCH, SearchSpace
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf
from nasrec_tf.networks.supernet.path import Path, encode


class PathSampler:
    """Draws a path from a search space; a strategy says how many operators and connections.

    Widths, both mergers, the left and right sources of pairwise operators, and whether dense source
    0 holds the embeddings are uniform and independent in every strategy.

    Args:
        space: the search space.
    """

    name: str

    def __init__(self, space: SearchSpace):
        self.space = space

    def __call__(self, generator) -> Path:
        """Draws a path.

        Args:
            generator: a ``tf.random.Generator``.
        """
        space, count = self.space, self.space.num_blocks
        merger_high = 2 if space.mergers else 1
        mergers = generator.uniform([2, count], 0, merger_high, tf.int32) > 0
        pair = self._sources_below(generator.uniform([2, count]))
        dense_widths = self._widths(generator, len(space.dense_operators), space.dense_widths)
        sparse_widths = self._widths(generator, len(space.sparse_operators), space.sparse_widths)
        return Path(
            dense_widths,
            sparse_widths,
            self._connections(generator),
            self._connections(generator),
            pair[0],
            pair[1],
            mergers[0],
            mergers[1],
            self._bits(generator, dense_widths),
            self._bits(generator, sparse_widths),
            self._dense_embeddings(generator),
        )

    def _dense_embeddings(self, generator):
        """Whether dense source 0 holds the embeddings; draws only where paths may differ in it."""
        if self.space.dense_embeddings == ANY:
            return generator.uniform([], 0, 2, tf.int32) > 0
        return tf.constant(self.space.dense_embeddings == ALWAYS)

    def _bits(self, generator, widths):
        """(N, operators, 2): bits of the active operators, 0 in floating point."""
        shape = [*widths.shape, 2]
        if not self.space.bits:
            return tf.zeros(shape, tf.int32)
        drawn = [*widths.shape, 2 if self.space.separate_bits else 1]
        index = generator.uniform(drawn, 0, len(self.space.bits), tf.int32)
        bits = tf.broadcast_to(tf.gather(tf.constant(self.space.bits, tf.int32), index), shape)
        return tf.where(widths[:, :, None] > 0, bits, 0)

    def _connections(self, generator):
        """(N, N) bool: the sources that each block reads."""
        raise NotImplementedError

    def _operators(self, generator, operators: int):
        """(N, operators) bool: the operators that are active."""
        raise NotImplementedError

    def _widths(self, generator, operators: int, widths: tuple[int, ...]):
        count = self.space.num_blocks
        per_branch = self.space.widths == PER_BRANCH
        shape = [count, 1 if per_branch else operators]
        index = generator.uniform(shape, 0, len(widths), tf.int32)
        drawn = tf.gather(tf.constant(widths, tf.int32), index)
        return tf.where(self._operators(generator, operators), drawn, 0)

    def _sources_below(self, uniform):
        """Block n's draw among sources 0 to n - 1, from uniforms in [0, 1)."""
        limits = tf.range(1, self.space.num_blocks + 1)
        drawn = tf.cast(uniform * tf.cast(limits, tf.float32), tf.int32)
        return tf.minimum(drawn, limits - 1)

    def _single_connection(self, generator):
        count = self.space.num_blocks
        source = self._sources_below(generator.uniform([count]))
        return tf.one_hot(source, count, on_value=True, off_value=False)

    def _any_connection(self, generator):
        """Non-empty sets of at most ``space.max_sources`` sources, uniform over all such sets."""
        count = self.space.num_blocks
        cumulative = np.stack([self._count_distribution(n) for n in range(1, count + 1)])
        uniform = generator.uniform([count, 1])
        number = 1 + tf.reduce_sum(tf.cast(uniform >= cumulative, tf.int32), axis=1)
        below = np.tril(np.ones((count, count), bool))
        keys = tf.where(below, generator.uniform([count, count]), 2.0)
        ranks = tf.argsort(tf.argsort(keys, axis=1, stable=True), axis=1, stable=True)
        return ranks < number[:, None]

    def _count_distribution(self, number: int) -> np.ndarray:
        """P(at most 1, 2, … sources) of block ``number``, padded with ones up to N."""
        weights = np.zeros(self.space.num_blocks)
        for sources in self.space.source_counts(number):
            weights[sources - 1] = math.comb(number, sources)
        cumulative = np.cumsum(weights) / weights.sum()
        # A draw of exactly 1.0 cannot happen; rounding in float32 must not make one source more.
        cumulative[self.space.source_counts(number)[-1] - 1 :] = 1.0
        return cumulative.astype(np.float32)

    def _single_operator(self, generator, operators: int):
        index = generator.uniform([self.space.num_blocks], 0, operators, tf.int32)
        return tf.one_hot(index, operators, on_value=True, off_value=False)

    def _any_operator(self, generator, operators: int):
        """Non-empty subsets of the operators, uniform over all of them."""
        subset = generator.uniform([self.space.num_blocks, 1], 1, 2**operators, tf.int32)
        return tf.bitwise.bitwise_and(subset, 2 ** np.arange(operators, dtype=np.int32)) > 0


class SingleOperatorSingleConnection(PathSampler):
    """One operator a branch, one source a branch (paper 4.1).

    Args:
        space: the search space.
    """

    name = "single-operator-single-connection"

    _connections = PathSampler._single_connection
    _operators = PathSampler._single_operator


class AnyOperatorAnyConnection(PathSampler):
    """Any non-empty set of operators, any non-empty set of sources (paper 4.1).

    Args:
        space: the search space.
    """

    name = "any-operator-any-connection"

    _connections = PathSampler._any_connection
    _operators = PathSampler._any_operator


class SingleOperatorAnyConnection(PathSampler):
    """One operator a branch, any non-empty set of sources: the paper's choice (4.1).

    Args:
        space: the search space.
    """

    name = "single-operator-any-connection"

    _connections = PathSampler._any_connection
    _operators = PathSampler._single_operator


SAMPLERS: dict[str, type[PathSampler]] = {
    sampler.name: sampler
    for sampler in (
        SingleOperatorAnyConnection,
        AnyOperatorAnyConnection,
        SingleOperatorSingleConnection,
    )
}
"""Every strategy by name, the default first."""


def path_sampler(name: str, space: SearchSpace) -> PathSampler:
    """The strategy of that name.

    Args:
        name: a name in ``SAMPLERS``.
        space: what it draws paths from.

    Raises:
        UserError: if there is none.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> sampler = path_sampler("single-operator-any-connection", NASREC_SMALL)
        >>> path = sampler(tf.random.Generator.from_seed(0))
        >>> path.dense_widths.shape  # blocks, dense operators
        TensorShape([7, 2])
    """
    if name not in SAMPLERS:
        raise UserError(f"No path sampler {name!r}; there are {', '.join(SAMPLERS)}.")
    return SAMPLERS[name](space)


def sampler_config(sampler: PathSampler) -> Any:
    """A strategy as plain values: its name, or what Keras makes of one that is not of ours.

    Args:
        sampler: the strategy.
    """
    if SAMPLERS.get(sampler.name) is type(sampler):
        return sampler.name
    import keras

    return keras.saving.serialize_keras_object(sampler)


def sampler_from_config(config: Any, space: SearchSpace, custom_objects: Any = None) -> PathSampler:
    """The strategy that ``sampler_config`` told.

    Args:
        config: its result.
        space: the search space of a strategy of ours.
        custom_objects: classes by name that are not registered with Keras.

    Raises:
        UserError: if it is a name and there is no strategy of it.
    """
    if isinstance(config, str):
        return path_sampler(config, space)
    import keras

    return keras.saving.deserialize_keras_object(config, custom_objects)


class WarmupSampler:
    """Supernet warm-up (paper 5.1): the full supernet with a probability that falls from 1 to 0.

    Pairwise operators read the sources that the wrapped strategy draws; all else is active at
    full width.

    Args:
        sampler: the strategy after, and besides, the full supernet.
        steps: steps over which the probability falls linearly; 0 for no warm-up.
    """

    def __init__(self, sampler: PathSampler, steps: int):
        if steps < 0:
            raise ValueError(f"`steps` must be at least 0. Received: {steps}")
        self.sampler = sampler
        self.steps = steps

    def __call__(self, generator, step) -> Path:
        """Draws a path for training step ``step``, from 0."""
        path = self.sampler(generator)
        if not self.steps:
            return path
        probability = 1.0 - tf.cast(step, tf.float32) / self.steps
        full = generator.uniform([]) < probability
        widest = full_path(self.sampler.space)._replace(left=path.left, right=path.right)
        return Path(*(tf.where(full, whole, part) for whole, part in zip(widest, path)))


def full_path(space: SearchSpace) -> Path:
    """The path that activates the whole supernet.

    Args:
        space: the search space.
    """
    return encode(space.widest, space)
