"""Rows sorted by score once, so that each of many resamples costs one pass over them.

The area under the curve is the chance that a row with a click scores above one without, equal
scores counting half (Mann and Whitney, 1947). With the rows without a click in the order of their
scores, and C(k) the summed weight of the first k of them, it is the mean of C(low) + C(high) over
the rows with a click, halved, where low is how many others score below such a row and high how many
score no higher. low and high stay the same whatever the rows weigh; ties are counted exactly.
"""

from collections.abc import Callable

import numpy as np

CHUNK = 1 << 19
"""Rows that are weighed at a time."""

POISSON_PROBABILITIES = np.exp(-1.0) / np.cumprod([1.0, *range(1, 10)])
"""Of 0 to 9 from Poisson(1); one in nine million draws would be more."""


class RankedRows:
    """The rows of a split in the order of their scores, those with a click apart.

    Takes up to 24 bytes a row with losses, and 8 without.

    Args:
        labels: 0 or 1, (rows,).
        scores: finite numbers, (rows,); the higher, the likelier a click.
        losses: of each row, if resampled losses are asked for.

    Example:
        >>> rows = RankedRows(np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 3.0, 3.0]))
        >>> rows.auc()
        0.625
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray, losses: np.ndarray | None = None):
        clicked = labels > 0.5
        self._clicked, self._others = np.flatnonzero(clicked), np.flatnonzero(~clicked)
        # In the order of scores; the order of equal ones does not matter.
        self._clicked = self._clicked[np.argsort(scores[self._clicked])]
        self._others = self._others[np.argsort(scores[self._others])]
        others, mine = scores[self._others], scores[self._clicked]
        kind = np.uint32 if len(others) < 1 << 32 else np.int64
        self._low = np.searchsorted(others, mine, "left").astype(kind)
        self._high = np.searchsorted(others, mine, "right").astype(kind)
        if losses is not None:
            self._clicked_losses, self._other_losses = losses[self._clicked], losses[self._others]

    def auc(self, weights: np.ndarray | None = None) -> float | None:
        """The area under the curve.

        Args:
            weights: of each row, in the order in which the rows were given; 1 each unless given.

        Returns:
            The area, exact for whole weights; ``None`` if one of the classes weighs nothing.
        """
        if weights is None:
            total = int(self._low.sum(dtype=np.int64)) + int(self._high.sum(dtype=np.int64))
            return _area(total, len(self._clicked), len(self._others))
        mine, others = weights[self._clicked], weights[self._others]
        until = np.concatenate([[0], np.cumsum(others, dtype=np.result_type(others, np.int64))])
        total = (mine * (until[self._low] + until[self._high])).sum()
        return _area(total.item(), mine.sum().item(), until[-1].item())

    def resampled(self, rng: np.random.Generator) -> tuple[float | None, float | None]:
        """Mean loss and area under the curve of rows that count as often as Poisson(1) says.

        Takes a byte for every row with a click, and a fixed amount besides.

        Args:
            rng: the source of the draws.

        Returns:
            Mean loss, ``None`` if no row counts; area, ``None`` if no row of a class counts.
        """
        return self._weighed(lambda count: poisson_weights(rng, count))

    def _weighed(self, draw: Callable[[int], np.ndarray]) -> tuple[float | None, float | None]:
        """Mean loss and area with weights drawn for clicked rows, then for the others in turn."""
        mine = np.empty(len(self._clicked), np.uint8)
        loss, weight = 0.0, 0
        for part in _parts(0, len(mine)):
            mine[part] = drawn = draw(part.stop - part.start)
            loss += weighted_sum(drawn, self._clicked_losses[part])
            weight += int(drawn.sum(dtype=np.int64))
        total = others = 0
        for part in _parts(0, len(self._others)):
            drawn = draw(part.stop - part.start)
            loss += weighted_sum(drawn, self._other_losses[part])
            # until[k]: weight of the first k rows of this part.
            until = np.zeros(len(drawn) + 1, np.int32)
            np.cumsum(drawn, dtype=np.int32, out=until[1:])
            for ranks in (self._low, self._high):
                total += _weight_below(ranks, part, until, others, mine)
            others += int(until[-1])
        mean = loss / (weight + others) if weight + others else None
        return mean, _area(total, weight, others)


def poisson_weights(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draws from Poisson(1), to within 2 ** -16 of its probabilities, as bytes.

    Args:
        rng: the source of the draws.
        count: how many.

    Example:
        >>> poisson_weights(np.random.default_rng(0), 100_000).mean().round(2)
        np.float64(1.0)
    """
    uniform = rng.bit_generator.random_raw(-(-count // 4)).view(np.uint16)[:count]
    return _WEIGHT_OF_UNIFORM.take(uniform, mode="clip")


def drawn_weights(
    rng: np.random.Generator, count: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """What the rows of a Poisson resample count.

    Args:
        rng: the source of the draws.
        count: how many rows.
        weights: of each when it is drawn once, (count,); 1 unless given.

    Returns:
        Bytes, or float64 with weights.
    """
    drawn = poisson_weights(rng, count)
    return drawn if weights is None else drawn * weights.astype(np.float64)


def weighted_sum(weights: np.ndarray, values: np.ndarray) -> float:
    """The sum of values times weights, in double precision and whatever the number of threads.

    Args:
        weights: (rows,).
        values: (rows,).
    """
    # Not by BLAS, whose sums depend on the number of threads.
    return float(np.einsum("i,i->", weights.astype(np.float64), values.astype(np.float64)))


def weighted_mean(weights: np.ndarray, values: np.ndarray) -> float | None:
    """The mean of values, each as often as it counts; ``None`` if none does.

    Args:
        weights: not negative, (rows,).
        values: (rows,).

    Example:
        >>> weighted_mean(np.array([2, 1], np.uint8), np.array([1.0, 4.0]))
        2.0
    """
    exact = np.issubdtype(weights.dtype, np.integer)
    count = weights.sum(dtype=np.int64 if exact else np.float64).item()
    # Not by BLAS, whose sums depend on the number of threads.
    return float(np.einsum("i,i->", weights, values)) / count if count else None


def _weight_of_uniform() -> np.ndarray:
    """The weight of each number of 16 bits."""
    ends = np.rint(np.cumsum(POISSON_PROBABILITIES) * 65536).astype(int)
    return np.searchsorted(ends[:-1], np.arange(65536), side="right").astype(np.uint8)


_WEIGHT_OF_UNIFORM = _weight_of_uniform()


def _parts(first: int, last: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, last)) for start in range(first, last, CHUNK)]


def _weight_below(ranks, part, until, before, weights) -> int:
    """Sum of weight times weight of the others below, of the rows with a rank in this part.

    Args:
        ranks: how many others are below each row, rising.
        part: the others in question; a rank belongs to the part that its last one is in.
        until: weight of the first 0, 1, ... of them.
        before: weight of all others before them.
        weights: of each row.
    """
    first, last = np.searchsorted(ranks, [part.start, part.stop], side="right")
    total = 0
    for rows in _parts(int(first), int(last)):
        below = until.take(ranks[rows] - part.start, mode="clip").astype(np.int64) + before
        total += int(np.einsum("i,i->", below, weights[rows].astype(np.int64)))
    return total


def _area(total, clicked, others) -> float | None:
    return total / (2 * clicked * others) if clicked and others else None
