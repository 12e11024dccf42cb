"""Which units every tensor of a pruned network has, from the columns that its maps keep."""

import dataclasses
from collections.abc import Mapping

from nasrec_tf.architecture.blocks import Block, wrong_field
from nasrec_tf.operators import (
    DENSE,
    DENSE_TO_SPARSE,
    OPERATORS,
    SPARSE,
    SPARSE_TO_DENSE,
    MergerShape,
    OperatorShape,
)
from nasrec_tf.operators.base import BlockPart
from nasrec_tf.operators.kept_units import KeptPart, Units, joined_units, united_units


@dataclasses.dataclass(frozen=True)
class BlockUnits:
    """What there is of one block.

    Args:
        parts: of its operators and mergers, by name.
        sources: units of the concatenated ``"dense"`` and ``"sparse"`` sources.
        left: units of the left source of a pairwise operator.
        right: units of its right source.
        operators_dense: units of the dense output before the factorization machine is added.
        dense: units of the dense output.
        sparse: tokens of the sparse output: its operators' and the merged ones.
    """

    parts: Mapping[str, KeptPart]
    sources: Mapping[str, Units]
    left: Units
    right: Units
    operators_dense: Units
    dense: Units
    sparse: tuple[Units, Units]


class UnitsWalk:
    """A walk over the blocks of a pruned architecture, from the raw features up.

    Args:
        dense: units of dense source 0.
        sparse: tokens of sparse source 0.
    """

    def __init__(self, dense: int, sparse: int):
        self._dense = [Units(dense)]
        self._sparse: list[tuple[Units, ...]] = [(Units(sparse),)]

    def block(
        self,
        number: int,
        block: Block,
        operators: Mapping[str, OperatorShape],
        merger: MergerShape,
    ) -> BlockUnits:
        """What there is of the next block.

        Args:
            number: of the block, from 1.
            block: the block.
            operators: shapes of its operators, with all units.
            merger: shape of its mergers.

        Raises:
            ArchitectureError: if it keeps columns that are not there; the message names the block.
        """
        sources = {
            DENSE: joined_units(self._dense[source] for source in block.dense_sources),
            SPARSE: joined_units(
                slot for source in block.sparse_sources for slot in self._sparse[source]
            ),
        }
        parts: dict[str, KeptPart] = {}
        outputs: dict[str, list[Units]] = {DENSE: [], SPARSE: []}
        for name, shape in operators.items():
            operator = OPERATORS[name]
            parts[name] = _kept(number, block, name, operator, shape, sources)
            outputs[operator.branch].append(parts[name].output)
        operators_dense = united_units(outputs[DENSE], block.dense_width)
        tokens = united_units(outputs[SPARSE], block.operator_tokens)
        dense, merged = operators_dense, Units(0)
        own = {DENSE: operators_dense, SPARSE: tokens}
        if block.dense_to_sparse:
            parts[DENSE_TO_SPARSE.name] = _kept(
                number, block, DENSE_TO_SPARSE.name, DENSE_TO_SPARSE, merger, own
            )
            merged = Units(merger.options.merged_tokens)
        if block.sparse_to_dense:
            machine = _kept(number, block, SPARSE_TO_DENSE.name, SPARSE_TO_DENSE, merger, own)
            parts[SPARSE_TO_DENSE.name] = machine
            dense = united_units([operators_dense, machine.output], block.dense_width)
        left, right = self._dense[block.left_source], self._dense[block.right_source]
        self._dense.append(dense)
        self._sparse.append((tokens, merged))
        return BlockUnits(parts, sources, left, right, operators_dense, dense, (tokens, merged))


def _kept(
    number: int,
    block: Block,
    name: str,
    part: BlockPart,
    shape: OperatorShape | MergerShape,
    present: Mapping[str, Units],
) -> KeptPart:
    columns = block.columns(name)
    for each, units in columns.items():
        width = part.map_width(shape, each)
        if units[-1] >= width:
            mend = f"of '{name}/{each}' must be below its {width} columns"
            raise wrong_field(number, "kept_units", mend, units[-1])
    return part.kept(shape, present, columns)
