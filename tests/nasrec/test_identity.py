"""When two architectures are one: what reaches the logit, and nothing else, counts."""

import dataclasses
import itertools

import hypothesis.strategies as st
import numpy as np
from core_cases import EMBEDDED, FEATURES, FULL, NO_DENSE, SMALL_OPTIONS, architectures
from hypothesis import assume, given, settings

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.complexity import complexity
from nasrec_tf.architecture.liveness import dense_operators_read_sparse
from nasrec_tf.architecture.space import NASREC_FULL
from nasrec_tf.common.errors import ArchitectureError

BLOCK = Block({"fc": 8}, {"efc": 3}, (0,), (0,))


def with_block(number, **changes):
    """Three plain blocks, one of them changed."""
    blocks = [BLOCK] * 3
    blocks[number - 1] = dataclasses.replace(BLOCK, **changes)
    return Architecture(blocks)


# What does not reach the logit does not count ...


def test_left_and_right_that_no_operator_reads_do_not_matter():
    assert with_block(3, left_source=1, right_source=2) == with_block(3)


def test_a_dead_block_does_not_matter():
    assert with_block(2, dense_operators={"sum": 31}, sparse_to_dense=True) == with_block(2)


def test_a_merger_into_a_dead_branch_does_not_matter():
    alive = dict(dense_sources=(1,), sparse_sources=(0,))
    blocks = [BLOCK, dataclasses.replace(BLOCK, **alive)]
    merging = [dataclasses.replace(BLOCK, dense_to_sparse=True), blocks[1]]
    assert Architecture(merging) == Architecture(blocks)


@given(architectures(FULL.replace(num_blocks=4)))
@settings(deadline=None)
def test_dead_operators_and_what_they_alone_read_do_not_matter(architecture):
    blocks = []
    for block, live in zip(architecture.blocks, architecture.liveness.blocks):
        if not live.dense_operators:
            ours = dict(dense_operators={"sum": 31}, dense_sources=(0,), left_source=0)
            block = dataclasses.replace(block, **ours)
        if not live.sparse_operators:
            block = dataclasses.replace(block, sparse_operators={"attention": 11})
            if not (live.dense_operators and dense_operators_read_sparse(block)):
                block = dataclasses.replace(block, sparse_sources=(0,))
        blocks.append(block)
    assert Architecture(blocks).identity == architecture.identity


def test_only_a_dense_operator_that_reads_them_makes_sparse_sources_matter():
    for name, reads in (("fc", False), ("sum", False), ("dot_product", True)):
        block = dataclasses.replace(BLOCK, dense_operators={name: 8})
        assert dense_operators_read_sparse(block) is reads
        sparse = [dataclasses.replace(block, sparse_sources=(s,)) for s in (0, 1)]
        head = dataclasses.replace(BLOCK, dense_sources=(2,))
        assert (
            Architecture([BLOCK, sparse[0], head]) == Architecture([BLOCK, sparse[1], head])
        ) is (not reads)


def test_the_sides_of_a_sum_may_be_exchanged_but_not_those_of_a_gating():
    def pair(operators, left, right):
        last = dict(dense_operators=operators, left_source=left, right_source=right)
        wide = dataclasses.replace(BLOCK, dense_operators={"fc": 31})
        return Architecture([BLOCK, wide, dataclasses.replace(BLOCK, **last)])

    for operators in ({"sum": 8}, {"sum": 8, "fc": 4}):
        assert pair(operators, 1, 2) == pair(operators, 2, 1)
    for operators in ({"sigmoid_gating": 8}, {"sigmoid_gating": 8, "sum": 8}):
        assert pair(operators, 1, 2) != pair(operators, 2, 1)


def renumbered(architecture, order):
    """The same network with its blocks in another order; ``order`` lists the old numbers."""
    new = {0: 0} | {old: place for place, old in enumerate(order, start=1)}
    blocks = []
    for old in order:
        block = architecture.blocks[old - 1]
        moved = {
            "dense_sources": tuple(new[source] for source in block.dense_sources),
            "sparse_sources": tuple(new[source] for source in block.sparse_sources),
            "left_source": new[block.left_source],
            "right_source": new[block.right_source],
        }
        blocks.append(dataclasses.replace(block, **moved))
    return dataclasses.replace(architecture, blocks=blocks)


@st.composite
def orders(draw, architecture):
    """An order of the blocks in which each still comes after what it names; the last stays last."""
    count = len(architecture)
    order, waiting = [], list(range(1, count))
    while waiting:
        ready = []
        for number in waiting:
            block = architecture.blocks[number - 1]
            named = {*block.dense_sources, *block.sparse_sources}
            named |= {block.left_source, block.right_source}
            if named <= {0, *order}:
                ready.append(number)
        order.append(draw(st.sampled_from(ready)))
        waiting.remove(order[-1])
    return [*order, count]


FEW_CHOICES = FULL.replace(
    num_blocks=6,
    dense_operators=("fc", "sum"),
    sparse_operators=("efc",),
    dense_widths=(4,),
    sparse_widths=(3,),
)
"""Many blocks that are alike: what tells them apart is where they stand in the network."""


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_the_numbers_of_independent_blocks_do_not_matter(data):
    space = data.draw(st.sampled_from([EMBEDDED.replace(num_blocks=5), FEW_CHOICES]))
    architecture = data.draw(architectures(space))
    moved = renumbered(architecture, data.draw(orders(architecture)))
    assert moved.identity == architecture.identity


def stack(*blocks):
    """An architecture of plain blocks with these changes."""
    return Architecture([dataclasses.replace(BLOCK, **changes) for changes in blocks])


def test_twin_chains_may_be_crossed():
    def chains(first, second, last):
        return stack({}, {}, dict(dense_sources=(first,)), dict(dense_sources=(second,)), last)

    symmetric = dict(dense_sources=(3, 4))
    assert chains(1, 2, symmetric) == chains(2, 1, symmetric) != chains(1, 1, symmetric)
    ordered = dict(dense_operators={"sigmoid_gating": 8}, left_source=3, right_source=4)
    assert chains(1, 2, ordered) == chains(2, 1, ordered) != chains(1, 1, ordered)


def test_longer_twin_chains_may_be_crossed():
    def chains(*sources):
        middle = [dict(dense_sources=(source,)) for source in sources]
        return stack({}, {}, *middle, dict(dense_sources=(5, 6)))

    assert chains(1, 2, 3, 4) == chains(2, 1, 3, 4) == chains(1, 2, 4, 3) == chains(2, 1, 4, 3)
    assert chains(1, 2, 3, 4) != chains(1, 1, 3, 4)


# ... and what does, counts.


def live_changes(architecture):
    """Architectures with one live field changed to another function, with a word on the change."""
    for number, block in enumerate(architecture.blocks, start=1):
        live = architecture.liveness.blocks[number - 1]
        reads_pair = {"sum", "sigmoid_gating"} & set(block.dense_operators)
        reads_dense = {"fc", "dot_product"} & set(block.dense_operators)
        changes = []
        if live.dense_operators:
            changes += operator_changes(block, "dense_operators", "fc", "dot_product")
            if reads_dense:
                changes += source_changes(block, "dense_sources", number)
            if reads_pair:
                changes += pair_changes(block, number)
        if live.sparse_operators:
            changes += operator_changes(block, "sparse_operators", "efc", "attention")
        if live.sparse_operators or (live.dense_operators and "dot_product" in reads_dense):
            changes += source_changes(block, "sparse_sources", number)
        if live.sparse_output:
            changes.append({"dense_to_sparse": not block.dense_to_sparse})
        if live.dense_output:
            changes.append({"sparse_to_dense": not block.sparse_to_dense})
        for change in changes:
            blocks = list(architecture.blocks)
            blocks[number - 1] = dataclasses.replace(block, **change)
            yield number, change, Architecture(blocks)


@given(architectures())
@settings(deadline=None)
def test_dense_embeddings_matter_where_dense_source_0_is_read(architecture):
    embedded = dataclasses.replace(architecture, dense_embeddings=True)
    assert (embedded != architecture) is architecture.liveness.raw_dense


def operator_changes(block, field, *names):
    operators = dict(getattr(block, field))
    for name in operators:
        yield {field: operators | {name: operators[name] + 1}}
    for name in names:
        if name not in operators:
            yield {field: operators | {name: 5}}
        elif len(operators) > 1:
            yield {field: {other: w for other, w in operators.items() if other != name}}


def source_changes(block, field, number):
    sources = set(getattr(block, field))
    for source in range(number):
        if sources ^ {source}:
            yield {field: tuple(sources ^ {source})}


def pair_changes(block, number):
    named = sorted((block.left_source, block.right_source))
    for field, other in (("left_source", "right_source"), ("right_source", "left_source")):
        for source in range(number):
            if sorted((source, getattr(block, other))) != named:
                yield {field: source}


@given(architectures())
@settings(max_examples=60, deadline=None)
def test_every_choice_that_reaches_the_logit_matters(architecture):
    for number, change, changed in live_changes(architecture):
        if differ_by_numbers(architecture, changed):
            continue
        assert changed != architecture, (number, change)


def differ_by_numbers(architecture, changed):
    """Whether the two differ by block numbers alone, such as reading either of two twins."""
    count = len(architecture)
    free = without_dead_sources(changed)
    for order in itertools.permutations(range(1, count)):
        try:
            moved = renumbered(free, [*order, count])
        except ArchitectureError:
            continue
        if live_fields(moved) == live_fields(architecture):
            return True
    return False


def without_dead_sources(architecture):
    """Sources that nothing reads become the raw input, so that they bind blocks to no order."""
    blocks = []
    for block, fields in zip(architecture.blocks, live_fields(architecture)):
        *_, dense, sparse, pair = fields
        left, right = (block.left_source, block.right_source) if pair else (0, 0)
        blocks.append(
            dataclasses.replace(
                block,
                dense_sources=dense or (0,),
                sparse_sources=sparse or (0,),
                left_source=left,
                right_source=right,
            )
        )
    return Architecture(blocks)


def live_fields(architecture):
    """What of each block reaches the logit, by its number."""
    fields = []
    for block, live in zip(architecture.blocks, architecture.liveness.blocks):
        dense = block.dense_operators if live.dense_operators else {}
        pair = (block.left_source, block.right_source)
        if "sigmoid_gating" not in dense:
            pair = tuple(sorted(pair))
        fields.append(
            (
                live,
                dict(dense),
                dict(block.sparse_operators) if live.sparse_operators else {},
                block.dense_sources if {"fc", "dot_product"} & set(dense) else (),
                block.sparse_sources if live.sparse_operators or "dot_product" in dense else (),
                pair if {"sum", "sigmoid_gating"} & set(dense) else (),
            )
        )
    return fields


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_equal_architectures_cost_the_same(data):
    architecture = data.draw(architectures(FULL.replace(num_blocks=4)))
    other = renumbered(architecture, data.draw(orders(architecture)))
    dead = [
        number
        for number, live in enumerate(other.liveness.blocks, start=1)
        if not live.anything and number < len(other)
    ]
    blocks = list(other.blocks)
    for number in dead:
        blocks[number - 1] = Block({"sum": 31}, {"attention": 8}, (0,), (0,), 0, 0, True, True)
    other = Architecture(blocks)
    assume(other.blocks != architecture.blocks)
    assert other == architecture
    for features in (FEATURES, NO_DENSE):
        ours, theirs = (complexity(each, features, SMALL_OPTIONS) for each in (architecture, other))
        assert ours.parameters == theirs.parameters
        assert ours.mflops == theirs.mflops


def test_identities_are_those_that_journals_of_the_first_version_hold():
    architecture = NASREC_FULL.sample(np.random.default_rng(0))
    assert architecture.identity == "1f341acd5c698c1b7b53562ad94c0e53"


def test_twins_that_only_the_whole_network_tells_apart_may_have_two_identities():
    """The limit that ``identity``'s documentation states; equal identities are never wrong."""

    def ring(*pairs):
        above = [dict(dense_sources=(d,), sparse_sources=(s,)) for d, s in pairs]
        return stack({}, {}, {}, *above, dict(dense_sources=(4, 5, 6), sparse_sources=(4, 5, 6)))

    one, other = ring((1, 2), (2, 3), (3, 1)), ring((2, 1), (1, 3), (3, 2))
    assert renumbered(one, [2, 1, 3, 4, 5, 6, 7]).blocks == other.blocks
    assert one.identity != other.identity
