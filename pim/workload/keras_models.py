"""The operators of a Keras model as a workload; Keras itself is not loaded here."""

import math
from typing import Any

from pim.errors import PimError
from pim.workload.operators import (
    CrossbarOperator,
    DigitalOperator,
    EmbeddingOperator,
    Operator,
    Workload,
)
from pim.workload.precision import EIGHT_BITS, Precision

_FREE = ("InputLayer", "Reshape", "Flatten", "Permute", "Dropout", "Concatenate", "RepeatVector")
_ADDING = ("Add", "Subtract", "Average")
_FUNCTIONS = ("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "Maximum")
NORMS = ("LayerNormalization", "BatchNormalization", "RMSNormalization")
_NORM_OPERATIONS = 5


def workload_from_keras(
    model: Any,
    *,
    batch: int = 1,
    precision: Precision = EIGHT_BITS,
    embedding_bits: int = 8,
) -> Workload:
    """The operators of a functional or sequential Keras model.

    ``Dense`` layers go to crossbars (with one position for every index of the axes between batch
    and features), ``Embedding`` layers to memory, products, sums, normalisations and activations
    to digital units; layers that only move data are free.

    Args:
        model: a built functional or sequential model.
        batch: samples that are processed together.
        precision: bit widths of the crossbar operators, by layer name.
        embedding_bits: bits of an element of an embedding.

    Raises:
        PimError: if a layer is of no known kind or used twice, or the model is not built, neither
            functional nor sequential, or of sizes that are not fixed; the message names the layer.
    """
    operators: list[Operator] = []
    sources: dict[int, tuple[str, ...]] = {}
    for layer, parents in _layers(model):
        waits = tuple(dict.fromkeys(name for parent in parents for name in sources[parent]))
        operator = _operator(layer, waits, precision, embedding_bits)
        if operator is None:
            sources[id(layer)] = waits
        else:
            operators.append(operator)
            sources[id(layer)] = (operator.name,)
    workload = Workload(model.name, tuple(operators), batch)
    precision.check([operator.name for operator in workload.crossbar_operators])
    return workload


def _layers(model):
    """Layers in an order in which they can run, each with the identities of those it reads."""
    if not model.built:
        raise PimError(f"{model.name}: build the model first, for instance by calling it")
    if type(model).__name__ == "Sequential":
        previous: list[int] = []
        for layer in model.layers:
            yield layer, previous
            previous = [id(layer)]
        return
    if not hasattr(model, "operations"):
        raise PimError(
            f"{model.name}: only functional and sequential models show their layers; "
            "give the architecture instead"
        )
    for layer in model.operations:
        # Keras has no public way to ask for a layer's neighbours.
        nodes = layer._inbound_nodes
        if len(nodes) > 1:
            raise PimError(f"{model.name}: layer {layer.name} is used more than once")
        yield layer, [id(parent.operation) for node in nodes for parent in node.parent_nodes]


def _shape(tensor) -> tuple[int, ...]:
    """Sizes behind the batch axis."""
    sizes = tuple(tensor.shape[1:])
    if None in sizes:
        raise PimError(f"{tensor.name}: all axes but the first need a fixed size")
    return sizes


def _operator(layer, waits, precision, embedding_bits) -> Operator | None:
    kind, name = type(layer).__name__, layer.name
    if kind in _FREE:
        return None
    if kind == "Dense":
        weight_bits, activation_bits = precision.of(name)
        rows, columns = layer.kernel.shape
        outputs = math.prod(_shape(layer.output))
        linear = layer.activation.__name__ == "linear"
        return CrossbarOperator(
            name=name,
            inputs=waits,
            rows=rows,
            columns=columns,
            positions=outputs // columns,
            weight_bits=weight_bits,
            activation_bits=activation_bits,
            functions=0 if linear else outputs,
        )
    if kind == "Embedding":
        return EmbeddingOperator(name, (layer.input_dim,), layer.output_dim, embedding_bits, waits)
    return _digital_operator(layer, kind, waits)


def _digital_operator(layer, kind, waits) -> DigitalOperator:
    inputs = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
    elements = math.prod(_shape(layer.output))
    if kind in _ADDING:
        return DigitalOperator(layer.name, waits, additions=(len(inputs) - 1) * elements)
    if kind == "Multiply":
        return DigitalOperator(layer.name, waits, multiplications=(len(inputs) - 1) * elements)
    if kind == "Dot":
        axes = layer.axes if isinstance(layer.axes, int) else layer.axes[0]
        products = elements * inputs[0].shape[axes]
        return DigitalOperator(layer.name, waits, multiply_accumulates=products)
    if kind in _FUNCTIONS:
        return DigitalOperator(layer.name, waits, functions=elements)
    if kind in NORMS:
        return DigitalOperator(layer.name, waits, layer_norm=_NORM_OPERATIONS * elements)
    raise PimError(f"layer {layer.name} is a {kind}, which no part of the hardware can hold")
