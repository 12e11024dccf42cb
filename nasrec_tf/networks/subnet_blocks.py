"""The blocks of a stand-alone network: what they compute, with weights that are given."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from nasrec_tf import native
from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.shapes import NetworkShapes
from nasrec_tf.networks.layers.aligned_units import AlignedUnits
from nasrec_tf.networks.part_names import part_name
from nasrec_tf.operators import (
    DENSE,
    DENSE_TO_SPARSE,
    OPERATORS,
    PAIR,
    SPARSE,
    SPARSE_TO_DENSE,
    OperatorInputs,
)

OUTPUT_SCALE = "output_scale"
"""Beside a part's weights: what its output is multiplied by."""


class SubnetBlocks:
    """The blocks of an architecture, of which only the parts that reach the logit are computed.

    Args:
        architecture: the architecture.
        shapes: of its parts.
    """

    def __init__(self, architecture: Architecture, shapes: NetworkShapes):
        self._architecture = architecture
        self._shapes = shapes
        self._live = architecture.liveness.blocks

    def outputs(
        self,
        number: int,
        dense: Sequence[Any],
        sparse: Sequence[Any],
        values: Mapping[str, Mapping[str, Any]],
    ) -> tuple[Any, Any]:
        """Dense (batch, width) and sparse (batch, embedding, tokens) output of a block.

        Args:
            number: of the block, from 1.
            dense: its dense sources, from the raw one on.
            sparse: its sparse sources.
            values: by part, what enters its arithmetic, as ``Subnet.values`` gives it.

        Returns:
            The two, of which ``None`` stands for one that nothing reads.
        """
        block = self._architecture.blocks[number - 1]
        live = self._live[number - 1]
        sizes = self._shapes.blocks[number - 1]
        aligned = AlignedUnits(sizes)
        dense_output = sparse_output = None
        if live.dense_operators:
            outputs = self._operators(number, block.dense_operators, dense, sparse, values)
            dense_output = _sum(aligned.outputs(DENSE, outputs))
        if live.sparse_operators:
            outputs = self._operators(number, block.sparse_operators, dense, sparse, values)
            sparse_output = _sum(aligned.outputs(SPARSE, outputs))
        tokens, operators_dense = sparse_output, dense_output
        if live.dense_to_sparse:
            weights = values[part_name(number, DENSE_TO_SPARSE.name)]
            merged = DENSE_TO_SPARSE(aligned.merged(operators_dense), weights, sizes.merger)
            sparse_output = _joined([tokens, _scaled(merged, weights)])
        if live.sparse_to_dense:
            weights = values[part_name(number, SPARSE_TO_DENSE.name)]
            machine = _scaled(SPARSE_TO_DENSE(tokens, weights, sizes.merger), weights)
            dense_output = aligned.with_machine(operators_dense, machine)
        return (
            dense_output if live.dense_output else None,
            sparse_output if live.sparse_output else None,
        )

    def _operators(self, number, names, dense, sparse, values):
        """Outputs of a branch's active operators by name."""
        sizes = self._shapes.blocks[number - 1]
        aligned = AlignedUnits(sizes)
        outputs = {}
        for name in names:
            operator = OPERATORS[name]
            inputs = self._operator_inputs(number, operator, dense, sparse)
            inputs = aligned.inputs(name, inputs)
            weights = values[part_name(number, name)]
            output = operator(inputs, weights, sizes.operators[name])
            outputs[name] = _scaled(output, weights)
        return outputs

    def _operator_inputs(self, number, operator, dense, sparse):
        block = self._architecture.blocks[number - 1]
        inputs = {}
        if DENSE in operator.reads:
            inputs["dense"] = _joined([dense[source] for source in block.dense_sources])
        if SPARSE in operator.reads:
            inputs["sparse"] = _joined([sparse[source] for source in block.sparse_sources])
        if PAIR in operator.reads:
            inputs["left"] = dense[block.left_source]
            inputs["right"] = dense[block.right_source]
        return OperatorInputs(**inputs)


def _sum(outputs):
    """The sum of a branch's outputs (Eq. 3 and 4)."""
    return outputs[0] if len(outputs) == 1 else tf.add_n(outputs)


def _joined(values):
    """Values of known widths, concatenated along their last axis."""
    library = native.kernels(values[0].dtype)
    if library is None:
        return tf.concat(values, axis=-1)
    return library.nasrec_join(values, [value.shape[-1] for value in values])


def _scaled(output, weights):
    """A part's output, multiplied where its weights come with a number for that."""
    scale = weights.get(OUTPUT_SCALE)
    return output if scale is None else scale * output
