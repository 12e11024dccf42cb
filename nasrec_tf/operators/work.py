"""The work that an operator asks of hardware: linear maps, and steps that no crossbar can do.

An operator states its work once, in the order in which it can run. What it costs in FLOPs
(``nasrec_tf.architecture.complexity``) and what it costs on processing-in-memory hardware
(``nasrec_tf.codesign``) are both read off that statement, so that they cannot disagree.
"""

import dataclasses
from collections.abc import Iterable
from typing import Union

LEFT, RIGHT = "left", "right"
"""The two sources of a pairwise operator, beside ``"dense"`` and ``"sparse"``."""

LAYER_NORM_OPERATIONS = 5
"""Operations of a layer normalisation per element, as fvcore counts them."""

LINEAR, MATMUL, LAYER_NORM = "linear", "matmul", "layer_norm"
KINDS = (LINEAR, MATMUL, LAYER_NORM)
"""What multiply-accumulates are counted by."""

Source = Union["LinearMap", "DigitalStep", str]
"""An earlier step, or an input of the operator: ``"dense"``, ``"sparse"``, ``"left"``,
``"right"``."""


@dataclasses.dataclass(frozen=True)
class LinearMap:
    """A product with trained weights, with its bias: what a crossbar holds.

    Example:
        >>> hidden = LinearMap("dense", ("dense",), rows=13, columns=32, functions=32)
        >>> multiply_accumulates([hidden])
        {'linear': 416, 'matmul': 0, 'layer_norm': 0}

    Args:
        name: that of its weights without ``_kernel``.
        inputs: what it waits for.
        rows: inputs of the map; 0 where there is nothing to read, as without dense features.
        columns: outputs of the map.
        positions: how often a sample passes it with the same weights, such as once for each
            element of the embedding.
        functions: activation functions of a sample on its outputs.
        normalized: elements of a sample that are layer-normalised afterwards.
    """

    name: str
    inputs: tuple[Source, ...]
    rows: int
    columns: int
    positions: int = 1
    functions: int = 0
    normalized: int = 0

    @property
    def multiply_accumulates(self) -> dict[str, int]:
        """Per sample, by kind."""
        return {
            LINEAR: self.rows * self.columns * self.positions,
            LAYER_NORM: LAYER_NORM_OPERATIONS * self.normalized,
        }

    def scaled(self, elements: int) -> "LinearMap":
        """The map with a fixed scale and offset of each output: they fold into kernel and bias.

        Args:
            elements: of a sample.
        """
        return self


@dataclasses.dataclass(frozen=True)
class DigitalStep:
    """What has no trained weights: products of activations, sums, functions, normalisation.

    Example:
        >>> products = DigitalStep("products", ("sparse",), products=17**2 * 16)
        >>> norm = DigitalStep("norm", (products,), normalized=136)
        >>> multiply_accumulates([products, norm])
        {'linear': 0, 'matmul': 4624, 'layer_norm': 680}

    Args:
        name: unique within the operator.
        inputs: what it waits for.
        products: multiply-accumulates of a sample in products of activations; they count as FLOPs.
        additions: of a sample; they do not count, no more than what follows.
        multiplications: of a sample.
        functions: sigmoids, exponentials and comparisons of a sample.
        normalized: elements of a sample that are layer-normalised afterwards; they do count.
    """

    name: str
    inputs: tuple[Source, ...]
    products: int = 0
    additions: int = 0
    multiplications: int = 0
    functions: int = 0
    normalized: int = 0

    @property
    def multiply_accumulates(self) -> dict[str, int]:
        """Per sample, by kind."""
        return {MATMUL: self.products, LAYER_NORM: LAYER_NORM_OPERATIONS * self.normalized}

    def scaled(self, elements: int) -> "DigitalStep":
        """The step with a fixed scale and offset of what it gives, one of each an element.

        Args:
            elements: of a sample.
        """
        return dataclasses.replace(
            self,
            multiplications=self.multiplications + elements,
            additions=self.additions + elements,
        )


Step = LinearMap | DigitalStep


def multiply_accumulates(steps: Iterable[Step]) -> dict[str, int]:
    """Multiply-accumulates of a sample over all steps, by kind, by the rules of fvcore.

    One counts for each product with a weight (``linear``), each product of two activations
    (``matmul``), and five for each element of a layer normalisation (``layer_norm``). Biases,
    sums and activation functions do not count (paper, Table 5).

    Args:
        steps: the work of an operator or a merger.
    """
    counts = dict.fromkeys(KINDS, 0)
    for step in steps:
        for kind, count in step.multiply_accumulates.items():
            counts[kind] += count
    return counts
