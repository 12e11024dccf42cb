"""Whether a design holds networks, and can be computed, before anything is trained for it."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from nasrec_tf.strategies.hardware_space import with_tied
from pim import (
    CrossbarOperator,
    DigitalOperator,
    EmbeddingOperator,
    Hardware,
    PimError,
    Workload,
    analog_matmul,
    changed,
    estimate,
)

ANY_NETWORK = Workload(
    "any network",
    (
        EmbeddingOperator("embedding", (1000,), 16),
        DigitalOperator("products", ("embedding",), multiply_accumulates=1),
        CrossbarOperator("head", ("products",), 16, 1, functions=1),
    ),
)
"""What every network of a search has parts of."""

OF_THE_ARRAYS = ("array.rows", "device.bits_per_cell")
"""Settings on which it depends what the wires leave of a cell's current."""

MOST_ROWS, OUTPUTS = 1024, 32


def check_usable(hardware: Hardware, choices: Mapping[str, Sequence[int]]) -> None:
    """Finds out whether every network can be costed and computed on a design.

    Computed is a small product of 8-bit weights, drawn evenly, and inputs, as the final layer of
    every network has them.

    Args:
        hardware: the design.
        choices: values by dotted name that a search varies; none for the design as it is.

    Raises:
        PimError: if it lacks a part, or cannot be computed with some values, which are named.

    Example:
        >>> from pim import hardware_preset
        >>> check_usable(hardware_preset("isaac32"), {"array.rows": (64, 128)})
    """
    varied = {name: choices[name] for name in OF_THE_ARRAYS if name in choices}
    others = {name: max(values) for name, values in choices.items() if name not in varied}
    for values in itertools.product(*varied.values()):
        settings = dict(zip(varied, values))
        try:
            _check(changed(hardware, with_tied(others | settings)))
        except PimError as error:
            told = ", ".join(f"{name} = {value}" for name, value in settings.items())
            raise PimError(f"{error} (with {told})" if told else str(error)) from error


def _check(design: Hardware) -> None:
    estimate(ANY_NETWORK, design)
    rng = np.random.default_rng(0)
    rows = min(design.array.rows, MOST_ROWS)
    weights = rng.integers(-127, 128, (rows, OUTPUTS))
    inputs = rng.integers(-127, 128, (1, rows))
    analog_matmul(inputs, weights, design, rng, weight_bits=8, activation_bits=8)
