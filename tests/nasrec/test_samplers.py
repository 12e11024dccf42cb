"""Path sampling strategies: what they draw, how often, and supernet warm-up."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from core_cases import EMBEDDED
from scipy import stats

from nasrec_tf.architecture.space import ALWAYS, ANY, NEVER, PER_BRANCH
from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.supernet.path import Path, decode
from nasrec_tf.networks.supernet.samplers import SAMPLERS, WarmupSampler, full_path, path_sampler
from nasrec_tf.operators import OPERATORS

DRAWS = 3000
SPACE = EMBEDDED.replace(num_blocks=4)
P_VALUE = 1e-4


def draw(sampler, count=DRAWS, seed=1):
    """Paths drawn in one graph: arrays with the draws in front."""
    generator = tf.random.Generator.from_seed(seed, alg="philox")
    shapes = Path(*(tf.TensorSpec(part.shape, part.dtype) for part in full_path(sampler.space)))

    @tf.function(autograph=False)
    def many():
        return tf.map_fn(lambda _: sampler(generator), tf.range(count), fn_output_signature=shapes)

    return Path(*(part.numpy() for part in many()))


@pytest.fixture(scope="module", params=SAMPLERS)
def strategy(request):
    return request.param


@pytest.fixture(scope="module")
def drawn(strategy):
    return draw(path_sampler(strategy, SPACE))


def subsets(count, most=None):
    sizes = range(1, (most or count) + 1)
    return [frozenset(c) for size in sizes for c in itertools.combinations(range(count), size)]


def sets_of(rows):
    return [frozenset(np.flatnonzero(row).tolist()) for row in rows]


def is_uniform(values, outcomes):
    counts = dict.fromkeys(outcomes, 0)
    for value in values:
        counts[value] += 1
    return len(counts) == 1 or stats.chisquare(list(counts.values())).pvalue > P_VALUE


def are_independent(first, second):
    table = np.zeros((len(set(first)), len(set(second))))
    rows, columns = ({v: i for i, v in enumerate(sorted(set(x)))} for x in (first, second))
    for one, other in zip(first, second):
        table[rows[one], columns[other]] += 1
    return stats.chi2_contingency(table).pvalue > P_VALUE


def test_operators_are_uniform_over_what_the_strategy_allows(strategy, drawn):
    most = None if strategy.startswith("any-operator") else 1
    for widths in (drawn.dense_widths, drawn.sparse_widths):
        for block in range(SPACE.num_blocks):
            allowed = subsets(widths.shape[2], most)
            assert is_uniform(sets_of(widths[:, block] > 0), allowed)


def test_sources_are_uniform_over_what_the_strategy_allows(strategy, drawn):
    for sources in (drawn.dense_sources, drawn.sparse_sources):
        for number in range(1, SPACE.num_blocks + 1):
            allowed = subsets(number, 1 if strategy.endswith("single-connection") else None)
            assert is_uniform(sets_of(sources[:, number - 1]), allowed)


def test_widths_are_uniform_for_each_operator(drawn):
    for widths, candidates in (
        (drawn.dense_widths, SPACE.dense_widths),
        (drawn.sparse_widths, SPACE.sparse_widths),
    ):
        for operator in range(widths.shape[2]):
            values = widths[:, 2, operator]
            assert is_uniform(values[values > 0].tolist(), candidates)


def test_left_right_and_mergers_are_uniform(drawn):
    for number in range(1, SPACE.num_blocks + 1):
        for side in (drawn.left, drawn.right):
            assert is_uniform(side[:, number - 1].tolist(), range(number))
        for merger in (drawn.dense_to_sparse, drawn.sparse_to_dense):
            assert is_uniform(merger[:, number - 1].tolist(), (False, True))
    assert is_uniform(drawn.dense_embeddings.tolist(), (False, True))


def test_choices_are_independent(drawn):
    last = SPACE.num_blocks - 1
    width = drawn.dense_widths[:, last].max(axis=1)
    choices = {
        "operators": [sorted(s)[0] for s in sets_of(drawn.dense_widths[:, last] > 0)],
        "width": width.tolist(),
        "sparse width": drawn.sparse_widths[:, last].max(axis=1).tolist(),
        "dense sources": [sorted(s)[0] for s in sets_of(drawn.dense_sources[:, last])],
        "sparse sources": [sorted(s)[0] for s in sets_of(drawn.sparse_sources[:, last])],
        "left": drawn.left[:, last].tolist(),
        "right": drawn.right[:, last].tolist(),
        "dense to sparse": drawn.dense_to_sparse[:, last].tolist(),
        "sparse to dense": drawn.sparse_to_dense[:, last].tolist(),
        "earlier width": drawn.dense_widths[:, 0].max(axis=1).tolist(),
        "earlier left": drawn.left[:, 1].tolist(),
        "dense embeddings": drawn.dense_embeddings.tolist(),
    }
    # The widest of several operators depends on how many there are, which is not a choice apart.
    tied = {frozenset(("operators", "width"))}
    for first, second in itertools.combinations(choices, 2):
        if frozenset((first, second)) not in tied:
            assert are_independent(choices[first], choices[second]), (first, second)


def test_paths_are_architectures_of_the_supernet(drawn):
    anything = SPACE.replace(operators=ANY)
    for index in range(100):
        anything.check(decode(Path(*(part[index] for part in drawn)), SPACE))


@pytest.mark.parametrize("name", SAMPLERS)
def test_where_paths_do_not_choose_dense_embeddings_all_else_is_drawn_as_without_them(name):
    never, always = (
        draw(path_sampler(name, SPACE.replace(dense_embeddings=rule)), count=20)
        for rule in (NEVER, ALWAYS)
    )
    assert not never.dense_embeddings.any() and always.dense_embeddings.all()
    for one, other in zip(never[:-1], always[:-1]):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", SAMPLERS)
def test_rules_of_the_space_hold(name):
    space = SPACE.replace(widths=PER_BRANCH, max_sources=2, mergers=False)
    paths = draw(path_sampler(name, space), count=800)
    for index in range(100):
        architecture = decode(Path(*(part[index] for part in paths)), space)
        space.replace(operators=ANY).check(architecture)
    if name.endswith("any-connection"):
        for sources in (paths.dense_sources, paths.sparse_sources):
            assert is_uniform(sets_of(sources[:, 3]), subsets(4, most=2))


def test_the_same_seed_gives_the_same_paths():
    sampler = path_sampler("any-operator-any-connection", SPACE)
    first, again = draw(sampler, 20, seed=5), draw(sampler, 20, seed=5)
    other = draw(sampler, 20, seed=6)
    assert all((one == two).all() for one, two in zip(first, again))
    assert any((one != two).any() for one, two in zip(first, other))


def test_an_unknown_strategy_is_told_with_the_known_ones():
    with pytest.raises(UserError, match="single-operator-any-connection"):
        path_sampler("all-operators", SPACE)


# Warm-up.


def is_full(paths):
    whole = full_path(SPACE)
    fields = [field for field in Path._fields if field not in ("left", "right")]
    return np.all(
        [
            (getattr(paths, field) == getattr(whole, field)).reshape(len(paths.left), -1).all(1)
            for field in fields
        ],
        axis=0,
    )


def test_the_probability_of_the_full_supernet_falls_linearly_to_0():
    sampler = WarmupSampler(path_sampler("single-operator-any-connection", SPACE), steps=400)
    for step, probability in ((0, 1.0), (100, 0.75), (300, 0.25), (400, 0.0), (4000, 0.0)):

        def at_step(generator, step=step):
            return sampler(generator, tf.constant(step))

        at_step.space = SPACE
        full = is_full(draw(at_step, count=600, seed=step))
        deviation = (probability * (1 - probability) / 600) ** 0.5
        assert abs(full.mean() - probability) <= 4 * deviation


def test_without_warmup_no_step_trains_the_full_supernet():
    sampler = WarmupSampler(path_sampler("single-operator-any-connection", SPACE), steps=0)

    def first_step(generator):
        return sampler(generator, tf.constant(0))

    first_step.space = SPACE
    assert not is_full(draw(first_step, count=100)).any()


def test_pairwise_operators_read_drawn_sources_during_warmup():
    sampler = WarmupSampler(path_sampler("single-operator-any-connection", SPACE), steps=10)

    def first_step(generator):
        return sampler(generator, tf.constant(0))

    first_step.space = SPACE
    paths = draw(first_step, count=600)
    assert is_uniform(paths.left[:, 3].tolist(), range(4))
    assert is_uniform(paths.right[:, 3].tolist(), range(4))


def test_the_full_path_is_the_widest():
    widest = decode(full_path(SPACE), SPACE)
    assert widest.blocks == SPACE.widest.blocks
    for number, block in enumerate(widest.blocks, start=1):
        assert {*block.dense_operators, *block.sparse_operators} == set(OPERATORS)
        assert set(block.dense_operators.values()) == {SPACE.dense_widths[-1]}
        assert set(block.sparse_operators.values()) == {SPACE.sparse_widths[-1]}
        assert block.dense_sources == block.sparse_sources == tuple(range(number))
        assert block.dense_to_sparse and block.sparse_to_dense


def test_a_negative_warmup_is_refused():
    with pytest.raises(ValueError, match="steps"):
        WarmupSampler(path_sampler("single-operator-any-connection", SPACE), steps=-1)
