"""Dropout of a stand-alone network: how much, and the masks of a training step.

A mask follows from the network's seed, the optimizer's step and the place alone, so that a training
that was killed goes on with the very masks that it would have had, and nothing has to be kept.
"""

import dataclasses
import zlib
from typing import Any

import tensorflow as tf

from nasrec_tf.common.value_checks import is_number


@dataclasses.dataclass(frozen=True)
class Regularization:
    """Shares of values that training drops; the paper drops none.

    What is kept is divided by its share (inverted dropout), so that expectations stay and nothing
    changes outside of training.

    Args:
        embedding_dropout: of the looked-up embeddings, before anything reads them.
        block_dropout: of the dense and of the sparse output of every block.
        head_dropout: of what the final layer reads, on top of the last block's own.

    Raises:
        ValueError: if a share is not from 0 to below 1.

    Example:
        >>> Regularization(block_dropout=0.2).head_dropout
        0.0
        >>> Regularization(head_dropout=1.0)
        Traceback (most recent call last):
        ValueError: `head_dropout` must be a number from 0 to below 1. Received: 1.0
    """

    embedding_dropout: float = 0.0
    block_dropout: float = 0.0
    head_dropout: float = 0.0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            share = getattr(self, field.name)
            if not is_number(share) or not 0 <= share < 1:
                raise ValueError(
                    f"`{field.name}` must be a number from 0 to below 1. Received: {share!r}"
                )


NO_REGULARIZATION = Regularization()


@dataclasses.dataclass(frozen=True)
class StepDropout:
    """The dropout of one training step.

    Args:
        shares: how much is dropped.
        seed: of the network.
        step: that the optimizer is at, an integer or a scalar integer tensor.

    Example:
        >>> dropout = StepDropout(Regularization(head_dropout=0.5), seed=3, step=7)
        >>> kept = dropout.head(tf.ones([2, 1000]))
        >>> sorted(set(kept.numpy().ravel().tolist())), 0.9 < float(tf.reduce_mean(kept)) < 1.1
        ([0.0, 2.0], True)
        >>> bool(tf.reduce_all(kept == dropout.head(tf.ones([2, 1000]))))
        True
    """

    shares: Regularization
    seed: int = 0
    step: Any = 0

    def embeddings(self, x: Any) -> Any:
        """The looked-up embeddings, with some of them dropped.

        Args:
            x: (batch, embedding, fields).
        """
        return self._kept(x, self.shares.embedding_dropout, "embeddings")

    def block(self, x: Any, number: int, branch: str) -> Any:
        """An output of a block, with some of it dropped; ``None`` stays.

        Args:
            x: (batch, width), (batch, embedding, tokens) or, where nothing reads it, ``None``.
            number: of the block, from 1.
            branch: ``"dense"`` or ``"sparse"``.
        """
        if x is None:
            return None
        return self._kept(x, self.shares.block_dropout, f"block_{number}_{branch}")

    def head(self, x: Any) -> Any:
        """What the final layer reads, with some of it dropped.

        Args:
            x: (batch, head inputs).
        """
        return self._kept(x, self.shares.head_dropout, "head")

    def _kept(self, x, share, place):
        return drop(x, share, self.seed, self.step, place)


def drop(x: Any, share: float, seed: int, step: Any, place: str) -> Any:
    """Values with some of them dropped, and the others divided by the share that is kept.

    Args:
        x: values of any shape.
        share: of them that is dropped, below 1.
        seed: of the network.
        step: that the optimizer is at, an integer or a scalar integer tensor.
        place: in the network, which makes the draws its own.

    Example:
        >>> drop(tf.ones([4]), 0.5, seed=0, step=1, place="head").numpy().tolist()
        [0.0, 2.0, 2.0, 0.0]
    """
    if not share:
        return x
    of_place = (zlib.crc32(place.encode()) ^ seed) & 0x7FFFFFFF
    draws_of = tf.stack([tf.constant(of_place, tf.int64), tf.cast(step, tf.int64)])
    # The generator is named: which one is the default may depend on the device.
    draws = tf.random.stateless_uniform(tf.shape(x), draws_of, dtype=x.dtype, alg="philox")
    return x * (tf.cast(draws >= share, x.dtype) * (1.0 / (1.0 - share)))


def own_step(network: Any, dropped: Any) -> Any:
    """The step that a network's own optimizer is at, which decides what is dropped.

    Args:
        network: the network, a Keras model.
        dropped: what is to be dropped, for the message.

    Raises:
        ValueError: if the network is not compiled.
    """
    optimizer = getattr(network, "optimizer", None)
    if optimizer is None:
        raise ValueError(
            "A network with dropout trains under an optimizer of its own, whose steps decide "
            f"what is dropped: compile it. Received: {dropped}"
        )
    return optimizer.iterations.value


NO_DROPOUT = StepDropout(NO_REGULARIZATION)
