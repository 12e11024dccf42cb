"""Learning rates over the steps of a training."""

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.optimizers.schedules import (
    STARTING_RATE,
    WarmupConstant,
    WarmupCosine,
    WarmupPlateau,
    make_schedule,
)


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


@given(st.integers(1, 10**9))
def test_the_papers_warm_up_is_a_tenth_of_the_steps_rounded_down(steps):
    assert make_schedule("cosine", 0.12, steps).get_config() == {
        "peak": 0.12,
        "steps": steps,
        "warmup_steps": steps // 10,
    }


@pytest.mark.parametrize("name", ["constant", "plateau"])
def test_after_its_warm_up_a_constant_rate_stays(name):
    schedule = make_schedule(name, 0.5, 100, warmup=0.2)
    rates = [float(schedule(step)) for step in (0, 10, 20, 99, 10**6)]
    assert rates == pytest.approx([STARTING_RATE, 0.25, 0.5, 0.5, 0.5])
    assert float(make_schedule(name, 0.5, 100, warmup=0.0)(0)) == pytest.approx(0.5)


losses = st.lists(st.sampled_from([0.3, 0.4, 0.5, float("nan")]), max_size=12)


@given(losses, st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_plateau_lowers_the_rate_after_as_many_evaluations_without_a_new_best(losses, patience):
    schedule = WarmupPlateau(0.5, factor=0.5, patience=patience)
    best, waited, rate = float("inf"), 0, 0.5
    for index, loss in enumerate(losses):
        waited = 0 if loss < best else waited + 1
        best = loss if loss < best else best
        lowered = waited == patience
        rate, waited = (rate / 2, 0) if lowered else (rate, waited)
        assert schedule.observe(10 * (index + 1), loss) == lowered
        assert float(schedule(0)) == pytest.approx(rate)


def test_an_evaluation_that_is_repeated_after_a_stop_counts_once():
    schedule = WarmupPlateau(0.5, patience=2)
    assert not schedule.observe(10, 0.5)
    assert [schedule.observe(20, 0.6) for _ in range(3)] == [False] * 3
    assert schedule.observe(30, 0.6)


def test_what_a_plateau_has_seen_is_a_part_of_the_optimizers_state():
    def made():
        schedule = WarmupPlateau(1.0, factor=0.5, patience=2)
        optimizer, weight = Adagrad(schedule, epsilon=0.0), keras.Variable([1.0])
        optimizer.build([weight])
        return schedule, optimizer, weight

    schedule, optimizer, _ = made()
    for step, loss in enumerate([0.5, 0.6, 0.6, 0.6], start=1):
        schedule.observe(step, loss)
    again, other, weight = made()
    for mine, its in zip(other.variables, optimizer.variables, strict=True):
        mine.assign(its)
    # One more without improvement, and the rate is halved once more.
    assert again.observe(5, 0.6)
    step = tf.function(lambda: other.apply([tf.constant([1.0])], [weight]))
    step()
    assert float(weight.numpy()[0]) == pytest.approx(1 - 0.25)


def test_a_graph_that_was_traced_before_follows_the_plateau():
    schedule = WarmupPlateau(1.0, factor=0.5)
    rate = tf.function(lambda: schedule(100))
    before = float(rate())
    schedule.observe(1, 0.5), schedule.observe(2, 0.5)
    assert (before, float(rate())) == (1.0, 0.5)


@pytest.mark.parametrize(
    "schedule",
    [WarmupCosine(0.1, 20, 3), WarmupConstant(0.1, 3), WarmupPlateau(0.1, 3, 0.5, 4)],
    ids=lambda schedule: type(schedule).__name__,
)
def test_schedules_read_back_from_their_configuration(schedule):
    again = keras.optimizers.deserialize(keras.optimizers.serialize(Adagrad(schedule)))
    its = again.get_config()["learning_rate"]
    assert its == Adagrad(schedule).get_config()["learning_rate"]
    assert its["config"] == schedule.get_config()


@pytest.mark.parametrize(
    ("make", "arguments", "named"),
    [
        (WarmupCosine, (0.1, 0), "steps"),
        (WarmupCosine, (0.1, 10, 11), "warmup_steps"),
        (WarmupCosine, (0.1, 10, -1), "warmup_steps"),
        (WarmupConstant, (0.1, -1), "warmup_steps"),
        (WarmupConstant, (float("nan"),), "peak"),
        (WarmupPlateau, (0.1, 0, 1.0), "factor"),
        (WarmupPlateau, (0.1, 0, 0.5, 0), "patience"),
        (make_schedule, ("cosine", 0.1, 10, 1.5), "warmup"),
        (make_schedule, ("linear", 0.1, 10), "linear"),
    ],
)
def test_a_schedule_out_of_range_is_refused(make, arguments, named):
    with pytest.raises(ValueError, match=named) as error:
        make(*arguments)
    assert "\n" not in str(error.value)
