"""Hardware settings that a co-design search chooses among (paper 3.3)."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from nasrec_tf.common.errors import UserError

TIED = {"array.rows": "array.columns"}
"""Settings that follow another one: arrays are square, as in the designs compared with."""


@dataclasses.dataclass(frozen=True)
class HardwareSpace:
    """Choices for some settings of a processing-in-memory design.

    Args:
        choices: values by the setting's dotted name in ``pim`` (see ``pim.changed``). An array has
            as many columns as rows.

    Raises:
        UserError: if a setting has no choices, or one twice.

    Example:
        >>> space = HardwareSpace({"array.rows": (64, 128), "adc.bits": (7, 8)})
        >>> rng = np.random.default_rng(0)
        >>> hardware = space.sample(rng)
        >>> hardware
        {'array.rows': 128, 'adc.bits': 8}
        >>> child = space.mutate(hardware, rng)
        >>> sum(child[name] != hardware[name] for name in hardware) <= 1
        True
    """

    choices: Mapping[str, tuple[int, ...]]

    def __post_init__(self):
        frozen = {name: tuple(values) for name, values in self.choices.items()}
        object.__setattr__(self, "choices", frozen)
        if not frozen:
            raise UserError("Hardware space: needs at least one setting.")
        for name, values in frozen.items():
            if not values or len(set(values)) < len(values):
                raise UserError(f"Hardware space: {name} needs different values, not {values}.")

    def sample(self, rng: np.random.Generator) -> dict[str, int]:
        """Draws every setting uniformly and independently.

        Args:
            rng: source of the draws.
        """
        return {name: int(rng.choice(values)) for name, values in self.choices.items()}

    def mutate(self, hardware: Mapping[str, int], rng: np.random.Generator) -> dict[str, int]:
        """Draws one setting anew; it may come out as it was.

        Args:
            hardware: settings by name.
            rng: source of the draws.
        """
        name = list(self.choices)[int(rng.integers(len(self.choices)))]
        return {**hardware, name: int(rng.choice(self.choices[name]))}

    def to_json(self) -> dict[str, Any]:
        """The choices as JSON values, for a search's settings."""
        return {name: list(values) for name, values in self.choices.items()}


def with_tied(hardware: Mapping[str, int]) -> dict[str, int]:
    """The settings with those that follow others.

    Args:
        hardware: settings by dotted name.

    Example:
        >>> with_tied({"array.rows": 64, "adc.bits": 8})
        {'array.rows': 64, 'adc.bits': 8, 'array.columns': 64}
    """
    followers = {TIED[name]: value for name, value in hardware.items() if name in TIED}
    return {**hardware, **followers}


CODESIGN_SPACE = HardwareSpace(
    {
        "array.rows": (64, 128, 256),
        "device.bits_per_cell": (1, 2),
        "dac.bits": (1, 2),
        "adc.bits": (6, 7, 8, 9, 10, 11),
        "adc.columns_per_adc": (8, 16, 32, 64, 128),
        "duplication": (1, 2, 4, 8, 16),
    }
)
"""Crossbar size, cell, converter resolutions and sharing: what the paper names (2, 3.2), and how
often an operator's arrays are copied."""
