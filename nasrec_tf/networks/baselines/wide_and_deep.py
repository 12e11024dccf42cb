"""Wide & Deep (Cheng et al. 2016)."""

import dataclasses

from nasrec_tf.networks.baselines.baseline import (
    EMBEDDING,
    FIRST_ORDER,
    DeepBaseline,
    every_field,
)
from nasrec_tf.networks.baselines.pieces import FirstOrder


@dataclasses.dataclass(frozen=True, kw_only=True)
class WideAndDeep(DeepBaseline):
    """A linear model beside an MLP over all vectors.

    The wide part reads the fields as they are; crosses of fields are columns of the log.

    Reference: Cheng et al., Wide & Deep Learning for Recommender Systems, 2016 (arXiv 1606.07792).
    """

    name = "wide_deep"
    label = "Wide & Deep"
    presets = {
        # As remembered of the paper's Fig. 4, which was not at hand.
        "official": {
            "hidden": (1024, 512, 256),
            "embedding_dim": 32,
            "dense_fields": "raw",
        },
        "bars": {
            "hidden": (400, 400, 400),
            "batch_norm": True,
            "dropout": 0.2,
            "embedding_dim": 10,
            "initializer": "glorot_normal",
            "embedding_deviation": 1e-4,
        },
    }

    def tables(self, features):
        return super().tables(features) | {FIRST_ORDER: every_field(features, 1)}

    def pieces(self, features):
        return {
            FIRST_ORDER: FirstOrder(features.dense, False, self.initializer),
            "vectors": self.vector_piece(features),
            "deep": self.tower(self.flat_width(features), self.hidden),
        }

    def logit(self, values, run):
        vectors = run["vectors"](values.dense, values.embedded[EMBEDDING])
        first = run[FIRST_ORDER](values.dense, values.embedded[FIRST_ORDER])
        return first + run["deep"](self.flat(values.dense, vectors))
