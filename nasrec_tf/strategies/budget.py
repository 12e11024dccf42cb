"""Limits on what a candidate may cost."""

import dataclasses
import math
from collections.abc import Callable

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.value_checks import is_number
from nasrec_tf.strategies.design import Design
from nasrec_tf.strategies.history import LOG_LOSS

LATENCY, ENERGY, AREA = "latency_us", "energy_nj", "area_mm2"
HARDWARE_COSTS = (LATENCY, ENERGY, AREA)
"""Time of an inference that runs alone, energy of one in a full pipeline, area with tables."""


@dataclasses.dataclass(frozen=True)
class Budget:
    """A hard limit on a cost that is known before a candidate is trained or scored.

    Candidates above the limit are drawn again before anything is spent on them, so that every
    candidate of a search keeps every budget. The cost is recorded with the candidate's metrics.
    Without a limit the cost is only recorded.

    Args:
        metric: the cost's name among the metrics, with its unit, such as ``"mflops"`` or
            ``"latency_us"``.
        cost: the cost of an architecture; cheap, since every draw asks for it.
        limit: the highest cost that is allowed, in the metric's unit; infinity for none.

    Raises:
        UserError: if the name or the limit cannot be used.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> blocks = Budget("blocks", lambda architecture: len(architecture.blocks), limit=5)
        >>> cost = blocks.of(Design(NASREC_SMALL.widest))
        >>> cost, blocks.allows(cost)
        (7.0, False)
    """

    metric: str
    cost: Callable[..., float]
    limit: float = math.inf

    def __post_init__(self):
        if not isinstance(self.metric, str) or self.metric in ("", LOG_LOSS):
            raise UserError(f"`metric` must name a cost. Received: {self.metric!r}")
        if not (is_number(self.limit) and self.limit > 0):
            raise UserError(
                f"`limit` of budget {self.metric!r} must be positive. Received: {self.limit!r}"
            )

    def of(self, design: Design) -> float:
        """The cost of a design.

        Args:
            design: the design: an architecture, and hardware settings in a co-design search.
        """
        return float(self.cost(design.architecture))

    def allows(self, cost: float) -> bool:
        """Whether a cost keeps the limit; one that is not finite never does.

        Args:
            cost: in the metric's unit.
        """
        return math.isfinite(cost) and cost <= self.limit


@dataclasses.dataclass(frozen=True)
class HardwareBudget(Budget):
    """As ``Budget``, for a cost that depends on the hardware too.

    Args:
        metric: the cost's name among the metrics.
        cost: the cost of an architecture on hardware with some settings (by dotted name).
        limit: the highest cost that is allowed, in the metric's unit; infinity for none.

    Raises:
        UserError: if the name or the limit cannot be used.

    Example:
        >>> from nasrec_tf.architecture.space import NASREC_SMALL
        >>> cells = HardwareBudget("cells", lambda _, hardware: hardware["array.rows"] ** 2)
        >>> cells.of(Design(NASREC_SMALL.widest, {"array.rows": 64}))
        4096.0
    """

    def of(self, design: Design) -> float:
        """The cost of a design.

        Args:
            design: the design: an architecture, and hardware settings in a co-design search.
        """
        return float(self.cost(design.architecture, design.hardware))
