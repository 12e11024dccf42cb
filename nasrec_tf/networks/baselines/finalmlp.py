"""FinalMLP, two MLPs whose outputs are multiplied (Mao et al. 2023)."""

import dataclasses
from typing import Annotated

import pydantic

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf
from nasrec_tf.common.strict_json import shown
from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    Activation,
    Count,
    Share,
    Table,
    VectorBaseline,
    Width,
)
from nasrec_tf.networks.baselines.pieces import (
    FieldVectors,
    Piece,
    Tower,
    flattened,
    linear_weights,
)
from nasrec_tf.operators import arithmetic
from nasrec_tf.operators.base import DENSE, SPARSE, Prefix, WeightSpec
from nasrec_tf.operators.work import DigitalStep, LinearMap

Field = Annotated[str, pydantic.Field(pattern=r"^[IC][1-9][0-9]{0,5}$")]
"""A dense column (``I1``, ``I2``, ...) or a sparse field (``C1``, ...), by its place."""

STREAMS = (1, 2)

OF_FRAPPE = {
    "hidden_1": (400,),
    "hidden_2": (100,),
    "dropout_1": 0.4,
    "dropout_2": 0.4,
    "batch_norm_1": True,
    "batch_norm_2": True,
    "heads": 5,
    "gate_hidden": (400,),
    "embedding_dim": 10,
    "initializer": "glorot_normal",
    "embedding_deviation": 1e-4,
}
"""BARS's options for Frappe_x1, without contexts: these are fields of a log, to be named where its
users and items stand."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinalMLP(VectorBaseline):
    """Two MLPs over the vectors, each behind gates of its own, joined by a bilinear product.

    Args:
        hidden_1: layers of the first MLP, all with an activation.
        hidden_2: of the second.
        activation: of all of them.
        activation_2: of the second MLP's; the same unless given.
        dropout_1: share of a layer's outputs that training drops, in the first MLP.
        dropout_2: in the second.
        batch_norm_1: normalise layers of the first MLP over the batch.
        batch_norm_2: of the second.
        heads: pieces into which both outputs are split for the product.
        gated: whether there are gates.
        gate_hidden: hidden layers of the MLP that makes them.
        context_1: fields whose vectors, from tables of their own, the first gates follow from, such
            as ``["I1", "C6"]``; none for a trained constant.
        context_2: of the second.

    Reference: Mao et al., FinalMLP, 2023 (arXiv 2304.00902), section 3.
    """

    name = "finalmlp"
    label = "FinalMLP"
    presets = {
        "bars": OF_FRAPPE,
        # Contexts are the user and the item, which are the first two fields of its file.
        "bars-frappe": OF_FRAPPE | {"context_1": ("C1",), "context_2": ("C2",)},
        "bars-criteo": {
            "hidden_1": (400, 400, 400),
            "hidden_2": (1000,),
            "dropout_1": 0.2,
            "dropout_2": 0.3,
            "batch_norm_1": True,
            "batch_norm_2": True,
            "heads": 200,
            "gate_hidden": (800,),
            "context_1": tuple(f"I{number}" for number in range(1, 14)),
            "context_2": ("C6",),
            "embedding_dim": 10,
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        },
    }

    hidden_1: tuple[Width, ...] = (400, 400, 400)
    hidden_2: tuple[Width, ...] = (400, 400, 400)
    activation: Activation = "relu"
    activation_2: Activation | None = None
    dropout_1: Share = 0.0
    dropout_2: Share = 0.0
    batch_norm_1: bool = False
    batch_norm_2: bool = False
    heads: Count = 1
    gated: bool = True
    gate_hidden: tuple[Width, ...] = (400,)
    context_1: tuple[Field, ...] = ()
    context_2: tuple[Field, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        for stream in STREAMS:
            hidden = self._hidden(stream)
            if not hidden or hidden[-1] % self.heads:
                raise UserError(
                    f"finalmlp: option 'hidden_{stream}' must end with a width that heads "
                    f"({self.heads}) divide (received: {hidden})"
                )
            context = self._context(stream)
            if len(set(context)) < len(context):
                raise UserError(
                    f"finalmlp: option 'context_{stream}' names a field twice "
                    f"(received: {shown(list(context))})"
                )

    def _hidden(self, stream: int) -> tuple[int, ...]:
        return getattr(self, f"hidden_{stream}")

    def _activation(self, stream: int) -> str:
        return (self.activation_2 if stream == 2 else None) or self.activation

    def _context(self, stream: int) -> tuple[str, ...]:
        return getattr(self, f"context_{stream}")

    def context_fields(self, stream: int, features) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Numbers, from 0, of the dense columns and of the sparse fields of a context, in order.

        Args:
            stream: 1 or 2.
            features: what the network reads.

        Raises:
            UserError: if a field is not among them.
        """
        found: dict[str, list[int]] = {"I": [], "C": []}
        for field in self._context(stream):
            kind, number = field[0], int(field[1:])
            if number > (features.dense if kind == "I" else features.sparse):
                raise UserError(
                    f"finalmlp: option 'context_{stream}' names {field}, and there are "
                    f"{features.dense} dense columns (I) and {features.sparse} sparse fields (C)."
                )
            found[kind].append(number - 1)
        return tuple(sorted(found["I"])), tuple(sorted(found["C"]))

    def tables(self, features):
        tables = super().tables(features)
        for stream in STREAMS if self.gated else ():
            _, sparse = self.context_fields(stream, features)
            if sparse:
                tables[f"context_{stream}"] = Table(sparse, self.embedding_dim)
        return tables

    def pieces(self, features):
        flat = self.flat_width(features)
        pieces: dict[str, Piece] = {"vectors": self.vector_piece(features)}
        for stream in STREAMS:
            if self.gated:
                pieces |= self._gate_pieces(stream, flat, features)
            pieces[f"mlp_{stream}"] = Tower(
                inputs=flat,
                hidden=self._hidden(stream),
                output=None,
                activation=self._activation(stream),
                dropout=getattr(self, f"dropout_{stream}"),
                batch_norm=getattr(self, f"batch_norm_{stream}"),
                initializer=self.initializer,
            )
        widths = (self.hidden_1[-1], self.hidden_2[-1])
        pieces["fusion"] = BilinearFusion(*widths, self.heads, self.initializer)
        return pieces

    def _gate_pieces(self, stream, flat, features):
        dense, sparse = self.context_fields(stream, features)
        if dense or sparse:
            context: Piece = ContextVectors(dense, self.embedding_dim)
        else:
            context = TrainedConstant(self.embedding_dim)
        gate = Tower(
            inputs=max(len(dense) + len(sparse), 1) * self.embedding_dim,
            hidden=self.gate_hidden,
            output=flat,
            output_activation="sigmoid",
            initializer=self.initializer,
        )
        return {f"context_{stream}": context, f"gate_{stream}": gate}

    def logit(self, values, run):
        vectors = run["vectors"](values.dense, values.embedded[EMBEDDING])
        flat = self.flat(values.dense, vectors)
        outputs = []
        for stream in STREAMS:
            gated = flat
            if self.gated:
                context = run[f"context_{stream}"](
                    values.dense, values.embedded.get(f"context_{stream}")
                )
                gated = flat * (2.0 * run[f"gate_{stream}"](context))
            outputs.append(run[f"mlp_{stream}"](gated))
        return run["fusion"](*outputs)


@dataclasses.dataclass(frozen=True)
class TrainedConstant(Piece):
    """What a gate follows from where no context is named: the same for every sample.

    Output shape: (1, width).

    Args:
        width: of it.
    """

    width: int

    def weights(self):
        return (WeightSpec("constant", (Prefix(1), Prefix(self.width)), 0.0),)

    def __call__(self, dense, sparse, *, weights):
        return tf.convert_to_tensor(weights["constant"])


@dataclasses.dataclass(frozen=True)
class ContextVectors(Piece):
    """The vectors of some fields, flattened: of dense columns first, then of sparse fields.

    Input shapes: (batch, all dense columns), (batch, the sparse fields, embedding), if any. Output
    shape: (batch, fields x embedding).

    Args:
        columns: numbers of the dense columns.
        embedding: width of a vector.
    """

    columns: tuple[int, ...]
    embedding: int

    @property
    def _dense(self) -> FieldVectors:
        return FieldVectors(len(self.columns), self.embedding, "vectors")

    def weights(self):
        return self._dense.weights()

    def work(self):
        return self._dense.work()

    def __call__(self, dense, sparse, *, weights):
        columns = tf.gather(dense, self.columns, axis=1) if self.columns else dense
        if sparse is None:
            return flattened(columns[:, :, None] * weights["vectors"])
        return flattened(self._dense(columns, sparse, weights=weights))


@dataclasses.dataclass(frozen=True)
class BilinearFusion(Piece):
    """A linear map of two vectors, and for each of their heads o1^T W o2.

    Input shapes: (batch, first), (batch, second). Output shape: (batch, 1).

    Args:
        first: width of the first.
        second: width of the second.
        heads: pieces of equal width into which both are split, in order.
        initializer: of the kernels.
    """

    first: int
    second: int
    heads: int
    initializer: str

    def weights(self):
        second = Prefix(self.second // self.heads)
        return (
            *linear_weights("first", self.first, 1, self.initializer),
            *linear_weights("second", self.second, 1, self.initializer),
            # Of each head (first / heads, second / heads), one below the other.
            WeightSpec("bilinear_kernel", (Prefix(self.first), second), self.initializer),
        )

    def work(self):
        rows, columns = self.first // self.heads, self.second // self.heads
        bilinear = LinearMap("bilinear", (DENSE, SPARSE), rows, columns, self.heads)
        return (
            LinearMap("first", (DENSE, SPARSE), self.first, 1),
            LinearMap("second", (DENSE, SPARSE), self.second, 1),
            bilinear,
            DigitalStep("products", (bilinear,), multiplications=self.second),
        )

    def __call__(self, first, second, *, weights):
        linear = arithmetic.linear(first, weights, "first")
        linear += arithmetic.linear(second, weights, "second")
        rows, columns = self.first // self.heads, self.second // self.heads
        kernel = tf.reshape(weights["bilinear_kernel"], [self.heads, rows, columns])
        by_head = tf.reshape(first, [-1, self.heads, rows])
        mapped = tf.einsum("bhi,hij->bhj", by_head, kernel)
        mapped = tf.reshape(mapped, [-1, self.second])
        return linear + tf.reduce_sum(mapped * second, axis=1, keepdims=True)
