"""Models that learn from scored architectures which of two is the better one."""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.common.errors import UserError
from nasrec_tf.strategies.draws import random_stream
from nasrec_tf.strategies.history import History

TREES = 100
"""scikit-learn's own number of trees."""

PAIRS = 5000
"""Pairs that a pairwise model learns from, at most: all of AutoCTR's 100 candidates."""

LAMBDARANK_SETTINGS = {
    "objective": "lambdarank",
    "eval_at": 3,
    "max_depth": 3,
    "learning_rate": 0.05,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.8,
    "bagging_freq": 5,
}
LAMBDARANK_ROUNDS, LAMBDARANK_PATIENCE = 1500, 150
LAMBDARANK_LEARNT = 0.8
"""AutoCTR's ranker (facebookresearch/AutoCTR): of the candidates the first four fifths in time are
learnt from, and the others end the learning."""

LEAF_ROWS = 20
"""LightGBM's own least number of rows in a leaf, which a few dozen candidates could not split."""

MOST_KNOWN = 4096
"""Candidates that a model learns from, the youngest: twice a search of the paper's (5.1)."""

RankModel = Callable[[np.ndarray], np.ndarray]
"""Gives numbers for vectors of architectures, lower for better ones."""

Fit = Callable[[np.ndarray, np.ndarray, np.random.Generator], RankModel]
"""Learns a model from vectors, (candidates, numbers), and their log losses, (candidates,)."""


def fit_forest(vectors: np.ndarray, losses: np.ndarray, rng: np.random.Generator) -> RankModel:
    """Learns the rank of a candidate with extremely randomised trees (Geurts et al. 2006).

    Of ranks, and not of log losses: a network that hardly learns would outweigh all others.

    Args:
        vectors: of the candidates.
        losses: their log losses, all finite.
        rng: the only source of randomness.

    Example:
        >>> vectors = np.eye(4)
        >>> model = fit_forest(vectors, np.array([0.4, 0.1, 0.3, 0.2]), np.random.default_rng(0))
        >>> np.argsort(model(vectors)).tolist()
        [1, 3, 2, 0]
    """
    from sklearn.ensemble import ExtraTreesRegressor

    ranks = np.argsort(np.argsort(losses, kind="stable"), kind="stable")
    # One job: the trees are then the same on every machine.
    forest = ExtraTreesRegressor(TREES, random_state=int(rng.integers(2**31)), n_jobs=1)
    return forest.fit(vectors, ranks).predict


def fit_pairwise(vectors: np.ndarray, losses: np.ndarray, rng: np.random.Generator) -> RankModel:
    """Learns a linear score by which the better one of two candidates is likely the lower.

    Logistic regression on differences of vectors (Burges et al. 2005, with a linear model).

    Args:
        vectors: of the candidates.
        losses: their log losses, all finite.
        rng: the only source of randomness.

    Example:
        >>> vectors = np.eye(4)
        >>> model = fit_pairwise(vectors, np.array([0.4, 0.1, 0.3, 0.2]), np.random.default_rng(0))
        >>> np.argsort(model(vectors)).tolist()
        [1, 3, 2, 0]
    """
    from sklearn.linear_model import LogisticRegression

    first, second = _pairs(len(losses), rng)
    differ = losses[first] != losses[second]
    first, second = first[differ], second[differ]
    if not len(first):
        return lambda others: np.zeros(len(others))
    # Without an intercept a pair says the same either way round; both classes have to be there.
    worse = losses[first] > losses[second]
    turned = worse ^ (np.arange(len(first)) % 2 == 1)
    first, second = np.where(turned, second, first), np.where(turned, first, second)
    if len(first) == 1:
        first, second = np.append(first, second), np.append(second, first)
    model = LogisticRegression(fit_intercept=False, max_iter=1000)
    model.fit(vectors[first] - vectors[second], losses[first] > losses[second])
    return lambda others: others @ model.coef_[0]


def require_lightgbm(option: str) -> None:
    """Checks that LightGBM is installed.

    Args:
        option: what needs it, as the user wrote it.

    Raises:
        UserError: if it is not.
    """
    try:
        import lightgbm  # noqa: F401
    except ImportError:
        raise UserError(f"{option} needs LightGBM: pip install lightgbm.") from None


def fit_lambdarank(vectors: np.ndarray, losses: np.ndarray, rng: np.random.Generator) -> RankModel:
    """Learns boosted trees that put the best first (LambdaMART, Burges 2010), by LightGBM.

    As AutoCTR learns them, but for leaves: of a quarter of the rows where that is less than 20.

    Args:
        vectors: of the candidates, the oldest first.
        losses: their log losses, all finite.
        rng: the only source of randomness.

    Example:
        >>> vectors = np.eye(4).repeat(10, axis=0)
        >>> losses = np.array([0.4, 0.1, 0.3, 0.2]).repeat(10)
        >>> order = np.random.default_rng(0).permutation(40)
        >>> model = fit_lambdarank(vectors[order], losses[order], np.random.default_rng(0))
        >>> int(np.argmin(model(np.eye(4))))
        1
    """
    import lightgbm

    count = len(losses)
    learnt = int(LAMBDARANK_LEARNT * count)
    # Equal losses are equally good.
    gains = len(losses) - 1 - np.searchsorted(np.sort(losses), losses)
    if min(learnt, count - learnt) < 2 or not np.ptp(gains[:learnt]):
        return lambda others: np.zeros(len(others))
    parameters = LAMBDARANK_SETTINGS | {
        "label_gain": [2 * rank for rank in range(count)],
        "min_data_in_leaf": max(1, min(LEAF_ROWS, learnt // 4)),
        # One thread and one way of summing: the trees are then the same on every machine.
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": int(rng.integers(2**31)),
        "verbosity": -1,
    }
    first = lightgbm.Dataset(vectors[:learnt], gains[:learnt], group=[learnt])
    rest = first.create_valid(vectors[learnt:], gains[learnt:], group=[count - learnt])
    stop = lightgbm.early_stopping(LAMBDARANK_PATIENCE, verbose=False)
    model = lightgbm.train(parameters, first, LAMBDARANK_ROUNDS, [rest], callbacks=[stop])
    return lambda others: -np.asarray(model.predict(others, num_threads=1))


def _pairs(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of different places below ``count``: all of them, or ``PAIRS`` at random."""
    if count * (count - 1) // 2 <= PAIRS:
        return np.triu_indices(count, 1)
    first = rng.integers(count, size=PAIRS)
    return first, (first + rng.integers(1, count, size=PAIRS)) % count


def best_by(
    fit: Fit,
    numbers: Sequence[int],
    history: History,
    asked: Sequence[Architecture],
    vector: Callable[[Architecture], np.ndarray],
    stream: tuple[int, int, int],
) -> int:
    """Place of the architecture that a model thinks best, the first of equal ones.

    Args:
        fit: learns the model.
        numbers: of the scored candidates that it may learn from, the oldest first.
        history: what they are, and their scores.
        asked: architectures of which one is chosen.
        vector: makes numbers of one, as many of each.
        stream: seed, purpose and number of the random numbers, as of ``random_stream``.
    """
    numbers = numbers[-MOST_KNOWN:]
    known = [vector(history.candidates[number].architecture) for number in numbers]
    losses = np.array([history.score(number) for number in numbers])
    model = _learnt(fit, np.array(known).tobytes(), losses.tobytes(), len(losses), stream)
    found = model(np.array([vector(architecture) for architecture in asked]))
    return int(np.argmin(found))


@functools.lru_cache(maxsize=1)
def _learnt(
    fit: Fit, vectors: bytes, losses: bytes, count: int, stream: tuple[int, int, int]
) -> RankModel:
    """The model of such arrays, which is that of the last call for most of a generation."""
    return fit(
        np.frombuffer(vectors).reshape(count, -1), np.frombuffer(losses), random_stream(*stream)
    )
