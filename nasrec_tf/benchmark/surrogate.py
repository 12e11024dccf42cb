"""What architectures that are in no table are likely worth (after NAS-Bench-301)."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.benchmark.asked_values import check_asked
from nasrec_tf.benchmark.measured_rows import DataSetCard, MeasuredRow, architecture_of
from nasrec_tf.common.errors import UserError
from nasrec_tf.search.results import constant_log_loss
from nasrec_tf.search.trainable import SpaceModel
from nasrec_tf.strategies.architecture_vector import architecture_vector

FOLDS = 10
LEAST_KNOWN = 2 * FOLDS
"""Architectures that a model can be learnt and judged on."""

BOOSTING = {"loss": "huber", "n_estimators": 100, "learning_rate": 0.05, "max_depth": 2,
            "min_samples_leaf": 4, "subsample": 0.5, "max_features": 0.3,
            "random_state": 0}  # fmt: skip
"""Few weak trees on shares of rows and columns (Friedman 2002), and a loss for which an
architecture that fails does not outweigh the others: tables are small."""


@dataclasses.dataclass(frozen=True)
class SurrogateErrors:
    """How far predictions are from what was measured, of architectures that were left out.

    Args:
        architectures: that were predicted, each from a model that was learnt without it.
        rmse: root of the mean squared error of the log loss, in nats.
        constant_rmse: the same of predicting the mean for every one.
        seeds: deviation between seeds of one architecture, below which no model can come; ``None``
            where none was trained twice.
        kendall: rank correlation of predictions and measurements.
    """

    architectures: int
    rmse: float
    constant_rmse: float
    seeds: float | None
    kendall: float


class Surrogate:
    """Predicts the log loss of architectures of a space by gradient boosting.

    Args:
        card: of the data set.
        rows: what is known, of the card's protocol.
        split: ``"validation"`` or ``"test"``.

    Raises:
        UserError: if there are too few architectures to learn from.

    Reference: Zela, Siems, Zimmer et al., Surrogate NAS Benchmarks, ICLR 2022.
    """

    def __init__(self, card: DataSetCard, rows: Sequence[MeasuredRow], split: str = "validation"):
        self._card = card
        losses = losses_by_identity(rows, split)
        if len(losses) < LEAST_KNOWN:
            raise UserError(
                f"{card.name}: {len(losses)} architectures with a log loss are too few to predict "
                f"from; build at least {LEAST_KNOWN}."
            )
        texts = {row.identity: row.architecture for row in rows}
        self._vectors = np.array(
            [self._vector(architecture_of(texts[identity])) for identity in losses]
        )
        # A training that has learnt less than nothing says no more than one that learnt nothing:
        # its log loss, in the tens, would be that of its other seeds and the noise of all scores.
        most = constant_log_loss(card.label_rates, split)
        if most is not None:
            losses = {
                identity: [min(loss, most) for loss in found] for identity, found in losses.items()
            }
        self._losses = np.array([sum(found) / len(found) for found in losses.values()])
        self._seeds = seeds_deviation(losses)
        self._model = _fitted(self._vectors, self._losses)

    def __call__(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Predicted log losses, (architectures,).

        Args:
            architectures: of the card's space.

        Raises:
            ArchitectureError: if one is not of the space.
            UserError: if they are no sequence of architectures.
        """
        check_asked("architectures", architectures, Sequence)
        for architecture in architectures:
            check_asked("architecture", architecture, Architecture)
            self._card.space.check(architecture)
        if not architectures:
            return np.empty(0)
        return self._model.predict(np.array([self._vector(each) for each in architectures]))

    @property
    def lowest(self) -> float:
        """The lowest prediction for an architecture that it was learnt from."""
        return float(self._model.predict(self._vectors).min())

    @property
    def noise(self) -> float:
        """Deviation between seeds of one architecture; 0 where it is not known."""
        return self._seeds or 0.0

    def errors(self) -> SurrogateErrors:
        """Its own errors, by cross-validation over architectures."""
        from scipy import stats

        count = len(self._losses)
        folds = np.random.default_rng(0).permutation(count) % min(FOLDS, count)
        predicted, constant = np.empty(count), np.empty(count)
        for fold in range(min(FOLDS, count)):
            left = folds == fold
            model = _fitted(self._vectors[~left], self._losses[~left])
            predicted[left] = model.predict(self._vectors[left])
            constant[left] = self._losses[~left].mean()
        tau = stats.kendalltau(predicted, self._losses).statistic
        return SurrogateErrors(
            count,
            _rmse(predicted - self._losses),
            _rmse(constant - self._losses),
            self._seeds,
            float(tau),
        )

    def _vector(self, architecture: Architecture) -> np.ndarray:
        """Fields of the blocks, and what the whole costs and has."""
        card = self._card
        cost = SpaceModel(architecture).complexity(
            card.features, card.recipe, card.operator_balancing
        )
        live = architecture.liveness
        whole = [
            math.log1p(cost.multiply_accumulates),
            math.log1p(cost.parameters),
            float(sum(block.anything for block in live.blocks)),
            float(sum(block.dense_operators for block in live.blocks)),
            float(sum(block.sparse_operators for block in live.blocks)),
        ]
        return np.array([*whole, *architecture_vector(architecture, card.space)])


def _fitted(vectors: np.ndarray, losses: np.ndarray) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(**BOOSTING).fit(vectors, losses)


def _rmse(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def losses_by_identity(
    rows: Sequence[MeasuredRow], split: str = "validation"
) -> dict[str, list[float]]:
    """Log losses of each architecture, those of its seeds in order; diverged trainings left out.

    Args:
        rows: of one protocol.
        split: ``"validation"``, or ``"test"``: of the evaluation that validation chooses.
    """
    losses: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda row: (row.identity, row.seed)):
        loss = None if row.best is None else getattr(row.best, f"{split}_log_loss")
        if loss is not None:
            losses.setdefault(row.identity, []).append(loss)
    return losses


def seeds_deviation(losses: dict[str, list[float]]) -> float | None:
    """Standard deviation of a training about its architecture's mean; ``None`` if not known.

    Args:
        losses: by architecture, as of ``losses_by_identity``.

    Example:
        >>> round(seeds_deviation({"a": [0.5, 0.52], "b": [0.4, 0.42], "c": [0.3]}), 5)
        0.01414
    """
    several = [np.array(found) for found in losses.values() if len(found) > 1]
    if not several:
        return None
    squares = sum(float(((found - found.mean()) ** 2).sum()) for found in several)
    return math.sqrt(squares / sum(len(found) - 1 for found in several))
