"""How many entries the vocabularies of a whole log have, by those of two of its samples."""

import math
from collections.abc import Sequence

from beam_preprocess.dataset.feature_schema import SparseFeature
from beam_preprocess.encoding.vocabulary import default_min_count

LEAST_ROWS = 3
"""Of a table: what is missing, what has no row of its own, and a value."""


def grown_tables(
    few: Sequence[SparseFeature],
    many: Sequence[SparseFeature],
    larger: float,
    growth: float,
    training_rows: int,
    min_count: int | None = None,
    most: int | None = None,
) -> tuple[int, ...]:
    """Rows of the embedding tables of the whole log.

    A column's distinct values grow as a power of its rows (Heaps' law), and so do those that are
    seen often enough for a row of their own, by the same power.

    Args:
        few: the sparse features of a sample.
        many: those of a larger one.
        larger: how many times its rows are those of the first.
        growth: how many times the rows of the log are those of the larger one.
        training_rows: of the log.
        min_count: as ``--min-count`` says.
        most: entries of a vocabulary, as ``--max-vocabulary`` says.
    """
    tables = []
    for before, now in zip(few, many):
        power = 0.0
        if larger > 1 and now.rows > before.rows:
            power = min(1.0, math.log(now.rows / before.rows) / math.log(larger))
        rows = now.rows * max(1.0, growth) ** power
        if now.min_count is not None:
            needed = min_count or default_min_count(training_rows)
            rows *= entries_ratio(now.min_count, needed, power)
        if most is not None:
            rows = max(now.rows, min(rows, most))
        tables.append(max(round(rows), min(now.rows, LEAST_ROWS)))
    return tuple(tables)


def entries_ratio(seen: int, needed: int, power: float) -> float:
    r"""Values that come so many times in a log, over those that come fewer times in it.

    Where distinct values grow as the power :math:`\alpha` of the rows, the rates at which values
    come are spread as :math:`\lambda^{-1-\alpha}`, and as counts of a rate are Poisson's, those
    that come at least :math:`m` times go as :math:`\Gamma(m-\alpha) / \Gamma(m)`.

    Args:
        seen: times of the values that there are at least.
        needed: of those that are asked for; no fewer.
        power: of the growth, from 0 to 1.

    Example:
        >>> entries_ratio(2, 10, 0.0), round(entries_ratio(2, 10, 0.5), 3)
        (1.0, 0.371)
        >>> round(entries_ratio(2, 10, 1.0), 3)  # As many more rows have as many more values.
        0.111
    """
    if needed == seen or power == 0.0:
        return 1.0
    if seen == 1 and power == 1.0:  # No value comes twice.
        return 0.0
    lower = math.lgamma(seen - power) - math.lgamma(seen)
    return math.exp(math.lgamma(needed - power) - math.lgamma(needed) - lower)
