"""Which products of fields weigh most in a symmetric CP form, out of all that there are."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from nasrec_tf.common.errors import UserError

MOST_PRODUCTS = 20_000_000
"""Products of an order that are gone through, at most: some ten seconds."""

CHUNK = 1 << 16
"""Products that are in memory at a time."""


def product_count(vectors: int, order: int) -> int:
    """Products of so many different vectors.

    Args:
        vectors: there are.
        order: of a product.

    Raises:
        UserError: if there are more than can be gone through.

    Example:
        >>> product_count(10, 3)
        120
    """
    count = math.comb(vectors, order)
    if count > MOST_PRODUCTS:
        raise UserError(
            f"{vectors} fields have {count:,} products of order {order}, more than the "
            f"{MOST_PRODUCTS:,} that are gone through; ask for a lower order."
        )
    return count


def weights_of(factors: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What products weigh: the sum over the rank of the product of their fields' factors.

    Args:
        factors: beta, (rank, vectors).
        places: numbers of the vectors of each product, (products, order).

    Returns:
        (products,) float64.

    Example:
        >>> weights_of(np.array([[1.0, 2.0, 3.0], [1.0, 1.0, -1.0]]), np.array([[0, 1], [1, 2]]))
        array([3., 5.])
    """
    # (rank, products), field by field: less memory than all fields at once.
    found = factors[:, places[:, 0]].astype(np.float64)
    for column in places.T[1:]:
        found *= factors[:, column]
    return found.sum(axis=0)


def heaviest_products(
    factors: np.ndarray, order: int, keep: int
) -> list[tuple[tuple[int, ...], float]]:
    """The products of the largest absolute weights, the largest first.

    Of equal ones those of earlier fields come first.

    Args:
        factors: beta, (rank, vectors).
        order: of the products.
        keep: how many; all if there are fewer.

    Raises:
        UserError: if there are more products than can be gone through.

    Example:
        >>> heaviest_products(np.array([[1.0, -2.0, 3.0]]), order=2, keep=2)
        [((1, 2), -6.0), ((0, 2), 3.0)]
    """
    product_count(factors.shape[1], order)
    best_places = np.zeros((0, order), np.int32)
    best_weights = np.zeros(0)
    for places in _chunks(factors.shape[1], order):
        best_places = np.concatenate([best_places, places])
        best_weights = np.concatenate([best_weights, weights_of(factors, places)])
        # Stable: what came first stays first among equals.
        chosen = np.argsort(-np.abs(best_weights), kind="stable")[:keep]
        best_places, best_weights = best_places[chosen], best_weights[chosen]
    return [
        (tuple(places), weight)
        for places, weight in zip(best_places.tolist(), best_weights.tolist())
    ]


def _chunks(vectors: int, order: int) -> Iterator[np.ndarray]:
    """All products in the order of their fields, (some, order) at a time."""
    numbers = itertools.combinations(range(vectors), order)
    while True:
        chunk = list(itertools.islice(numbers, CHUNK))
        if not chunk:
            return
        yield np.array(chunk, np.int32)
