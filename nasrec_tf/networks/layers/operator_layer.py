"""An operator, merger or head with weights of its own."""

import math

import keras
import tensorflow as tf

from nasrec_tf.networks.layers.feature_embedding import weight_initializer


class WeightedPart(keras.layers.Layer):
    """Weights of one part of a stand-alone network, at their own sizes.

    A weight with no entries (the kernel of a projection that is left out, or of no inputs) is not
    a variable; ``values`` gives an empty tensor for it.

    Args:
        specs: the weights, as an operator states them.
        seed: seed of the initial values; zeros without one.
    """

    def __init__(self, specs, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.specs = tuple(specs)
        self.variables_by_name = {}
        for spec in self.specs:
            if math.prod(spec.shape):
                path = f"{self.name}/{spec.name}"
                self.variables_by_name[spec.name] = self.add_weight(
                    name=spec.name,
                    shape=spec.shape,
                    initializer=weight_initializer(spec.initializer, seed, path),
                )
        self.built = True

    def values(self):
        """Every weight by name."""
        return {
            spec.name: self.variables_by_name[spec.name].value
            if spec.name in self.variables_by_name
            else tf.zeros(spec.shape)
            for spec in self.specs
        }
