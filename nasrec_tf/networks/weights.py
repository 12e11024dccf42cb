"""Weights of a stand-alone network in a file, by name, with what the network is.

Tables may take most of a machine's memory, so that none is ever held twice: they are written and
read some rows at a time.
"""

import json
import math
import pathlib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.damaged_archives import ARCHIVE_DAMAGE
from nasrec_tf.common.errors import RunError
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.networks.subnet import Subnet

StandAlone = Subnet | BaselineNetwork
"""Networks of which there are files of weights."""

PIECE = 1 << 22
"""Numbers that are read or written at a time, unless a single row has more."""

NETWORK = "network.json"
"""Member that says which network the weights are of; files of version 0.1.0 do not have it."""

MEND = "restore the file, or train the network again"

ARCHIVE_END = 22
"""Bytes of a ZIP archive's last record, which starts with ``PK\\5\\6`` (APPNOTE.TXT 4.3.16)."""


def save_weights(network: StandAlone, path: str | pathlib.Path) -> None:
    """Writes every weight to an ``.npz`` file that is there whole or not at all.

    Beside the weights it holds what the network is, so that ``load_network`` needs nothing else.

    Args:
        network: the network.
        path: the file.

    Raises:
        UserError: if the file cannot be written; the message names it.

    Example:
        >>> import tempfile
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> from nasrec_tf.data.features import Features
        >>> space = NASREC_SMALL.replace(num_blocks=1, dense_widths=(8,), sparse_widths=(4,))
        >>> subnet = Subnet(space.widest, Features(dense=3, table_rows=(5, 9)))
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.npz"
        >>> save_weights(subnet, path)
        >>> load_network(path).architecture == subnet.architecture
        True
    """
    with atomic_path(path) as draft:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(NETWORK, json.dumps(network.get_config()))
            for name, variable in network.named_weights().items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    _write(variable, member)


def load_weights(network: StandAlone, path: str | pathlib.Path, mend: str = MEND) -> None:
    """Reads what ``save_weights`` wrote.

    Args:
        network: one of the same architecture, or baseline, features and options.
        path: the file.
        mend: what the user can do about a damaged file.

    Raises:
        RunError: if the file cannot be read, is damaged, or is of another network; some weights
            may have been read by then.
    """
    read_weights(path, {n: taken_by(v) for n, v in network.named_weights().items()}, mend)


class Wanted(NamedTuple):
    """A weight that is read from a file.

    Args:
        shape: that it has to have there.
        dtype: of its numbers.
        take: called with the first row and the rows of each piece, in their order; with the whole
            of a small one.
    """

    shape: tuple[int, ...]
    dtype: str
    take: Callable[[int, np.ndarray], None]


def read_weights(path: str | pathlib.Path, wanted: Mapping[str, Wanted], mend: str = MEND) -> None:
    """Reads the weights of a file that ``save_weights`` wrote, in pieces.

    Args:
        path: the file.
        wanted: all of its weights by name.
        mend: what the user can do about a damaged file.

    Raises:
        RunError: if the file cannot be read, is damaged, or has other weights; some may have been
            handed over by then.
    """
    try:
        _check_end(path)
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, {f"{name}.npy" for name in wanted})
            for name, weight in wanted.items():
                with archive.open(f"{name}.npy") as member:
                    _read(weight, name, member)
    except ARCHIVE_DAMAGE as error:
        raise _damaged(path, error, mend) from error


def taken_by(variable: keras.Variable) -> Wanted:
    """A weight that becomes a variable's as it is.

    Args:
        variable: of the same shape.
    """

    def take(first: int, rows: np.ndarray) -> None:
        if rows.shape == tuple(variable.shape):
            variable.assign(rows)
        else:
            scatter_rows(variable, np.arange(first, first + len(rows)), rows)

    return Wanted(tuple(variable.shape), variable.dtype, take)


def scatter_rows(variable: keras.Variable, places: np.ndarray, rows: np.ndarray) -> None:
    """Gives some rows of a variable other values, in place.

    Args:
        variable: (rows, ...).
        places: which rows, (count,).
        rows: their values, (count, ...).
    """
    tf.raw_ops.ResourceScatterUpdate(
        resource=variable.value.handle, indices=places.astype(np.int64), updates=rows
    )


def load_network(path: str | pathlib.Path, mend: str = MEND) -> Any:
    """The network that ``save_weights`` wrote, with its architecture, features and options.

    Args:
        path: the file.
        mend: what the user can do about a damaged file.

    Returns:
        A ``Subnet``, or a ``BaselineNetwork``.

    Raises:
        RunError: if the file cannot be read or is damaged, or is of version 0.1.0, which wrote
            weights alone.
        UserError: if the network would not fit into the memory of the machine.
    """
    try:
        _check_end(path)
        with zipfile.ZipFile(path) as archive:
            if NETWORK not in archive.namelist():
                raise KeyError(f"it has no {NETWORK}: version 0.1.0 wrote weights alone")
            config = json.loads(archive.read(NETWORK))
        # Weights that are read next need not be drawn.
        kind: Any = BaselineNetwork if "baseline" in config else Subnet
        network = kind.from_config(config | {"seed": None})
    except ARCHIVE_DAMAGE as error:
        raise _damaged(path, error, mend) from error
    load_weights(network, path, mend)
    return network


def _damaged(path: str | pathlib.Path, error: Exception, mend: str) -> RunError:
    reason = error.args[0] if isinstance(error, KeyError) and error.args else error
    if isinstance(error, OSError):
        reason = error.strerror or error
    line = " ".join(str(reason).split()) or type(error).__name__
    return RunError(f"{path}: cannot be read as this network's weights ({line}); {mend}.")


def _check_end(path: str | pathlib.Path) -> None:
    """Refuses bytes after the archive, which ``zipfile`` looks past."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - ARCHIVE_END))
        end = file.read()
    if not size:
        raise ValueError("it is empty")
    if not end.startswith(b"PK\5\6") or end[-2:] != b"\0\0":
        raise ValueError("it is cut, or no archive, or there are bytes after its end")


def _check_members(archive: zipfile.ZipFile, wanted: set[str]) -> None:
    names = archive.namelist()
    found = set(names) - {NETWORK}
    for name in sorted(wanted - found):
        raise ValueError(f"{name} is missing")
    for name in sorted(found - wanted):
        raise ValueError(f"{name!r} is no weight of it")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is in it twice")
    if min(info.header_offset for info in archive.infolist()):
        raise ValueError("there are bytes before its start")


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


def _read(weight: Wanted, name: str, file: IO[bytes]) -> None:
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError(f"{name} is of another version of NumPy's format")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if shape != weight.shape or dtype != np.dtype(weight.dtype) or fortran_order:
        order = " column by column" if fortran_order else ""
        raise ValueError(f"{name} is {dtype} {shape}{order} and not {weight.dtype} {weight.shape}")
    if math.prod(shape) <= PIECE:
        weight.take(0, _numbers(file, shape, dtype))
    else:
        for first, last in _pieces(shape):
            weight.take(first, _numbers(file, (last - first, *shape[1:]), dtype))
    # The checksum is compared where the end is met.
    if file.read(1):
        raise ValueError(f"{name} has more than {math.prod(shape)} numbers")


def _numbers(file: IO[bytes], shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    content = file.read(math.prod(shape) * dtype.itemsize)
    if len(content) < math.prod(shape) * dtype.itemsize:
        raise ValueError("it is cut")
    return np.frombuffer(content, dtype).reshape(shape)


def _pieces(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """First row of each piece, and the one after its last."""
    rows = max(1, PIECE // max(1, math.prod(shape[1:])))
    for first in range(0, shape[0], rows):
        yield first, min(shape[0], first + rows)
