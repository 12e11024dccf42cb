"""Candidates drawn by logits that were learnt beside the supernet (after Krishna et al. 2021)."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.value_checks import is_number
from nasrec_tf.strategies.budget import HARDWARE_COSTS
from nasrec_tf.strategies.choice_distribution import ChoiceDistribution
from nasrec_tf.strategies.design import Design
from nasrec_tf.strategies.draws import CHILD, Draws, Priced, random_stream
from nasrec_tf.strategies.history import History
from nasrec_tf.strategies.random_search import RandomSearch
from nasrec_tf.strategies.search_settings import check_positive
from nasrec_tf.strategies.strategy import SUPERNET, SearchPlan

MFLOPS = "mflops"
COSTS = (MFLOPS, *HARDWARE_COSTS)
"""What a path may be weighed by beside its log loss: multiply-accumulates, or what it costs in
memory."""

BOUNDS = {"rate": (0.0, 1e3), "temperature": (1e-3, 1e3), "cost_weight": (0.0, 1e6)}
"""Far outside of what is of use; further out logits are infinite in single precision, which would
show once the supernet has been trained."""


@dataclasses.dataclass(frozen=True)
class LogitSearch(RandomSearch):
    """Draws candidates by logits of all choices, each one once.

    The logits are learnt while the supernet trains (``training/choice_training.py``), to which the
    fields but ``trials`` and ``distribution`` are told.

    Args:
        trials: how many candidates the search has.
        paths: paths that are compared at each step of the logits.
        rate: learning rate of the logits.
        temperature: what the logits are divided by in the end; 1 at first.
        cost_weight: weight of the logarithm of a path's cost beside its log loss.
        cost: which, one of ``COSTS``.
        distribution: what is drawn from; ``None`` before it has been learnt.

    Raises:
        UserError: if a number cannot be used.

    Example:
        >>> LogitSearch(trials=48, rate=0.0)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: `rate` must be a positive, finite number. Received: 0.0

    Reference: Krishna, Kalluri, Smelyanskiy et al., Differentiable NAS Framework and Application
    to Ads CTR Prediction, 2021.
    """

    scored_by = (SUPERNET,)
    journal_name = None

    in_turn: ClassVar[bool] = False
    """Whether the logits of the first block are learnt first, then those of the second."""

    paths: int = 4
    rate: float = 0.05
    temperature: float = 0.5
    cost_weight: float = 0.0
    # Journals of earlier versions know a search by the others; the supernet's options tell it.
    cost: str = dataclasses.field(default=MFLOPS, repr=False)
    distribution: ChoiceDistribution | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self):
        super().__post_init__()
        check_positive(paths=self.paths)
        if self.paths < 2:
            raise UserError(f"`paths` must be at least 2. Received: {self.paths}")
        for name in ("rate", "temperature"):
            value = getattr(self, name)
            if not (is_number(value) and math.isfinite(value) and value > 0):
                raise UserError(f"`{name}` must be a positive, finite number. Received: {value}")
        if not (is_number(self.cost_weight) and 0 <= self.cost_weight < math.inf):
            raise UserError(
                f"`cost_weight` must be a finite number from 0. Received: {self.cost_weight}"
            )
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise UserError(f"`{name}` must be from {least:g} to {most:g}. Received: {value}")
        if self.cost not in COSTS:
            raise UserError(
                f"`cost` must be one of {', '.join(COSTS)}. Received: {self.cost!r:.80}"
            )
        if self.cost != MFLOPS and not self.cost_weight:
            raise UserError(f"`cost` {self.cost} weighs nothing without a `cost_weight` above 0.")

    @classmethod
    def for_run(cls, plan: SearchPlan, options: Mapping[str, Any]) -> "LogitSearch":
        """Takes what was learnt to draw from from the run's plan."""
        return cls(trials=plan.trials, distribution=plan.distribution, **options)

    def draw(self, number: int, history: History, draws: Draws, seed: int) -> Priced:
        """Draws a design by the logits, ``draws.max_redraws`` times at most."""
        distribution = self.distribution
        if distribution is None:
            raise ValueError("no logits have been learnt to draw from")
        rng = random_stream(seed, CHILD, number)
        return draws.new(
            history,
            afresh=lambda: Design(distribution.sample(rng)),
            onwards=lambda _: Design(distribution.sample(rng)),
        )


@dataclasses.dataclass(frozen=True)
class ProgressiveSearch(LogitSearch):
    """The same, with the logits of one block after the other (after Gao et al. 2021).

    PROFIT searches for interactions of order 2, and only with those as they are for order 3, since
    what a low order is worth tells of the orders that are made of it. A block reads the blocks
    before it, so that its number stands for the order. It is no PROFIT: see docs/strategies.md.

    Reference: Gao, Li, Yao et al., Progressive Feature Interaction Search for Deep Sparse
    Network, NeurIPS 2021.
    """

    in_turn = True
