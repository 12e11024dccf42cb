"""A distribution over the architectures of a space: a logit for every choice of every block.

With all logits 0 it is that of ``SingleOperatorAnyConnection``: uniform operators, widths and
mergers, and sources uniform over the non-empty sets.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.space import ALWAYS, ANY, SINGLE, SearchSpace
from nasrec_tf.common.errors import UserError

OPERATORS_AND_WIDTHS = ("dense_operators", "sparse_operators", "dense_widths", "sparse_widths")
"""Of each of these a block takes one; logits (blocks, choices)."""

PAIR_SOURCES = ("left", "right")
"""Of each of these a block takes one; logits (blocks, sources), of which block n has n."""

SETS = ("dense_sources", "sparse_sources")
"""Of each of these a block takes a non-empty set; logits of membership, (blocks, sources)."""

MERGERS = ("dense_to_sparse", "sparse_to_dense")
"""Logits of presence, (blocks,), where the space has mergers."""

EMBEDDINGS = "dense_embeddings"
"""Logit of presence, (1,), where architectures of the space choose."""


def choice_shapes(space: SearchSpace) -> dict[str, tuple[int, ...]]:
    """Shapes of the logits of a space, by name.

    Args:
        space: the search space.

    Raises:
        UserError: if its choices are not those of one operator a branch, in floating point, with
            any number of sources.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> shapes = choice_shapes(NASREC_SMALL)
        >>> shapes["dense_widths"], shapes["dense_sources"]
        ((7, 8), (7, 7))
    """
    if space.operators != SINGLE or space.max_sources is not None or space.bits:
        raise UserError(
            f"Search space {space.name!r}: logits are learnt of single operators, any number of "
            "sources and no bits alone; leave --operators any, --max-sources and --codesign out, "
            "or take another --strategy."
        )
    count = space.num_blocks
    shapes: dict[str, tuple[int, ...]] = {
        name: (count, len(getattr(space, name))) for name in OPERATORS_AND_WIDTHS
    }
    shapes |= dict.fromkeys((*PAIR_SOURCES, *SETS), (count, count))
    if space.mergers:
        shapes |= dict.fromkeys(MERGERS, (count,))
    if space.dense_embeddings == ANY:
        shapes[EMBEDDINGS] = (1,)
    return shapes


@dataclasses.dataclass(frozen=True, eq=False)
class ChoiceDistribution:
    """Logits, over which architectures are drawn.

    Args:
        space: the search space.
        logits: by name, of ``choice_shapes``, divided by the temperature already.

    Raises:
        ValueError: if they are not those of the space, or not finite.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> shapes = choice_shapes(NASREC_SMALL)
        >>> uniform = ChoiceDistribution(NASREC_SMALL, {n: np.zeros(s) for n, s in shapes.items()})
        >>> len(uniform.sample(np.random.default_rng(0)))
        7
    """

    space: SearchSpace
    logits: Mapping[str, np.ndarray]

    def __post_init__(self):
        shapes = choice_shapes(self.space)
        found = {name: np.shape(value) for name, value in self.logits.items()}
        if found != shapes:
            raise ValueError(f"logits of {found}, not of {shapes}")
        if not all(np.isfinite(value).all() for value in self.logits.values()):
            raise ValueError("logits that are not finite")

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draws an architecture.

        Args:
            rng: the only source of randomness.
        """
        blocks = tuple(self._block(index, rng) for index in range(self.space.num_blocks))
        if EMBEDDINGS in self.logits:
            with_them = self._is_on(self.logits[EMBEDDINGS][0], rng)
        else:
            with_them = self.space.dense_embeddings == ALWAYS
        return Architecture(blocks, with_them)

    def _block(self, index: int, rng: np.random.Generator) -> Block:
        space = self.space
        choices = (*OPERATORS_AND_WIDTHS, *PAIR_SOURCES)
        drawn = {name: self._category(name, index, rng) for name in choices}
        dense = space.dense_operators[drawn["dense_operators"]]
        sparse = space.sparse_operators[drawn["sparse_operators"]]
        return Block(
            dense_operators={dense: space.dense_widths[drawn["dense_widths"]]},
            sparse_operators={sparse: space.sparse_widths[drawn["sparse_widths"]]},
            dense_sources=self._set("dense_sources", index, rng),
            sparse_sources=self._set("sparse_sources", index, rng),
            left_source=drawn["left"],
            right_source=drawn["right"],
            dense_to_sparse=self._merger("dense_to_sparse", index, rng),
            sparse_to_dense=self._merger("sparse_to_dense", index, rng),
        )

    def _merger(self, name: str, index: int, rng: np.random.Generator) -> bool:
        return name in self.logits and self._is_on(self.logits[name][index], rng)

    def _category(self, name: str, index: int, rng: np.random.Generator) -> int:
        logits = self.logits[name][index]
        if name in PAIR_SOURCES:
            logits = logits[: index + 1]
        return int(np.argmax(logits + rng.gumbel(size=len(logits))))

    def _set(self, name: str, index: int, rng: np.random.Generator) -> tuple[int, ...]:
        """The first member by its probability, each later one for itself."""
        logits = self.logits[name][index, : index + 1]
        present, absent = -np.logaddexp(0.0, -logits), -np.logaddexp(0.0, logits)
        none_before = np.concatenate([[0.0], np.cumsum(absent)[:-1]])
        first = int(np.argmax(present + none_before + rng.gumbel(size=len(logits))))
        later = [n for n in range(first + 1, len(logits)) if self._is_on(logits[n], rng)]
        return (first, *later)

    def _is_on(self, logit: float, rng: np.random.Generator) -> bool:
        return bool(rng.logistic() < logit)
