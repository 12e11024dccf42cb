"""What all networks that give logits are to Keras."""

from collections.abc import Mapping
from typing import Any

import keras

from nasrec_tf.networks.network_inputs import logits_shape


class LogitNetwork(keras.Model):
    """A Keras model from a batch of ``features`` to logits, which is built once it is made.

    Args:
        **kwargs: as Keras takes them.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        # XLA does not know our kernels, nor a graph of sizes that a path decides.
        self.supports_jit = False

    def build(self, input_shape: Any = None) -> None:
        """Nothing is left to build: all sizes are known from the start."""

    def compute_output_shape(self, input_shape: Mapping[str, Any]) -> tuple[int | None, int]:
        """The shape of the logits, (batch, 1).

        Args:
            input_shape: shapes of the inputs by name.

        Raises:
            ValueError: if one is missing or of another width.
        """
        return logits_shape(self.features, input_shape)

    def compute_output_spec(self, inputs: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """What a call with symbolic inputs gives: logits of (batch, 1)."""
        shapes = {name: tuple(value.shape) for name, value in inputs.items()}
        return keras.KerasTensor(self.compute_output_shape(shapes), dtype=self.compute_dtype)
