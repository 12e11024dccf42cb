"""Drawing some of many rows, each with a chance of its own, so that sums over all can be told.

A row that is drawn with chance c stands for 1 / c rows (Horvitz and Thompson 1952). Where chances
go with how much a row adds to the spread of what is asked, fewer rows tell as much.
"""

import numpy as np

EVEN_SHARE = 0.1
"""Of the chances, what all rows have alike, so that none that was thought to be worth little weighs
more than ten times as much as before (Hesterberg 1995: defensive mixtures)."""


def chances(worth: np.ndarray, count: int) -> np.ndarray:
    """With what chance each row is drawn, (rows,): as it is worth, but never more than surely.

    Args:
        worth: of each row, finite and from 0, in any unit, (rows,).
        count: rows to draw, of which there are at least as many.

    Returns:
        Chances above 0 and up to 1, whose sum is ``count``.

    Example:
        >>> chances(np.array([0.0, 1.0, 1.0, 2.0]), 2).round(3).tolist()
        [0.05, 0.5, 0.5, 0.95]
        >>> chances(np.array([0.0, 0.0, 9.0, 0.0]), 2).round(3).tolist()
        [0.333, 0.333, 1.0, 0.333]
    """
    rows = len(worth)
    largest = float(worth.max(initial=0.0))
    # Scaled first: neither the sum of huge values nor the mean of tiny ones leaves the numbers.
    scaled = worth / largest if largest > 0 else np.ones(rows)
    share = (1 - EVEN_SHARE) * scaled / scaled.sum() + EVEN_SHARE / rows
    found = np.ones(rows)
    open_rows = np.arange(rows)
    while open_rows.size:
        left = count - (rows - open_rows.size)
        wanted = left * (share[open_rows] / share[open_rows].sum())
        is_sure = wanted >= 1
        if not is_sure.any():
            found[open_rows] = wanted
            break
        open_rows = open_rows[~is_sure]
    return found


def systematic_draw(chances: np.ndarray, seed: int) -> np.ndarray:
    """Numbers of the rows drawn, rising: equal steps through the sum of the chances.

    Args:
        chances: of each row, above 0 and up to 1, with a whole sum, (rows,).
        seed: of where the steps begin.

    Returns:
        As many numbers as the sum says, none twice; of very many rows a few less, where rounding
        let two steps end in one row.

    Example:
        >>> systematic_draw(np.array([0.5, 1.0, 0.5, 1.0]), seed=0).tolist()
        [1, 2, 3]
    """
    ends = np.cumsum(chances)
    count = round(float(ends[-1]))
    marks = np.arange(count) + np.random.default_rng(seed).random()
    # Rounding may leave the last step beyond the sum.
    return np.unique(np.searchsorted(ends, np.minimum(marks, ends[-1])))
