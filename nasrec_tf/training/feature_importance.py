"""How much a trained model relies on each feature (Breiman, "Random Forests", 2001, section 10).

A feature's values are dealt out anew among the rows, so that it tells nothing of them any more and
yet looks as it did; the log loss rises by what the model made of it. What two features say alike
counts for neither: the model still has the other.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from nasrec_tf.training.evaluation import EVALUATION_BATCH, log_losses

Inputs = Mapping[str, np.ndarray]
"""A batch's inputs by kind: ``"dense"`` and ``"sparse"``, (rows, columns) each."""

Logits = Callable[[Inputs], np.ndarray]
"""Maps inputs to logits, (rows,)."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a feature stands among the inputs.

    Args:
        kind: of the inputs that hold it.
        columns: those of one feature: more than one of a list, which is dealt out as a whole.
    """

    kind: str
    columns: slice


def feature_rises(
    logits: Logits,
    inputs: Inputs,
    labels: np.ndarray,
    places: Sequence[Place],
    draws: int,
    seed: int,
) -> Iterator[np.ndarray]:
    """What each row's log loss rises by without a feature, one feature after the other.

    A draw's order of rows is the same for all features, so that they can be compared. Takes a
    copy of a batch, and some 16 bytes a row, beside what is given.

    Args:
        logits: the model.
        inputs: of the rows that it is measured on.
        labels: of these rows, 0 or 1, (rows,).
        places: of the features.
        draws: how often each feature is dealt out, at least once.
        seed: of the draws.

    Yields:
        Mean over the draws, in nats, (rows,); not finite where the model's logits are not.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> dense = rng.standard_normal((2000, 2))
        >>> labels = (rng.random(2000) < 1 / (1 + np.exp(-3 * dense[:, 0]))).astype(float)
        >>> places = [Place("dense", slice(column, column + 1)) for column in (0, 1)]
        >>> found = list(feature_rises(
        ...     lambda inputs: 3 * inputs["dense"][:, 0], {"dense": dense}, labels, places, 2, 0))
        >>> bool(found[0].mean() > 0.5), bool(found[1].any())
        (True, False)
    """
    rows = len(labels)
    orders = [np.random.default_rng((seed, draw)).permutation(rows) for draw in range(draws)]
    whole = log_losses(labels, in_batches(logits, inputs, rows))
    for place in places:
        total = np.zeros(rows)
        for order in orders:
            total += log_losses(labels, in_batches(logits, inputs, rows, place, order))
        total /= draws
        total -= whole
        yield total


def in_batches(
    logits: Logits,
    inputs: Inputs,
    rows: int,
    place: Place | None = None,
    order: np.ndarray | None = None,
) -> np.ndarray:
    """Logits of many rows, some at a time.

    Args:
        logits: the model.
        inputs: of all rows.
        rows: how many.
        place: of a feature that is dealt out in another order; none unless given.
        order: number of the row that each row has its value of, (rows,).

    Returns:
        (rows,).
    """
    found = np.empty(rows)
    for first in range(0, rows, EVALUATION_BATCH):
        part = slice(first, first + EVALUATION_BATCH)
        batch = {kind: values[part] for kind, values in inputs.items()}
        if place is not None and order is not None:
            batch[place.kind] = batch[place.kind].copy()
            dealt = inputs[place.kind][order[part], place.columns]
            batch[place.kind][:, place.columns] = dealt
        found[part] = logits(batch)
    return found
