"""Adagrad as the paper's models are trained with, and what it shares with other optimizers."""

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.row_gradients import clip_by_global_norm, global_norm, sum_duplicate_rows
from nasrec_tf.optimizers.schedules import WarmupCosine

ROWS, WIDTH = 6, 3


def variable(value):
    return keras.Variable(np.asarray(value, np.float32))


def sparse(rows, values):
    return tf.IndexedSlices(
        tf.constant(values, tf.float32),
        tf.constant(rows, tf.int64),
        tf.constant([ROWS, WIDTH], tf.int64),
    )


def test_epsilon_stands_outside_the_root_and_the_accumulator_starts_at_0():
    weight = variable([1.0, 1.0, 1.0])
    optimizer = Adagrad(0.1, epsilon=1e-2, clip_norm=None)
    gradient = np.array([0.5, -0.01, 0.0])
    optimizer.apply([tf.constant(gradient, tf.float32)], [weight])
    after_one = 1 - 0.1 * gradient / (np.abs(gradient) + 1e-2)
    np.testing.assert_allclose(weight.numpy(), after_one, rtol=1e-6)
    optimizer.apply([tf.constant(gradient, tf.float32)], [weight])
    after_two = after_one - 0.1 * gradient / (np.sqrt(2 * gradient**2) + 1e-2)
    np.testing.assert_allclose(weight.numpy(), after_two, rtol=1e-6)


def test_rows_that_a_batch_names_twice_are_summed_first():
    summed = sum_duplicate_rows(sparse([4, 1, 4], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]))
    by_row = dict(zip(summed.indices.numpy().tolist(), summed.values.numpy().tolist()))
    assert by_row == {4: [8, 10, 12], 1: [4, 5, 6]}


def test_the_norm_is_over_summed_rows():
    gradients = [sparse([0, 0], [[3, 0, 0], [0, 4, 0]]), tf.constant([12.0])]
    unique = [sum_duplicate_rows(gradient) for gradient in gradients]
    assert float(global_norm(unique)) == pytest.approx(13.0)
    clipped = clip_by_global_norm(unique, 6.5)
    np.testing.assert_allclose(clipped[0].values, [[1.5, 2, 0]], rtol=1e-6)
    np.testing.assert_allclose(clipped[1], [6], rtol=1e-6)
    opposite = sum_duplicate_rows(sparse([2, 2], [[9, 9, 9], [-9, -9, -9]]))
    assert float(global_norm([opposite])) == 0.0


def test_gradients_below_the_norm_are_left_alone():
    gradients = [tf.constant([0.3, 0.4])]
    np.testing.assert_array_equal(clip_by_global_norm(gradients, 5.0)[0], gradients[0])


small_floats = st.floats(-8, 8, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6)


@st.composite
def row_gradients(draw):
    count = draw(st.integers(0, 8))
    rows = draw(st.lists(st.integers(0, ROWS - 1), min_size=count, max_size=count))
    return rows, draw(arrays.arrays(np.float32, (count, WIDTH), elements=small_floats))


@given(st.lists(row_gradients(), min_size=1, max_size=4), st.sampled_from([None, 5.0, 0.5]))
@settings(max_examples=60, deadline=None)
def test_row_sparse_steps_equal_dense_steps(steps, clip_norm):
    start = np.random.default_rng(0).normal(size=(ROWS, WIDTH))
    weights = {kind: [variable(start), variable([0.5])] for kind in ("sparse", "dense")}
    optimizers = {kind: Adagrad(0.1, clip_norm=clip_norm) for kind in weights}
    for rows, values in steps:
        whole = np.zeros((ROWS, WIDTH), np.float32)
        np.add.at(whole, rows, values)
        other = tf.constant([1.0])
        optimizers["dense"].apply([tf.constant(whole), other], weights["dense"])
        values = values.reshape(len(rows), WIDTH)
        optimizers["sparse"].apply([sparse(rows, values), other], weights["sparse"])
    for ours, plain in zip(weights["sparse"], weights["dense"]):
        np.testing.assert_allclose(ours.numpy(), plain.numpy(), rtol=1e-4, atol=1e-5)
    touched = {row for rows, _ in steps for row in rows}
    for row in set(range(ROWS)) - touched:
        np.testing.assert_array_equal(weights["sparse"][0].numpy()[row], start[row].astype("f4"))


def test_a_step_without_rows_changes_nothing():
    weight = variable(np.ones((ROWS, WIDTH)))
    Adagrad(0.1).apply([sparse([], np.zeros((0, WIDTH)))], [weight])
    np.testing.assert_array_equal(weight.numpy(), np.ones((ROWS, WIDTH)))


def test_the_optimizer_follows_its_schedule():
    weight = variable([1.0])
    optimizer = Adagrad(WarmupCosine(0.1, steps=10, warmup_steps=2), epsilon=0.0, clip_norm=None)
    for _ in range(2):
        optimizer.apply([tf.constant([1.0])], [weight])
    # Rates 1e-8 and 0.05; the accumulator holds 1, then 2.
    assert float(weight.numpy()[0]) == pytest.approx(1 - 1e-8 - 0.05 / 2**0.5, rel=1e-6)


def test_the_optimizer_reads_back_from_its_configuration():
    optimizer = Adagrad(WarmupCosine(0.1, 20, 3), epsilon=0.5, clip_norm=2.0)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, Adagrad)
    assert again.get_config() == optimizer.get_config()
    assert (again.epsilon, again.clip_norm) == (0.5, 2.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clipnorm", 1.0),
        ("clipvalue", 1.0),
        ("global_clipnorm", 1.0),
        ("use_ema", True),
        ("loss_scale_factor", 2.0),
        ("gradient_accumulation_steps", 2),
    ],
)
def test_what_it_does_not_do_is_refused_and_never_ignored(name, value):
    with pytest.raises(ValueError, match=f"does no `{name}`") as error:
        Adagrad(0.1, **{name: value})
    assert "\n" not in str(error.value)
    set_later = Adagrad(0.1)
    setattr(set_later, name, value)
    with pytest.raises(ValueError, match=f"does no `{name}`"):
        set_later.apply([tf.constant([1.0])], [variable([1.0])])


@pytest.mark.parametrize(
    "arguments",
    [
        {"epsilon": -1.0},
        {"clip_norm": 0.0},
        {"clip_norm": float("nan")},
        {"weight_decay": -0.1},
        {"weight_decay": []},
        {"table_rate_scale": -1.0},
        {"table_rate_scale": None},
    ],
    ids=str,
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Adagrad(0.1, **arguments)


def table(value):
    made = variable(value)
    made.is_embedding_table = True
    return made


def test_tables_have_a_learning_rate_of_their_own():
    start = np.ones((ROWS, WIDTH))
    gradients = [sparse([2, 4], np.full((2, WIDTH), 0.5)), tf.fill([2, WIDTH], 0.5)]
    embedding, kernel = table(start), variable(start[:2])
    alone = [variable(start), variable(start[:2])]
    Adagrad(0.1, table_rate_scale=3.0).apply(gradients, [embedding, kernel])
    Adagrad(0.3).apply(gradients[:1], alone[:1])
    Adagrad(0.1).apply(gradients[1:], alone[1:])
    np.testing.assert_allclose(embedding.numpy(), alone[0].numpy(), rtol=1e-6)
    np.testing.assert_array_equal(kernel.numpy(), alone[1].numpy())


def test_weights_decay_in_kernels_alone():
    values = {"table": np.ones((2, 3)), "kernel": np.ones((2, 3)), "bias": np.ones(3)}
    variables = [table(values["table"]), variable(values["kernel"]), variable(values["bias"])]
    still = [tf.zeros(each.shape) for each in variables]
    optimizer = Adagrad(0.1, weight_decay=0.5)
    for _ in range(2):
        optimizer.apply(still, variables)
    after = [float(each.numpy().ravel()[0]) for each in variables]
    assert after == pytest.approx([1.0, (1 - 0.1 * 0.5) ** 2, 1.0])
    again = Adagrad.from_config(optimizer.get_config())
    assert again.weight_decay == 0.5


def test_decay_of_kernels_stands_beside_the_update_and_not_in_the_accumulator():
    decayed, plain = variable([[2.0]]), variable([[2.0]])
    Adagrad(0.1, weight_decay=0.5, clip_norm=None).apply([tf.constant([[1.0]])], [decayed])
    Adagrad(0.1, clip_norm=None).apply([tf.constant([[1.0]])], [plain])
    np.testing.assert_allclose(decayed.numpy(), plain.numpy() - 2.0 * 0.1 * 0.5, rtol=1e-6)
