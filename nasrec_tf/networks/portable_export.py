"""``export`` of networks whose layers compute with kernels of our own."""

from typing import Any

import keras

from nasrec_tf import native
from nasrec_tf.data.features import Features
from nasrec_tf.networks.logit_network import LogitNetwork


class PortableExport(LogitNetwork):
    """A network whose exports hold TensorFlow's own operations alone.

    Any program loads them, with neither this package nor its kernels. Of a larger model that has
    one of these inside, call ``export`` within ``nasrec_tf.portable()``.
    """

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Writes the model for inference, as ``keras.Model.export`` does.

        The logits are those of the model; ``nasrec_tf.export`` writes one that takes raw values.

        Args:
            filepath: the directory to write.
            format: as Keras takes it.
            verbose: whether a message is printed.
            input_signature: of the inputs; batches of any size of ``"dense"`` and ``"sparse"``
                unless given.
            **kwargs: further ones of Keras.
        """
        if input_signature is None:
            input_signature = [_signature(self.features)]
        with native.portable():
            super().export(
                filepath, format=format, verbose=verbose, input_signature=input_signature, **kwargs
            )


def _signature(features: Features) -> dict[str, keras.InputSpec]:
    signature = {
        "dense": keras.InputSpec("float32", (None, features.dense), name="dense"),
        "sparse": keras.InputSpec("int64", (None, features.id_columns), name="sparse"),
    }
    if not features.dense:
        del signature["dense"]
    return signature
