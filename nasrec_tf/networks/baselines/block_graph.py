"""Graphs of blocks: AutoCTR's own space of networks (Song et al. 2020)."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Annotated, Any

import pydantic

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf
from nasrec_tf.common.strict_json import shown
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    Baseline,
    Deviation,
    Width,
    every_field,
)
from nasrec_tf.networks.baselines.pieces import (
    Piece,
    Tower,
    flattened,
    linear_weights,
    second_order,
)
from nasrec_tf.operators import arithmetic
from nasrec_tf.operators.base import DENSE, SPARSE
from nasrec_tf.operators.dot_product import pairs
from nasrec_tf.operators.work import DigitalStep, LinearMap

MLP, FM, DOT = "mlp", "fm", "dot"
KINDS = (MLP, FM, DOT)
"""What a block may be: the kinds of AutoCTR's released search."""

MOST_BLOCKS = 64

Blocks = Annotated[tuple[str, ...], pydantic.Field(min_length=1, max_length=MOST_BLOCKS)]

WRITTEN = re.compile(r"(?:(mlp) +([1-9]\d{0,5})|(fm|dot)) *: *(\S+(?: +\S+)*) *")


@dataclasses.dataclass(frozen=True)
class GraphBlock:
    """A block of a graph.

    Args:
        kind: one of ``KINDS``; ``"mlp"`` is a linear map and a ReLU.
        dense: whether it reads the dense fields.
        sparse: whether it reads the vectors of all sparse fields.
        blocks: numbers of the earlier blocks that it reads, from 1, in rising order.
        width: of an MLP's output; 0 for others.

    Example:
        >>> block = GraphBlock.read("mlp 64: 2 sparse 1", number=3)
        >>> str(block), block.blocks
        ('mlp 64: sparse 1 2', (1, 2))
    """

    kind: str
    dense: bool
    sparse: bool
    blocks: tuple[int, ...] = ()
    width: int = 0

    @classmethod
    def read(cls, text: str, number: int) -> "GraphBlock":
        """The block that a text tells.

        Args:
            text: such as ``"mlp 64: dense sparse"`` or ``"dot: sparse 1"``.
            number: of the block, from 1.

        Raises:
            UserError: if it tells none; the message names what it should have told.
        """
        found = WRITTEN.fullmatch(text)
        if found is None:
            raise UserError(
                f"block {number} must be such as 'mlp 64: dense sparse', 'fm: sparse' or "
                f"'dot: sparse 1' (received: {shown(text)})"
            )
        kind, width, other, read = found.groups()
        sources = read.split()
        earlier = [str(block) for block in range(1, number)]
        for source in sources:
            if source not in (DENSE, SPARSE, *earlier):
                there = ", ".join(("dense", "sparse", *earlier))
                raise UserError(
                    f"block {number} may read {there} (received: {shown(source)} in {shown(text)})"
                )
        if len(set(sources)) < len(sources):
            raise UserError(f"block {number} reads something twice (received: {shown(text)})")
        blocks = sorted(int(source) for source in sources if source in earlier)
        return cls(
            kind or other, DENSE in sources, SPARSE in sources, tuple(blocks), int(width or 0)
        )

    def __str__(self) -> str:
        sources = [*[DENSE] * self.dense, *[SPARSE] * self.sparse, *map(str, self.blocks)]
        return f"{self.kind}{f' {self.width}' if self.kind == MLP else ''}: {' '.join(sources)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockGraph(Baseline):
    """Blocks that read raw fields and earlier blocks; the logit reads all that no block has read.

    The space of AutoCTR: a block is an MLP of one layer, a factorization machine or inner products,
    and gives dense numbers. It reads any of: all dense fields as they are, the vectors of all
    sparse fields, and outputs of blocks before it. A linear map of every output, and of every raw
    field, that no block reads is the logit. An architecture is written block by block:

        blocks = ["mlp 64: dense sparse", "dot: sparse 1", "fm: sparse", "mlp 32: 1 2"]

    - ``mlp``: ReLU of a linear map of all that it reads, of the width behind its name.
    - ``fm``: one number: a linear term of all that it reads, and the sum of the inner products of
      all pairs of vectors.
    - ``dot``: the inner products of all pairs of vectors, each with itself too; what it reads of
      dense numbers is mapped to one more vector.

    The released code takes as many numbers of the matrix of inner products, but its first ones row
    by row, among which some stand twice and others do not: here they are those of the triangle.
    Fields that a log does not have are left out of what reads them. The default is no published
    network: theirs are not told.

    Args:
        blocks: each as above; the numbers are those of the blocks before it, from 1.
        embedding_dim: width of a field's vector.
        embedding_deviation: as of every baseline; AutoCTR's unless given.

    Reference: Song et al., Towards Automated Neural Interaction Discovery for Click-Through Rate
    Prediction, KDD 2020; facebookresearch/AutoCTR.
    """

    name = "block_graph"
    label = "Block graph"

    blocks: Blocks = ("mlp 256: dense sparse", "dot: dense sparse", "fm: sparse", "mlp 64: 1 2")
    embedding_dim: Width = 16
    embedding_deviation: Deviation = 0.01

    def __post_init__(self):
        super().__post_init__()
        try:
            blocks = [GraphBlock.read(text, n) for n, text in enumerate(self.blocks, start=1)]
        except UserError as error:
            raise UserError(f"{self.name}: option 'blocks': {error}") from None
        # One way of writing, so that equal graphs are equal.
        object.__setattr__(self, "blocks", tuple(map(str, blocks)))

    @property
    def graph(self) -> tuple[GraphBlock, ...]:
        """Its blocks, as parts rather than as they are written."""
        return tuple(GraphBlock.read(text, n) for n, text in enumerate(self.blocks, start=1))

    @property
    def identity(self) -> str:
        """Equal for equal graphs, for a search that asks whether it has tried one."""
        return ", ".join(self.blocks)

    def tables(self, features):
        return {EMBEDDING: every_field(features, self.embedding_dim)}

    def pieces(self, features):
        pieces: dict[str, Piece] = {}
        widths: list[int] = []
        for number, block in enumerate(self.graph, start=1):
            dense = features.dense * block.dense + sum(widths[n - 1] for n in block.blocks)
            piece = self._piece(block, dense, features.sparse * block.sparse)
            if not dense and not (block.sparse and features.sparse):
                raise UserError(
                    f"{self.name}: option 'blocks': block {number} would read nothing of "
                    f"{features.dense} dense and {features.sparse} sparse fields "
                    f"(received: {shown(str(block))})"
                )
            pieces[f"block_{number}"] = piece
            widths.append(piece.width)
        inputs = self._flat_width(self._unread(), features, widths)
        return pieces | {"output": Tower(inputs, (), 1, initializer=self.initializer)}

    def _piece(self, block: GraphBlock, dense: int, vectors: int) -> Any:
        sizes = (dense, vectors, self.embedding_dim, self.initializer)
        if block.kind == MLP:
            inputs = dense + vectors * self.embedding_dim
            return Tower(inputs, (block.width,), None, initializer=self.initializer)
        return GraphFM(*sizes) if block.kind == FM else GraphDotProduct(*sizes)

    def _unread(self) -> GraphBlock:
        """What the final layer reads, as what a block reads."""
        graph = self.graph
        read = {number for block in graph for number in block.blocks}
        return GraphBlock(
            MLP,
            not any(block.dense for block in graph),
            not any(block.sparse for block in graph),
            tuple(number for number in range(1, len(graph) + 1) if number not in read),
        )

    def _flat_width(self, block: GraphBlock, features: Features, widths: Sequence[int]) -> int:
        raw = features.dense * block.dense + features.sparse * block.sparse * self.embedding_dim
        return raw + sum(widths[number - 1] for number in block.blocks)

    def logit(self, values, run):
        vectors = values.embedded[EMBEDDING]
        outputs: list[Any] = []
        for number, block in enumerate(self.graph, start=1):
            dense = _dense_inputs(block, values.dense, outputs)
            read = vectors if block.sparse else vectors[:, :0]
            inputs = (_joined(dense, read),) if block.kind == MLP else (dense, read)
            outputs.append(run[f"block_{number}"](*inputs))
        unread = self._unread()
        dense = _dense_inputs(unread, values.dense, outputs)
        return run["output"](_joined(dense, vectors if unread.sparse else vectors[:, :0]))


@dataclasses.dataclass(frozen=True)
class VectorPairs(Piece):
    """What has products of all pairs of a block's vectors.

    Input shapes: (batch, dense), (batch, vectors, embedding).

    Args:
        dense: dense numbers.
        vectors: of a sample.
        embedding: width of a vector.
        initializer: of the kernel.
    """

    dense: int
    vectors: int
    embedding: int
    initializer: str


@dataclasses.dataclass(frozen=True)
class GraphFM(VectorPairs):
    """A linear term of all inputs, and the sum of the inner products of all pairs of vectors.

    Output shape: (batch, 1).
    """

    width = 1

    def weights(self):
        return linear_weights("linear", self._inputs, 1, self.initializer)

    @property
    def _inputs(self) -> int:
        return self.dense + self.vectors * self.embedding

    def work(self):
        pairs_of_all = DigitalStep(
            "second_order", (SPARSE,), multiplications=(self.vectors + 1) * self.embedding
        )
        return (LinearMap("linear", (DENSE, SPARSE), self._inputs, 1), pairs_of_all)

    def __call__(self, dense, vectors, *, weights):
        first = arithmetic.linear(_joined(dense, vectors), weights, "linear")
        return first + second_order(vectors) if self.vectors else first


@dataclasses.dataclass(frozen=True)
class GraphDotProduct(VectorPairs):
    """Inner products of all pairs of vectors, each with itself too.

    Dense numbers, if any, are mapped to one more vector, the first.

    Output shape: (batch, n (n + 1) / 2) of n vectors: pairs in the order of the strictly lower
    triangle, row by row, then squares.
    """

    @property
    def _count(self) -> int:
        return self.vectors + bool(self.dense)

    @property
    def width(self) -> int:
        """Of its output."""
        return self._count * (self._count + 1) // 2

    def weights(self):
        if not self.dense:
            return ()
        return linear_weights("token", self.dense, self.embedding, self.initializer)

    def work(self):
        token = LinearMap("token", (DENSE,), self.dense, self.embedding)
        read = (token, SPARSE) if self.dense else (SPARSE,)
        # The whole Gram matrix, which has the squares as well.
        products = DigitalStep("products", read, products=self._count**2 * self.embedding)
        return (token, products) if self.dense else (products,)

    def __call__(self, dense, vectors, *, weights):
        if self.dense:
            token = arithmetic.linear(dense, weights, "token")
            vectors = tf.concat([token[:, None], vectors], axis=1)
        squares = tf.reduce_sum(tf.square(vectors), axis=2)
        if self._count == 1:
            return squares
        tokens = tf.transpose(vectors, [0, 2, 1])
        return tf.concat([pairs(tokens, is_static=True), squares], axis=1)


def _dense_inputs(block: GraphBlock, dense: Any, outputs: Sequence[Any]) -> Any:
    """(batch, numbers): dense fields, if it reads them, and outputs of earlier blocks."""
    raw = dense if block.dense else dense[:, :0]
    return tf.concat([raw, *(outputs[number - 1] for number in block.blocks)], axis=1)


def _joined(dense: Any, vectors: Any) -> Any:
    """(batch, numbers): dense numbers, then those of all vectors, if there are any."""
    return tf.concat([dense, flattened(vectors)], axis=1) if vectors.shape[1] else dense
