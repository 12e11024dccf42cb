"""Adagrad and its schedule, as the paper's models are trained with."""

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from nasrec_tf.optimizers.adagrad import (
    STARTING_RATE,
    Adagrad,
    WarmupCosine,
    clip_by_global_norm,
    global_norm,
    sum_duplicate_rows,
)

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


def test_the_schedule_rises_to_its_peak_and_falls_to_its_start():
    schedule = WarmupCosine(0.12, steps=1000)
    rates = [float(schedule(step)) for step in range(1000)]
    assert rates[0] == pytest.approx(STARTING_RATE)
    assert rates[50] == pytest.approx(0.06, rel=1e-5)
    assert rates[100] == pytest.approx(0.12) == max(rates)
    middle = 100 + (999 - 100) / 3
    expected = 0.12 * (1 + np.cos(np.pi / 3)) / 2
    assert float(schedule(middle)) == pytest.approx(expected, rel=1e-4)
    assert rates[999] == pytest.approx(STARTING_RATE, abs=1e-9)
    assert float(schedule(5000)) == pytest.approx(STARTING_RATE, abs=1e-9)
    assert all(np.diff(rates[:101]) > 0) and all(np.diff(rates[100:]) < 0)


@given(st.integers(1, 40), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_the_schedule_stays_within_its_bounds(steps, warmup):
    schedule = WarmupCosine(0.5, steps, min(warmup, steps))
    rates = [float(schedule(step)) for step in range(steps)]
    assert all(0 < rate <= 0.5 + 1e-7 for rate in rates)


@pytest.mark.parametrize("arguments", [(0.1, 0), (0.1, 10, 11), (0.1, 10, -1)])
def test_a_schedule_out_of_range_is_refused(arguments):
    with pytest.raises(ValueError, match="steps"):
        WarmupCosine(*arguments)


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
        ("weight_decay", 1e-4),
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
    "arguments", [{"epsilon": -1.0}, {"clip_norm": 0.0}, {"clip_norm": float("nan")}]
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Adagrad(0.1, **arguments)
