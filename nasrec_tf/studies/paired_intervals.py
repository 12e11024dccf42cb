"""How sure it is that one model is better than another: rows and seeds together.

A figure of a model is its mean over seeds, on the rows of the test split. Both are samples, of the
trainings that there might have been and of the rows that there might have been, crossed: every seed
is judged on the same rows. The variance of the difference of two models is the sum of

- the rows': over Poisson resamples of them, the same ones for both models and all seeds, so that
  what is hard about the rows cancels (``nasrec_tf.studies.resampled_quality``);
- each model's seeds': the variance over them, divided by their number.

The seeds' part is counted once more within the rows' (the share that is of a seed and a row
together, divided by the number of rows), which errs on the safe side. With three seeds a variance
is hardly known: the interval is that of Student's t with the degrees of freedom of Welch and
Satterthwaite. A bootstrap that draws three seeds from three would be too narrow: by a fifth, since
it divides by three where two is right, and by its normal tails.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Measured:
    """One figure of a model, by seed.

    Args:
        values: of each seed.
        resampled: of each seed, on each resample; ``None`` where there is none.
        has_seeds: whether another seed would give another value, as it would not of a constant
            prediction.
    """

    values: Sequence[float]
    resampled: Sequence[Sequence[float | None]]
    has_seeds: bool = True

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return sum(self.values) / len(self.values)

    @property
    def deviation(self) -> float | None:
        """Standard deviation of a single seed; ``None`` if there is but one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    @property
    def seeds_variance(self) -> float:
        """Of the mean over seeds; 0 where it is not known."""
        return (self.deviation or 0.0) ** 2 / len(self.values)

    @property
    def seeds_freedom(self) -> int:
        """Degrees of freedom of that; 0 where it is not known."""
        return len(self.values) - 1

    @property
    def means(self) -> list[float | None]:
        """Over the seeds, on each resample; ``None`` where one has none."""
        return [None if None in each else sum(each) / len(each) for each in zip(*self.resampled)]


@dataclasses.dataclass(frozen=True)
class Averaged:
    """One figure of the average of a model's trainings, which is one model.

    How it would differ with other seeds is told by leaving out one after the other (the jackknife
    of Tukey 1958): the average of n - 1 trainings varies about as that of n does.

    Args:
        mean: the figure.
        means: on each resample; ``None`` where there is none.
        without: of the averages of all trainings but one; at least two.
    """

    mean: float
    means: Sequence[float | None]
    without: Sequence[float]
    has_seeds: bool = True

    @property
    def seeds_variance(self) -> float:
        """Of the figure, over the trainings that there might have been."""
        count = len(self.without)
        return float(np.var(self.without)) * (count - 1)

    @property
    def seeds_freedom(self) -> int:
        """Degrees of freedom of that."""
        return len(self.without) - 1


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """One model's figure less another's.

    Args:
        value: the difference of the means over seeds.
        interval: 95 % of it; ``None`` where it cannot be told.
        over_seeds: whether the interval is over seeds as well as rows.
    """

    value: float
    interval: tuple[float, float] | None
    over_seeds: bool

    @property
    def is_beyond(self) -> bool:
        """Whether the interval leaves no doubt of the sign."""
        return self.interval is not None and not self.interval[0] <= 0.0 <= self.interval[1]


def paired_difference(one: Measured | Averaged, other: Measured | Averaged) -> PairedDifference:
    """The difference of two models in a figure, with its interval.

    Args:
        one: the one.
        other: the other, on the same resamples.

    Example:
        >>> one = Measured([0.30, 0.31], [[0.29, 0.31], [0.30, 0.32]])
        >>> other = Measured([0.50, 0.51], [[0.49, 0.51], [0.50, 0.52]])
        >>> found = paired_difference(one, other)
        >>> round(found.value, 3), [round(end, 3) for end in found.interval], found.is_beyond
        (-0.2, [-0.23, -0.17], True)
    """
    value = one.mean - other.mean
    # (variance, degrees of freedom) of each part.
    parts = [_rows_part(one, other)]
    measured = [each for each in (one, other) if each.has_seeds]
    over_seeds = all(each.seeds_freedom > 0 for each in measured)
    if over_seeds:
        parts += [(each.seeds_variance, each.seeds_freedom) for each in measured]
    return PairedDifference(value, _interval(value, parts), over_seeds)


def _rows_part(one: Measured | Averaged, other: Measured | Averaged) -> tuple[float, int]:
    """Variance of the difference over resamples; not a number if fewer than two have one."""
    pairs = zip(one.means, other.means)
    both = [mine - theirs for mine, theirs in pairs if mine is not None and theirs is not None]
    if len(both) < 2:
        return math.nan, 1
    return float(np.var(both, ddof=1)), len(both) - 1


def _interval(value, parts) -> tuple[float, float] | None:
    total = sum(variance for variance, _ in parts)
    if not math.isfinite(total):
        return None
    if not total:
        return value, value
    # In shares of the whole, whose squares do not vanish.
    shares = [(variance / total, freedom) for variance, freedom in parts]
    freedom = 1.0 / sum(share**2 / freedom for share, freedom in shares)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(total)
    return value - reach, value + reach
