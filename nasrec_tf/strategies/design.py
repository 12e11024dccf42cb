"""What a search draws: an architecture, and in co-design the hardware that runs it."""

from collections.abc import Mapping
from typing import NamedTuple

from nasrec_tf.architecture.architecture import Architecture


class Design(NamedTuple):
    """An architecture with its hardware.

    Args:
        architecture: the architecture.
        hardware: hardware settings by dotted name, such as ``"array.rows"`` (see
            ``HardwareSpace``); ``None`` where a search has no hardware.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> widest = NASREC_SMALL.widest
        >>> first, second = (Design(widest, {"adc.bits": bits}) for bits in (7, 8))
        >>> first.identity == second.identity
        False
    """

    architecture: Architecture
    hardware: Mapping[str, int] | None = None

    @property
    def identity(self) -> tuple:
        """Equal for designs that compute the same function on the same hardware."""
        hardware = None if self.hardware is None else tuple(sorted(self.hardware.items()))
        return self.architecture.identity, hardware
