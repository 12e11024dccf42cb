"""Bit widths of a network's linear maps, by name."""

import dataclasses
from collections.abc import Mapping, Sequence

from pim.errors import PimError
from pim.workload.operators import CrossbarOperator, Workload


@dataclasses.dataclass(frozen=True)
class Precision:
    """Bit widths of the crossbar operators.

    Example:
        >>> precision = Precision(8, 8, weight_bits_of={"block_2": 4, "block_2_fc": 6})
        >>> precision.of("block_2_fc/dense"), precision.of("block_2_efc/tokens")
        ((6, 8), (4, 8))
        >>> precision.of("block_21_fc/dense")  # not a part of block 2
        (8, 8)

    Args:
        weight_bits: of every operator that ``weight_bits_of`` does not name.
        activation_bits: of every operator that ``activation_bits_of`` does not name.
        weight_bits_of: by operator, or by the start of its name: ``block_2_dot_product/tokens``,
            ``block_2_dot_product``, ``block_2``.
        activation_bits_of: the same for activations.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    weight_bits_of: Mapping[str, int] = dataclasses.field(default_factory=dict)
    activation_bits_of: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def of(self, name: str) -> tuple[int, int]:
        """Weight and activation bits of an operator: its longest named prefix decides.

        Args:
            name: such as ``block_2_dot_product/tokens``.
        """
        return (
            _by_prefix(self.weight_bits_of, name, self.weight_bits),
            _by_prefix(self.activation_bits_of, name, self.activation_bits),
        )

    def check(self, names: Sequence[str]) -> None:
        """Raises ``PimError`` if a width is given for what is not among the operators' names.

        Args:
            names: of all crossbar operators of a network.
        """
        for prefix in (*self.weight_bits_of, *self.activation_bits_of):
            if not any(_starts(name, prefix) for name in names):
                raise PimError(f"bits given for {prefix!r}; the operators are {', '.join(names)}")

    def applied_to(self, workload: Workload) -> Workload:
        """The same network with these bit widths.

        Args:
            workload: the network; its own bit widths are replaced.

        Raises:
            PimError: if a width is given for something that the network does not have, or is not
                one that hardware takes.
        """
        self.check([operator.name for operator in workload.crossbar_operators])
        operators = []
        for operator in workload.operators:
            if isinstance(operator, CrossbarOperator):
                weight_bits, activation_bits = self.of(operator.name)
                operator = dataclasses.replace(
                    operator, weight_bits=weight_bits, activation_bits=activation_bits
                )
            operators.append(operator)
        return dataclasses.replace(workload, operators=tuple(operators))


@dataclasses.dataclass(frozen=True)
class BitChanges:
    """Bit widths in place of a network's own; those that are not named stay.

    Example:
        >>> BitChanges({"": 4, "block_2": 6}).weight_bits["block_2"]
        6

    Args:
        weight_bits: by operator, or by the start of its name as in ``Precision``; those of ``""``
            are of all that no other name tells.
        activation_bits: the same for activations.
    """

    weight_bits: Mapping[str, int] = dataclasses.field(default_factory=dict)
    activation_bits: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def applied_to(self, workload: Workload) -> Workload:
        """The same network with these bit widths.

        Args:
            workload: the network.

        Raises:
            PimError: if a width is given for something that the network does not have, or is not
                one that hardware takes.
        """
        named = [{name: bits for name, bits in widths.items() if name}
                 for widths in (self.weight_bits, self.activation_bits)]  # fmt: skip
        precision = Precision(weight_bits_of=named[0], activation_bits_of=named[1])
        precision.check([operator.name for operator in workload.crossbar_operators])
        operators = []
        for operator in workload.operators:
            if isinstance(operator, CrossbarOperator):
                own = operator.weight_bits, operator.activation_bits
                every = self.weight_bits.get("", own[0]), self.activation_bits.get("", own[1])
                operator = dataclasses.replace(
                    operator,
                    weight_bits=_by_prefix(named[0], operator.name, every[0]),
                    activation_bits=_by_prefix(named[1], operator.name, every[1]),
                )
            operators.append(operator)
        return dataclasses.replace(workload, operators=tuple(operators))


EIGHT_BITS = Precision()
"""8 bits everywhere."""


def _starts(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith((prefix + "_", prefix + "/"))


def _by_prefix(widths: Mapping[str, int], name: str, default: int) -> int:
    matching = [prefix for prefix in widths if _starts(name, prefix)]
    return widths[max(matching, key=len)] if matching else default
