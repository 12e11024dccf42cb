"""A generated click log with planted feature interactions.

The file has the layout of Criteo's raw log: tab separated, a label, 13 integers, 26 categories of
eight hexadecimal digits, empty where a value is missing, no header. Every label is drawn with a
known click probability, so that the best log loss that any model can reach is known too.

Clicks depend on the integers and on hidden traits of viewer and advert, which eight of the
categories reveal: on each by itself, and on the products category x category, integer x category
and integer x integer, which only a model that lets features interact can use. Test log loss on
the last 5,000 of 50,000 rows of seed 1 (scikit-learn, L2): constant 0.574, one-hot logistic
regression 0.459, the same with the planted products 0.361, true probabilities 0.348.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import UserError

DENSE_FEATURES = 13
CLICK_RATE = 0.25
"""Close to the 0.256 of Criteo's Kaggle log."""

DENSE_MISSING = (0.45, 0.0, 0.2, 0.2, 0.05, 0.25, 0.05, 0.0, 0.05, 0.45, 0.05, 0.77, 0.2)
"""Share of missing values of each integer, about that of Criteo's Kaggle log."""

CATEGORIES = (8, 7, 120, 90, 6, 13, 40, 6, 3, 60, 35, 120, 30, 4,
              45, 110, 4, 40, 25, 4, 115, 18, 5, 70, 9, 60)  # fmt: skip
"""Distinct values of each category: few where Criteo has few, small enough to learn from a log
of 50,000 rows."""

SPARSE_FEATURES = len(CATEGORIES)

SPARSE_MISSING = {2: 0.04, 3: 0.04, 5: 0.13, 11: 0.04, 15: 0.04, 18: 0.45, 19: 0.45, 20: 0.04,
                  21: 0.82, 23: 0.04, 24: 0.45, 25: 0.45}  # fmt: skip
"""Share of missing values of the categories that have any, by index from 0; as in Criteo's log."""

DENSE_EFFECTS = {0: 0.4, 2: -0.3, 4: -0.4, 6: 0.35, 10: 0.45, 12: -0.3}
"""Slope of the logit in the standardised logarithm of an integer, by index from 0."""

VIEWER_FIELDS = (0, 4, 8, 22)
ADVERT_FIELDS = (1, 7, 13, 16)
"""Categories that describe the viewer and the advert, by index from 0. The others are noise.

Each of their values has a hidden vector; those of a row's viewer fields add up to its interests,
those of its advert fields to what the advert offers.
"""

TRAITS = 2
"""Length of the hidden vectors."""

TRAIT_EFFECT = 0.7
"""Slope of the logit in each trait of the viewer and of the advert: all that a linear model sees
of the categories."""

MATCH_EFFECT = 1.1
"""Slope in the inner product of viewer and advert: category times category."""

DENSE_TRAIT_PAIRS = ((1, 0), (4, 1), (7, 0), (10, 1))
"""Integers whose slope depends on a trait of the advert: (integer, trait), by index from 0."""

DENSE_TRAIT_EFFECT = 0.4
"""Slope in each of these products: integer times category."""

DENSE_PAIRS = ((4, 6), (1, 10))
"""Integers whose product matters, by index from 0."""

DENSE_PAIR_EFFECT = 0.3
"""Slope in each of these products: integer times integer."""

CHUNK_ROWS = 16384


@dataclasses.dataclass(frozen=True)
class DemoFacts:
    """What is known of a generated log.

    Args:
        rows: number of rows.
        clicks: rows with label 1.
        best_log_loss: mean over the rows of the expected log loss of the true click probability
            (its entropy, in nats): no model does better in expectation. The log loss measured on
            n rows scatters around it, with a standard deviation of about 0.4 / sqrt(n).
        constant_log_loss: log loss of predicting the click rate on every row.
    """

    rows: int
    clicks: int
    best_log_loss: float
    constant_log_loss: float

    @property
    def click_rate(self) -> float:
        return self.clicks / self.rows

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows, {self.click_rate:.1%} clicks; best possible log loss "
            f"{self.best_log_loss:.4f}, constant prediction {self.constant_log_loss:.4f}"
        )


@dataclasses.dataclass(frozen=True)
class DemoChunk:
    """Consecutive rows.

    Args:
        labels: (rows,) 0 or 1.
        probabilities: (rows,) true click probability.
        dense: (rows, 13) integers as floats, NaN where missing.
        sparse: (rows, 26) indices of categories, -1 where missing.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    dense: np.ndarray
    sparse: np.ndarray

    def head(self, rows: int) -> "DemoChunk":
        """The first rows.

        Args:
            rows: how many.
        """
        return DemoChunk(*(getattr(self, f.name)[:rows] for f in dataclasses.fields(self)))


class DemoWorld:
    """The hidden truth behind a demo log: what is frequent, and what makes users click.

    Everything follows from the seed. A log of fewer rows is the beginning of a longer one.

    Args:
        seed: a non-negative integer.
    """

    def __init__(self, seed: int):
        if seed < 0:
            raise UserError(f"--seed must not be negative. Received: {seed}")
        self._seed = seed
        rng = np.random.default_rng([seed, 0])
        self._frequencies = [_heavy_tail(count, rng) for count in CATEGORIES]
        self.tokens = [_tokens(count, rng) for count in CATEGORIES]
        self._location = rng.uniform(0.5, 3.5, DENSE_FEATURES)
        self._scale = rng.uniform(0.9, 1.6, DENSE_FEATURES)
        self._vectors = {
            field: self._trait_vectors(field, rng) for field in VIEWER_FIELDS + ADVERT_FIELDS
        }
        self._intercept = 0.0
        self._intercept = self._fitting_intercept()

    def chunks(self, rows: int) -> Iterator[DemoChunk]:
        """The first rows, in pieces of at most ``CHUNK_ROWS``.

        Args:
            rows: how many.
        """
        for index, start in enumerate(range(0, rows, CHUNK_ROWS)):
            yield self._chunk(index + 2).head(rows - start)

    def _chunk(self, stream: int) -> DemoChunk:
        rng = np.random.default_rng([self._seed, stream])
        normal = rng.standard_normal((CHUNK_ROWS, DENSE_FEATURES))
        dense = np.floor(np.exp(self._location + self._scale * normal))
        dense[:, 1] -= 2  # As in Criteo's log, the second integer may be negative.
        dense[rng.random(dense.shape) < DENSE_MISSING] = np.nan
        sparse = self._categories(rng)
        missing = rng.random(sparse.shape)
        for field, share in SPARSE_MISSING.items():
            sparse[missing[:, field] < share, field] = -1
        probabilities = 1 / (1 + np.exp(-self._logits(dense, sparse)))
        labels = (rng.random(CHUNK_ROWS) < probabilities).astype(np.int64)
        return DemoChunk(labels, probabilities, dense, sparse)

    def _categories(self, rng: np.random.Generator) -> np.ndarray:
        """(rows, 26) indices of categories, drawn by their frequencies."""
        return np.stack(
            [rng.choice(len(p), size=CHUNK_ROWS, p=p) for p in self._frequencies], axis=1
        )

    def _logits(self, dense: np.ndarray, sparse: np.ndarray) -> np.ndarray:
        """The true logit, a function of what the row shows: a missing value has effect 0."""
        levels = np.log1p(np.maximum(dense, 0))
        levels = np.nan_to_num(np.tanh((levels - self._location) / self._scale / 1.5) * 1.5)
        logits = np.full(len(dense), self._intercept)
        for column, slope in DENSE_EFFECTS.items():
            logits += slope * levels[:, column]
        viewer = self._traits(VIEWER_FIELDS, sparse)
        advert = self._traits(ADVERT_FIELDS, sparse)
        logits += TRAIT_EFFECT * (viewer + advert).sum(axis=1)
        logits += MATCH_EFFECT * (viewer * advert).sum(axis=1)
        for column, trait in DENSE_TRAIT_PAIRS:
            logits += DENSE_TRAIT_EFFECT * levels[:, column] * advert[:, trait]
        for first, second in DENSE_PAIRS:
            logits += DENSE_PAIR_EFFECT * levels[:, first] * levels[:, second]
        return logits

    def _traits(self, fields: Sequence[int], sparse: np.ndarray) -> np.ndarray:
        """(rows, traits) of what the fields describe; variance about 1 over the rows."""
        parts = [_look_up(self._vectors[field], sparse[:, field]) for field in fields]
        return np.sum(parts, axis=0) / np.sqrt(len(fields))

    def _trait_vectors(self, field: int, rng: np.random.Generator) -> np.ndarray:
        """Hidden vectors of a category's values: mean 0, variance 1 over the rows."""
        vectors = rng.standard_normal((CATEGORIES[field], TRAITS))
        return _standardise(vectors, self._frequencies[field])

    def _fitting_intercept(self) -> float:
        """The intercept that gives the wanted click rate, by bisection on rows set aside."""
        chunk = self._chunk(1)
        logits = self._logits(chunk.dense, chunk.sparse)
        low, high = -10.0, 10.0
        for _ in range(40):
            middle = (low + high) / 2
            if np.mean(1 / (1 + np.exp(-(logits + middle)))) < CLICK_RATE:
                low = middle
            else:
                high = middle
        return middle


def _heavy_tail(count: int, rng: np.random.Generator) -> np.ndarray:
    """Frequencies of a category's values, falling as a power of the rank (Zipf-Mandelbrot)."""
    weights = (np.arange(count) + 2.0) ** -rng.uniform(0.9, 1.3)
    return weights / weights.sum()


def _tokens(count: int, rng: np.random.Generator) -> np.ndarray:
    """Distinct names of eight hexadecimal digits."""
    numbers: np.ndarray = np.unique(rng.integers(0, 2**32, size=2 * count))
    return np.array([f"{number:08x}" for number in rng.permutation(numbers)[:count]])


def _standardise(values: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Shifts and scales (values, columns) to mean 0 and variance 1 under the frequencies."""
    values = values - frequencies @ values
    return values / np.sqrt(frequencies @ values**2)


def _look_up(effects: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Effects by category, 0 for a missing one (index -1)."""
    return np.concatenate([effects, np.zeros_like(effects[:1])])[indices]


def click_probabilities(rows: int, seed: int) -> np.ndarray:
    """The true click probability of each row that ``write_demo`` writes, in order.

    Args:
        rows: how many.
        seed: of the log.

    Returns:
        float64 [rows].
    """
    return np.concatenate([chunk.probabilities for chunk in DemoWorld(seed).chunks(rows)])


def write_demo(path: str | pathlib.Path, rows: int, seed: int) -> DemoFacts:
    """Writes a demo log, whole or not at all, and tells what is known of it.

    Args:
        path: the file.
        rows: number of rows, at least 1; 40,000 to 60,000 are enough to come near the bound.
        seed: a non-negative integer; the same seed gives the same file.

    Raises:
        UserError: if an argument is out of range or the file cannot be written.
    """
    if rows < 1:
        raise UserError(f"--rows must be at least 1. Received: {rows}")
    world = DemoWorld(seed)
    clicks, entropy = 0, 0.0
    with atomic_file(path) as file:
        for chunk in world.chunks(rows):
            file.writelines(_lines(world, chunk))
            clicks += int(chunk.labels.sum())
            entropy += float(_entropy(chunk.probabilities).sum())
    constant = float(_entropy(np.array([clicks / rows]))[0])
    return DemoFacts(rows, clicks, entropy / rows, constant)


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    inside = np.clip(probabilities, 1e-12, 1 - 1e-12)
    return -inside * np.log(inside) - (1 - inside) * np.log(1 - inside)


def _lines(world: DemoWorld, chunk: DemoChunk) -> Iterator[str]:
    columns = [chunk.labels.astype(str)]
    for values in chunk.dense.T:
        text = np.nan_to_num(values).astype(np.int64).astype(str)
        columns.append(np.where(np.isnan(values), "", text))
    for tokens, indices in zip(world.tokens, chunk.sparse.T):
        columns.append(np.append(tokens, "")[indices])
    for row in zip(*(column.tolist() for column in columns)):
        yield "\t".join(row) + "\n"
