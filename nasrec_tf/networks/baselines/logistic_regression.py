"""Logistic regression: a weight for every value."""

import dataclasses

from nasrec_tf.networks.baselines.baseline import FIRST_ORDER, Baseline, every_field
from nasrec_tf.networks.baselines.pieces import FirstOrder


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogisticRegression(Baseline):
    """The sum of a weight for each sparse value, dense values times a weight, and a constant.

    Reference: Richardson et al., Predicting Clicks, 2007.

    Example:
        >>> from nasrec_tf.data.features import Features
        >>> LogisticRegression().complexity(Features(13, (1,) * 26)).multiply_accumulates
        13
    """

    name = "lr"
    label = "Logistic regression"
    is_shallow = True
    presets = {"bars": {"initializer": "glorot_normal", "embedding_deviation": 1e-4}}

    def tables(self, features):
        return {FIRST_ORDER: every_field(features, 1)}

    def pieces(self, features):
        return {FIRST_ORDER: FirstOrder(features.dense, True, self.initializer)}

    def logit(self, values, run):
        return run[FIRST_ORDER](values.dense, values.embedded[FIRST_ORDER])
