"""From an architecture to what it asks of processing-in-memory hardware (paper 3.1 and 3.2).

Operators and mergers state their work themselves (``nasrec_tf.operators.work``). Here it is put
together as in the stand-alone network: what does not reach the logit is left out, several operators
of a branch are zero-padded to the widest and summed, and linear maps get their bit widths.

A linear map is called after its part and kernel, as in ``block_2_dot_product/tokens``, so that the
kernels of a trained network find their operators by name.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import HEAD_BITS, Bits
from nasrec_tf.architecture.complexity import FINAL_OPTIONS
from nasrec_tf.architecture.shapes import BlockShapes, NetworkShapes, network_shapes
from nasrec_tf.data.features import ATTENTION, MEAN, Features
from nasrec_tf.operators import (
    DENSE,
    DENSE_TO_SPARSE,
    OPERATORS,
    PAIR,
    SPARSE,
    SPARSE_TO_DENSE,
    DigitalStep,
    LinearMap,
    NetworkOptions,
)
from nasrec_tf.operators.work import LAYER_NORM_OPERATIONS, LEFT, RIGHT, Step
from pim import (
    CrossbarOperator,
    DigitalOperator,
    EmbeddingOperator,
    PimError,
    Precision,
    Workload,
)
from pim.workload.operators import Operator

TABLES = "embedding"
POOLING = "pooling"

Names = tuple[str, ...]
"""Names of operators that something waits for."""


def workload_from_architecture(
    architecture: Architecture,
    features: Features,
    options: NetworkOptions = FINAL_OPTIONS,
    *,
    batch: int = 1,
    precision: Precision | None = None,
    embedding_bits: int = 8,
    name: str = "architecture",
) -> Workload:
    """The operators of an architecture that reach its logit.

    Linear maps (FC, EFC, mergers and every projection) go to crossbars; dot product, factorization
    machine, attention scores, gating, sums, normalisation and activations to digital units;
    embedding tables to memory.

    Example:
        >>> from nasrec_tf.architecture.presets import preset
        >>> published = preset("nasrec-criteo-small")
        >>> workload = workload_from_architecture(published.architecture, published.features)
        >>> workload.multiply_accumulates
        2207808

    Args:
        architecture: the architecture.
        features: what the network reads.
        options: what holds for the whole network; by default as the published models were
            trained in the end, without layer norm.
        batch: samples that are processed together.
        precision: bit widths of the linear maps; the architecture's own unless given.
        embedding_bits: bits of an element of an embedding.
        name: what reports call it.

    Raises:
        PimError: if hardware cannot hold the network, an operator does not state its work, or bits
            are given for something that the network does not have; the message names it.
    """
    shapes = network_shapes(architecture, features.dense, features.sparse, options)
    tokens = POOLING if features.lists else TABLES
    used = precision or precision_of_architecture(architecture)
    operators = _Walk(architecture, shapes, used, tokens).run()
    if architecture.liveness.raw_sparse:
        read = features.id_columns if features.lists else 0
        tables = EmbeddingOperator(
            TABLES, features.table_rows, options.embedding_dim, embedding_bits, look_ups=read
        )
        pooling = (_pooling(features, options.embedding_dim),) if features.lists else ()
        operators = (tables, *pooling, *operators)
    workload = Workload(name, operators, batch)
    if precision is not None:
        precision.check([operator.name for operator in workload.crossbar_operators])
    return workload


def _pooling(features: Features, embedding_dim: int) -> DigitalOperator:
    """Lists of full length made one embedding each."""
    by_attention = sum(each.longest for each in features.lists if each.pooling == ATTENTION)
    others = [each for each in features.lists if each.pooling != ATTENTION]
    scaled = sum(each.pooling == MEAN for each in others)
    return DigitalOperator(
        POOLING,
        (TABLES,),
        multiply_accumulates=2 * by_attention * embedding_dim,
        additions=sum(each.longest - 1 for each in others) * embedding_dim,
        multiplications=scaled * embedding_dim,
        functions=by_attention,
    )


def precision_of_architecture(architecture: Architecture) -> Precision:
    """The bit widths that an architecture gives its operators; 8 where it gives none.

    Projections inside an operator have its bits, a merger the largest of the branch that it
    reads, the final layer 8.

    Args:
        architecture: the architecture.
    """
    given: dict[str, Bits] = {}
    if architecture.is_quantized:
        given["head"] = HEAD_BITS
    for number, block in enumerate(architecture.blocks, start=1):
        given |= {f"block_{number}_{name}": bits for name, bits in block.bits.items()}
        for merger in (DENSE_TO_SPARSE, SPARSE_TO_DENSE):
            bits = block.branch_bits(merger.reads)
            if bits is not None:
                given[f"block_{number}_{merger.name}"] = bits
    return Precision(
        weight_bits_of={name: bits.weights for name, bits in given.items()},
        activation_bits_of={name: bits.activations for name, bits in given.items()},
    )


@dataclasses.dataclass(frozen=True)
class _Output:
    """The operators that a source's dense and sparse outputs wait for."""

    dense: Names
    sparse: Names


class _Walk:
    """One walk over the blocks; collects operators in an order in which they can run."""

    def __init__(
        self,
        architecture: Architecture,
        shapes: NetworkShapes,
        precision: Precision,
        tokens: str,
    ):
        self._architecture = architecture
        self._shapes = shapes
        self._precision = precision
        self._operators: list[Operator] = []
        self._outputs = [_Output((tokens,) if architecture.dense_embeddings else (), (tokens,))]

    def run(self) -> tuple[Operator, ...]:
        """The operators of all blocks and of the head."""
        for number in range(1, len(self._architecture) + 1):
            self._outputs.append(self._block(number))
        last = self._outputs[-1]
        inputs = {DENSE: last.dense, SPARSE: last.sparse}
        self._part("head", (self._shapes.head_work,), inputs)
        return tuple(self._operators)

    def _block(self, number: int) -> _Output:
        sizes = self._shapes.blocks[number - 1]
        live = self._architecture.liveness.blocks[number - 1]
        prefix = f"block_{number}"
        embedding = self._shapes.options.embedding_dim
        operators_width, dense_width, tokens = sizes.summed
        dense: Names = ()
        sparse: Names = ()
        if live.dense_operators:
            results = self._operators_of(number, DENSE)
            dense = self._summed(f"{prefix}_dense_sum", results, operators_width)
        if live.sparse_operators:
            results = self._operators_of(number, SPARSE)
            elements = tokens * embedding
            sparse = self._summed(f"{prefix}_sparse_sum", results, elements)
        own = {DENSE: dense, SPARSE: sparse}
        if live.dense_to_sparse:
            sparse = _union((sparse, self._merger(prefix, DENSE_TO_SPARSE, sizes, own)))
        if live.sparse_to_dense:
            machine = self._merger(prefix, SPARSE_TO_DENSE, sizes, own)
            dense = self._summed(f"{prefix}_dense_merge", [dense, machine], dense_width)
        return _Output(dense, sparse)

    def _operators_of(self, number: int, branch: str) -> list[Names]:
        """What the outputs of a branch's operators wait for, one by one."""
        block = self._architecture.blocks[number - 1]
        inputs = {
            DENSE: _union(self._outputs[source].dense for source in block.dense_sources),
            SPARSE: _union(self._outputs[source].sparse for source in block.sparse_sources),
            LEFT: self._outputs[block.left_source].dense,
            RIGHT: self._outputs[block.right_source].dense,
        }
        results = []
        sizes = self._shapes.blocks[number - 1]
        for name, shape in sizes.operators.items():
            operator = OPERATORS[name]
            if operator.branch == branch:
                label = f"block_{number}_{name}"
                reads = _read(inputs, operator.reads)
                results.append(self._part(label, _work_of(sizes, operator, shape), reads))
        return results

    def _merger(
        self, prefix: str, merger, sizes: BlockShapes, inputs: Mapping[str, Names]
    ) -> Names:
        reads = _read(inputs, (merger.reads,))
        work = sizes.work(merger.name, merger, sizes.merger)
        return self._part(f"{prefix}_{merger.name}", work, reads)

    def _part(self, label: str, steps: Iterable[Step], inputs: Mapping[str, Names]) -> Names:
        """Adds the steps of one part; what its output waits for."""
        done: dict[str, Names] = {}
        result = _union(inputs.values())
        for step in steps:
            waits = _union(_waits(label, step, source, done, inputs) for source in step.inputs)
            result = done[step.name] = self._step(f"{label}/{step.name}", step, waits)
        return result

    def _step(self, label: str, step: Step, waits: Names) -> Names:
        norm = LAYER_NORM_OPERATIONS * step.normalized
        if isinstance(step, DigitalStep):
            return self._digital(
                label,
                waits,
                multiply_accumulates=step.products,
                additions=step.additions,
                multiplications=step.multiplications,
                functions=step.functions,
                layer_norm=norm,
            )
        if step.rows == 0:
            # Without dense features such a map is its bias, which nothing has to compute.
            return self._digital(label, waits, layer_norm=norm) if norm else waits
        weight_bits, activation_bits = self._precision.of(label)
        return self._add(
            CrossbarOperator(
                name=label,
                inputs=waits,
                rows=step.rows,
                columns=step.columns,
                positions=step.positions,
                weight_bits=weight_bits,
                activation_bits=activation_bits,
                functions=step.functions,
                layer_norm=norm,
            )
        )

    def _summed(self, label: str, results: list[Names], elements: int) -> Names:
        """Adds up results of ``elements`` each, where there is more than one."""
        names = _union(results)
        if len(results) == 1:
            return names
        return self._digital(label, names, additions=(len(results) - 1) * elements)

    def _digital(self, label: str, waits: Names, **operations: int) -> Names:
        return self._add(DigitalOperator(label, waits, **operations))

    def _add(self, operator: Operator) -> Names:
        self._operators.append(operator)
        return (operator.name,)


def _work_of(sizes: BlockShapes, operator, shape) -> tuple[Step, ...]:
    try:
        return sizes.work(operator.name, operator, shape)
    except NotImplementedError as error:
        raise PimError(
            f"operator {operator.name!r} does not state its work, which hardware costs need: give "
            f"{type(operator).__name__} a method `work` (docs/extending.md)"
        ) from error


def _read(inputs: Mapping[str, Names], reads: Iterable[str]) -> dict[str, Names]:
    """Those of the inputs that a part says it reads."""
    wanted = set(reads)
    if PAIR in wanted:
        wanted |= {LEFT, RIGHT}
    return {name: names for name, names in inputs.items() if name in wanted}


def _waits(label: str, step: Step, source, done: Mapping[str, Names], inputs) -> Names:
    """The operators that one input of a step stands for."""
    is_step = isinstance(source, (LinearMap, DigitalStep))
    known, name = (done, source.name) if is_step else (inputs, source)
    if name not in known:
        what = "step" if is_step else "input"
        raise PimError(
            f"{label}: {step.name!r} waits for {what} {name!r}, which is not there before it; "
            f"there are {', '.join(known) or 'none'}"
        )
    return known[name]


def _union(groups: Iterable[Names]) -> Names:
    """The names of all groups, each once, in order."""
    return tuple(dict.fromkeys(name for group in groups for name in group))
