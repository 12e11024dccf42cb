"""Search spaces: their size, their samples, and spaces of one's own."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from scipy import stats

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.architecture.space import (
    ALWAYS,
    ANY,
    NASREC_FULL,
    NASREC_SMALL,
    NEVER,
    PER_BRANCH,
    PER_OPERATOR,
    SINGLE,
    SPACES,
    SearchSpace,
    search_space,
)
from nasrec_tf.common.errors import ArchitectureError, UserError

TINY = SearchSpace(
    "tiny",
    ("fc", "sum"),
    ("efc", "attention"),
    num_blocks=2,
    dense_widths=(4, 8),
    sparse_widths=(3,),
)

RULES = [
    dict(operators=operators, widths=widths, max_sources=most, mergers=mergers)
    for operators in (SINGLE, ANY)
    for widths in (PER_OPERATOR, PER_BRANCH)
    for most in (None, 1)
    for mergers in (True, False)
]


def non_empty_subsets(items):
    return [c for n in range(1, len(items) + 1) for c in itertools.combinations(items, n)]


def every_block(space, number):
    """All blocks of the space's operators, widths and sources, whatever its rules."""

    def branches(names, widths):
        for chosen in non_empty_subsets(names):
            for drawn in itertools.product(widths, repeat=len(chosen)):
                yield dict(zip(chosen, drawn))

    sources = range(number)
    return itertools.starmap(
        Block,
        itertools.product(
            branches(space.dense_operators, space.dense_widths),
            branches(space.sparse_operators, space.sparse_widths),
            non_empty_subsets(sources),
            non_empty_subsets(sources),
            sources,
            sources,
            (False, True),
            (False, True),
        ),
    )


def is_member(space, architecture):
    try:
        space.check(architecture)
    except ArchitectureError:
        return False
    return True


def test_an_architecture_may_have_dense_embeddings_as_the_space_says():
    simple = (next(every_block(TINY, 1)), next(every_block(TINY, 2)))
    plain, embedded = (Architecture(simple, with_them) for with_them in (False, True))
    for rule, members in ((NEVER, [plain]), (ALWAYS, [embedded]), (ANY, [plain, embedded])):
        space = TINY.replace(dense_embeddings=rule)
        assert [a for a in (plain, embedded) if is_member(space, a)] == members
        assert space.size() == TINY.size() * len(members)
        assert space.widest.dense_embeddings is (rule != NEVER)
        drawn = {space.sample(np.random.default_rng(seed)).dense_embeddings for seed in range(20)}
        assert drawn == {member.dense_embeddings for member in members}
    with pytest.raises(ArchitectureError, match="with dense embeddings; .* 'tiny' has them never"):
        TINY.check(embedded)


def test_dense_embeddings_leave_the_other_draws_and_the_paper_s_form_as_they_were():
    plain, other, choosing = (
        TINY.replace(dense_embeddings=rule).sample(np.random.default_rng(3)).blocks
        for rule in (NEVER, ALWAYS, ANY)
    )
    assert plain == other == choosing
    assert "dense_embeddings" not in TINY.to_json()
    for rule in (NEVER, ALWAYS, ANY):
        space = TINY.replace(dense_embeddings=rule)
        assert SearchSpace.from_json(json.loads(json.dumps(space.to_json()))) == space


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_size_is_the_number_of_architectures_that_the_check_lets_pass(rules):
    space = TINY.replace(**rules)
    first = next(every_block(space, 1))
    simple = dataclasses.replace(first, dense_to_sparse=False, sparse_to_dense=False)
    members = [
        sum(is_member(space, Architecture((block, simple))) for block in every_block(space, 1)),
        sum(is_member(space, Architecture((simple, block))) for block in every_block(space, 2)),
    ]
    assert space.size() == members[0] * members[1]
    assert space.replace(num_blocks=1).size() == members[0]


def test_with_any_subset_and_one_width_a_branch_full_is_15_to_the_n_times_small():
    rules = dict(operators=ANY, widths=PER_BRANCH)
    for blocks in (1, 3, 7):
        full = NASREC_FULL.replace(num_blocks=blocks, **rules).size()
        small = NASREC_SMALL.replace(num_blocks=blocks, **rules).size()
        # (2^4 - 1) (2^2 - 1) = 45 against (2^2 - 1) (2^1 - 1) = 3 sets of operators a block.
        assert full == 15**blocks * small


def test_with_single_operators_full_is_4_to_the_n_times_small():
    assert NASREC_FULL.size() == 4**7 * NASREC_SMALL.size()


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_samples_are_in_the_space(rules):
    space = NASREC_FULL.replace(num_blocks=5, **rules)
    rng = np.random.default_rng(1)
    for _ in range(50):
        space.check(space.sample(rng))


def test_the_same_seed_gives_the_same_samples():
    drawn = [
        [NASREC_FULL.sample(rng).blocks for _ in range(5)]
        for rng in (np.random.default_rng(7), np.random.default_rng(7))
    ]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_every_set_and_width_is_drawn_equally_often(rules):
    space = SearchSpace(
        "uniform", ("fc", "sum", "dot_product"), ("efc",), 3, (4, 8, 16), (3,), **rules
    )
    rng = np.random.default_rng(11)
    blocks = [space.sample_block(3, rng) for _ in range(2500)]
    operators = [
        names
        for names in non_empty_subsets(space.dense_operators)
        if space.operators == ANY or len(names) == 1
    ]
    sources = [
        chosen for chosen in non_empty_subsets(range(3)) if len(chosen) in space.source_counts(3)
    ]
    coins = (False, True) if space.mergers else (False,)
    widths = [next(iter(block.dense_operators.values())) for block in blocks]
    assert is_uniform([tuple(block.dense_operators) for block in blocks], operators)
    assert is_uniform(widths, space.dense_widths)
    assert is_uniform([block.dense_sources for block in blocks], sources)
    assert is_uniform([block.sparse_sources for block in blocks], sources)
    assert is_uniform([block.left_source for block in blocks], range(3))
    assert is_uniform([block.right_source for block in blocks], range(3))
    assert is_uniform([block.dense_to_sparse for block in blocks], coins)
    assert is_uniform([block.sparse_to_dense for block in blocks], coins)


def is_uniform(drawn, outcomes):
    counts = dict.fromkeys(outcomes, 0)
    for value in drawn:
        counts[value] += 1
    return stats.chisquare(list(counts.values())).pvalue > 1e-4 if len(counts) > 1 else True


# What is outside a space.

INSIDE = Block({"fc": 4}, {"efc": 3}, (0,), (0,))


@pytest.mark.parametrize(
    ("rules", "change", "told"),
    [
        ({}, dict(dense_operators={"dot_product": 4}), "dense_operators"),
        ({}, dict(dense_operators={"fc": 5}), "has no width 5"),
        ({}, dict(sparse_operators={"efc": 4}), "sparse_operators"),
        ({}, dict(dense_operators={"fc": 4, "sum": 8}), "single operator"),
        (
            dict(operators=ANY, widths=PER_BRANCH),
            dict(dense_operators={"fc": 4, "sum": 8}),
            "one width per branch",
        ),
        (dict(max_sources=1), dict(sparse_sources=(0, 1)), "at most 1"),
        (dict(mergers=False), dict(dense_to_sparse=True), "mergers"),
    ],
)
def test_the_check_names_block_and_field(rules, change, told):
    architecture = Architecture((INSIDE, dataclasses.replace(INSIDE, **change)))
    with pytest.raises(ArchitectureError) as error:
        TINY.replace(**rules).check(architecture)
    assert str(error.value).startswith("Block 2: ") and told in str(error.value)


def test_the_check_counts_blocks():
    with pytest.raises(ArchitectureError, match="has 1 blocks; search space 'tiny' has 2"):
        TINY.check(Architecture((INSIDE,)))


# Spaces of one's own.

OWN = """
dense_operators = ["sum", "fc"]
sparse_operators = ["attention"]
num_blocks = 4
dense_widths = [8, 24]
sparse_widths = [5]
mergers = false
operators = "any"
widths = "branch"
max_sources = 2
"""


def test_a_space_reads_from_toml_and_json(tmp_path):
    (tmp_path / "own.toml").write_text(OWN)
    space = search_space(str(tmp_path / "own.toml"))
    assert space == SearchSpace(
        "own", ("fc", "sum"), ("attention",), 4, (8, 24), (5,), False, ANY, PER_BRANCH, 2
    )
    space.check(space.sample(np.random.default_rng(0)))
    (tmp_path / "same.json").write_text(json.dumps(space.to_json()))
    assert SearchSpace.load(tmp_path / "same.json") == space


def test_named_spaces_are_the_papers():
    assert list(SPACES) == ["nasrec-small", "nasrec-full", "nasrec-ranking", "nasrec-codesign"]
    full = search_space("nasrec-full")
    assert full.num_blocks == 7
    assert full.dense_widths == (16, 32, 64, 128, 256, 512, 768, 1024)
    assert full.sparse_widths == (16, 32, 48, 64)
    assert search_space("nasrec-small").dense_operators == ("fc", "dot_product")
    for space in SPACES.values():
        assert SearchSpace.from_json(space.to_json()) == space


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("width = 3", "unknown field 'width'"),
        ('dense_operators = ["efc"]', "dense_operators knows fc"),
        ('dense_operators = "fc"', "dense_operators must be a non-empty list"),
        ("dense_operators = []", "dense_operators must be a non-empty list"),
        ('dense_operators = ["fc", "fc"]', "names an operator twice"),
        ("sparse_widths = [0]", "sparse_widths must hold positive integers"),
        ("sparse_widths = [8, 4]", "sparse_widths must rise strictly"),
        ("dense_widths = [4, 4]", "dense_widths must rise strictly"),
        ("dense_widths = 4", "dense_widths must be a non-empty list"),
        ("dense_operators = 7", "dense_operators must be a non-empty list"),
        ("num_blocks = 0", "num_blocks must be a positive integer"),
        ("num_blocks = true", "num_blocks must be a positive integer"),
        ('operators = "two"', "operators must be 'any' or 'single'"),
        ('widths = "none"', "widths must be 'operator' or 'branch'"),
        ("max_sources = 0", "max_sources must be a positive integer"),
        ('dense_embeddings = "often"', "dense_embeddings must be 'never', 'always' or 'any'"),
        ("mergers = 1", "mergers must be true or false"),
        ("num_blocks =", "own.toml"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path, line, told):
    path = tmp_path / "own.toml"
    kept = [given for given in OWN.splitlines() if given.split(" ")[0] != line.split(" ")[0]]
    path.write_text("\n".join([*kept, line]))
    with pytest.raises(UserError) as error:
        search_space(str(path))
    message = str(error.value)
    assert str(path) in message and told in message and "\n" not in message


def test_a_missing_field_is_named(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('dense_operators = ["fc"]')
    with pytest.raises(ArchitectureError, match="'sparse_operators' is missing"):
        SearchSpace.load(path)


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(ArchitectureError, match="nasrec-small, nasrec-full, nasrec-ranking"):
        search_space("nasrec-tiny")
