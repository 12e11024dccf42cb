"""A network's operators from the JSON form of its architecture."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pim import checks
from pim.architecture_walk import Walk
from pim.errors import PimError
from pim.workload.operators import MAX_BITS, EmbeddingOperator, Workload

DENSE_OPERATORS = ("fc", "sigmoid_gating", "sum", "dot_product")
SPARSE_OPERATORS = ("efc", "attention")

FORMAT = "nasrec_tf.architecture"
VERSION = 1


@dataclasses.dataclass(frozen=True)
class Precision:
    """Bit widths of the crossbar operators.

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
        """Weight and activation bits of an operator: its longest named prefix decides."""
        return (
            _by_prefix(self.weight_bits_of, name, self.weight_bits),
            _by_prefix(self.activation_bits_of, name, self.activation_bits),
        )

    def check(self, names: Sequence[str]) -> None:
        """Raises if a width is given for something that the network does not have."""
        for prefix in (*self.weight_bits_of, *self.activation_bits_of):
            if not any(_starts(name, prefix) for name in names):
                raise PimError(f"bits given for {prefix!r}; the operators are {', '.join(names)}")


EIGHT_BITS = Precision()


def precision_of_architecture(architecture: Any) -> Precision:
    """The bit widths that an architecture gives its operators; 8 where it gives none.

    Projections inside an operator have its bits, a merger the largest of the branch that it
    reads, the final layer 8.

    Args:
        architecture: the JSON form, or an object whose ``to_json()`` gives it.
    """
    weights: dict[str, int] = {}
    activations: dict[str, int] = {}
    for number, block in enumerate(_checked_blocks(architecture), start=1):
        bits = block.get("bits", {})
        names = {name: (name,) for name in bits}
        if bits:
            names["dense_to_sparse"] = tuple(block["dense_operators"])
            names["sparse_to_dense"] = tuple(block["sparse_operators"])
        for part, operators in names.items():
            name = f"block_{number}_{part}"
            weights[name] = max(bits[operator]["weights"] for operator in operators)
            activations[name] = max(bits[operator]["activations"] for operator in operators)
    return Precision(weight_bits_of=weights, activation_bits_of=activations)


def _starts(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith((prefix + "_", prefix + "/"))


def _by_prefix(widths: Mapping[str, int], name: str, default: int) -> int:
    matching = [prefix for prefix in widths if _starts(name, prefix)]
    return widths[max(matching, key=len)] if matching else default


def workload_from_architecture(
    architecture: Any,
    dense_features: int,
    table_rows: Sequence[int],
    *,
    batch: int = 1,
    precision: Precision | None = None,
    embedding_dim: int = 16,
    embedding_bits: int = 8,
    attention_heads: int = 8,
    merged_tokens: int = 8,
    layer_norm: bool = False,
    name: str = "architecture",
) -> Workload:
    """The operators of an architecture that reach its logit (paper 3.1 and 3.2).

    Linear maps (FC, EFC, mergers and every projection) go to crossbars; dot product, factorization
    machine, attention scores, gating, sums, normalisation and activations to digital units;
    embedding tables to memory.

    Args:
        architecture: the JSON form, or an object whose ``to_json()`` gives it.
        dense_features: raw dense columns; may be 0.
        table_rows: rows of each embedding table, one per sparse feature.
        batch: samples that are processed together.
        precision: bit widths of the crossbar operators; the architecture's own unless given.
        embedding_dim: elements of an embedding.
        embedding_bits: bits of an element of an embedding.
        attention_heads: heads of the attention operator.
        merged_tokens: tokens that a dense-to-sparse merger appends.
        layer_norm: whether projections are normalised; the published models are not.
        name: what reports call it.

    Raises:
        PimError: if the architecture or an argument is not valid; the message names it.
    """
    blocks = _checked_blocks(architecture)
    checks.whole("dense_features", dense_features, 0, 1 << 20)
    if not table_rows:
        raise PimError("table_rows: needs at least one embedding table")
    checks.whole("attention_heads", attention_heads, 1, embedding_dim)
    bits = precision or precision_of_architecture(architecture)
    walk = Walk(
        dense_features=dense_features,
        sparse_features=len(table_rows),
        embedding_dim=embedding_dim,
        attention_heads=attention_heads,
        merged_tokens=merged_tokens,
        layer_norm=layer_norm,
        bits_of=bits.of,
    )
    operators = walk.run(blocks)
    if walk.reads_embeddings:
        tables = EmbeddingOperator("embedding", tuple(table_rows), embedding_dim, embedding_bits)
        operators = (tables, *operators)
    workload = Workload(name, operators, batch)
    if precision is not None:
        precision.check([operator.name for operator in workload.crossbar_operators])
    return workload


def _checked_blocks(architecture: Any) -> list[dict[str, Any]]:
    value = architecture.to_json() if hasattr(architecture, "to_json") else architecture
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise PimError(f'not an architecture: no "format": "{FORMAT}" in it')
    if value.get("version") != VERSION:
        raise PimError(f"architecture of version {value.get('version')!r}; this reads {VERSION}")
    blocks = value.get("blocks")
    if not isinstance(blocks, list) or not blocks:
        raise PimError('"blocks" must be a list of at least one block')
    for number, block in enumerate(blocks, start=1):
        if not isinstance(block, dict):
            raise PimError(f"block {number}: must be an object. Received: {block!r}")
        _check_operators(number, block, "dense_operators", DENSE_OPERATORS)
        _check_operators(number, block, "sparse_operators", SPARSE_OPERATORS)
        for field in ("dense_sources", "sparse_sources"):
            sources = block.get(field)
            if not isinstance(sources, list) or not sources:
                raise PimError(f"block {number}: {field} must list at least one source")
            for source in sources:
                checks.whole(f"block {number}: {field}", source, 0, number - 1)
        for field in ("left_source", "right_source"):
            checks.whole(f"block {number}: {field}", block.get(field, 0), 0, number - 1)
        for field in ("dense_to_sparse", "sparse_to_dense"):
            checks.flag(f"block {number}: {field}", block.get(field, False))
        _check_bits(number, block)
    return blocks


def _check_bits(number, block) -> None:
    bits = block.get("bits", {})
    names = {*block["dense_operators"], *block["sparse_operators"]}
    if bits and (not isinstance(bits, dict) or set(bits) != names):
        raise PimError(f"block {number}: bits must name every operator. Received: {bits!r}")
    for name, widths in bits.items():
        if not isinstance(widths, dict) or set(widths) != {"weights", "activations"}:
            raise PimError(
                f'block {number}: bits of {name!r} need "weights" and "activations". '
                f"Received: {widths!r}"
            )
        checks.whole(f"block {number}: bits of {name!r}", widths["weights"], 2, MAX_BITS)
        checks.whole(f"block {number}: bits of {name!r}", widths["activations"], 1, MAX_BITS)


def _check_operators(number, block, field, known) -> None:
    operators = block.get(field)
    if not isinstance(operators, dict) or not operators:
        raise PimError(f"block {number}: {field} must map at least one operator to its width")
    for name, width in operators.items():
        if name not in known:
            raise PimError(
                f"block {number}: {field} holds {name!r}, which no hardware here can hold; "
                f"known are {', '.join(known)}"
            )
        checks.whole(f"block {number}: {field}: width of {name!r}", width, 1, 1 << 20)
