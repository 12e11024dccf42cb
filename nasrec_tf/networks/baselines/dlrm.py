"""The Deep Learning Recommendation Model (Naumov et al. 2019)."""

import dataclasses
from typing import Literal

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.lazy import tf
from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    Activation,
    Baseline,
    Share,
    Width,
    every_field,
)
from nasrec_tf.networks.baselines.pieces import Piece, Products, Tower, flattened


@dataclasses.dataclass(frozen=True, kw_only=True)
class DLRM(Baseline):
    """An MLP over dense features, inner products of its output and all embeddings, an MLP on top.

    Products stand in the order of the paper and of TensorFlow Recommenders' ``DotInteraction``:
    the dense vector is the first, and each vector meets all before it, row by row of the strictly
    lower triangle. Without dense features there is no dense vector, and a single field, which then
    has none to meet, is refused.

    Args:
        bottom: widths of the hidden layers over the dense features.
        bottom_output: width of what they become, which has an activation as well; that of an
            embedding unless given, and always where inner products are taken.
        top: widths of the hidden layers on top.
        interaction: ``"dot"`` for inner products, ``"cat"`` for all vectors one behind the other.
        embedding_dim: width of an embedding.
        activation: of hidden layers, and after the bottom MLP's last.
        top_activation: of the top MLP's hidden layers; the same unless given.
        bottom_dropout: share of a bottom layer's outputs that training drops.
        top_dropout: the same of the top layers.
        batch_norm: normalise hidden layers over the batch.

    Reference: Naumov et al., Deep Learning Recommendation Model for Personalization and
    Recommendation Systems, 2019 (arXiv 1906.00091), 2.1.
    """

    name = "dlrm"
    label = "DLRM"
    presets = {
        # facebookresearch/dlrm, bench/dlrm_s_criteo_kaggle.sh.
        "official": {
            "bottom": (512, 256, 64),
            "top": (512, 256),
            "embedding_dim": 16,
            "initializer": "glorot_normal",
        },
        "bars": {
            "bottom": (400, 400, 400),
            "top": (400, 400, 400),
            "batch_norm": True,
            "top_dropout": 0.2,
            "embedding_dim": 10,
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        },
        # Its run on Frappe_x1: no dense fields and no products, so a plain MLP over the vectors.
        "bars-frappe": {
            "top": (400, 400, 400),
            "interaction": "cat",
            "batch_norm": True,
            "top_dropout": 0.4,
            "embedding_dim": 10,
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        },
        # Found from the multiply-accumulates that AutoCTR's authors publish for three data sets.
        "autoctr": {
            "bottom": (2048,),
            "bottom_output": 1024,
            "top": (2048, 2048, 2048),
            "interaction": "cat",
            "embedding_dim": 16,
        },
    }

    bottom: tuple[Width, ...] = (512, 256, 64)
    bottom_output: Width | None = None
    top: tuple[Width, ...] = (512, 256)
    interaction: Literal["dot", "cat"] = "dot"
    embedding_dim: Width = 16
    activation: Activation = "relu"
    top_activation: Activation | None = None
    bottom_dropout: Share = 0.0
    top_dropout: Share = 0.0
    batch_norm: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.interaction == "dot" and self.bottom_output not in (None, self.embedding_dim):
            raise UserError(
                f"dlrm: option 'bottom_output' must be embedding_dim ({self.embedding_dim}) where "
                f"inner products are taken (received: {self.bottom_output})"
            )

    def tables(self, features):
        return {EMBEDDING: every_field(features, self.embedding_dim)}

    def pieces(self, features):
        pieces: dict[str, Piece] = {}
        width = self.bottom_output or self.embedding_dim
        if features.dense:
            pieces["bottom"] = self._tower(
                features.dense,
                self.bottom,
                self.bottom_dropout,
                self.activation,
                output=width,
                output_activation=self.activation,
            )
        of_dense = width if features.dense else 0
        if self.interaction == "dot":
            if not features.dense and features.sparse < 2:
                raise UserError(
                    "dlrm: takes inner products of different fields, and there is one field: its "
                    'logit would be a constant; give it interaction = "cat" in a file of its '
                    "own, or take another model"
                )
            pieces["products"] = Products(
                features.sparse + bool(features.dense), self.embedding_dim
            )
            inputs = of_dense + pieces["products"].width
        else:
            inputs = of_dense + features.sparse * self.embedding_dim
        activation = self.top_activation or self.activation
        pieces["top"] = self._tower(inputs, self.top, self.top_dropout, activation, output=1)
        return pieces

    def _tower(self, inputs, hidden, dropout, activation, **output):
        return Tower(
            inputs=inputs,
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            batch_norm=self.batch_norm,
            initializer=self.initializer,
            **output,
        )

    def logit(self, values, run):
        vectors = values.embedded[EMBEDDING]
        dense = [run["bottom"](values.dense)] if "bottom" in run else []
        if self.interaction == "cat":
            return run["top"](tf.concat([*dense, flattened(vectors)], axis=1))
        tokens = tf.concat([*(vector[:, None] for vector in dense), vectors], axis=1)
        return run["top"](tf.concat([*dense, run["products"](tokens)], axis=1))
