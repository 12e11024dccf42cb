"""xDeepFM with its compressed interaction network (Lian et al. 2018)."""

import dataclasses

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf
from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    FIRST_ORDER,
    Activation,
    DeepBaseline,
    Width,
    every_field,
)
from nasrec_tf.networks.baselines.pieces import FirstOrder, Piece, activate, linear_weights
from nasrec_tf.operators import arithmetic
from nasrec_tf.operators.base import SPARSE
from nasrec_tf.operators.work import DigitalStep, LinearMap, Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class XDeepFM(DeepBaseline):
    """A compressed interaction network (CIN) beside first-order terms and an MLP.

    Args:
        cin: rows of each layer of the CIN.
        cin_activation: of its layers.
        cin_split: let half of a layer's rows go on to the next and pool the other half; else all
            rows do both. The last layer's rows are all pooled.
        cin_bias: whether each row has a bias, and their weighted sum.
        first_order_bias: whether the first-order term has a constant.

    Reference: Lian et al., xDeepFM, 2018 (arXiv 1803.05170), 3.2. There the CIN has no activation;
    DeepCTR's has ReLU and splits its rows, FuxiCTR's has neither.
    """

    name = "xdeepfm"
    label = "xDeepFM"
    presets = {
        # As remembered of the paper, which was not at hand.
        "official": {
            "hidden": (400, 400),
            "cin": (200, 200, 200),
            "dropout": 0.5,
            "embedding_dim": 10,
            "cin_bias": False,
        },
        "bars": {
            "hidden": (400, 400, 400),
            "batch_norm": True,
            "dropout": 0.2,
            "cin": (64,),
            "embedding_dim": 10,
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        },
        "deepctr": {
            "hidden": (256, 128, 64),
            "cin": (256, 128),
            "cin_activation": "relu",
            "cin_split": True,
            "embedding_dim": 4,
            "dense_fields": "raw",
            "embedding_deviation": 1e-4,
        },
    }

    cin: tuple[Width, ...] = (200, 200, 200)
    cin_activation: Activation = "identity"
    cin_split: bool = False
    cin_bias: bool = True
    first_order_bias: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not self.cin:
            raise UserError("xdeepfm: option 'cin' must name at least one layer (received: ())")
        odd = [rows for rows in self.cin[:-1] if rows % 2]
        if self.cin_split and odd:
            raise UserError(
                "xdeepfm: option 'cin' must hold even numbers before the last where rows are split "
                f"(received: {odd[0]})"
            )

    def tables(self, features):
        return super().tables(features) | {FIRST_ORDER: every_field(features, 1)}

    def pieces(self, features):
        pieces = {
            FIRST_ORDER: FirstOrder(features.dense, self.first_order_bias, self.initializer),
            "vectors": self.vector_piece(features),
            "cin": CompressedInteraction(
                self.vector_count(features),
                self.embedding_dim,
                self.cin,
                self.cin_activation,
                self.cin_split,
                self.cin_bias,
                self.initializer,
            ),
        }
        if self.hidden:
            pieces["deep"] = self.tower(self.flat_width(features), self.hidden)
        return pieces

    def logit(self, values, run):
        vectors = run["vectors"](values.dense, values.embedded[EMBEDDING])
        first = run[FIRST_ORDER](values.dense, values.embedded[FIRST_ORDER])
        logit = first + run["cin"](vectors)
        if "deep" in run:
            logit += run["deep"](self.flat(values.dense, vectors))
        return logit


@dataclasses.dataclass(frozen=True)
class CompressedInteraction(Piece):
    """Rows that are weighted sums of elementwise products of a field's vector and an earlier row.

    X^k[o] = sum over fields h and rows m of W_k[h, m, o] * X^0[h] * X^(k-1)[m] + b_k[o], each row
    as wide as a vector; the output is a weighted sum of all rows' sums over the embedding.

    Input shape: (batch, vectors, embedding). Output shape: (batch, 1).

    Args:
        vectors: of a sample.
        embedding: width of a vector.
        rows: of each layer.
        activation: of layers.
        split: whether half of a layer's rows go on and the other half are pooled.
        bias: whether rows and output have biases.
        initializer: of the kernels.
    """

    vectors: int
    embedding: int
    rows: tuple[int, ...]
    activation: str
    split: bool
    bias: bool
    initializer: str

    def _layers(self) -> list[tuple[str, int, int, int]]:
        """Name of each layer, the rows that it reads, has, and pools."""
        layers = []
        read = self.vectors
        for number, rows in enumerate(self.rows, start=1):
            halved = self.split and number < len(self.rows)
            layers.append((f"layer_{number}", read, rows, rows // 2 if halved else rows))
            read = rows // 2 if halved else rows
        return layers

    def _pooled(self) -> int:
        return sum(pooled for *_, pooled in self._layers())

    def weights(self):
        specs = [
            linear_weights(name, self.vectors * read, rows, self.initializer, self.bias)
            for name, read, rows, _ in self._layers()
        ]
        specs.append(linear_weights("output", self._pooled(), 1, self.initializer, self.bias))
        return tuple(spec for pair in specs for spec in pair)

    def work(self):
        steps: list[Step] = []
        for name, read, rows, _ in self._layers():
            count = self.vectors * read
            products = DigitalStep(
                f"{name}_products",
                (SPARSE, *steps[-1:]),
                multiplications=count * self.embedding,
            )
            functions = 0 if self.activation == "identity" else rows * self.embedding
            steps += [
                products,
                LinearMap(name, (products,), count, rows, self.embedding, functions=functions),
            ]
        pooled = DigitalStep(
            "pooled", tuple(steps[1::2]), additions=self._pooled() * (self.embedding - 1)
        )
        return (*steps, pooled, LinearMap("output", (pooled,), self._pooled(), 1))

    def __call__(self, vectors, *, weights):
        # (batch, embedding, rows): a layer is then one product over the last axis.
        first = tf.transpose(vectors, [0, 2, 1])
        read, pooled = first, []
        for name, *_, pools in self._layers():
            products = first[:, :, :, None] * read[:, :, None, :]
            flat = tf.reshape(products, [-1, self.embedding, self.vectors * read.shape[2]])
            rows = activate(arithmetic.linear(flat, weights, name), self.activation)
            read = mine = rows
            if pools < rows.shape[2]:  # Of split rows the first half goes on.
                read, mine = tf.split(rows, [rows.shape[2] - pools, pools], axis=2)
            pooled.append(tf.reduce_sum(mine, axis=1))
        return arithmetic.linear(tf.concat(pooled, axis=1), weights, "output")
