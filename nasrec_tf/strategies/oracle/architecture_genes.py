"""An architecture as KerasTuner hyperparameters: flat, with names that read by themselves.

========================================  ====================================================
``block_3_dense_operators``               ``"fc"``, or ``"fc+sum"`` where several may be active
``block_3_dense_width``                   width of the branch, where it has only one
``block_3_fc_width``                      width of one operator, where each has its own; present
                                          only if the operator is active
``block_3_dense_sources``                 ``"0,2"``: raw features and block 2
``block_3_left_source``                   ``1``
``block_3_dense_to_sparse``               ``True``; absent where the space has no mergers
``block_3_fc_bits``                       bits of weights and activations of one operator; absent
                                          where the space has none
``block_3_fc_weight_bits``, ``…_fc_activation_bits``  in its place where they are separate
``dense_embeddings``                      ``True``; absent unless architectures of the space choose
========================================  ====================================================

and the same for ``sparse`` and ``right``. The translation is exact both ways. Values are plain
Python values; only ``search_hyperparameters`` loads KerasTuner.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Bits, Block
from nasrec_tf.architecture.space import ALWAYS, ANY, PER_BRANCH, SINGLE, SearchSpace
from nasrec_tf.common.errors import ArchitectureError
from nasrec_tf.operators import DENSE, SPARSE
from nasrec_tf.strategies.hardware_space import HardwareSpace

if TYPE_CHECKING:
    import keras_tuner

MAX_SOURCE_SETS = 4096
"""Sets of sources that one hyperparameter may list: KerasTuner sends the list with every trial."""

_BRANCHES = (DENSE, SPARSE)
_MERGERS = ("dense_to_sparse", "sparse_to_dense")
_DENSE_EMBEDDINGS = "dense_embeddings"


def to_values(architecture: Architecture, space: SearchSpace) -> dict[str, Any]:
    """The values of an architecture's hyperparameters, in the order of registration.

    Args:
        architecture: one of the space.
        space: the search space.

    Returns:
        Plain values by the names of the table above.

    Raises:
        ArchitectureError: if the architecture is not of the space.

    Example:
        >>> import numpy as np
        >>> from nasrec_tf.architecture.space import NASREC_FULL
        >>> architecture = NASREC_FULL.sample(np.random.default_rng(0))
        >>> values = to_values(architecture, NASREC_FULL)
        >>> sorted(name for name in values if name.startswith("block_3_dense"))
        ['block_3_dense_operators', 'block_3_dense_sources', 'block_3_dense_to_sparse', \
'block_3_dense_width']
        >>> from_values(values, NASREC_FULL) == architecture
        True
    """
    space.check(architecture)
    values: dict[str, Any] = {}
    for number, block in enumerate(architecture.blocks, start=1):
        for branch in _BRANCHES:
            operators = getattr(block, f"{branch}_operators")
            values[_name(number, f"{branch}_operators")] = "+".join(operators)
            if _one_width(space):
                values[_name(number, f"{branch}_width")] = next(iter(operators.values()))
            else:
                for operator, width in operators.items():
                    values[_name(number, f"{operator}_width")] = width
            sources = getattr(block, f"{branch}_sources")
            values[_name(number, f"{branch}_sources")] = ",".join(map(str, sources))
        values[_name(number, "left_source")] = block.left_source
        values[_name(number, "right_source")] = block.right_source
        if space.mergers:
            for merger in _MERGERS:
                values[_name(number, merger)] = getattr(block, merger)
        for operator, bits in block.bits.items():
            if space.separate_bits:
                values[_name(number, f"{operator}_weight_bits")] = bits.weights
                values[_name(number, f"{operator}_activation_bits")] = bits.activations
            else:
                values[_name(number, f"{operator}_bits")] = bits.weights
    if space.dense_embeddings == ANY:
        values[_DENSE_EMBEDDINGS] = architecture.dense_embeddings
    return values


def from_values(values: Mapping[str, Any], space: SearchSpace) -> Architecture:
    """The architecture that hyperparameter values stand for; other values are left alone.

    Args:
        values: as of ``to_values``.
        space: the search space.

    Raises:
        ArchitectureError: if a value is missing or not one of the space; the message names it.
    """
    blocks = (_block(values, number, space) for number in range(1, space.num_blocks + 1))
    if space.dense_embeddings == ANY:
        dense_embeddings = _value(values, _DENSE_EMBEDDINGS)
    else:
        dense_embeddings = space.dense_embeddings == ALWAYS
    architecture = Architecture(tuple(blocks), dense_embeddings)
    space.check(architecture)
    return architecture


def hardware_name(setting: str) -> str:
    """The hyperparameter of a hardware setting.

    Args:
        setting: its dotted name in ``pim``.

    Example:
        >>> hardware_name("array.rows")
        'hardware_array.rows'
    """
    return f"hardware_{setting}"


def search_hyperparameters(
    space: SearchSpace, hardware: HardwareSpace | None = None
) -> "keras_tuner.HyperParameters":
    """Registers every choice of the space; the values are those of no particular architecture.

    Args:
        space: the search space.
        hardware: hardware choices of a co-design search, registered after those of the space.

    Raises:
        ArchitectureError: if a block may choose among too many sets of sources to list them.
    """
    import keras_tuner

    _check_source_sets(space)
    registered = keras_tuner.HyperParameters()
    for number in range(1, space.num_blocks + 1):
        for branch in _BRANCHES:
            _register_operators(registered, number, branch, space)
            sets = [",".join(map(str, sources)) for sources in _source_sets(space, number)]
            registered.Choice(_name(number, f"{branch}_sources"), sets)
        for side in ("left_source", "right_source"):
            registered.Choice(_name(number, side), list(range(number)), ordered=False)
        if space.mergers:
            for merger in _MERGERS:
                registered.Boolean(_name(number, merger))
        if space.bits:
            _register_bits(registered, number, space)
    if space.dense_embeddings == ANY:
        registered.Boolean(_DENSE_EMBEDDINGS)
    if hardware is not None:
        for name, values in hardware.choices.items():
            registered.Choice(hardware_name(name), list(values))
    return registered


def _register_bits(registered, number: int, space: SearchSpace) -> None:
    kinds = ("weight_bits", "activation_bits") if space.separate_bits else ("bits",)
    for branch in _BRANCHES:
        operators, _ = space.candidates(branch)
        sets = list(_operator_sets(operators, space))
        parent = _name(number, f"{branch}_operators")
        for operator in operators:
            active = ["+".join(names) for names in sets if operator in names]
            for kind in kinds:
                registered.Choice(
                    _name(number, f"{operator}_{kind}"),
                    list(space.bits),
                    parent_name=parent,
                    parent_values=active,
                )


def _register_operators(registered, number: int, branch: str, space: SearchSpace) -> None:
    operators, widths = space.candidates(branch)
    parent = _name(number, f"{branch}_operators")
    sets = list(_operator_sets(operators, space))
    registered.Choice(parent, ["+".join(names) for names in sets])
    if _one_width(space):
        registered.Choice(_name(number, f"{branch}_width"), list(widths))
        return
    for operator in operators:
        active = ["+".join(names) for names in sets if operator in names]
        name = _name(number, f"{operator}_width")
        registered.Choice(name, list(widths), parent_name=parent, parent_values=active)


def _block(values: Mapping[str, Any], number: int, space: SearchSpace) -> Block:
    fields: dict[str, Any] = {}
    for branch in _BRANCHES:
        fields[f"{branch}_operators"] = _operators(values, number, branch, space)
        name = _name(number, f"{branch}_sources")
        fields[f"{branch}_sources"] = _sources(name, _value(values, name))
    for side in ("left_source", "right_source"):
        fields[side] = _value(values, _name(number, side))
    if space.mergers:
        for merger in _MERGERS:
            fields[merger] = _value(values, _name(number, merger))
    if space.bits:
        names = (*fields["dense_operators"], *fields["sparse_operators"])
        fields["bits"] = {name: _bits(values, number, name, space) for name in names}
    return Block(**fields)


def _bits(values: Mapping[str, Any], number: int, operator: str, space: SearchSpace) -> Bits:
    if not space.separate_bits:
        width = _value(values, _name(number, f"{operator}_bits"))
        return Bits(width, width)
    kinds = ("weight_bits", "activation_bits")
    return Bits(*(_value(values, _name(number, f"{operator}_{kind}")) for kind in kinds))


def _operators(values: Mapping[str, Any], number: int, branch: str, space) -> dict[str, int]:
    names = str(_value(values, _name(number, f"{branch}_operators"))).split("+")
    if _one_width(space):
        return dict.fromkeys(names, _value(values, _name(number, f"{branch}_width")))
    return {name: _value(values, _name(number, f"{name}_width")) for name in names}


def _sources(name: str, text: Any) -> tuple[int, ...]:
    try:
        return tuple(int(source) for source in str(text).split(","))
    except ValueError as error:
        raise ArchitectureError(
            f"Hyperparameter {name!r} must list sources as in '0,2'. Received: {text!r}"
        ) from error


def _value(values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise ArchitectureError(f"Hyperparameter {name!r} is missing.")
    return values[name]


def _name(number: int, field: str) -> str:
    return f"block_{number}_{field}"


def _one_width(space: SearchSpace) -> bool:
    return space.operators == SINGLE or space.widths == PER_BRANCH


def _operator_sets(operators: tuple[str, ...], space: SearchSpace) -> Iterator[tuple[str, ...]]:
    most = 1 if space.operators == SINGLE else len(operators)
    for count in range(1, most + 1):
        yield from itertools.combinations(operators, count)


def _source_sets(space: SearchSpace, number: int) -> Iterator[tuple[int, ...]]:
    for count in space.source_counts(number):
        yield from itertools.combinations(range(number), count)


def _check_source_sets(space: SearchSpace) -> None:
    last = space.num_blocks
    sets = sum(math.comb(last, count) for count in space.source_counts(last))
    if sets > MAX_SOURCE_SETS:
        raise ArchitectureError(
            f"Search space {space.name!r}: block {last} may choose among {sets} sets of sources, "
            f"more than the {MAX_SOURCE_SETS} that a search can list: set max_sources."
        )
