"""Trained networks, from wherever this package left them."""

import pathlib
from typing import Any

from nasrec_tf.common.errors import RunError


def load(path: str | pathlib.Path) -> Any:
    """A trained network with its architecture, features and options.

    Args:
        path: one of

            - a run directory of ``python -m nasrec_tf.search``: the network that won, whose
              tables need not be capped as the supernet's are;
            - an export, ``saved_models/NAME`` (its newest version) or one of its versions: the
              network inside, which takes rows of tables and not raw values;
            - a ``.keras`` file: the model, whatever it is;
            - an ``.npz`` file that ``save_weights`` wrote, such as ``retrain/*/best.npz`` of a run.

    Returns:
        A ``Subnet``, or the ``BaselineNetwork`` of a hand-made model; of a ``.keras`` file the
        model that was saved.

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
    from nasrec_tf.search.run_directory import CONFIG_FILE

    if (path / CONFIG_FILE).is_file():
        return _load_winner(path)
    if path.is_dir():
        from nasrec_tf.export.network import load_exported_network

        return load_exported_network(path)
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


def _load_winner(path: pathlib.Path) -> Any:
    from nasrec_tf.networks.weights import holds_network, load_network
    from nasrec_tf.search.results import RetrainResult
    from nasrec_tf.search.run import Run
    from nasrec_tf.search.run_directory import RunDirectory
    from nasrec_tf.search.stages import retrain

    directory = RunDirectory(path)
    result = directory.finished("retrain", RetrainResult)
    weights = path / result.directory / retrain.WEIGHTS
    if holds_network(weights):
        return load_network(weights)
    # Written by version 0.1.0, without the network: that follows from the run.
    config = directory.stored_config()
    if config is None:
        raise RunError(f"{path}: has no configuration, so it is not a run directory.")
    return retrain.load_winner(Run(config, directory, quiet=True))
