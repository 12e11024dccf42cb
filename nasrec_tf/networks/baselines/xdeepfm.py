"""xDeepFM with its compressed interaction network (Lian et al. 2018)."""

import dataclasses

from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    FIRST_ORDER,
    Activation,
    DeepBaseline,
    Width,
    every_field,
)
from nasrec_tf.networks.baselines.compressed_interaction import CompressedInteraction
from nasrec_tf.networks.baselines.pieces import FirstOrder


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
