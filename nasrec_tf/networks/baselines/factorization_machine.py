"""The factorization machine of second order (Rendle 2010)."""

import dataclasses

from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    FIRST_ORDER,
    VectorBaseline,
    every_field,
)
from nasrec_tf.networks.baselines.pieces import FirstOrder, second_order


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactorizationMachine(VectorBaseline):
    """First-order terms and a constant, and the inner products of all pairs of vectors.

    Reference: Rendle, Factorization Machines, 2010.
    """

    name = "fm"
    label = "FM"
    presets = {
        "bars": {
            "embedding_dim": 10,
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        }
    }

    def tables(self, features):
        return super().tables(features) | {FIRST_ORDER: every_field(features, 1)}

    def pieces(self, features):
        return {
            FIRST_ORDER: FirstOrder(features.dense, True, self.initializer),
            "vectors": self.vector_piece(features),
        }

    def logit(self, values, run):
        vectors = run["vectors"](values.dense, values.embedded[EMBEDDING])
        first = run[FIRST_ORDER](values.dense, values.embedded[FIRST_ORDER])
        return first + second_order(vectors)
