"""What every building operator tells about itself, with no framework loaded.

An operator is one stateless object that states its weights, its cost and its arithmetic in terms
of a *shape* whose sizes are plain integers in a stand-alone network, and scalar integer tensors
inside the supernet, where a sampled path decides them. Supernet and stand-alone network therefore
run the same code, which is what gives a subnet its one meaning.

Sparse tensors are laid out (batch, embedding, token): every operator of the sparse branch mixes
tokens, and a product over the last axis is one large matrix product.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from nasrec_tf.operators.kept_units import Columns, KeptPart, Units
from nasrec_tf.operators.network_options import NetworkOptions
from nasrec_tf.operators.traced_sizes import Size, total
from nasrec_tf.operators.work import Step, multiply_accumulates

DENSE = "dense"
SPARSE = "sparse"
PAIR = "pair"


@dataclasses.dataclass(frozen=True)
class OperatorShape:
    """Sizes that one operator sees.

    Args:
        dense: width of each dense source, in source order; 0 for one that is not read.
        sparse: number of tokens in each sparse slot, in source order; a block's output has two
            slots, its operator tokens and its dense-to-sparse tokens.
        left: width of the left dense source of a pairwise operator.
        right: width of its right dense source.
        width: output width (dense branch) or output tokens (sparse branch).
        options: what holds for the whole network.
    """

    dense: tuple[Size, ...]
    sparse: tuple[Size, ...]
    left: Size
    right: Size
    width: Size
    options: NetworkOptions

    @property
    def dense_width(self) -> Size:
        """Width of the concatenated dense sources."""
        return total(self.dense)

    @property
    def tokens(self) -> Size:
        """Tokens of the concatenated sparse sources."""
        return total(self.sparse)


@dataclasses.dataclass(frozen=True)
class Prefix:
    """A weight axis of which the first entries are active.

    Args:
        size: entries that a stand-alone network has.
        used: how many of these ever meet a value that is not padding; the supernet slices only
            them. All of them unless given.
    """

    size: Size
    used: Size = None

    @property
    def active(self) -> Size:
        """Entries that the supernet slices."""
        return self.size if self.used is None else self.used


@dataclasses.dataclass(frozen=True)
class Slots:
    """A weight axis with one slot per source, of which the first entries are active.

    Args:
        sizes: entries of each slot: of a path those that are active, in the widest form all.
    """

    sizes: tuple[Size, ...]

    @property
    def size(self) -> Size:
        """Entries that a stand-alone network has."""
        return total(self.sizes)


@dataclasses.dataclass(frozen=True)
class SlotPairs:
    """A weight axis with an entry for each pair of tokens (later, earlier), row by row.

    Args:
        sizes: tokens of each slot; the active entries are the pairs of active tokens.
    """

    sizes: tuple[Size, ...]

    @property
    def size(self) -> Size:
        """Entries that a stand-alone network has: the pairs of all tokens."""
        count = total(self.sizes)
        return count * (count - 1) // 2


Axis = Prefix | Slots | SlotPairs


@dataclasses.dataclass(frozen=True)
class WeightSpec:
    """One weight of an operator.

    Args:
        name: unique within the operator.
        axes: one or two axes; only the first may be ``Slots`` or ``SlotPairs``.
        initializer: ``"glorot_uniform"`` or a constant.
        trainable: whether gradients move it; the moving statistics of batch norm follow what they
            see.
    """

    name: str
    axes: tuple[Axis, ...]
    initializer: str | float = "glorot_uniform"
    trainable: bool = True

    @property
    def shape(self) -> tuple[Size, ...]:
        """Shape of the weight in a stand-alone network."""
        return tuple(axis.size for axis in self.axes)

    def of_sizes(self, sizes: Sequence[int]) -> "WeightSpec":
        """The same weight with other sizes of its axes.

        Args:
            sizes: of each axis.
        """
        return dataclasses.replace(self, axes=tuple(Prefix(size) for size in sizes))


@dataclasses.dataclass(frozen=True)
class OperatorInputs:
    """Tensors that one operator may read.

    Args:
        dense: (batch, sum of ``shape.dense``).
        sparse: (batch, embedding, sum of ``shape.sparse``).
        left: (batch, ``shape.left``).
        right: (batch, ``shape.right``).
    """

    dense: Any = None
    sparse: Any = None
    left: Any = None
    right: Any = None


class BlockPart:
    """What operators and mergers state alike: their weights, and the work they are.

    A shape is that of the part: ``OperatorShape`` or ``MergerShape``.

    Attributes:
        prunable: linear maps of it that may lack units.
    """

    prunable: tuple[str, ...] = ()

    def weights(self, shape: Any) -> tuple[WeightSpec, ...]:
        """The weights at ``shape``; a size of 0 means that one is absent.

        Args:
            shape: sizes, integers in a stand-alone network and scalar tensors in the supernet.

        Raises:
            NotImplementedError: if the part states none.
        """
        raise NotImplementedError

    def work(self, shape: Any) -> tuple[Step, ...]:
        """Its linear maps and digital steps, each after those it waits for; the last one gives
        the output. With no step at all, what it reads passes on as it is.

        FLOPs and the costs of processing in memory follow from this statement.

        Args:
            shape: sizes of a stand-alone network, all of them integers.

        Raises:
            NotImplementedError: if the part does not state it.
        """
        raise NotImplementedError

    def multiply_accumulates(self, shape: Any) -> dict[str, int]:
        """Multiply-accumulates per sample by kind: ``linear``, ``matmul`` and ``layer_norm``.

        Args:
            shape: sizes of a stand-alone network, all of them integers.
        """
        return multiply_accumulates(self.work(shape))

    def map_width(self, shape: Any, name: str) -> int:
        """Outputs of a linear map with all units; 0 where it is left out.

        Args:
            shape: sizes of a stand-alone network, all of them integers.
            name: of the map.
        """
        kernel = f"{name}_kernel"
        return next((spec.shape[1] for spec in self.weights(shape) if spec.name == kernel), 0)

    def kept(self, shape: Any, present: Mapping[str, Units], columns: Columns) -> KeptPart:
        """What there is of it in a network without some units.

        By default it reads all units, and has all of its own.

        Args:
            shape: sizes with all units, integers.
            present: units that there are of ``"dense"`` and ``"sparse"`` inputs.
            columns: what its prunable maps keep.
        """
        width = shape.width if isinstance(shape, OperatorShape) else 0
        return KeptPart(Units(width), whole=(DENSE, SPARSE))


class Operator(BlockPart):
    """A building operator of one branch (paper 3.1).

    Attributes:
        name: its name in architectures and files.
        label: its short name in drawings.
        branch: ``"dense"`` or ``"sparse"``, the kind of its output.
        reads: which of ``"dense"``, ``"sparse"`` (the concatenated sources) and ``"pair"`` (the
            left and right dense sources) it reads.
        symmetric: for a pairwise operator, whether left and right may be exchanged.
    """

    name: str
    label: str
    branch: str
    reads: frozenset
    symmetric: bool = False

    def __call__(
        self, inputs: OperatorInputs, weights: Mapping[str, Any], shape: OperatorShape
    ) -> Any:
        """The output: (batch, width) or (batch, embedding, width)."""
        raise NotImplementedError
