"""AutoInt and AutoInt+ (Song et al. 2019)."""

import dataclasses
from typing import Literal

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf
from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    FIRST_ORDER,
    Activation,
    Count,
    DeepBaseline,
    Share,
    Width,
    every_field,
)
from nasrec_tf.networks.baselines.pieces import (
    FirstOrder,
    Piece,
    Tower,
    activate,
    apply_if_any,
    flattened,
    linear_weights,
)
from nasrec_tf.operators import arithmetic, normalization
from nasrec_tf.operators.attention import NATIVE_HEAD_SIZES, self_attention
from nasrec_tf.operators.base import SPARSE
from nasrec_tf.operators.work import DigitalStep, LinearMap, Step


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoInt(DeepBaseline):
    """Layers of self-attention over the fields' vectors, beside an MLP (the ``+``).

    Args:
        attention_layers: how many.
        attention_dim: width of a layer's vectors, all heads together.
        heads: of a layer.
        scale: divide scores by the root of a head's width.
        map_activation: of queries, keys, values and projected residuals.
        map_bias: whether their maps have biases.
        residual: what is added to a layer's output: nothing (``"none"``), its input, projected
            where widths differ (``"fit"``), or always projected (``"projected"``).
        layer_norm: normalise a layer's output ``"before"`` or ``"after"`` its ReLU, or ``"none"``.
        attention_dropout: share of attention's weights that training drops.
        wide: whether there are first-order terms too.
        hidden: of the MLP; none at all for AutoInt without one.

    Reference: Song et al., AutoInt, 2019 (arXiv 1810.11921), section 4. Its authors' code has
    biases and ReLU on the four maps, and normalises after the ReLU, with an epsilon of 1e-8 that
    is 1e-5 here; FuxiCTR's has neither, and normalises before it.
    """

    name = "autoint"
    label = "AutoInt+"
    presets = {
        # run_joint_criteo.sh of the authors.
        "official": {
            "hidden": (400, 400),
            "attention_layers": 3,
            "attention_dim": 64,
            "heads": 2,
            "map_activation": "relu",
            "map_bias": True,
            "residual": "projected",
            "layer_norm": "after",
            "embedding_dim": 16,
            "initializer": "glorot_normal",
            "embedding_deviation": 0.01,
        },
        "bars": {
            "hidden": (400, 400, 400),
            "attention_layers": 5,
            "attention_dim": 128,
            "heads": 4,
            "layer_norm": "before",
            "batch_norm": True,
            "dropout": 0.1,
            "attention_dropout": 0.1,
            "embedding_dim": 10,
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        },
        # Found from the multiply-accumulates that AutoCTR's authors publish for three data sets.
        "autoctr": {
            "hidden": (2048, 2048, 1024),
            "attention_layers": 2,
            "attention_dim": 128,
            "heads": 2,
            "map_bias": True,
            "residual": "projected",
            "embedding_dim": 16,
            "dense_fields": "token",
        },
    }

    attention_layers: Count = 3
    attention_dim: Width = 64
    heads: Count = 2
    scale: bool = True
    map_activation: Activation = "identity"
    map_bias: bool = False
    residual: Literal["none", "fit", "projected"] = "fit"
    layer_norm: Literal["none", "before", "after"] = "none"
    attention_dropout: Share = 0.0
    wide: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.attention_dim % self.heads:
            raise UserError(
                f"autoint: option 'heads' must divide attention_dim ({self.attention_dim}) "
                f"(received: {self.heads})"
            )

    def tables(self, features):
        wide = {FIRST_ORDER: every_field(features, 1)} if self.wide else {}
        return super().tables(features) | wide

    def pieces(self, features):
        tokens = self.vector_count(features)
        pieces: dict[str, Piece] = {"vectors": self.vector_piece(features)}
        for number in range(1, self.attention_layers + 1):
            inputs = self.embedding_dim if number == 1 else self.attention_dim
            pieces[f"attention_{number}"] = InteractingLayer(self, tokens, inputs)
        flat = tokens * self.attention_dim
        pieces["head"] = Tower(inputs=flat, hidden=(), output=1, initializer=self.initializer)
        if self.hidden:
            pieces["deep"] = self.tower(self.flat_width(features), self.hidden)
        if self.wide:
            pieces[FIRST_ORDER] = FirstOrder(features.dense, False, self.initializer)
        return pieces

    def logit(self, values, run):
        vectors = run["vectors"](values.dense, values.embedded[EMBEDDING])
        attended = vectors
        for number in range(1, self.attention_layers + 1):
            attended = run[f"attention_{number}"](attended)
        logit = run["head"](flattened(attended))
        if "deep" in run:
            logit += run["deep"](self.flat(values.dense, vectors))
        if FIRST_ORDER in run:
            logit += run[FIRST_ORDER](values.dense, values.embedded[FIRST_ORDER])
        return logit


QUERY_KEY_VALUE = ("query", "key", "value")


@dataclasses.dataclass(frozen=True)
class InteractingLayer(Piece):
    """One layer of self-attention, with no projection of its heads' joined outputs.

    Input shape: (batch, tokens, inputs). Output shape: (batch, tokens, attention_dim).

    Args:
        options: of the model.
        tokens: vectors of a sample.
        inputs: width of those that it reads.
    """

    options: AutoInt
    tokens: int
    inputs: int

    @property
    def _projects_residual(self) -> bool:
        fits = self.inputs == self.options.attention_dim
        residual = self.options.residual
        return residual == "projected" or (residual == "fit" and not fits)

    def _maps(self) -> tuple[str, ...]:
        return (*QUERY_KEY_VALUE, *(["residual"] if self._projects_residual else []))

    def weights(self):
        options = self.options
        maps = [
            linear_weights(
                name, self.inputs, options.attention_dim, options.initializer, options.map_bias
            )
            for name in self._maps()
        ]
        specs = tuple(spec for pair in maps for spec in pair)
        if options.layer_norm == "none":
            return specs
        return specs + normalization.norm_weights("norm", options.attention_dim)

    def work(self):
        width, elements = self.options.attention_dim, self.tokens * self.options.attention_dim
        functions = 0 if self.options.map_activation == "identity" else elements
        maps = tuple(
            LinearMap(name, (SPARSE,), self.inputs, width, self.tokens, functions=functions)
            for name in self._maps()
        )
        scores = DigitalStep(
            "scores",
            maps[:3],
            products=2 * self.tokens**2 * width,
            functions=self.options.heads * self.tokens**2,
        )
        added: tuple[Step | str, ...] = maps[3:] or (SPARSE,)
        output = DigitalStep(
            "output",
            (scores, *added) if self.options.residual != "none" else (scores,),
            additions=0 if self.options.residual == "none" else elements,
            functions=elements,
            normalized=0 if self.options.layer_norm == "none" else elements,
        )
        return *maps, scores, output

    def dropouts(self):
        share = self.options.attention_dropout
        return {"attention_dropout": share} if share else {}

    def __call__(self, x, *, weights):
        options = self.options
        packed, residual = self._mapped(x, weights), x
        if self._projects_residual:
            # The gradient of a split is a concatenation; that of a slice fills a whole array.
            packed, residual = tf.split(packed, [3 * options.attention_dim, -1], axis=2)
        attended = self._attended(packed, weights)
        if options.residual != "none":
            attended += residual
        if options.layer_norm == "before":
            attended = normalization.layer_norm(attended, weights, "norm")
        output = tf.nn.relu(attended)
        return (
            normalization.layer_norm(output, weights, "norm")
            if options.layer_norm == "after"
            else output
        )

    def _mapped(self, x, weights):
        """Queries, keys, values and projected residuals, by one product: (batch, token, 3 or 4 x
        attention_dim).
        """
        kinds = ("kernel", "bias") if self.options.map_bias else ("kernel",)
        joint = {
            f"maps_{kind}": tf.concat([weights[f"{name}_{kind}"] for name in self._maps()], axis=-1)
            for kind in kinds
        }
        return activate(arithmetic.linear(x, joint, "maps"), self.options.map_activation)

    def _attended(self, packed, weights):
        options = self.options
        size = options.attention_dim // options.heads
        # Heads are wide here, unlike the operator's: but for those that there is a kernel for the
        # gradient by the chain rule takes half the time of that of ``attention_by_products``.
        if "attention_dropout" not in weights and size in NATIVE_HEAD_SIZES:
            if not options.scale:  # What follows divides by it.
                query, others = tf.split(packed, [options.attention_dim, -1], axis=2)
                packed = tf.concat([query * size**0.5, others], axis=2)
            return self_attention(packed, options.heads, self.tokens)
        by_head = tf.reshape(packed, [-1, self.tokens, 3, options.heads, size])
        query, key, value = tf.unstack(tf.transpose(by_head, [2, 0, 3, 1, 4]), num=3)
        scores = tf.matmul(query, key, transpose_b=True)
        shares = tf.nn.softmax(scores * size**-0.5 if options.scale else scores)
        shares = apply_if_any(shares, weights, "attention_dropout")
        joined = tf.transpose(tf.matmul(shares, value), [0, 2, 1, 3])
        return tf.reshape(joined, [-1, self.tokens, options.attention_dim])
