"""Where MNSIM 2.0 puts the tiles of a network, and how far their data travels."""

import functools
from collections.abc import Sequence

import numpy as np

from pim.errors import PimError


@functools.lru_cache(maxsize=8)
def _positions(mesh: int) -> np.ndarray:
    """Row and column of every tile in the order in which MNSIM fills the mesh ("hui").

    Tiles fill one square shell after the other, each in the direction opposite to the last.
    """
    order = [(0, 0)]
    for shell in range(1, mesh):
        down = [(step, shell) for step in range(shell + 1)]
        left = [(shell, shell - step) for step in range(1, shell + 1)]
        cells = down + left
        order += cells if shell % 2 else cells[::-1]
    return np.array(order)


def _farthest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Manhattan distance from each of ``points`` to the farthest of ``others``."""
    distances = []
    for sign in (1, -1):
        along = points[:, 0] + sign * points[:, 1]
        targets = others[:, 0] + sign * others[:, 1]
        distances += [targets.max() - along, along - targets.min()]
    return np.max(distances, axis=0)


def hops(tiles: Sequence[int], mesh: int) -> tuple[list[int], list[int]]:
    """Hops within each layer, to its collecting tile, and from there to the next layer.

    The collecting tile is the first, row by row, with the smallest sum of both.

    Args:
        tiles: tiles of each layer.
        mesh: tiles along one side of the mesh.

    Raises:
        PimError: if the tiles do not fit on the mesh.
    """
    if sum(tiles) > mesh * mesh:
        raise PimError(f"mnsim2: {sum(tiles)} tiles do not fit on a mesh of {mesh} by {mesh}")
    ends = np.cumsum(tiles)
    places = []
    for start, end in zip(ends - tiles, ends):
        part = _positions(mesh)[start:end]
        places.append(part[np.lexsort((part[:, 1], part[:, 0]))])
    within, onward = [], []
    for number, place in enumerate(places):
        inner = _farthest(place, place)
        last = number + 1 == len(places)
        outer = np.zeros_like(inner) if last else _farthest(place, places[number + 1])
        best = int(np.argmin(inner + outer))
        within.append(int(inner[best]))
        onward.append(int(outer[best]))
    return within, onward
