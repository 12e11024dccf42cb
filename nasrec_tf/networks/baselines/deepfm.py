"""DeepFM (Guo et al. 2017)."""

import dataclasses

from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    FIRST_ORDER,
    DeepBaseline,
    DenseFields,
    every_field,
)
from nasrec_tf.networks.baselines.pieces import FirstOrder, second_order


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeepFM(DeepBaseline):
    """A factorization machine beside an MLP, both over the same vectors.

    Dense fields have no vectors unless that is asked for, as in DeepCTR: see the FM alone.

    Args:
        first_order_bias: whether the first-order term has a constant beside that of the MLP
            (FuxiCTR from its version 2; not in version 1.1, behind BARS).

    Reference: Guo et al., DeepFM, 2017 (arXiv 1703.04247).
    """

    name = "deepfm"
    label = "DeepFM"
    presets = {
        # As remembered of the paper, which was not at hand.
        "official": {
            "hidden": (400, 400, 400),
            "embedding_dim": 10,
            "dense_fields": "vectors",
            "dropout": 0.5,
        },
        "bars": {
            "hidden": (400, 400, 400),
            "batch_norm": True,
            "dropout": 0.2,
            "embedding_dim": 10,
            "dense_fields": "vectors",
            "first_order_bias": False,
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        },
        # Found from the multiply-accumulates that AutoCTR's authors publish for three data sets.
        "autoctr": {
            "hidden": (2048, 2048, 2048, 1024),
            "embedding_dim": 16,
            "dense_fields": "raw",
        },
    }

    dense_fields: DenseFields = "raw"
    first_order_bias: bool = True

    def tables(self, features):
        return super().tables(features) | {FIRST_ORDER: every_field(features, 1)}

    def pieces(self, features):
        return {
            FIRST_ORDER: FirstOrder(features.dense, self.first_order_bias, self.initializer),
            "vectors": self.vector_piece(features),
            "deep": self.tower(self.flat_width(features), self.hidden),
        }

    def logit(self, values, run):
        vectors = run["vectors"](values.dense, values.embedded[EMBEDDING])
        first = run[FIRST_ORDER](values.dense, values.embedded[FIRST_ORDER])
        return first + second_order(vectors) + run["deep"](self.flat(values.dense, vectors))
