"""How a network is pruned, and what the paper leaves open of it (6.2)."""

import dataclasses
import math
from typing import Any

from nasrec_tf.common.errors import UserError
from nasrec_tf.common.fields import plain_type
from nasrec_tf.common.option_values import option_values
from nasrec_tf.common.strict_json import shown
from nasrec_tf.common.value_checks import is_number, is_whole

MASK, MAGNITUDE, RANDOM = PRUNE_SCORES = ("mask", "magnitude", "random")
"""By what weights are left out: the mask that an MLP makes of them, their size, or by lot."""

ELEMENTS, UNITS = PRUNED_THINGS = ("elements", "units")
PER_MATRIX, NETWORK = PRUNE_SCOPES = ("matrix", "network")
REMAINING, ORIGINAL = PRUNE_BASES = ("remaining", "original")
PAPER_PARTS, ALL_PARTS = PRUNED_PARTS = ("paper", "all")
BY_COLUMN, BY_ROW = MASK_DIRECTIONS = ("columns", "rows")

OF_MASKS = ("hidden", "direction", "bias", "through")
"""What is said of the networks that make masks."""

MOST_ITERATIONS = 100
"""At a share of a fifth, 2 weights in 10 billion are left."""


def _part(default: Any, text: str, **bounds: Any) -> Any:
    return dataclasses.field(default=default, metadata={"help": text, **bounds})


@dataclasses.dataclass(frozen=True)
class PruneSettings:
    """How a network is pruned; the defaults are what the paper says, or is closest to it.

    Args:
        score: by what weights are left out.
        iterations: how often; each time one more training from scratch follows.
        what: single elements of matrices, which become 0, or whole units, which go.
        share: of what is left, or of all, that each iteration leaves out.
        of: whether that is of the ``remaining`` ones or of the ``original`` ones.
        scope: whether each ``matrix`` loses its share or the whole ``network``.
        rewind: whether each training begins with the same initial weights and order of rows.
        parts: those of the ``paper``, or ``all`` linear maps but the final layer (elements alone).
        hidden: width of a mask's MLP over that of its input.
        direction: whether the MLP reads a matrix by ``columns`` (the weights of one output, as Eq.
            5 is written) or by ``rows``.
        bias: what the MLP's outputs begin with, so that masks begin near 1.
        through: whether gradients of the mask reach the weights that it is made of.

    Raises:
        UserError: if a value cannot be used; the message names it.

    Example:
        >>> PruneSettings(iterations=3).left(100)
        51
        >>> PruneSettings(share=1.5)
        Traceback (most recent call last):
        nasrec_tf.common.errors.UserError: share must be above 0 and below 1. Received: 1.5
    """

    score: str = _part(MASK, "by what", choices=PRUNE_SCORES)
    iterations: int = _part(5, "how often")
    what: str = _part(ELEMENTS, "what goes", choices=PRUNED_THINGS)
    share: float = _part(0.2, "how much goes each time")
    of: str = _part(REMAINING, "of which it is a share", choices=PRUNE_BASES)
    scope: str = _part(PER_MATRIX, "where the share is taken", choices=PRUNE_SCOPES)
    rewind: bool = _part(True, "begin with the same weights each time")
    parts: str = _part(PAPER_PARTS, "what is pruned", choices=PRUNED_PARTS)
    hidden: float = _part(2.0, "width of the MLP over that of its input")
    direction: str = _part(BY_COLUMN, "how the MLP reads a matrix", choices=MASK_DIRECTIONS)
    bias: float = _part(4.0, "what the MLP's outputs begin with")
    through: bool = _part(False, "let gradients pass through the MLP's input")

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value, choices = getattr(self, field.name), field.metadata.get("choices")
            if choices is not None and value not in choices:
                raise UserError(
                    f"{field.name} must be one of {', '.join(choices)}. Received: {shown(value)}"
                )
            if plain_type(field) is bool and not isinstance(value, bool):
                raise UserError(f"{field.name} must be true or false. Received: {shown(value)}")
        if not is_whole(self.iterations, 1, MOST_ITERATIONS):
            raise UserError(
                f"iterations must be a whole number from 1 to {MOST_ITERATIONS}. Received: "
                f"{shown(self.iterations)}"
            )
        self._check_number("share", 0.0, 1.0, "above 0 and below 1")
        self._check_number("hidden", 0.0, 100.0, "above 0 and below 100")
        self._check_number("bias", -100.0, 100.0, "above -100 and below 100")
        if self.of == ORIGINAL and self.share * self.iterations >= 1:
            raise UserError(
                f"share {self.share:g} of the original ones leaves nothing after "
                f"{self.iterations} iterations; give a smaller one, or of=remaining."
            )
        if self.parts == ALL_PARTS and self.what == UNITS:
            raise UserError(
                "parts=all goes with what=elements: units are left out of the paper's parts alone."
            )

    def _check_number(self, name: str, above: float, below: float, told: str) -> None:
        value = getattr(self, name)
        if not is_number(value) or not math.isfinite(value) or not above < value < below:
            raise UserError(f"{name} must be {told}. Received: {shown(value)}")

    @classmethod
    def of_options(
        cls, score: str, iterations: int, options: str | None, where: str
    ) -> "PruneSettings":
        """The settings of a command line.

        Args:
            score: by what.
            iterations: how often.
            options: the others, such as ``"what=units,share=0.1"``.
            where: the options' flag, for messages.

        Raises:
            UserError: if one is unknown or cannot be used; the message names the flag.
        """
        fields = dataclasses.fields(cls)[2:]
        known = {field.name: plain_type(field) for field in fields}
        example = "what=units,share=0.1"
        values = {} if not options else option_values("pruning", known, options, where, example)
        for name in OF_MASKS if score != MASK else ():
            if name in values:
                raise UserError(
                    f"{where}: {name} is of the networks that learn masks, and {score} has none; "
                    "leave it out."
                )
        try:
            return cls(score, iterations, **values)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    def left(self, count: int, iterations: int | None = None) -> int:
        """How many of so many are left after some iterations; one at least.

        Args:
            count: elements or units.
            iterations: how many; all unless given.
        """
        made = self.iterations if iterations is None else iterations
        share = (1 - self.share) ** made if self.of == REMAINING else 1 - self.share * made
        return max(1, min(count, math.floor(count * share + 0.5)))
