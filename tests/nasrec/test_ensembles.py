"""Ensembles: greedy selection, the paired bootstrap, and the mean of logits as a Keras model."""

import itertools

import keras
import numpy as np
import pytest
from core_cases import FEATURES, FULL, NO_DENSE, raw_inputs, raw_labels, shake
from hypothesis import given
from hypothesis import strategies as st

from nasrec_tf.networks.ensemble import Ensemble
from nasrec_tf.networks.subnet import Subnet
from nasrec_tf.training import ensembles, evaluation
from nasrec_tf.training.ensembles import averaged, paired_difference, select
from nasrec_tf.training.evaluation import auc, log_losses, quality


def members(rows=400, count=4, seed=0):
    """Labels, and the logits of models that know the truth but for an error of their own."""
    random = np.random.default_rng(seed)
    truth = random.normal(-1.0, 1.5, rows)
    labels = (random.random(rows) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    errors = random.normal(0.0, 1.0, (count, rows)) * np.linspace(0.6, 1.5, count)[:, None]
    return labels, list((truth + errors).astype(np.float32))


def greedy_by_the_book(labels, logits, picks):
    """The same selection over whole arrays: every average anew, in double precision."""
    picked, trace = [], []
    for _ in range(picks):
        losses = [
            log_losses(labels, np.mean([logits[i] for i in (*picked, new)], 0, np.float64)).mean()
            for new in range(len(logits))
        ]
        picked.append(int(np.argmin(losses)))
        trace.append(min(losses))
    kept = picked[: int(np.argmin(trace)) + 1]
    return [kept.count(number) for number in range(len(logits))], trace


@pytest.mark.parametrize("seed", range(5))
def test_the_selection_is_the_greedy_one(seed):
    labels, logits = members(seed=seed)
    found = select(labels, logits, 6)
    counts, trace = greedy_by_the_book(labels, logits, 6)
    assert list(found.counts) == counts
    np.testing.assert_allclose(found.log_losses, trace, rtol=1e-12)
    mean = averaged(logits, found.counts)
    assert found.log_loss == pytest.approx(log_losses(labels, mean).mean(), rel=1e-12)


@given(st.integers(0, 99), st.integers(1, 4), st.integers(1, 6))
def test_an_ensemble_is_on_validation_never_worse_than_its_best_member(seed, count, picks):
    labels, logits = members(60, count, seed)
    found = select(labels, logits, picks)
    assert 1 <= sum(found.counts) <= picks
    assert found.log_loss <= min(log_losses(labels, member).mean() for member in logits) + 1e-12


def test_rows_that_are_looked_at_in_parts_give_the_same_selection(monkeypatch):
    labels, logits = members()
    whole = select(labels, logits, 5)
    monkeypatch.setattr(ensembles, "CHUNK", 37)
    assert select(labels, logits, 5).counts == whole.counts


def test_members_may_lie_in_files(tmp_path):
    labels, logits = members()
    for number, member in enumerate(logits):
        np.save(tmp_path / f"{number}.npy", member)
    mapped = [np.load(tmp_path / f"{number}.npy", mmap_mode="r") for number in range(len(logits))]
    assert select(labels, mapped, 5) == select(labels, logits, 5)


def test_of_equal_members_the_first_is_picked_and_once_is_enough():
    labels, logits = members(count=1)
    found = select(labels, logits * 3, 4)
    assert found.counts == (1, 0, 0) and found.members == (0,)


def test_a_member_that_diverged_is_never_picked():
    labels, logits = members()
    expected = select(labels, logits[1:], 4).counts
    logits[0][7] = np.inf
    assert select(labels, logits, 4).counts == (0, *expected)


@pytest.mark.parametrize(
    ("labels", "logits", "picks", "message"),
    [
        (np.ones(3), [np.ones(3)], 0, "`picks` must be at least 1"),
        (np.ones(0), [np.ones(0)], 1, "of some rows"),
        (np.ones(3), [np.ones(3), np.ones(4)], 1, "member 1 is of shape"),
        (np.ones(3), [np.full(3, np.nan)], 1, "a member whose logits are finite"),
        (np.ones(3), [], 1, "a member whose logits are finite"),
    ],
)
def test_what_cannot_be_selected_from_is_refused(labels, logits, picks, message):
    with pytest.raises(ValueError, match=message):
        select(labels, logits, picks)


# The paired bootstrap.


def test_the_difference_is_that_of_the_qualities():
    labels, logits = members(2000)
    found = paired_difference(labels, logits[0], logits[3])
    one, other = quality(labels, logits[0]), quality(labels, logits[3])
    assert found.log_loss == pytest.approx(one.log_loss - other.log_loss)
    assert found.auc == pytest.approx(one.auc - other.auc)
    assert found.log_loss_interval[0] < found.log_loss < found.log_loss_interval[1] < 0
    assert 0 < found.auc_interval[0] < found.auc < found.auc_interval[1]


def test_the_interval_of_the_log_loss_is_that_of_the_mean_of_paired_differences():
    labels, logits = members(5000)
    found = paired_difference(labels, logits[0], logits[3])
    gains = log_losses(labels, logits[0]) - log_losses(labels, logits[3])
    width = found.log_loss_interval[1] - found.log_loss_interval[0]
    # 200 resamples leave a tenth or so open.
    assert width == pytest.approx(2 * 1.96 * gains.std() / np.sqrt(5000), rel=0.25)


def test_a_model_does_not_differ_from_itself():
    labels, logits = members()
    found = paired_difference(labels, logits[0], logits[0])
    assert found.log_loss_interval == (0.0, 0.0) and found.auc_interval == (0.0, 0.0)


def test_intervals_depend_on_the_seed_and_not_on_threads(monkeypatch):
    labels, logits = members()
    found = paired_difference(labels, *logits[:2], seed=5)
    monkeypatch.setattr(evaluation, "BOOTSTRAP_THREADS", 1)
    assert paired_difference(labels, *logits[:2], seed=5) == found
    assert paired_difference(labels, *logits[:2], seed=6) != found


def test_rows_of_one_label_have_no_difference_of_areas():
    found = paired_difference(np.zeros(50), np.zeros(50), np.ones(50))
    assert (found.auc, found.auc_interval) == (None, None) and found.log_loss < 0


# The network.

COUNTS = (2, 1, 3)
SMALL = FULL.replace(num_blocks=2)


def subnets(features=FEATURES):
    random = np.random.default_rng(3)
    found = [Subnet(SMALL.sample(random), features, seed=seed) for seed in range(len(COUNTS))]
    for subnet in found:
        shake(subnet)
    return found


@pytest.fixture(scope="module", params=[FEATURES, NO_DENSE], ids=["dense", "no dense"])
def case(request):
    networks = subnets(request.param)
    return networks, Ensemble(networks, COUNTS), raw_inputs(request.param, 16)


def test_its_logits_are_the_mean_of_its_members_logits(case):
    networks, ensemble, batch = case
    expected = averaged([network(batch).numpy()[:, 0] for network in networks], COUNTS)
    np.testing.assert_allclose(ensemble(batch).numpy()[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_it_is_made_again_of_its_configuration(case):
    _, ensemble, batch = case
    again = Ensemble.from_config(ensemble.get_config())
    assert again.counts == ensemble.counts and again.features == ensemble.features
    assert [m.architecture for m in again.members] == [m.architecture for m in ensemble.members]
    again.set_weights(ensemble.get_weights())
    np.testing.assert_array_equal(again(batch), ensemble(batch))


def test_it_is_saved_and_loaded_as_keras_models_are(case, tmp_path):
    _, ensemble, batch = case
    ensemble.save(tmp_path / "ensemble.keras")
    loaded = keras.saving.load_model(tmp_path / "ensemble.keras")
    np.testing.assert_array_equal(loaded(batch), ensemble(batch))


def test_it_is_a_layer_of_a_larger_model(case):
    networks, ensemble, batch = case
    features = ensemble.features
    inputs = {
        "dense": keras.Input((features.dense,), name="dense"),
        "sparse": keras.Input((features.sparse,), dtype="int64", name="sparse"),
    }
    model = keras.Model(inputs, keras.ops.sigmoid(ensemble(inputs)))
    expected = 1 / (1 + np.exp(-ensemble(batch).numpy()))
    np.testing.assert_allclose(model(batch), expected, rtol=1e-6)


def test_it_is_not_trained_itself(case):
    _, ensemble, batch = case
    ensemble.compile(loss="mse", optimizer="sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="train its members"):
        ensemble.train_on_batch(batch, raw_labels(16))


@pytest.mark.parametrize(
    ("counts", "message"),
    [((1, 2), "a number for each"), ((0, 1, 1), "whole numbers from 1"), ((1.5, 1, 1), "whole")],
)
def test_counts_are_whole_numbers_for_each_member(counts, message):
    with pytest.raises(ValueError, match=message):
        Ensemble(subnets(), counts)


def test_members_read_the_same_features():
    one, other = (Subnet(SMALL.widest, features) for features in (FEATURES, NO_DENSE))
    with pytest.raises(ValueError, match="member 1 reads other features"):
        Ensemble([one, other])


def test_no_members_are_no_ensemble():
    with pytest.raises(ValueError, match="at least one network"):
        Ensemble([])


def test_what_is_better_on_average_is_what_is_selected():
    """Selection, network and evaluation mean the same by an average."""
    networks = subnets()
    batch, labels = raw_inputs(FEATURES, 64), np.arange(64) % 2
    logits = [network(batch).numpy()[:, 0] for network in networks]
    found = select(labels.astype(np.float32), logits, 4)
    chosen = Ensemble(
        list(itertools.compress(networks, found.counts)), [n for n in found.counts if n]
    )
    together = chosen(batch).numpy()[:, 0]
    assert log_losses(labels, together).mean() == pytest.approx(found.log_loss, rel=1e-5)
    assert auc(labels, together) is not None
