"""The factorization machine of second order (Rendle 2010)."""

import dataclasses

from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    FIRST_ORDER,
    DenseFields,
    VectorBaseline,
    every_field,
)
from nasrec_tf.networks.baselines.pieces import FirstOrder, second_order


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactorizationMachine(VectorBaseline):
    """First-order terms and a constant, and the inner products of all pairs of vectors.

    Dense fields have no vectors unless that is asked for: products of logarithms of counts are
    large, and logits of the Criteo head began with a deviation of 29.

    Reference: Rendle, Factorization Machines, 2010.
    """

    name = "fm"
    label = "FM"
    is_shallow = True
    presets = {
        "bars": {
            "embedding_dim": 10,
            "dense_fields": "vectors",
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        }
    }

    dense_fields: DenseFields = "raw"

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
