"""Tensors of one block brought to common units, before they are summed or read as a whole."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from nasrec_tf.architecture.shapes import BlockShapes
from nasrec_tf.operators import DENSE, DENSE_TO_SPARSE, SPARSE, SPARSE_TO_DENSE, OperatorInputs
from nasrec_tf.operators.arithmetic import pad_last_axis, spread
from nasrec_tf.operators.kept_units import Units


class AlignedUnits:
    """Puts zeros where units are left out, in a network without some; pads widths in any.

    Args:
        sizes: of the block.
    """

    def __init__(self, sizes: BlockShapes):
        self._merger = sizes.merger
        self._kept = sizes.kept

    def inputs(self, name: str, inputs: OperatorInputs) -> OperatorInputs:
        """What an operator reads, with all units where it needs them.

        Args:
            name: of the operator.
            inputs: with the units that there are.
        """
        if self._kept is None:
            return inputs
        present = {DENSE: self._kept.sources[DENSE], SPARSE: self._kept.sources[SPARSE]}
        wanted = {kind: present[kind] for kind in self._kept.parts[name].whole}
        wanted |= {"left": self._kept.left, "right": self._kept.right}
        given = {kind: (getattr(inputs, kind), units) for kind, units in wanted.items()}
        return dataclasses.replace(
            inputs,
            **{kind: _whole(x, units) for kind, (x, units) in given.items() if x is not None},
        )

    def outputs(self, branch: str, outputs: Mapping[str, Any]) -> Sequence[Any]:
        """Outputs of a branch's operators with the same units, the narrower ones zero-padded.

        Args:
            branch: ``"dense"`` or ``"sparse"``.
            outputs: by operator.
        """
        if self._kept is None:
            width = self._merger.dense_width if branch == DENSE else self._merger.tokens
            return [pad_last_axis(output, width) for output in outputs.values()]
        united = self._kept.operators_dense if branch == DENSE else self._kept.sparse[0]
        return [
            spread(output, self._kept.parts[name].output, united)
            for name, output in outputs.items()
        ]

    def merged(self, dense: Any) -> Any:
        """The operators' dense output as the dense-to-sparse merger reads it.

        Args:
            dense: with the units that there are.
        """
        if self._kept is None or DENSE not in self._kept.parts[DENSE_TO_SPARSE.name].whole:
            return dense
        return _whole(dense, self._kept.operators_dense)

    def with_machine(self, dense: Any, machine: Any) -> Any:
        """The dense output: that of the operators and of the factorization machine.

        Args:
            dense: of the operators.
            machine: of the sparse-to-dense merger.
        """
        if self._kept is None:
            return dense + machine
        of_machine = self._kept.parts[SPARSE_TO_DENSE.name].output
        return spread(dense, self._kept.operators_dense, self._kept.dense) + spread(
            machine, of_machine, self._kept.dense
        )


def _whole(x: Any, units: Units) -> Any:
    return spread(x, units, Units(units.size))
