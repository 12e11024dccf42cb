"""Walks an architecture's blocks and writes down what each has to compute.

Shapes follow the stand-alone network: only chosen sources are concatenated, several operators of a
branch are zero-padded to the widest and summed, and what does not reach the logit is left out.

A linear map is called after its part and kernel, as in ``block_2_dot_product/tokens``, so that the
kernels of a trained network find their operators by name.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from pim.workload.operators import CrossbarOperator, DigitalOperator, Operator

LAYER_NORM_OPERATIONS = 5
"""Operations of a layer norm per element, as fvcore counts them."""

FFN_MAPS = ("hidden", "output")


@dataclasses.dataclass
class Output:
    """What a block passes on.

    Args:
        width: dense units.
        tokens: sparse tokens.
        dense: names of the operators that the dense output waits for.
        sparse: names of the operators that the sparse output waits for.
    """

    width: int
    tokens: int
    dense: tuple[str, ...]
    sparse: tuple[str, ...]


def dot_product_tokens(width: int) -> int:
    """Tokens to which a dot product projects: k = round(sqrt(2 width)) (paper 4.2)."""
    return round(math.sqrt(2 * width))


def read_dense(block: Mapping[str, Any]) -> set[int]:
    """Sources whose dense output the block's dense operators read."""
    sources: set[int] = set()
    names = set(block["dense_operators"])
    if names & {"fc", "dot_product"}:
        sources |= set(block["dense_sources"])
    if names & {"sigmoid_gating", "sum"}:
        sources |= {block.get("left_source", 0), block.get("right_source", 0)}
    return sources


class Walk:
    """One walk over the blocks; collects operators in an order in which they can run."""

    def __init__(
        self,
        *,
        dense_features: int,
        sparse_features: int,
        embedding_dim: int,
        attention_heads: int,
        merged_tokens: int,
        layer_norm: bool,
        bits_of: Callable[[str], tuple[int, int]],
    ):
        self.reads_embeddings = False
        self._embedding_dim = embedding_dim
        self._heads = attention_heads
        self._merged_tokens = merged_tokens
        self._layer_norm = layer_norm
        self._bits_of = bits_of
        self._operators: list[Operator] = []
        self._outputs = [Output(dense_features, sparse_features, (), ("embedding",))]

    def run(self, blocks: list[dict[str, Any]]) -> tuple[Operator, ...]:
        """The operators of all blocks and of the head."""
        live = self._liveness(blocks)
        for number, block in enumerate(blocks, start=1):
            self._block(f"block_{number}", block, live[number - 1])
        last = self._outputs[-1]
        head_inputs = last.width + last.tokens * self._embedding_dim
        self._linear("head/head", last.dense + last.sparse, head_inputs, 1, functions=1)
        return tuple(self._operators)

    def _liveness(self, blocks) -> list[tuple[bool, bool]]:
        """Whether each block's dense and sparse output reach the logit, walking back."""
        dense, sparse = {len(blocks)}, {len(blocks)}
        live = []
        for number in range(len(blocks), 0, -1):
            block = blocks[number - 1]
            dense_out, sparse_out = number in dense, number in sparse
            live.append((dense_out, sparse_out))
            if _runs_dense(block, dense_out, sparse_out):
                dense |= read_dense(block)
                if "dot_product" in block["dense_operators"]:
                    sparse |= set(block["sparse_sources"])
            if _runs_sparse(block, dense_out, sparse_out):
                sparse |= set(block["sparse_sources"])
        self.reads_embeddings = 0 in sparse
        return live[::-1]

    def _block(self, prefix: str, block, live: tuple[bool, bool]) -> None:
        width = max(block["dense_operators"].values())
        tokens = max(block["sparse_operators"].values())
        dense = sparse = ()
        if _runs_dense(block, *live):
            dense = self._dense_branch(prefix, block, width)
        if _runs_sparse(block, *live):
            sparse = self._sparse_branch(prefix, block, tokens)
        operator_tokens = sparse
        merged = block.get("dense_to_sparse", False)
        if merged and live[1]:
            sparse = sparse + self._dense_to_sparse(prefix, dense, width)
        if block.get("sparse_to_dense", False) and live[0]:
            dense = self._sparse_to_dense(prefix, dense, operator_tokens, width, tokens)
        self._outputs.append(
            Output(width, tokens + (self._merged_tokens if merged else 0), dense, sparse)
        )

    def _dense_branch(self, prefix, block, width) -> tuple[str, ...]:
        sources = [self._outputs[source] for source in sorted(block["dense_sources"])]
        in_width = sum(source.width for source in sources)
        waits = _union(source.dense for source in sources)
        results = []
        for name, out in block["dense_operators"].items():
            label = f"{prefix}_{name}"
            if name == "fc":
                results.append(self._linear(f"{label}/dense", waits, in_width, out, functions=out))
            elif name == "dot_product":
                results.append(self._dot_product(label, block, waits, in_width, out))
            else:
                results.append(self._pairwise(label, name, block, out))
        return self._summed(prefix + "_dense_sum", _union(results), len(results), width)

    def _sparse_branch(self, prefix, block, tokens) -> tuple[str, ...]:
        waits, in_tokens = self._sparse_inputs(block)
        results = []
        for name, out in block["sparse_operators"].items():
            label = f"{prefix}_{name}"
            if name == "efc":
                functions = out * self._embedding_dim
                results.append(self._tokenwise(f"{label}/tokens", waits, in_tokens, out, functions))
            else:
                results.append(self._attention(label, waits, in_tokens, out))
        elements = tokens * self._embedding_dim
        return self._summed(prefix + "_sparse_sum", _union(results), len(results), elements)

    def _sparse_inputs(self, block) -> tuple[tuple[str, ...], int]:
        sources = [self._outputs[source] for source in sorted(block["sparse_sources"])]
        return _union(source.sparse for source in sources), sum(s.tokens for s in sources)

    def _dot_product(self, label, block, dense, in_width, out) -> tuple[str, ...]:
        embedding = self._embedding_dim
        sparse, tokens = self._sparse_inputs(block)
        if in_width != embedding:
            dense = self._linear(f"{label}/dense", dense, in_width, embedding)
        count = dot_product_tokens(out)
        if tokens != count:
            sparse = self._tokenwise(f"{label}/tokens", sparse, tokens, count)
        # The whole Gram matrix, as a matrix product computes it and fvcore counts it.
        products = self._digital(
            f"{label}/products",
            _union((dense, sparse)),
            multiply_accumulates=(count + 1) ** 2 * embedding,
        )
        pairs = count * (count + 1) // 2
        if pairs == out:
            return products
        return self._linear(f"{label}/output", products, pairs, out)

    def _pairwise(self, label, name, block, out) -> tuple[str, ...]:
        left = self._outputs[block.get("left_source", 0)]
        right = self._outputs[block.get("right_source", 0)]
        padded = max(left.width, right.width)
        if name == "sigmoid_gating":
            gate = self._linear(f"{label}/gate", left.dense, padded, padded, functions=padded)
            waits = _union((gate, right.dense))
            joined = self._digital(f"{label}/product", waits, multiplications=padded)
        else:
            waits = _union((left.dense, right.dense))
            joined = self._digital(f"{label}/addition", waits, additions=padded)
        if padded == out:
            return joined
        return self._linear(f"{label}/output", joined, padded, out)

    def _attention(self, label, waits, in_tokens, out) -> tuple[str, ...]:
        embedding = self._embedding_dim
        elements = out * embedding
        projected = self._tokenwise(f"{label}/tokens", waits, in_tokens, out)
        packed = self._linear(
            f"{label}/query_key_value", projected, embedding, 3 * embedding, positions=out
        )
        # Scores of every pair of tokens and the weighted values; softmax per head.
        mixed = self._digital(
            f"{label}/scores",
            packed,
            multiply_accumulates=2 * out * out * embedding,
            functions=self._heads * out * out,
        )
        attended = self._linear(f"{label}/attended", mixed, embedding, embedding, positions=out)
        normed = self._residual(f"{label}/attended_norm", _union((attended, projected)), elements)
        result = normed
        for name in FFN_MAPS:
            functions = elements if name == "hidden" else 0
            result = self._linear(
                f"{label}/{name}", result, embedding, embedding, out, functions=functions
            )
        return self._residual(f"{label}/output_norm", _union((result, normed)), elements)

    def _residual(self, label, waits, elements) -> tuple[str, ...]:
        operations = LAYER_NORM_OPERATIONS * elements
        return self._digital(label, waits, additions=elements + operations)

    def _dense_to_sparse(self, prefix, dense, width) -> tuple[str, ...]:
        out = self._merged_tokens * self._embedding_dim
        if width == out:
            return dense
        return self._linear(f"{prefix}_dense_to_sparse/tokens", dense, width, out)

    def _sparse_to_dense(self, prefix, dense, sparse, width, tokens) -> tuple[str, ...]:
        embedding = self._embedding_dim
        # (sum of tokens)^2 - sum of squares.
        machine = self._digital(
            f"{prefix}_sparse_to_dense/products",
            sparse,
            additions=2 * tokens * embedding,
            multiplications=(tokens + 1) * embedding,
        )
        if width != embedding:
            machine = self._linear(
                f"{prefix}_sparse_to_dense/interaction", machine, embedding, width
            )
        return self._summed(f"{prefix}_dense_merge", _union((dense, machine)), 2, width)

    def _summed(self, label, names, count, elements) -> tuple[str, ...]:
        """Adds up ``count`` results of ``elements`` each, where there is more than one."""
        if count == 1:
            return names
        return self._digital(label, names, additions=(count - 1) * elements)

    def _tokenwise(self, label, waits, in_tokens, out, functions=0) -> tuple[str, ...]:
        """A map of the tokens, used at each element of the embedding (EFC)."""
        return self._linear(
            label, waits, in_tokens, out, positions=self._embedding_dim, functions=functions
        )

    def _linear(self, label, waits, rows, columns, positions=1, functions=0) -> tuple[str, ...]:
        if rows == 0:
            # Without dense features such a map is its bias, which nothing has to compute.
            return waits
        weight_bits, activation_bits = self._bits_of(label)
        elements = columns * positions
        self._operators.append(
            CrossbarOperator(
                name=label,
                inputs=waits,
                rows=rows,
                columns=columns,
                positions=positions,
                weight_bits=weight_bits,
                activation_bits=activation_bits,
                functions=functions,
                additions=LAYER_NORM_OPERATIONS * elements if self._layer_norm else 0,
            )
        )
        return (label,)

    def _digital(self, label, waits, **operations) -> tuple[str, ...]:
        self._operators.append(DigitalOperator(name=label, inputs=waits, **operations))
        return (label,)


def _runs_dense(block, dense_out: bool, sparse_out: bool) -> bool:
    return dense_out or (sparse_out and block.get("dense_to_sparse", False))


def _runs_sparse(block, dense_out: bool, sparse_out: bool) -> bool:
    return sparse_out or (dense_out and block.get("sparse_to_dense", False))


def _union(groups) -> tuple[str, ...]:
    """The names of all groups, each once, in order."""
    return tuple(dict.fromkeys(name for group in groups for name in group))
