"""Mutations stay in the space, change what they say they change, and reach everything."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasrec_tf.architecture.space import NASREC_FULL, NASREC_SMALL
from nasrec_tf.strategies.mutation import MUTATIONS, AnnealedFieldMutation, BlockMutation

SPACES = st.builds(
    lambda space, **changes: space.replace(**changes),
    st.sampled_from([NASREC_SMALL, NASREC_FULL]),
    num_blocks=st.integers(1, 7),
    dense_widths=st.sampled_from([(16,), (16, 64, 1024)]),
    sparse_widths=st.sampled_from([(16,), (16, 48)]),
    mergers=st.booleans(),
    operators=st.sampled_from(["single", "any"]),
    widths=st.sampled_from(["operator", "branch"]),
    max_sources=st.sampled_from([None, 1, 2, 4]),
    bits=st.sampled_from([(), (4, 8), (4, 5, 6, 7, 8)]),
    separate_bits=st.booleans(),
    dense_embeddings=st.sampled_from(["never", "always", "any"]),
)
SEEDS = st.integers(0, 2**32)


@pytest.mark.parametrize("mutation", [cls() for cls in MUTATIONS.values()], ids=list(MUTATIONS))
@settings(deadline=None)
@given(space=SPACES, seed=SEEDS, generation=st.integers(0, 239))
def test_a_child_lies_in_the_space_of_its_parent(mutation, space, seed, generation):
    rng = np.random.default_rng(seed)
    architecture = space.sample(rng)
    for _ in range(3):
        architecture = mutation(architecture, space, rng, generation, 240)
        space.check(architecture)


def changed_fields(mutation, space, seed, generation):
    """For each block, the fields in which a child differs from its parent."""
    rng = np.random.default_rng(seed)
    parent = space.sample(rng)
    child = mutation(parent, space, rng, generation, 240)
    return [
        {f.name for f in dataclasses.fields(a) if getattr(a, f.name) != getattr(b, f.name)}
        for a, b in zip(parent.blocks, child.blocks, strict=True)
    ]


@settings(deadline=None)
@given(space=SPACES, seed=SEEDS)
def test_the_paper_s_mutation_changes_one_block_at_most(space, seed):
    assert sum(map(bool, changed_fields(BlockMutation(), space, seed, 0))) <= 1


@settings(deadline=None)
@given(space=SPACES, seed=SEEDS)
def test_late_in_the_search_the_annealed_mutation_changes_one_field(space, seed):
    fields = changed_fields(AnnealedFieldMutation(), space, seed, 239)
    changed = [field for block in fields for field in block]
    # The operators of both branches are one choice in the authors' code.
    assert len(changed) <= 1 or set(changed) <= {"dense_operators", "sparse_operators", "bits"}
    assert sum(map(bool, fields)) <= 1


def test_the_annealed_mutation_makes_as_many_changes_as_the_authors_code():
    changes = [AnnealedFieldMutation().changes(generation, 240) for generation in range(240)]
    assert changes == [6] + 48 * [5] + 48 * [4] + 48 * [3] + 48 * [2] + 47 * [1]
    # A short search counts as one of 100 generations would.
    changes = [AnnealedFieldMutation().changes(generation, 50) for generation in range(50)]
    assert changes == 11 * [3] + 20 * [2] + 19 * [1]


@settings(deadline=None)
@given(space=SPACES, seed=SEEDS)
def test_the_paper_s_mutation_keeps_all_but_one_of_what_stays(space, seed):
    rng = np.random.default_rng(seed)
    parent = space.sample(rng)
    child = BlockMutation()(parent, space, rng, 0, 240)
    for old, new in zip(parent.blocks, child.blocks, strict=True):
        for branch in ("dense_operators", "sparse_operators"):
            before, after = getattr(old, branch), getattr(new, branch)
            kept = before.keys() & after.keys()
            if space.operators == "any":
                assert len(before.keys() ^ after.keys()) <= 1
                if space.widths == "operator":
                    assert sum(before[name] != after[name] for name in kept) <= 1
            if space.bits:
                assert sum(old.bits[name] != new.bits[name] for name in kept) <= 1


@pytest.mark.parametrize("mutation", [cls() for cls in MUTATIONS.values()], ids=list(MUTATIONS))
@pytest.mark.parametrize("operators", ["single", "any"])
@pytest.mark.parametrize("widths", ["operator", "branch"])
def test_repeated_mutation_reaches_every_value_of_every_choice(mutation, operators, widths):
    space = NASREC_FULL.replace(
        num_blocks=2,
        dense_widths=(16, 64),
        sparse_widths=(16, 48),
        operators=operators,
        widths=widths,
    )
    rng = np.random.default_rng(1)
    architecture = space.sample(rng)
    seen = {field.name: set() for field in dataclasses.fields(architecture.blocks[1])}
    for _ in range(6000):
        architecture = mutation(architecture, space, rng, 0, 240)
        for field, values in seen.items():
            values.add(getattr(architecture.blocks[1], field))
    sizes = {field: len(values) for field, values in seen.items()}
    per_operator = widths == "operator"
    subsets = {"single": (4 * 2, 2 * 2), "any": (3**4 - 1, 3**2 - 1)}[operators]
    if operators == "any" and not per_operator:
        subsets = (15 * 2, 3 * 2)
    assert sizes == {
        "dense_operators": subsets[0],
        "sparse_operators": subsets[1],
        "dense_sources": 3,
        "sparse_sources": 3,
        "left_source": 2,
        "right_source": 2,
        "dense_to_sparse": 2,
        "sparse_to_dense": 2,
        "bits": 1,
        "kept_units": 1,  # of what is pruned alone
    }


@pytest.mark.parametrize("mutation", [cls() for cls in MUTATIONS.values()], ids=list(MUTATIONS))
def test_dense_embeddings_are_redrawn_as_often_as_a_block_and_where_the_space_lets_choose(mutation):
    changed = {}
    for rule in ("never", "always", "any"):
        space = NASREC_SMALL.replace(num_blocks=3, dense_embeddings=rule)
        rng = np.random.default_rng(2)
        parent = space.sample(rng)
        children = [mutation(parent, space, rng, 239, 240) for _ in range(800)]
        changed[rule] = np.mean([c.dense_embeddings != parent.dense_embeddings for c in children])
    # One place in four, and half of the draws come out as they were.
    assert changed == {"never": 0, "always": 0, "any": pytest.approx(1 / 8, abs=0.04)}


@pytest.mark.parametrize("mutation", [cls() for cls in MUTATIONS.values()], ids=list(MUTATIONS))
@pytest.mark.parametrize("separate", [False, True])
def test_repeated_mutation_reaches_all_bits_of_every_operator(mutation, separate):
    space = NASREC_SMALL.replace(num_blocks=2, bits=(4, 8), separate_bits=separate)
    rng = np.random.default_rng(1)
    architecture = space.sample(rng)
    seen = set()
    for _ in range(2000):
        architecture = mutation(architecture, space, rng, 0, 240)
        seen.update(architecture.blocks[1].bits.items())
    assert {name for name, _ in seen} == {"fc", "dot_product", "efc"}
    assert len(seen) == 3 * (4 if separate else 2)


@pytest.mark.parametrize("mutation", [cls() for cls in MUTATIONS.values()], ids=list(MUTATIONS))
def test_a_mutation_depends_on_its_arguments_alone(mutation):
    parent = NASREC_FULL.sample(np.random.default_rng(0))
    children = [mutation(parent, NASREC_FULL, np.random.default_rng(5), 3, 240) for _ in range(2)]
    assert children[0].to_json() == children[1].to_json()


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_every_block_is_mutated_about_equally_often(seed):
    rng = np.random.default_rng(seed)
    parent = NASREC_FULL.sample(rng)
    counts = np.zeros(7)
    for _ in range(280):
        child = BlockMutation()(parent, NASREC_FULL, rng, 0, 240)
        counts += [a != b for a, b in zip(parent.blocks, child.blocks, strict=True)]
    # Block 1 has the fewest choices and stays as it was one time in 256 or so.
    assert counts.sum() > 265
    assert counts.min() > 10
