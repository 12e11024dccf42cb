"""Paths are drawn as their logits say, and the logits go where paths are better."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from core_cases import SMALL as ANY_OPERATORS
from core_cases import SMALL_OPTIONS

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.blocks import Block
from nasrec_tf.common.errors import UserError
from nasrec_tf.networks.supernet.model import Supernet
from nasrec_tf.networks.supernet.path import Path, decode, encode
from nasrec_tf.networks.supernet.path_logits import LogitsSampler
from nasrec_tf.strategies.choice_distribution import ChoiceDistribution, choice_shapes
from nasrec_tf.training.choice_training import ChoicePlan, ChoiceTrainer
from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.row_parts import rows_of_choices
from nasrec_tf.training.training_plan import TrainingPlan

SMALL = ANY_OPERATORS.replace(operators="single")
TINY = SMALL.replace(
    num_blocks=2, dense_operators=("fc",), sparse_operators=("efc",), dense_widths=(8, 16),
    sparse_widths=(4,), mergers=False, dense_embeddings="any",
)  # fmt: skip


def everything():
    """All architectures of the tiny space."""
    sets = [(0,), (1,), (0, 1)]
    first = [Block({"fc": width}, {"efc": 4}, (0,), (0,)) for width in (8, 16)]
    second = [
        Block({"fc": width}, {"efc": 4}, dense, sparse, left, right)
        for width, dense, sparse, left, right in itertools.product(
            (8, 16), sets, sets, (0, 1), (0, 1)
        )
    ]
    return [Architecture(blocks, flat) for *blocks, flat in
            itertools.product(first, second, (False, True))]  # fmt: skip


def written(architecture):
    """Unlike identity, also of what is dead."""
    return architecture.dumps()


@pytest.fixture(scope="module")
def sampler():
    rng, sampler = np.random.default_rng(0), LogitsSampler(TINY)
    for variable in sampler.logits.values():
        variable.assign(rng.normal(size=variable.shape))
    sampler.temperature.assign(0.7)
    return sampler


@pytest.fixture(scope="module")
def chances(sampler):
    likely = tf.function(lambda *parts: sampler.log_probability(Path(*parts)))
    paths = {written(one): encode(one, TINY) for one in everything()}
    return {text: float(np.exp(likely(*map(tf.constant, path)))) for text, path in paths.items()}


def distance(drawn, chances):
    """Half the sum of differences between shares and chances: 0 if alike, 1 if nothing is.

    Chance alone makes it some 0.4 times the root of chances over draws, 0.09 here.
    """
    counts = dict.fromkeys(chances, 0)
    for text in drawn:
        counts[text] += 1
    return sum(abs(counts[text] / len(drawn) - chances[text]) for text in chances) / 2


def test_the_chances_of_all_paths_add_up(chances):
    assert len(chances) == TINY.size() == 288
    assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
    assert max(chances.values()) > 20 * min(chances.values())


def test_paths_are_drawn_with_their_chances(sampler, chances):
    generator, count = tf.random.Generator.from_seed(3, alg="philox"), 6000

    @tf.function(autograph=False)
    def draw():
        spec = [(part.dtype, part.shape) for part in encode(TINY.widest, TINY)]
        return tf.map_fn(
            lambda _: tuple(sampler(generator)),
            tf.range(count),
            fn_output_signature=tuple(tf.TensorSpec(shape, kind) for kind, shape in spec),
            parallel_iterations=1,
        )

    parts = [part.numpy() for part in draw()]
    drawn = [
        written(decode(Path(*(part[index] for part in parts)), TINY)) for index in range(count)
    ]
    assert distance(drawn, chances) < 0.12


def test_so_are_architectures_outside_of_the_graph(sampler, chances):
    distribution = ChoiceDistribution(TINY, sampler.distribution())
    rng = np.random.default_rng(4)
    drawn = [written(distribution.sample(rng)) for _ in range(6000)]
    assert distance(drawn, chances) < 0.12


def test_logits_of_nothing_are_uniform_as_the_sampler_of_the_paper():
    sampler = LogitsSampler(SMALL)
    rng = np.random.default_rng(0)
    chance = [
        float(sampler.log_probability(Path(*map(tf.constant, encode(SMALL.sample(rng), SMALL)))))
        for _ in range(5)
    ]
    np.testing.assert_allclose(chance, -np.log(SMALL.size()), rtol=1e-5)


@pytest.mark.parametrize(
    "changes", [{"operators": "any"}, {"max_sources": 2}, {"bits": (4, 8)}], ids=str
)
def test_a_space_of_other_choices_is_refused(changes):
    with pytest.raises(UserError, match="logits are learnt of single operators"):
        choice_shapes(SMALL.replace(**changes))


# Rows.


def rows(count, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "dense": tf.constant(rng.normal(size=(count, 3)), tf.float32),
        "sparse": tf.constant(rng.integers(0, 100, (count, 4))),
    }


def test_a_fifth_of_the_rows_is_for_the_logits_and_always_the_same():
    whole = rows(5000)
    mask = rows_of_choices(whole).numpy()
    assert mask.mean() == pytest.approx(0.2, abs=0.02)
    order = np.random.default_rng(1).permutation(5000)[:600]
    part = rows_of_choices({name: tf.gather(value, order) for name, value in whole.items()})
    np.testing.assert_array_equal(part, mask[order])


@pytest.mark.parametrize("dense", [0, 3])
def test_rows_that_are_all_alike_are_parted_too(dense):
    alike = {"dense": tf.zeros((8, dense)), "sparse": tf.ones((8, 2), tf.int64)}
    assert rows_of_choices(alike).numpy().sum() == 4


# Learning.


def trainer_of(records, **plan):
    """A trainer to whom cheap paths are all."""
    space = SMALL.replace(num_blocks=2)
    sampler = LogitsSampler(space)
    model = Supernet(space, records.features, SMALL_OPTIONS, sampler, seed=1)
    TrainingPlan(Recipe(batch_size=64, epochs=1), seed=0).compile(model, records)
    return ChoiceTrainer(model, sampler, ChoicePlan(cost_weight=100.0, **plan), cost)


@pytest.fixture(scope="module")
def trainer(records):
    return trainer_of(records, first_step=5, steps=60, paths=4, rate=0.3)


def cost(architecture):
    return float(sum(block.dense_width for block in architecture.blocks))


def test_logits_stay_until_it_is_their_turn_and_then_lower_what_is_weighed(trainer, records):
    def steps(count, epoch):
        batches = records.training_batches(64, epoch, seed=2).repeat()
        return trainer.steps(iter(batches), count)

    def all_logits():
        return np.concatenate([variable.numpy().ravel() for variable in trainer.variables])

    before = [variable.numpy() for variable in trainer.model.trainable_variables[:1]]
    steps(5, 0)
    assert not all_logits().any()
    losses = steps(55, 1)
    assert np.isfinite(losses).all() and np.isfinite(all_logits()).all()
    assert (trainer.model.trainable_variables[0].numpy() != before[0]).any()
    trainer.set_temperature(60)
    space = trainer.model.space
    rng = np.random.default_rng(0)
    learnt = ChoiceDistribution(space, trainer.sampler.distribution())
    costs = [cost(learnt.sample(rng)) for _ in range(200)]
    uniform = [cost(space.sample(rng)) for _ in range(200)]
    assert np.mean(costs) < 0.7 * np.mean(uniform)


def slopes_by_hand(logits, temperature, path):
    """Slopes of a path's log probability by the logits, from the formulas of its distribution."""
    scaled = {name: value / temperature for name, value in logits.items()}
    found, count = {}, len(path.left)
    chosen = {
        "dense_operators": path.dense_widths > 0,
        "sparse_operators": path.sparse_widths > 0,
        "dense_widths": path.dense_widths.max(axis=1)[:, None] == SMALL.dense_widths,
        "sparse_widths": path.sparse_widths.max(axis=1)[:, None] == SMALL.sparse_widths,
        "left": path.left[:, None] == np.arange(count),
        "right": path.right[:, None] == np.arange(count),
    }
    there = np.tril(np.ones((count, count), bool))
    for name, is_chosen in chosen.items():
        odds = np.exp(scaled[name]) * (there if name in ("left", "right") else 1)
        found[name] = is_chosen - odds / odds.sum(axis=1, keepdims=True)
    for name in ("dense_sources", "sparse_sources"):
        chance = there / (1 + np.exp(-scaled[name]))
        empty = np.prod(1 - chance, axis=1, keepdims=True)
        found[name] = getattr(path, name) - chance / (1 - empty)
    for name in ("dense_to_sparse", "sparse_to_dense"):
        found[name] = getattr(path, name) - 1 / (1 + np.exp(-scaled[name]))
    return {name: slope / temperature for name, slope in found.items()}


def test_a_step_of_the_logits_is_the_estimate_computed_by_hand(records):
    trainer = trainer_of(records, first_step=0, steps=10, paths=5, rate=0.3)
    sampler, generator = trainer.sampler, trainer.model.generator
    rng = np.random.default_rng(0)
    for variable in trainer.variables:
        variable.assign(rng.normal(size=variable.shape))
    sampler.temperature.assign(0.7)
    before = {name: value.numpy() for name, value in sampler.logits.items()}
    state = generator.state.numpy()
    paths = [Path(*(part.numpy() for part in sampler(generator))) for _ in range(5)]
    generator.state.assign(state)
    trainer._worth = lambda path, *of: tf.cast(
        tf.reduce_sum(path.dense_widths * tf.range(1, 3)[:, None]), tf.float32
    )
    mean = float(trainer._learn(None, None))
    worths = [float((path.dense_widths * [[1], [2]]).sum()) for path in paths]
    assert mean == pytest.approx(np.mean(worths)) and len(set(worths)) > 2
    slopes = [slopes_by_hand(before, 0.7, path) for path in paths]
    for name, value in sampler.logits.items():
        # Each path against the mean of the others, on average over the paths.
        estimate = (
            sum(
                (worth - (sum(worths) - worth) / 4) * slope[name]
                for worth, slope in zip(worths, slopes)
            )
            / 5
        )
        step = before[name] - value.numpy()
        np.testing.assert_allclose(step, 0.3 * estimate / np.std(worths), atol=2e-5)


def test_a_path_is_worth_its_log_loss_and_the_logarithm_of_its_cost(records):
    trainer = trainer_of(records, first_step=0, steps=10)
    inputs, labels = next(iter(records.training_batches(64, 0, seed=2)))
    weights = tf.constant(np.random.default_rng(0).uniform(0, 3, 64), tf.float32)
    path = trainer.sampler(trainer.model.generator)
    logits = trainer.model(inputs, path=path, training=False).numpy()[:, 0].astype(np.float64)
    losses = np.log1p(np.exp(-logits * (2 * labels.numpy()[:, 0] - 1)))
    of_cost = 100.0 * np.log(cost(decode(path, trainer.model.space)))
    worth = tf.function(trainer._worth, autograph=False)
    for beside, told in (((), losses), ((weights,), losses * weights.numpy())):
        found = float(worth(path, inputs, labels, *beside))
        assert found == pytest.approx(told.mean() + of_cost)


@pytest.mark.slow
def test_blocks_are_learnt_one_after_the_other_where_they_take_turns(records):
    trainer = trainer_of(records, first_step=2, steps=10, paths=2, rate=0.3, in_turn=True)
    batches = iter(records.training_batches(64, 0, seed=2).repeat())

    def learnt_after(count):
        trainer.steps(batches, count)
        return {name: value.numpy() for name, value in trainer.sampler.logits.items()}

    # Two steps of the weights alone, then four of each block.
    halfway, whole = learnt_after(6), learnt_after(4)
    assert not any(before[1].any() for before in halfway.values())
    for name, before in halfway.items():
        np.testing.assert_array_equal(whole[name][0], before[0])
    for name in ("dense_operators", "dense_widths"):
        assert halfway[name][0].any() and whole[name][1].any()
