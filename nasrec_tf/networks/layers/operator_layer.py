"""An operator, merger or head with weights of its own."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from nasrec_tf.networks.layers.feature_embedding import weight_initializer
from nasrec_tf.networks.layers.spec_config import specs_from_config, specs_to_config
from nasrec_tf.operators.base import WeightSpec

MOMENTUM = 0.9
"""What moving statistics keep of themselves at a step: FuxiCTR's, and PyTorch's default (there it
is called 0.1). Keras's 0.99 is too slow for data of some ten thousand rows (docs/recipes.md).
"""

FORMER_MOMENTUM = 0.99
"""That of layers in files that do not tell."""


@keras.saving.register_keras_serializable("nasrec_tf")
class WeightedPart(keras.layers.Layer):
    """Weights of one part of a stand-alone network, at their own sizes.

    It holds weights and is not called: the part's operator computes with ``values``. A weight with
    no entries (the kernel of a projection that is left out, or of no inputs) is not a variable;
    ``values`` gives an empty tensor for it.

    Args:
        specs: the weights, as an operator states them.
        seed: seed of the initial values; ``None`` for zeros.
        momentum: what moving statistics keep of themselves at a step.

    Example:
        >>> from nasrec_tf.operators.arithmetic import linear_weights
        >>> from nasrec_tf.operators.base import Prefix
        >>> part = WeightedPart(linear_weights("fc", Prefix(3), Prefix(2)))
        >>> {name: tuple(value.shape) for name, value in part.values().items()}
        {'fc_kernel': (3, 2), 'fc_bias': (2,)}
    """

    def __init__(
        self,
        specs: Sequence[WeightSpec],
        seed: int | None = 0,
        momentum: float = FORMER_MOMENTUM,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.specs = tuple(specs)
        self.seed = seed
        self.variables_by_name: dict[str, keras.Variable] = {}
        for spec in self.specs:
            if math.prod(spec.shape):
                path = f"{self.name}/{spec.name}"
                self.variables_by_name[spec.name] = self.add_weight(
                    name=spec.name,
                    shape=spec.shape,
                    initializer=weight_initializer(spec.initializer, seed, path),
                    trainable=spec.trainable,
                )
        self._batch_norms = [
            spec.name.removesuffix("_mean")
            for spec in self.specs
            if not spec.trainable and spec.name.endswith("_mean")
        ]
        self.built = True

    def values(self, training: bool = False) -> dict[str, Any]:
        """Every weight by name, as a tensor of its own shape.

        Args:
            training: adds what moves the statistics of each batch norm, by ``…_moves``.
        """
        values = {
            spec.name: self.variables_by_name[spec.name].value
            if spec.name in self.variables_by_name
            else tf.zeros(spec.shape)
            for spec in self.specs
        }
        if training and self.trainable:
            for norm in self._batch_norms:
                values[f"{norm}_moves"] = functools.partial(self._move, norm)
        return values

    def _move(self, norm, mean, variance):
        """Moves the statistics of a batch norm towards those of a batch."""
        for name, seen in ((f"{norm}_mean", mean), (f"{norm}_variance", variance)):
            moving = self.variables_by_name[name].value
            moving.assign(moving * self.momentum + seen * (1.0 - self.momentum))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again, with newly drawn weights."""
        own: dict[str, Any] = {"specs": specs_to_config(self.specs), "seed": self.seed}
        if self.momentum != FORMER_MOMENTUM:
            own["momentum"] = self.momentum
        return super().get_config() | own

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WeightedPart":
        """The layer that ``get_config`` told."""
        return cls(**config | {"specs": specs_from_config(config["specs"])})
