"""Trainings that diverge are ended early, in one line that says what to change."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nasrec_tf.common.errors import UserError
from nasrec_tf.training.replicas import local_copy, rows_as_array

PATIENCE_STEPS = 10
"""Losses in a row that are not finite after which no training recovers: the first that is not a
number has made every weight that its step updates one that is not a number either."""

HUGE = 1e6
"""A dense value of this size is worth naming; log-transformed or standardized ones stay far
below."""

PIECE = 1 << 20
"""Numbers that are looked at together, so that a large table is never held twice."""


class DivergedError(UserError):
    """A training whose loss or weights are no longer finite numbers; the message says the mend."""


class LossWatch:
    """Sees the loss of every step and ends a training that has diverged.

    A single loss that is not finite is let pass: infinity may be one batch's far-off value.

    Args:
        mend: what the user can change, a clause that begins with "use".
        dense_names: names of the dense features, to name one with huge values.
        steps: steps of the whole training.

    Example:
        >>> watch = LossWatch("use a smaller --learning-rate", ["price"], steps=100)
        >>> batch = {"dense": np.array([[1e30]])}
        >>> for step in range(1, 20):
        ...     watch(step, 0.5 if step < 3 else math.nan, lambda: batch)
        ... # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nasrec_tf.training.divergence.DivergedError: the training diverged: no loss from step 3 ...
    """

    def __init__(self, mend: str, dense_names: Sequence[str], steps: int):
        self._mend = mend
        self._dense_names = list(dense_names)
        self._steps = steps
        self._run = 0
        self._before: Any = None
        self._suspects: list[Any] = []

    def __call__(self, step: int, loss: float, inputs: Callable[[], Mapping[str, Any]]) -> None:
        """Takes the loss of a step.

        Args:
            step: the step's number, from 1.
            loss: its loss, before the step's update.
            inputs: gives the batch's inputs, of which ``"dense"`` is (batch, dense features);
                called for the message alone.

        Raises:
            DivergedError: with the last loss of a run of ``PATIENCE_STEPS`` that are not finite.
        """
        if math.isfinite(loss):
            self._run = 0
            self._before = inputs
            return
        if not self._run:
            # The batch of the step before has made the weights what they are.
            self._suspects = [batch for batch in (self._before, inputs) if batch is not None]
        self._run += 1
        if self._run >= PATIENCE_STEPS:
            raise self.error(
                f"no loss from step {step - self._run + 1} to {step} (of {self._steps}) is finite"
            )

    def error(self, what: str) -> DivergedError:
        """The error to end with: what was seen, what may be the cause, and the mend.

        Args:
            what: what was seen.
        """
        return DivergedError(f"the training diverged: {what}; {self._mend}{self._huge_value()}.")

    def _huge_value(self) -> str:
        batches = self._suspects or ([] if self._before is None else [self._before])
        return huge_value_told((batch()["dense"] for batch in batches), self._dense_names)


def huge_value_told(batches: Iterable[Any], names: Sequence[str]) -> str:
    """A clause on the largest dense value of some rows, to go behind a mend; empty if none is huge.

    Args:
        batches: dense values of the rows, each (batch, dense features).
        names: of the dense features.

    Example:
        >>> huge_value_told([np.array([[0.5, -3e38]])], ["age", "price"]).split(",")[1]
        " or mend the data: a value of dense feature 'price' is 3e+38"
    """
    found = (_largest(dense, names) for dense in batches)
    largest, name = max(found, default=(0.0, ""))
    if largest < HUGE:
        return ""
    return (
        f", or mend the data: a value of dense feature {name!r} is {largest:.3g}, far above what a "
        "network can read"
    )


def require_finite_weights(model: Any, mend: str) -> None:
    """Refuses a model of which a weight is not a finite number.

    Args:
        model: a Keras model, mirrored or not.
        mend: what the user can do, a clause.

    Raises:
        DivergedError: naming the weight and the mend.
    """
    name = first_weight_not_finite(model)
    if name is not None:
        raise DivergedError(f"the training diverged: weight {name} is not finite; {mend}.")


def first_weight_not_finite(model: Any) -> str | None:
    """Path of the first weight of a model that holds NaN or infinity; ``None`` if none does.

    A large table is read some rows at a time.

    Args:
        model: a Keras model, mirrored or not.
    """
    for variable in model.variables:
        if not _is_finite(local_copy(variable)):
            return variable.path
    return None


def _is_finite(variable: Any) -> bool:
    if not variable.dtype.is_floating:
        return True
    numbers = math.prod(variable.shape)
    if numbers <= PIECE:
        return bool(np.isfinite(variable.numpy()).all())
    rows = variable.shape[0]
    step = max(1, PIECE * rows // numbers)
    return all(
        bool(np.isfinite(rows_as_array(variable, first, min(first + step, rows))).all())
        for first in range(0, rows, step)
    )


def _largest(dense: Any, names: Sequence[str]) -> tuple[float, str]:
    """The largest magnitude of a batch, one that is not a number being infinite, and its name."""
    magnitudes = np.abs(np.asarray(dense, np.float64))
    if not magnitudes.size:
        return 0.0, ""
    by_feature = np.where(np.isnan(magnitudes), np.inf, magnitudes).max(axis=0)
    index = int(by_feature.argmax())
    return float(by_feature[index]), names[index] if index < len(names) else str(index + 1)
