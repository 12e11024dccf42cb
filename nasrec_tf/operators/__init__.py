"""Building operators and mergers; the registry is where a new operator is added."""

from nasrec_tf.operators.attention import Attention
from nasrec_tf.operators.base import DENSE, PAIR, SPARSE, Operator, OperatorInputs, OperatorShape
from nasrec_tf.operators.dot_product import DotProduct
from nasrec_tf.operators.fully_connected import EmbeddedFullyConnected, FullyConnected
from nasrec_tf.operators.mergers import DenseToSparse, MergerShape, SparseToDense
from nasrec_tf.operators.network_options import (
    BY_BATCH,
    BY_LAYER,
    DEFAULT_OPTIONS,
    NO_NORM,
    NORMALIZATIONS,
    NetworkOptions,
)
from nasrec_tf.operators.pairwise import SigmoidGating, Sum
from nasrec_tf.operators.work import DigitalStep, LinearMap

OPERATORS: dict[str, Operator] = {}
"""Every known operator by name; the order is that of sums of active operators."""

DENSE_TO_SPARSE = DenseToSparse()
SPARSE_TO_DENSE = SparseToDense()


def register(operator: Operator) -> Operator:
    """Makes an operator known to architectures, search spaces, networks and drawings.

    Args:
        operator: the operator.

    Raises:
        ValueError: if another operator has its name.
    """
    if operator.name in OPERATORS:
        raise ValueError(f"An operator named {operator.name!r} is registered already.")
    OPERATORS[operator.name] = operator
    return operator


for _operator in (
    FullyConnected(),
    SigmoidGating(),
    Sum(),
    DotProduct(),
    EmbeddedFullyConnected(),
    Attention(),
):
    register(_operator)

__all__ = [
    "BY_BATCH",
    "DEFAULT_OPTIONS",
    "DENSE",
    "DENSE_TO_SPARSE",
    "BY_LAYER",
    "NORMALIZATIONS",
    "NO_NORM",
    "OPERATORS",
    "PAIR",
    "SPARSE",
    "SPARSE_TO_DENSE",
    "DigitalStep",
    "LinearMap",
    "MergerShape",
    "NetworkOptions",
    "Operator",
    "OperatorInputs",
    "OperatorShape",
    "register",
]
