"""Weights of a stand-alone network in a file, by name.

Tables may take most of a machine's memory, so that none is ever held twice: they are written and
read some rows at a time.
"""

import math
import os
import pathlib
import zipfile
from collections.abc import Iterator
from typing import IO

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.common.errors import RunError
from nasrec_tf.networks.subnet import Subnet

PIECE = 1 << 22
"""Numbers that are read or written at a time, unless a single row has more."""


def save_weights(subnet: Subnet, path: pathlib.Path) -> None:
    """Writes every weight to an ``.npz`` file that is there whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    with open(temporary, "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, variable in subnet.named_weights().items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    _write(variable, member)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_weights(subnet: Subnet, path: pathlib.Path) -> None:
    """Reads what ``save_weights`` wrote.

    Raises:
        RunError: if the file cannot be read or is of another network.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name, variable in subnet.named_weights().items():
                with archive.open(f"{name}.npy") as member:
                    _read(variable, name, member)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{path}: cannot be read as this network's weights ({error}); delete "
            f"{path.parent} to train it again."
        ) from error


def _write(variable: keras.Variable, file: IO[bytes]) -> None:
    dtype = np.dtype(variable.dtype)
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": tuple(variable.shape),
    }
    np.lib.format.write_array_header_1_0(file, header)
    if math.prod(variable.shape) <= PIECE:
        file.write(variable.numpy().tobytes())
        return
    for first, last in _pieces(variable.shape):
        rows = tf.gather(variable.value, tf.range(first, last))
        file.write(memoryview(rows.numpy()).cast("B"))


def _read(variable: keras.Variable, name: str, file: IO[bytes]) -> None:
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if shape != tuple(variable.shape) or dtype != np.dtype(variable.dtype):
        raise ValueError(
            f"{name} is {dtype} {shape} and not {variable.dtype} {tuple(variable.shape)}"
        )
    if math.prod(shape) <= PIECE:
        variable.assign(np.frombuffer(file.read(), dtype).reshape(shape))
        return
    for first, last in _pieces(shape):
        piece = (last - first, *shape[1:])
        rows = np.frombuffer(file.read(math.prod(piece) * dtype.itemsize), dtype).reshape(piece)
        tf.raw_ops.ResourceScatterUpdate(
            resource=variable.value.handle, indices=tf.range(first, last), updates=rows
        )


def _pieces(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """First row of each piece, and the one after its last."""
    rows = max(1, PIECE // max(1, math.prod(shape[1:])))
    for first in range(0, shape[0], rows):
        yield first, min(shape[0], first + rows)
