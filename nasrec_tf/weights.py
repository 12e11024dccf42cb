"""Weights of a stand-alone network in a file, by name."""

import os
import pathlib

import numpy as np

from nasrec_tf.errors import RunError
from nasrec_tf.subnet import Subnet


def save_weights(subnet: Subnet, path: pathlib.Path) -> None:
    """Writes every weight to an ``.npz`` file that is there whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    arrays = {name: variable.numpy() for name, variable in subnet.named_weights().items()}
    with open(temporary, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_weights(subnet: Subnet, path: pathlib.Path) -> None:
    """Reads what ``save_weights`` wrote.

    Raises:
        RunError: if the file cannot be read or is of another network.
    """
    try:
        with np.load(path) as file:
            for name, variable in subnet.named_weights().items():
                variable.assign(file[name])
    except (OSError, KeyError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be read as this network's weights ({error}); delete "
            f"{path.parent} to train it again."
        ) from error
