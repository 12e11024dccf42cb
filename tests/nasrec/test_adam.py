"""Adam in which every row of a table has a clock of its own, against one written in NumPy."""

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
import tqdm
from core_cases import FULL, SMALL_OPTIONS
from hypothesis import given, settings

from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.adam import Adam
from nasrec_tf.optimizers.catalogue import OPTIMIZERS, make_optimizer, register_optimizer
from nasrec_tf.optimizers.schedules import WarmupCosine
from nasrec_tf.training.loop import train
from nasrec_tf.training.recipe import Recipe, RecipeError
from nasrec_tf.training.training_plan import TrainingPlan

ROWS, WIDTH = 6, 3
BETA_1, BETA_2, EPSILON = 0.9, 0.99, 1e-6


class EagerAdam:
    """Algorithm 1 of Kingma and Ba over whole arrays, in double precision."""

    def __init__(self, weights):
        self.weights = weights.astype(np.float64)
        self.m, self.v = np.zeros_like(self.weights), np.zeros_like(self.weights)
        self.time = np.zeros(len(weights))

    def step(self, gradient, named, rate):
        """Updates the rows that are named, and leaves the others with their clocks."""
        self.time += named
        m = BETA_1 * self.m + (1 - BETA_1) * gradient
        v = BETA_2 * self.v + (1 - BETA_2) * gradient**2
        time = np.maximum(self.time, 1)[:, None]
        m_hat, v_hat = m / (1 - BETA_1**time), v / (1 - BETA_2**time)
        update = rate * m_hat / (np.sqrt(v_hat) + EPSILON)
        keep = named[:, None]
        self.m, self.v = np.where(keep, m, self.m), np.where(keep, v, self.v)
        self.weights = np.where(keep, self.weights - update, self.weights)


def variable(value, is_table):
    made = keras.Variable(np.asarray(value, np.float32))
    if is_table:
        made.is_embedding_table = True
    return made


def adam(rate, **options):
    return Adam(rate, BETA_1, BETA_2, EPSILON, **{"clip_norm": None} | options)


numbers = st.floats(-4, 4, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)


@st.composite
def batch(draw):
    """Rows, some of them perhaps twice, and a gradient for each mention."""
    rows = draw(st.lists(st.integers(0, ROWS - 1), max_size=5))
    return rows, draw(arrays.arrays(np.float32, (len(rows), WIDTH), elements=numbers))


batches = st.lists(batch(), min_size=1, max_size=10)


def dense(rows, values):
    """The gradient of the whole table, and which rows it names."""
    gradient, named = np.zeros((ROWS, WIDTH)), np.zeros(ROWS, bool)
    np.add.at(gradient, rows, values)
    named[rows] = True
    return gradient, named


def sparse(rows, values):
    return tf.IndexedSlices(tf.constant(values), tf.constant(rows, tf.int64), [ROWS, WIDTH])


@settings(max_examples=60, deadline=None)
@given(batches, st.sampled_from([0.0, 0.02, 0.5]), st.sampled_from([1.0, 0.25]))
def test_steps_of_rows_are_those_of_the_whole_table(steps, decay, scale):
    start = np.random.default_rng(0).normal(size=(ROWS, WIDTH))
    table, eager = variable(start, True), EagerAdam(start)
    schedule = WarmupCosine(0.1, len(steps), 2 if len(steps) > 2 else 0)
    optimizer = adam(schedule, row_decay=decay, table_rate_scale=scale)
    optimizer.build([table])
    for number, (rows, values) in enumerate(steps):
        optimizer.catch_up(table, tf.constant(rows, tf.int64))
        optimizer.apply([sparse(rows, values)], [table])
        rate = scale * float(schedule(number))
        eager.step(*dense(rows, values), rate)
        # Every row of the table, after every step.
        eager.weights *= np.exp(-rate * decay)
    optimizer.settle()
    np.testing.assert_allclose(table.numpy(), eager.weights, rtol=1e-4, atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(batches)
def test_a_row_is_trained_as_if_steps_without_it_had_not_been_made(steps):
    table = variable(np.ones((ROWS, WIDTH)), True)
    optimizer = adam(0.1)
    for rows, values in steps:
        optimizer.apply([sparse(rows, values)], [table])
    for row in range(ROWS):
        alone = variable(np.ones((1, WIDTH)), False)
        single = adam(0.1)
        for rows, values in steps:
            if row in rows:
                single.apply([tf.constant(dense(rows, values)[0][[row]], tf.float32)], [alone])
        np.testing.assert_allclose(table.numpy()[[row]], alone.numpy(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("kind", [Adam, Adagrad])
@settings(max_examples=30, deadline=None)
@given(batches, st.sampled_from([0.5, None]))
def test_an_l2_term_over_whole_tables_is_one_of_the_loss(kind, steps, clip_norm):
    start = np.linspace(-1, 1, ROWS * WIDTH).reshape(ROWS, WIDTH)
    ours, plain = variable(start, True), variable(start, False)
    of_dense, of_kernel = variable(start[:2], False), variable(start[:2], False)
    of_dense.is_table_of_dense_fields = True
    # With a small epsilon Adam makes full steps of what rounding leaves of a gradient.
    options = {"learning_rate": 0.1, "epsilon": 1e-2, "clip_norm": clip_norm}
    penalized, whole = kind(table_l2=0.25, **options), kind(**options)
    penalized.build([ours, of_dense])
    whole.build([plain, of_kernel])
    for rows, values in steps:
        penalized.apply([sparse(rows, values), tf.zeros([2, WIDTH])], [ours, of_dense])
        summed = tf.constant(dense(rows, values)[0], tf.float32)
        whole.apply([summed + 0.25 * plain.value, 0.25 * of_kernel.value], [plain, of_kernel])
    np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(of_dense, of_kernel, rtol=1e-5, atol=1e-6)


def test_an_l2_term_over_whole_tables_takes_the_place_of_row_decay():
    with pytest.raises(ValueError, match="give one of them"):
        Adam(table_l2=0.1, row_decay=0.1)
    with pytest.raises(RecipeError, match="table_l2 goes over whole tables"):
        Recipe(table_l2=0.1, row_decay=0.1)


def test_kernels_are_those_of_keras(seed=3):
    rng = np.random.default_rng(seed)
    start, gradients = rng.normal(size=(4, 2)), rng.normal(size=(20, 4, 2)).astype("f4")
    ours, theirs = variable(start, False), variable(start, False)
    # Keras's epsilon stands before the correction of the second moment, so it is left out.
    mine = Adam(0.05, epsilon=0.0, clip_norm=None, weight_decay=0.1)
    keras_s = keras.optimizers.AdamW(0.05, epsilon=0.0, weight_decay=0.1)
    for gradient in gradients:
        mine.apply([tf.constant(gradient)], [ours])
        keras_s.apply([tf.constant(gradient)], [theirs])
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-4)


def test_the_corrections_are_those_of_the_paper():
    weight = variable([0.0], False)
    optimizer = adam(0.1)
    eager = EagerAdam(np.zeros((1, 1)))
    for gradient in (1e-6, -3e-6, 2e-6):  # As small as epsilon, which therefore counts.
        optimizer.apply([tf.constant([gradient])], [weight])
        eager.step(np.full((1, 1), gradient), np.array([True]), 0.1)
    np.testing.assert_allclose(weight.numpy(), eager.weights[0], rtol=1e-5)


def test_gradients_are_clipped_together_once_rows_are_summed():
    table, kernel = variable(np.zeros((ROWS, WIDTH)), True), variable(np.zeros(1), False)
    clipped = adam(0.1, clip_norm=0.5)
    twice = sparse([2, 2], np.full((2, WIDTH), 1.0, "f4"))
    clipped.apply([twice, tf.constant([2.0])], [table, kernel])
    norm = np.sqrt(WIDTH * 2.0**2 + 2.0**2)
    np.testing.assert_allclose(
        clipped._first[0].numpy()[2], np.full(WIDTH, 0.1 * 2.0 * 0.5 / norm), rtol=1e-5
    )
    assert not clipped._first[0].numpy()[[0, 1, 3, 4, 5]].any()


def test_another_variables_sparse_gradient_is_taken_as_a_dense_one():
    ours, plain = variable(np.ones((ROWS, WIDTH)), False), variable(np.ones((ROWS, WIDTH)), False)
    first, second = adam(0.1), adam(0.1)
    for rows in ([1, 4], [4, 4]):
        values = np.ones((2, WIDTH), "f4")
        first.apply([sparse(rows, values)], [ours])
        second.apply([tf.constant(dense(rows, values)[0], tf.float32)], [plain])
    np.testing.assert_array_equal(ours.numpy(), plain.numpy())


def test_it_reads_back_from_its_configuration():
    optimizer = Adam(
        WarmupCosine(0.1, 20), 0.8, 0.9, 0.1, None, 0.01, weight_decay=0.2, table_rate_scale=2.0
    )
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, Adam)
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    "arguments",
    [{"beta_1": 1.0}, {"beta_2": -0.1}, {"epsilon": None}, {"row_decay": float("inf")}],
    ids=str,
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Adam(**arguments)


def test_what_it_does_not_do_is_refused():
    with pytest.raises(ValueError, match="Adam does no `use_ema`"):
        Adam(use_ema=True)


class Stop(KeyboardInterrupt):
    """The user's Ctrl-C."""


def test_training_goes_on_from_its_checkpoint_to_the_bit(records, tmp_path):
    recipe = Recipe(
        optimizer="adamw", schedule="plateau", learning_rate=0.01, warmup_share=0.1,
        row_decay=0.1, weight_decay=0.01, batch_size=64, epochs=2,
    )  # fmt: skip
    plan = TrainingPlan(recipe, seed=7)

    def trained(directory, stop_after=None):
        model = Subnet(FULL.replace(num_blocks=1).widest, records.features, SMALL_OPTIONS, seed=5)

        def after_epoch(epoch):
            model.optimizer.schedule.observe(epoch + 1, 1.0)
            if epoch == stop_after:
                raise Stop
            return True

        with tqdm.tqdm(disable=True) as bar:
            train(model, records, plan, directory, bar, after_epoch)
        return [each.numpy() for each in (*model.variables, *model.optimizer.variables)]

    straight = trained(tmp_path / "straight")
    with pytest.raises(Stop):
        trained(tmp_path / "stopped", stop_after=0)
    for mine, its in zip(trained(tmp_path / "stopped"), straight, strict=True):
        np.testing.assert_array_equal(mine, its)


# By name.


def test_optimizers_go_by_name():
    kinds = {name: type(make_optimizer(name, 0.1)).__name__ for name in OPTIMIZERS}
    assert kinds == {"adagrad": "Adagrad", "adam": "Adam", "adamw": "Adam"}
    made = make_optimizer(
        "adagrad", 0.1, clip_norm=None, row_decay=0.1, weight_decay=0.2, table_rate_scale=3.0
    )
    assert (made.clip_norm, made.row_decay, made.weight_decay) == (None, 0.1, 0.2)
    assert made.table_rate_scale == 3.0


def test_a_weight_decay_goes_with_adamw():
    with pytest.raises(ValueError, match="adamw"):
        make_optimizer("adam", 0.1, weight_decay=0.1)
    assert make_optimizer("adamw", 0.1, weight_decay=0.1).weight_decay == 0.1


def test_a_name_stands_for_one_optimizer():
    with pytest.raises(ValueError, match="'adam' is registered"):
        register_optimizer("adam", Adam)
