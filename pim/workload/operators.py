"""What a network asks of the hardware: its operators, each with what it waits for."""

import dataclasses
from collections.abc import Iterable

from pim import checks
from pim.errors import PimError

MIN_WEIGHT_BITS, MAX_BITS = 2, 16

MAX_BATCH = 1 << 16
"""Up to here the sums of costs are exact (see ``pim.cost.cost``)."""


DIGITAL_OPERATIONS = (
    "multiply_accumulates",
    "additions",
    "multiplications",
    "functions",
    "layer_norm",
)
"""What a digital unit can be asked for."""


@dataclasses.dataclass(frozen=True)
class CrossbarOperator:
    """A linear map, with its bias and activation.

    Example:
        >>> efc = CrossbarOperator("efc", (), rows=26, columns=16, positions=16)
        >>> efc.weights, efc.multiply_accumulates
        (416, 6656)

    Args:
        name: such as ``block_2_dot_product/tokens``.
        inputs: names of the operators it waits for.
        rows: inputs of the map (K).
        columns: outputs of the map (M).
        positions: how often a sample passes it, with the same weights: 1 for a fully connected
            layer, the embedding width for EFC, the number of tokens within attention.
        weight_bits: bits of a weight, with its sign.
        activation_bits: bits of an input.
        functions: activation functions of a sample on its outputs.
        additions: further additions of a sample on its outputs.
        layer_norm: operations of a layer normalisation of a sample's outputs, 5 an element as
            fvcore counts them; each costs an addition.
    """

    name: str
    inputs: tuple[str, ...]
    rows: int
    columns: int
    positions: int = 1
    weight_bits: int = 8
    activation_bits: int = 8
    functions: int = 0
    additions: int = 0
    layer_norm: int = 0

    def __post_init__(self):
        _check_names(self)
        for field in ("rows", "columns", "positions"):
            checks.whole(f"{self.name}: {field}", getattr(self, field), 1, 1 << 40)
        checks.whole(f"{self.name}: weight_bits", self.weight_bits, MIN_WEIGHT_BITS, MAX_BITS)
        checks.whole(f"{self.name}: activation_bits", self.activation_bits, 1, MAX_BITS)
        for field in ("functions", "additions", "layer_norm"):
            checks.whole(f"{self.name}: {field}", getattr(self, field), 0, 1 << 40)

    @property
    def all_additions(self) -> int:
        """Additions of a sample, those of layer normalisations included."""
        return self.additions + self.layer_norm

    @property
    def multiply_accumulates(self) -> int:
        """Per sample."""
        return self.rows * self.columns * self.positions

    @property
    def weights(self) -> int:
        """Numbers that the arrays hold, biases apart."""
        return self.rows * self.columns


@dataclasses.dataclass(frozen=True)
class DigitalOperator:
    """What crossbars cannot do: products of activations, sums, normalisation, activations.

    Args:
        name: such as ``block_2_dot_product/products``.
        inputs: names of the operators it waits for.
        multiply_accumulates: per sample.
        additions: per sample.
        multiplications: per sample.
        functions: sigmoids, exponentials and comparisons per sample.
        layer_norm: operations of layer normalisations per sample, 5 an element as fvcore counts
            them; each costs an addition.
    """

    name: str
    inputs: tuple[str, ...]
    multiply_accumulates: int = 0
    additions: int = 0
    multiplications: int = 0
    functions: int = 0
    layer_norm: int = 0

    def __post_init__(self):
        _check_names(self)
        for field in DIGITAL_OPERATIONS:
            checks.whole(f"{self.name}: {field}", getattr(self, field), 0, 1 << 40)

    @property
    def all_additions(self) -> int:
        """Additions of a sample, those of layer normalisations included."""
        return self.additions + self.layer_norm


@dataclasses.dataclass(frozen=True)
class EmbeddingOperator:
    """Look-ups of rows in several tables.

    Args:
        name: such as ``embedding``.
        table_rows: rows of each table.
        dimension: elements of a row.
        bits: bits of an element.
        inputs: names of the operators it waits for; none where indices are there from the start.
        look_ups: rows that a sample reads; one of each table where it is 0.
    """

    name: str
    table_rows: tuple[int, ...]
    dimension: int
    bits: int = 8
    inputs: tuple[str, ...] = ()
    look_ups: int = 0

    def __post_init__(self):
        _check_names(self)
        object.__setattr__(self, "table_rows", tuple(self.table_rows))
        if not self.table_rows:
            raise PimError(f"{self.name}: needs at least one table")
        for rows in self.table_rows:
            checks.whole(f"{self.name}: table_rows", rows, 1, 1 << 40)
        checks.whole(f"{self.name}: dimension", self.dimension, 1, 65536)
        checks.whole(f"{self.name}: bits", self.bits, 1, 64)
        checks.whole(f"{self.name}: look_ups", self.look_ups, 0, 1 << 40)

    @property
    def rows_read(self) -> int:
        """Rows that a sample reads."""
        return self.look_ups or len(self.table_rows)

    @property
    def parameters(self) -> int:
        """Elements of all tables."""
        return sum(self.table_rows) * self.dimension


Operator = CrossbarOperator | DigitalOperator | EmbeddingOperator


def _check_names(operator: Operator) -> None:
    """Raises unless the operator has a name, and waits for names."""
    object.__setattr__(operator, "inputs", tuple(operator.inputs))
    for name in (operator.name, *operator.inputs):
        if not isinstance(name, str) or not name:
            raise PimError(
                f"operators have names that are not empty texts. Received: {checks.shown(name)}"
            )


@dataclasses.dataclass(frozen=True)
class Workload:
    """A network's operators in an order in which they can run.

    Example:
        >>> hidden = CrossbarOperator("hidden", (), rows=13, columns=32)
        >>> norm = DigitalOperator("norm", ("hidden",), layer_norm=5 * 32)
        >>> network = Workload("two steps", (hidden, norm))
        >>> network.multiply_accumulates_by_kind
        {'linear': 416, 'matmul': 0, 'layer_norm': 160}
        >>> Workload("wrong way round", (norm, hidden))
        Traceback (most recent call last):
        pim.errors.PimError: wrong way round: norm waits for unknown hidden

    Args:
        name: what reports call it.
        operators: every operator after those it waits for.
        batch: samples that are processed together.

    Raises:
        PimError: if there is no operator, two have one name, or one waits for what is not there
            before it.
    """

    name: str
    operators: tuple[Operator, ...]
    batch: int = 1

    def __post_init__(self):
        object.__setattr__(self, "operators", tuple(self.operators))
        if not isinstance(self.name, str) or not self.name:
            raise PimError(f"a workload's name must be a text. Received: {checks.shown(self.name)}")
        checks.whole("batch", self.batch, 1, MAX_BATCH)
        if not self.operators:
            raise PimError(f"{self.name}: has no operator")
        seen: set[str] = set()
        for operator in self.operators:
            if operator.name in seen:
                raise PimError(f"{self.name}: two operators are called {operator.name}")
            for source in operator.inputs:
                if source not in seen:
                    raise PimError(f"{self.name}: {operator.name} waits for unknown {source}")
            seen.add(operator.name)

    @property
    def crossbar_operators(self) -> tuple[CrossbarOperator, ...]:
        """The linear maps, in order."""
        return tuple(o for o in self.operators if isinstance(o, CrossbarOperator))

    @property
    def digital_operators(self) -> tuple[DigitalOperator, ...]:
        """What digital units do, in order."""
        return tuple(o for o in self.operators if isinstance(o, DigitalOperator))

    @property
    def embedding_operators(self) -> tuple[EmbeddingOperator, ...]:
        """The embedding tables, in order."""
        return tuple(o for o in self.operators if isinstance(o, EmbeddingOperator))

    @property
    def multiply_accumulates(self) -> int:
        """Per sample, by the rule of the paper's Table 5 without layer norms."""
        by_kind = self.multiply_accumulates_by_kind
        return by_kind["linear"] + by_kind["matmul"]

    @property
    def multiply_accumulates_by_kind(self) -> dict[str, int]:
        """Per sample, by the rules of the paper's Table 5.

        ``linear`` counts products with weights, ``matmul`` products of activations, and
        ``layer_norm`` the operations of layer normalisations.
        """
        crossbar, digital = self.crossbar_operators, self.digital_operators
        return {
            "linear": sum(operator.multiply_accumulates for operator in crossbar),
            "matmul": sum(operator.multiply_accumulates for operator in digital),
            "layer_norm": sum(operator.layer_norm for operator in crossbar)
            + sum(operator.layer_norm for operator in digital),
        }

    def with_bits(self, weight_bits: Iterable[int], activation_bits: Iterable[int]) -> "Workload":
        """The same network with other bit widths, one for each crossbar operator in turn.

        Args:
            weight_bits: of each crossbar operator.
            activation_bits: of each crossbar operator.

        Raises:
            PimError: if there are more or fewer than operators, or one is out of range.
        """
        weights, activations = list(weight_bits), list(activation_bits)
        count = len(self.crossbar_operators)
        if len(weights) != count or len(activations) != count:
            raise PimError(
                f"{self.name}: has {count} crossbar operators. Received: {len(weights)} weight "
                f"and {len(activations)} activation bit widths"
            )
        pairs = iter(zip(weights, activations))
        operators = []
        for operator in self.operators:
            if isinstance(operator, CrossbarOperator):
                weight, activation = next(pairs)
                operator = dataclasses.replace(
                    operator, weight_bits=int(weight), activation_bits=int(activation)
                )
            operators.append(operator)
        return dataclasses.replace(self, operators=tuple(operators))
