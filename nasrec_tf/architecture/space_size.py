"""How many architectures a search space has (paper 3.3)."""

import math
from typing import TYPE_CHECKING

from nasrec_tf.architecture.space_rules import ANY, PER_BRANCH, SINGLE

if TYPE_CHECKING:
    from nasrec_tf.architecture.space import SearchSpace


def genotypes(space: "SearchSpace") -> int:
    """How many genotypes the rules in force allow.

    Every field of every block counts, whether its operators read it or not, as the authors' code
    draws them; ``docs/search_space.md`` sets this beside the paper's figure (3.3).

    Args:
        space: the space.
    """
    blocks = math.prod(_block_size(space, number) for number in range(1, space.num_blocks + 1))
    return blocks * (2 if space.dense_embeddings == ANY else 1)


def _block_size(space: "SearchSpace", number: int) -> int:
    sources = sum(math.comb(number, count) for count in space.source_counts(number))
    operators = _branch_size(space, len(space.dense_operators), len(space.dense_widths))
    operators *= _branch_size(space, len(space.sparse_operators), len(space.sparse_widths))
    return sources**2 * number**2 * operators * (4 if space.mergers else 1)


def _branch_size(space: "SearchSpace", operators: int, widths: int) -> int:
    bits = space.bit_settings
    if space.operators == SINGLE:
        return operators * widths * bits
    if space.widths == PER_BRANCH:
        return ((1 + bits) ** operators - 1) * widths
    return (widths * bits + 1) ** operators - 1
