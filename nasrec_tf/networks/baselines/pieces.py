"""Pieces that hand-made models share: each states weights and work, and computes.

Sparse and dense vectors are laid out (batch, field, embedding), so that flattening them puts all
numbers of a field together.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from nasrec_tf.common.lazy import tf
from nasrec_tf.operators import arithmetic, normalization
from nasrec_tf.operators.base import DENSE, SPARSE, Prefix, WeightSpec
from nasrec_tf.operators.dot_product import pairs
from nasrec_tf.operators.mergers import interaction
from nasrec_tf.operators.work import DigitalStep, LinearMap, Step

PER_ROW = "nasrec_tf>PerRowGlorotNormal"
"""Initializer of a weight whose rows are kernels of their own (``baseline_network``)."""

BATCH_NORM_EPSILON = 1e-5
"""FuxiCTR's, and PyTorch's default; so is the unbiased moving variance."""

BOTH = (DENSE, SPARSE)


class Piece:
    """A part of a hand-made model. Its sizes are integers that it is made with."""

    def weights(self) -> tuple[WeightSpec, ...]:
        """Its weights; moving statistics among them."""
        return ()

    def work(self) -> tuple[Step, ...]:
        """Its linear maps and digital steps, each after those it waits for.

        What it reads of other pieces stands there as the dense and sparse features that they read.
        """
        return ()

    def dropouts(self) -> dict[str, float]:
        """Share of each dropout, by the name that its function has in ``weights``."""
        return {}

    def __call__(self, *inputs: Any, weights: Mapping[str, Any]) -> Any:
        """The output.

        Args:
            *inputs: what it reads.
            weights: tensors by name, the functions of dropouts, and what moves statistics.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Tower(Piece):
    """An MLP: linear map, batch normalisation if any, activation, dropout if any, and so on.

    Input shape: (batch, inputs). Output shape: (batch, output), or (batch, last hidden width).

    Args:
        inputs: width of what it reads.
        hidden: widths of its hidden layers.
        output: width of a last layer without normalisation or dropout; ``None`` for none.
        output_activation: of that layer.
        output_bias: whether that layer has a bias.
        activation: of hidden layers.
        dropout: share of a hidden layer's outputs that training drops.
        batch_norm: normalise hidden layers over the batch.
        initializer: of the kernels.

    Example:
        >>> Tower(inputs=8, hidden=(4, 4), output=1).width
        1
        >>> [spec.shape for spec in Tower(inputs=8, hidden=(4,), output=None).weights()]
        [(8, 4), (4,)]
    """

    inputs: int
    hidden: tuple[int, ...]
    output: int | None
    output_activation: str = "identity"
    output_bias: bool = True
    activation: str = "relu"
    dropout: float = 0.0
    batch_norm: bool = False
    initializer: str = "glorot_uniform"

    @property
    def width(self) -> int:
        """Of its output."""
        return self._layers()[-1][2] if self._layers() else self.inputs

    def _layers(self) -> list[tuple[str, int, int]]:
        """Name, inputs and outputs of each linear map."""
        widths = (self.inputs, *self.hidden)
        layers = [
            (f"hidden_{number}", widths[number - 1], widths[number])
            for number in range(1, len(widths))
        ]
        if self.output is not None:
            layers.append(("output", widths[-1], self.output))
        return layers

    def weights(self):
        specs: list[WeightSpec] = []
        for name, rows, columns in self._layers():
            bias = name != "output" or self.output_bias
            specs += linear_weights(name, rows, columns, self.initializer, bias)
            if self.batch_norm and name != "output":
                specs += normalization.batch_norm_weights(f"{name}_norm", columns)
        return tuple(specs)

    def work(self):
        steps: list[Step] = []
        for name, rows, columns in self._layers():
            activation = self.output_activation if name == "output" else self.activation
            functions = 0 if activation == "identity" else columns
            source = tuple(steps[-1:]) or BOTH
            steps.append(LinearMap(name, source, rows, columns, functions=functions))
        return tuple(steps)

    def dropouts(self):
        if not self.dropout:
            return {}
        return {f"{name}_dropout": self.dropout for name, *_ in self._layers() if name != "output"}

    def __call__(self, x, *, weights):
        for name, *_ in self._layers():
            x = arithmetic.linear(x, weights, name)
            if name == "output":
                return activate(x, self.output_activation)
            if self.batch_norm:
                x = normalization.batch_norm(
                    x, weights, f"{name}_norm", BATCH_NORM_EPSILON, unbiased=True
                )
            x = activate(x, self.activation)
            x = apply_if_any(x, weights, f"{name}_dropout")
        return x


@dataclasses.dataclass(frozen=True)
class FieldVectors(Piece):
    """The vectors of a sample: those of dense fields first, then those of sparse ones.

    Input shapes: (batch, dense), (batch, fields, embedding). Output shape:
    (batch, vectors, embedding).

    Args:
        dense: dense columns.
        embedding: width of a vector.
        dense_fields: how dense columns enter, see ``VectorBaseline``.
    """

    dense: int
    embedding: int
    dense_fields: str

    def weights(self):
        if self.dense_fields == "vectors":
            shape = (Prefix(self.dense), Prefix(self.embedding))
            return (WeightSpec("vectors", shape, PER_ROW),)
        if self.dense_fields == "token" and self.dense:
            return arithmetic.linear_weights("token", Prefix(self.dense), Prefix(self.embedding))
        return ()

    def work(self):
        if not self.dense:
            return ()
        if self.dense_fields == "vectors":
            return (DigitalStep("vectors", (DENSE,), multiplications=self.dense * self.embedding),)
        if self.dense_fields == "token":
            return (LinearMap("token", (DENSE,), self.dense, self.embedding),)
        return ()

    def __call__(self, dense, sparse, *, weights):
        if self.dense_fields == "raw" or not self.dense:
            return sparse
        if self.dense_fields == "vectors":
            of_dense = dense[:, :, None] * weights["vectors"]
        else:
            of_dense = arithmetic.linear(dense, weights, "token")[:, None, :]
        return tf.concat([of_dense, sparse], axis=1)


@dataclasses.dataclass(frozen=True)
class FirstOrder(Piece):
    """The sum of a trained weight of each field: of a sparse one's row, of a dense one's value.

    Input shapes: (batch, dense), (batch, fields, 1). Output shape: (batch, 1).

    Args:
        dense: dense columns.
        bias: whether there is a constant term.
        initializer: of the dense columns' weights.
    """

    dense: int
    bias: bool
    initializer: str = "glorot_uniform"

    def weights(self):
        return linear_weights("dense", self.dense, 1, self.initializer, self.bias)

    def work(self):
        return (LinearMap("dense", (DENSE,), self.dense, 1),)

    def __call__(self, dense, rows, *, weights):
        return tf.reduce_sum(rows, axis=1) + arithmetic.linear(dense, weights, "dense")


@dataclasses.dataclass(frozen=True)
class Products(Piece):
    """Inner products of every vector with every earlier one.

    Input shape: (batch, count, embedding). Output shape: (batch, count * (count - 1) / 2).

    Args:
        count: of vectors.
        embedding: width of a vector.
    """

    count: int
    embedding: int

    @property
    def width(self) -> int:
        """Of its output."""
        return self.count * (self.count - 1) // 2

    def work(self):
        # The whole Gram matrix, as a matrix product computes it and fvcore counts it.
        return (DigitalStep("products", (SPARSE,), products=self.count**2 * self.embedding),)

    def __call__(self, vectors, *, weights):
        return pairs(tf.transpose(vectors, [0, 2, 1]), is_static=True)


def second_order(vectors: Any) -> Any:
    """A factorization machine: the sum of the inner products of all pairs of vectors.

    1/2 of the sum over the embedding of (sum of vectors)^2 - sum of squared vectors (Rendle,
    Factorization Machines, 2010).

    Args:
        vectors: (batch, vectors, embedding).

    Returns:
        (batch, 1).
    """
    tokens = tf.transpose(vectors, [0, 2, 1])
    return 0.5 * tf.reduce_sum(interaction(tokens), axis=1, keepdims=True)


def flattened(vectors: Any) -> Any:
    """All numbers of the first vector, then of the second, and so on: (batch, numbers).

    Args:
        vectors: (batch, vectors, embedding), of known sizes.
    """
    return tf.reshape(vectors, [-1, vectors.shape[1] * vectors.shape[2]])


def linear_weights(
    name: str, rows: int, columns: int, initializer: str, bias: bool = True
) -> tuple[WeightSpec, ...]:
    """Kernel and bias of a linear map.

    Args:
        name: what their names start with.
        rows: inputs.
        columns: outputs.
        initializer: of the kernel.
        bias: whether there is one.
    """
    kernel, offset = arithmetic.linear_weights(name, Prefix(rows), Prefix(columns))
    kernel = dataclasses.replace(kernel, initializer=initializer)
    return (kernel, offset) if bias else (kernel,)


def activate(x: Any, activation: str) -> Any:
    """The values after an activation function.

    Args:
        x: values of any shape.
        activation: a function of ``tf.nn`` by name, or ``"identity"``.
    """
    return x if activation == "identity" else getattr(tf.nn, activation)(x)


def apply_if_any(x: Any, weights: Mapping[str, Any], name: str) -> Any:
    """What the function of that name makes of ``x``; ``x`` where there is none.

    Args:
        x: values.
        weights: tensors and functions by name.
        name: of a function, such as a dropout.
    """
    return weights[name](x) if name in weights else x
