"""AutoCTR's own search space: graphs of blocks, drawn and mutated (Song et al. 2020)."""

import dataclasses
from typing import Any

import numpy as np

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines.block_graph import KINDS, MLP, MOST_BLOCKS, BlockGraph, GraphBlock
from nasrec_tf.strategies.design import Design
from nasrec_tf.strategies.draws import Draws
from nasrec_tf.strategies.search_settings import check_positive

BLOCKS = 7
WIDTHS = (32, 64, 128, 256, 512, 1024)
"""Blocks of a graph and widths of an MLP in AutoCTR's searches (facebookresearch/AutoCTR)."""

KIND, DENSE_BIT, SPARSE_BIT, EARLIER, WIDTH = range(5)
"""What a mutation draws anew of a block: one of them."""


@dataclasses.dataclass(frozen=True)
class GraphSpace:
    """Graphs of so many blocks over the fields of a log.

    Args:
        features: what networks read; fields that there are none of are not among the inputs.
        blocks: of a graph.
        widths: that an MLP may have.

    Raises:
        UserError: if the number of blocks cannot be used.

    Example:
        >>> space = GraphSpace(Features(13, (9, 9)), blocks=2)
        >>> graph = space.sample(np.random.default_rng(0))
        >>> graph.blocks
        ('dot: dense sparse', 'mlp 32: sparse')
        >>> space.mutate(graph, np.random.default_rng(1)).blocks
        ('dot: dense sparse', 'fm: sparse')
        >>> space.vector(graph).shape
        (16,)
    """

    features: Features
    blocks: int = BLOCKS
    widths: tuple[int, ...] = WIDTHS

    def __post_init__(self):
        check_positive(blocks=self.blocks)
        if self.blocks > MOST_BLOCKS:
            raise UserError(f"`blocks` must be at most {MOST_BLOCKS}. Received: {self.blocks}")

    def sample(self, rng: np.random.Generator) -> BlockGraph:
        """Draws a graph: of each block its kind and width uniformly, each input with odds of 1:1.

        A block that would read nothing has its inputs drawn again.

        Args:
            rng: the only source of randomness.
        """
        return self._graph([self._block(number, rng) for number in range(1, self.blocks + 1)])

    def mutate(self, graph: BlockGraph, rng: np.random.Generator) -> BlockGraph:
        """Draws one token of one block anew, until the graph is another one.

        A token is a block's kind, its bit for dense fields, that for sparse fields, those for all
        earlier blocks together, or its width, which an MLP alone has.

        Args:
            graph: one of the space.
            rng: the only source of randomness.
        """
        blocks = list(graph.graph)
        while True:
            place = int(rng.integers(len(blocks)))
            # Not of a block that reads something: its bits would not be of even odds.
            drawn = self._drawn(place + 1, rng)
            changed = self._with(blocks[place], drawn, int(rng.integers(5)))
            if changed != blocks[place] and self._reads(changed):
                return self._graph([*blocks[:place], changed, *blocks[place + 1 :]])

    def vector(self, graph: BlockGraph) -> np.ndarray:
        """A graph as numbers from 0 to 1: kind, inputs and width of each block.

        Args:
            graph: one of the space.

        Returns:
            (numbers,) float64, as many for every graph of the space.
        """
        numbers: list[float] = []
        for block in graph.graph:
            numbers += [float(block.kind == kind) for kind in KINDS]
            numbers += [float(block.dense), float(block.sparse)]
            numbers += [float(earlier in block.blocks) for earlier in range(1, self.blocks + 1)]
            place = self.widths.index(block.width) + 1 if block.width else 0
            numbers.append(place / len(self.widths))
        return np.array(numbers)

    def _graph(self, blocks: list[GraphBlock]) -> BlockGraph:
        return BlockGraph(blocks=tuple(map(str, blocks)))

    def _block(self, number: int, rng: np.random.Generator) -> GraphBlock:
        """A block that reads something."""
        block = self._drawn(number, rng)
        while not self._reads(block):
            block = dataclasses.replace(block, **self._inputs(number, rng))
        return block

    def _drawn(self, number: int, rng: np.random.Generator) -> GraphBlock:
        """A block, which may read nothing."""
        kind = KINDS[int(rng.integers(len(KINDS)))]
        width = self.widths[int(rng.integers(len(self.widths)))]
        return GraphBlock(kind, width=width if kind == MLP else 0, **self._inputs(number, rng))

    def _inputs(self, number: int, rng: np.random.Generator) -> dict[str, Any]:
        bits = rng.random(number + 1) < 0.5
        return {
            "dense": bool(bits[0]) and self.features.dense > 0,
            "sparse": bool(bits[1]) and self.features.sparse > 0,
            "blocks": tuple(earlier for earlier in range(1, number) if bits[earlier + 1]),
        }

    def _with(self, block: GraphBlock, drawn: GraphBlock, token: int) -> GraphBlock:
        """A block with one token of another one."""
        if token == KIND:
            # What becomes an MLP has a width from here on, that of the other one.
            same = drawn.kind == block.kind
            return block if same else dataclasses.replace(block, kind=drawn.kind, width=drawn.width)
        if token == WIDTH:
            is_mlp = block.kind == drawn.kind == MLP
            return dataclasses.replace(block, width=drawn.width) if is_mlp else block
        field = {DENSE_BIT: "dense", SPARSE_BIT: "sparse", EARLIER: "blocks"}[token]
        return dataclasses.replace(block, **{field: getattr(drawn, field)})

    def _reads(self, block: GraphBlock) -> bool:
        return block.dense or block.sparse or bool(block.blocks)


@dataclasses.dataclass(frozen=True)
class GraphDraws(Draws):
    """The rules of candidates that are graphs of blocks, for strategies of single mutations.

    Args:
        space: a ``GraphSpace``, and the other fields, as of ``Draws``.
    """

    space: GraphSpace  # type: ignore[assignment]

    def single_mutation(self, design, rng):
        """One token of one block anew."""
        return Design(self.space.mutate(design.architecture, rng))

    def written(self, design):
        """No field of a graph is ever dead."""
        return (design.identity,)

    def vector(self, architecture):
        """Kind, inputs and width of each block."""
        return self.space.vector(architecture)
