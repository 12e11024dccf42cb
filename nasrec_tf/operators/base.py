"""What every building operator tells about itself, with no framework loaded.

An operator is one stateless object that states its weights, its cost and its arithmetic in terms
of a *shape* whose sizes are plain integers in a stand-alone network, and scalar integer tensors
inside the supernet, where a sampled path decides them. Supernet and stand-alone network therefore
run the same code, which is what gives a subnet its one meaning.

Sparse tensors are laid out (batch, embedding, token): every operator of the sparse branch mixes
tokens, and a product over the last axis is one large matrix product.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from nasrec_tf import native
from nasrec_tf.common.lazy import tf
from nasrec_tf.common.value_checks import is_whole
from nasrec_tf.operators.work import Step, multiply_accumulates

DENSE = "dense"
SPARSE = "sparse"
PAIR = "pair"

CHANNEL = "channel"
TENSOR = "tensor"

NO_NORM, BY_LAYER, BY_BATCH = NORMALIZATIONS = ("none", "layer", "batch")
"""How operators normalise what they give."""

Size = Any
"""An ``int``, or a scalar ``int32`` tensor inside the supernet."""


class UpperBound(int):
    """The largest of the sizes that a path may have.

    It equals no other size, so that nothing is left out of a shape made of bounds: the weights at
    such a shape are those that the supernet has to hold.
    """

    def __add__(self, other):
        return UpperBound(int(self) + other)

    __radd__ = __add__


@dataclasses.dataclass(frozen=True)
class NetworkOptions:
    """What holds for a whole network, whatever its architecture.

    Args:
        embedding_dim: width of every embedding and so of every sparse token, those that the
            dense-to-sparse merger makes among them: 16 in the paper, a multiple of the heads.
        normalization: ``"layer"`` to normalise inside each operator as the paper does (5.1),
            ``"batch"`` to do so over a batch (a stand-alone network alone), or ``"none"``, where
            linear maps have a bias instead.
        operator_balancing: project the tokens of a dot product to round(sqrt(2 * width)) first
            (paper 4.2).
        attention_heads: heads of the attention operator; must divide ``embedding_dim``.
        merged_tokens: tokens that the dense-to-sparse merger appends.
        weight_ranges: whether the weights of a quantized map have one range per output
            ``"channel"`` or one for the whole ``"tensor"``.

    Raises:
        ValueError: if a value is not in range.
    """

    embedding_dim: int = 16
    normalization: str = BY_LAYER
    operator_balancing: bool = True
    attention_heads: int = 8
    merged_tokens: int = 8
    weight_ranges: str = CHANNEL

    def __post_init__(self):
        for field in ("embedding_dim", "attention_heads", "merged_tokens"):
            value = getattr(self, field)
            if not is_whole(value, low=1):
                raise ValueError(f"`{field}` must be a positive integer. Received: {value!r}")
        if self.normalization not in NORMALIZATIONS:
            raise ValueError(
                f"`normalization` must be one of {', '.join(map(repr, NORMALIZATIONS))}. "
                f"Received: {self.normalization!r}"
            )
        if self.weight_ranges not in (CHANNEL, TENSOR):
            raise ValueError(
                f"`weight_ranges` must be {CHANNEL!r} or {TENSOR!r}. "
                f"Received: {self.weight_ranges!r}"
            )
        if self.embedding_dim % self.attention_heads:
            raise ValueError(
                f"`attention_heads` must divide `embedding_dim`. Received: "
                f"attention_heads={self.attention_heads}, embedding_dim={self.embedding_dim}"
            )

    @property
    def layer_norm(self) -> bool:
        """Whether it is layer norm that operators normalise by."""
        return self.normalization == BY_LAYER

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "NetworkOptions":
        """The options that ``dataclasses.asdict`` told, also before there was batch norm.

        Args:
            values: options by name; files of before say ``layer_norm``, true or false.

        Raises:
            ValueError: if a value is not in range.
            TypeError: if there is no such option.

        Example:
            >>> NetworkOptions.from_json({"layer_norm": False}).normalization
            'none'
        """
        values = dict(values)
        if "layer_norm" in values:
            values["normalization"] = BY_LAYER if values.pop("layer_norm") else NO_NORM
        return cls(**values)


DEFAULT_OPTIONS = NetworkOptions()


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
    """

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


def total(sizes) -> Size:
    """The sum of integers or of scalar tensors.

    Args:
        sizes: of either kind.
    """
    known = sum(size for size in sizes if isinstance(size, int))
    tensors = [size for size in sizes if not isinstance(size, int)]
    if not tensors:
        return known
    result = tf.add_n(tensors) if len(tensors) > 1 else tensors[0]
    return result + known if known else result


def is_static(condition: Any) -> bool:
    """Whether a condition on sizes is known before the network runs.

    Args:
        condition: as ``equal`` gives it.
    """
    return isinstance(condition, bool)


def equal(first: Size, second: Size) -> Any:
    """Whether two sizes agree: a ``bool``, or a scalar tensor inside the supernet.

    Args:
        first: a size.
        second: a size.
    """
    if isinstance(first, UpperBound) or isinstance(second, UpperBound):
        return False
    if isinstance(first, int) and isinstance(second, int):
        return first == second
    return tf.equal(first, second)


def unless(condition: Any, size: Size) -> Size:
    """``size``, or 0 where the condition holds.

    Args:
        condition: as ``equal`` gives it.
        size: a size.
    """
    if is_static(condition):
        return 0 if condition else size
    return tf.where(condition, 0, size)


def unless_fits(
    fits: Any,
    x: Any,
    project: Callable[[Any], Any],
    keep: Callable[[Any], Any] = lambda x: x,
) -> Any:
    """``keep(x)`` if x fits as it is, else ``project(x)``; the supernet decides while it runs.

    Where it does, the weights of a projection that is left out have no entries.

    Args:
        fits: whether it fits, as ``equal`` gives it.
        x: a tensor.
        project: what makes it fit.
        keep: what is done where it fits.
    """
    if is_static(fits):
        return keep(x) if fits else project(x)
    library = native.kernels(x.dtype)
    if library is None:
        return tf.cond(fits, lambda: keep(x), lambda: project(x))
    # Both run, one of them on nothing at all, which is cheaper than graphs within the graph.
    kept, projected = library.nasrec_route(x, fits)
    return library.nasrec_either(keep(kept), project(projected))


def dot_product_tokens(width: Size) -> Size:
    """Tokens that a balanced dot product of output ``width`` keeps: round(sqrt(2 * width)).

    The paper's text (4.2) says the ceiling; its Table 5 and the authors' code round.

    Example:
        >>> [dot_product_tokens(width) for width in (16, 128, 1024)]
        [6, 16, 45]

    Args:
        width: output width of the dot product.
    """
    if isinstance(width, int):
        return round((2 * int(width)) ** 0.5)
    return tf.cast(tf.round(tf.sqrt(2.0 * tf.cast(width, tf.float32))), tf.int32)
