"""Trained networks, from wherever this package left them."""

import pathlib
from typing import Any

from nasrec_tf.common.errors import RunError


def load(path: str | pathlib.Path) -> Any:
    """A trained model.

    Args:
        path: one of

            - a run directory of ``python -m nasrec_tf.search``: what the run exports, which is the
              network that won or an ensemble, calibrated;
            - an export, ``saved_models/NAME`` (its newest version) or one of its versions;
            - a ``.keras`` file: the model, whatever it is;
            - an ``.npz`` file that ``save_weights`` wrote, such as ``retrain/*/best.npz`` of a run.

    Returns:
        A ``TrainedModel`` of a run and of an export: its ``model`` is the Keras model, and
        ``predict_frame`` takes raw rows. Of a file the Keras model itself: a ``Subnet``, the
        ``BaselineNetwork`` of a hand-made model, or what was saved.

    Raises:
        UserError: if there is no such thing, or it is damaged; the message names the file.

    Example:
        >>> import tempfile
        >>> import nasrec_tf
        >>> space = nasrec_tf.NASREC_SMALL.replace(num_blocks=1, dense_widths=(8,))
        >>> features = nasrec_tf.Features(dense=3, table_rows=(5, 9))
        >>> subnet = nasrec_tf.Subnet(space.widest, features)
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.keras"
        >>> subnet.save(path)
        >>> nasrec_tf.load(path).architecture == subnet.architecture
        True
    """
    path = pathlib.Path(path)
    if path.suffix == ".keras":
        return _load_keras(path)
    if path.suffix == ".npz":
        from nasrec_tf.networks.weights import load_network

        return load_network(path)
    if path.is_dir():
        from nasrec_tf.trained.model_sources import load_trained_model

        return load_trained_model(path)
    raise RunError(
        f"{path}: give a run directory, an export, a .keras file, or an .npz file of weights."
    )


def _load_keras(path: pathlib.Path) -> Any:
    import keras

    # They register themselves with Keras.
    import nasrec_tf.networks.baselines.baseline_network
    import nasrec_tf.networks.supernet.model
    import nasrec_tf.optimizers.catalogue  # noqa: F401

    try:
        return keras.saving.load_model(path)
    except Exception as error:  # noqa: BLE001 - Keras raises whatever a damaged archive leads to.
        line = " ".join(str(error).split()) or type(error).__name__
        raise RunError(f"{path}: cannot be read as a Keras model: {line[:300]}") from error
