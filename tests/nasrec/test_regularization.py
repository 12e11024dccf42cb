"""Dropout in training, and the deviation that embedding tables start with."""

import json

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from core_cases import FEATURES, FULL, SMALL_OPTIONS, raw_inputs, raw_labels
from hypothesis import given, settings

from nasrec_tf.networks.layers.feature_embedding import FeatureEmbedding
from nasrec_tf.networks.regularization import NO_DROPOUT, Regularization, StepDropout
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.networks.weights import load_network, save_weights
from nasrec_tf.optimizers.adagrad import Adagrad

ARCHITECTURE = FULL.replace(num_blocks=2).widest
EVERYWHERE = Regularization(embedding_dropout=0.1, block_dropout=0.2, head_dropout=0.3)
PLACES = ("embedding_dropout", "block_dropout", "head_dropout")


def network(seed=4, **options):
    model = Subnet(ARCHITECTURE, FEATURES, SMALL_OPTIONS, seed=seed, **options)
    model.compile(Adagrad(0.05), "binary_crossentropy", run_eagerly=True)
    return model


shares = st.floats(0.0, 0.9)


@settings(max_examples=30, deadline=None)
@given(shares, st.integers(0, 2**31 - 1), st.integers(0, 10**9))
def test_what_is_kept_makes_up_for_what_is_dropped(share, seed, step):
    dropout = StepDropout(Regularization(block_dropout=share), seed, step)
    outcome = dropout.block(tf.ones([100, 50, 4]), 1, "sparse").numpy()
    # Each value is either gone or 1 / (1 - share): the deviation of a mean of 20,000.
    deviation = (share / (1 - share) / outcome.size) ** 0.5
    assert outcome.mean() == pytest.approx(1.0, abs=6 * deviation + 1e-5)
    kept = outcome[outcome != 0]
    np.testing.assert_allclose(kept, 1 / (1 - share), rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(0, 10**9))
def test_a_mask_follows_from_seed_step_and_place(seed, step):
    x = tf.ones([40, 30])

    def mask(seed, step, number=1, branch="dense"):
        dropout = StepDropout(Regularization(block_dropout=0.5), seed, step)
        return dropout.block(x, number, branch).numpy().tobytes()

    same = mask(seed, step)
    assert mask(seed, tf.constant(step, tf.int64)) == same
    others = {
        mask(seed + 1, step), mask(seed, step + 1), mask(seed, step, 2),
        mask(seed, step, 1, "sparse"),
    }  # fmt: skip
    assert len(others | {same}) == 5


def test_nothing_is_dropped_outside_of_training():
    inputs = raw_inputs(FEATURES, 16)
    plain, regularized = network(), network(regularization=EVERYWHERE)
    np.testing.assert_array_equal(plain(inputs), regularized(inputs))
    np.testing.assert_array_equal(plain(inputs), regularized(inputs, training=False))
    np.testing.assert_array_equal(plain.head_inputs(inputs), regularized.head_inputs(inputs))
    x = tf.ones([2, 3])
    assert NO_DROPOUT.head(x) is x and NO_DROPOUT.embeddings(x) is x


@pytest.mark.parametrize("place", PLACES)
def test_each_place_drops_by_the_step(place):
    inputs = raw_inputs(FEATURES, 16)
    model = network(regularization=Regularization(**{place: 0.5}))
    first, again = (model(inputs, training=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, model(inputs))
    model.optimizer.iterations.assign(1)
    assert not np.allclose(first, model(inputs, training=True))
    other = network(seed=5, regularization=model.regularization)
    other.set_weights(model.get_weights())
    model.optimizer.iterations.assign(0)
    assert not np.allclose(first, other(inputs, training=True))


@pytest.mark.parametrize(
    ("place", "weight"),
    [("embedding_dropout", "embedding/table"), ("head_dropout", "head/head_kernel")],
)
def test_what_is_dropped_gets_no_gradient(place, weight):
    model = network(regularization=Regularization(**{place: 0.5}))
    variable = model.named_weights()[weight].value
    one_row = raw_inputs(FEATURES, 1)

    def untouched(training):
        with tf.GradientTape() as tape:
            logits = model(one_row, training=training)
        gradient = tape.gradient(logits, variable)
        return np.mean(np.asarray(getattr(gradient, "values", gradient)) == 0)

    # Of the 31 + 10 * 4 inputs of the head, and of three embeddings of 4.
    assert untouched(True) > untouched(False) + 0.1


def test_a_trained_network_takes_its_regularization_along(tmp_path):
    model = network(regularization=EVERYWHERE, initial_deviation=0.01)
    model.train_on_batch(raw_inputs(FEATURES, 16), raw_labels(16))
    again = Subnet.from_config(json.loads(json.dumps(model.get_config())))
    assert again.regularization == EVERYWHERE and again.initial_deviation == 0.01
    save_weights(model, tmp_path / "net.npz")
    read = load_network(tmp_path / "net.npz")
    assert read.regularization == EVERYWHERE
    inputs = raw_inputs(FEATURES, 9, seed=5)
    np.testing.assert_array_equal(read(inputs), model(inputs))


def test_a_network_of_the_papers_settings_says_nothing_of_other_settings():
    assert set(network().get_config()) == {
        "architecture", "features", "options", "seed", "name", "trainable", "dtype"
    }  # fmt: skip
    assert "initial_deviation" not in FeatureEmbedding((5, 9)).get_config()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("share", [1, 1.0, -0.1, float("nan"), "0.1", True, None])
def test_a_share_that_cannot_be_dropped_is_told_in_one_line(place, share):
    with pytest.raises(ValueError, match=f"`{place}` must be a number from 0 to below 1") as error:
        Regularization(**{place: share})
    assert "\n" not in str(error.value)


def test_dropout_without_steps_of_its_own_is_an_error():
    model = Subnet(ARCHITECTURE, FEATURES, SMALL_OPTIONS, regularization=EVERYWHERE)
    with pytest.raises(ValueError, match="trains under an optimizer of its own"):
        model(raw_inputs(FEATURES, 2), training=True)


# Initial deviation.


def test_tables_start_with_the_deviation_that_is_asked_for():
    rows = (3, 400, 2000)
    told = FeatureEmbedding(rows, 16, seed=1, initial_deviation=0.02).table.numpy()
    glorot = FeatureEmbedding(rows, 16, seed=1).table.numpy()
    assert told.std() == pytest.approx(0.02, rel=0.02)
    start = 0
    for size in rows:
        ours, theirs = told[start : start + size], glorot[start : start + size]
        np.testing.assert_allclose(ours, theirs * 0.02 / (2 / (size + 16)) ** 0.5, rtol=1e-5)
        start += size


@pytest.mark.parametrize("deviation", [0.0, -1.0, float("inf"), float("nan"), "small"])
def test_a_deviation_that_cannot_be_is_told_in_one_line(deviation):
    with pytest.raises(ValueError, match="`initial_deviation` must be a finite number") as error:
        network(initial_deviation=deviation)
    assert "\n" not in str(error.value)
