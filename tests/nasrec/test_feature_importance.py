"""What a model does not read has no importance, whatever it is."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nasrec_tf.training.evaluation import log_losses
from nasrec_tf.training.feature_importance import Place, feature_rises

ROWS = 3000  # of several batches


def data(seed):
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((ROWS, 3)).astype(np.float32)
    sparse = rng.integers(0, 4, (ROWS, 2))
    logits = 2 * dense[:, 1] + sparse[:, 0] - 1.5
    labels = (rng.random(ROWS) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    return {"dense": dense, "sparse": sparse}, labels


def model(inputs):
    return 2 * inputs["dense"][:, 1] + inputs["sparse"][:, 0] - 1.5


PLACES = {
    ("dense", 0): Place("dense", slice(0, 1)),
    ("dense", 1): Place("dense", slice(1, 2)),
    ("dense", 2): Place("dense", slice(2, 3)),
    ("sparse", 0): Place("sparse", slice(0, 1)),
    ("sparse", 1): Place("sparse", slice(1, 2)),
}


def rises_of(inputs, labels, draws, seed, places=PLACES):
    return dict(zip(places, feature_rises(model, inputs, labels, [*places.values()], draws, seed)))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_features_that_the_model_reads_matter_and_the_others_do_not(seed):
    inputs, labels = data(seed)
    found = rises_of(inputs, labels, draws=2, seed=0)
    read = {("dense", 1), ("sparse", 0)}
    assert all(found[place].mean() > 0.05 for place in read)
    assert not any(found[place].any() for place in set(found) - read)
    assert found["dense", 1].mean() > found["sparse", 0].mean()  # twice the standard deviation


def test_a_rise_is_that_of_each_row_with_the_column_in_another_order():
    inputs, labels = data(7)
    order = np.random.default_rng((5, 0)).permutation(ROWS)
    dealt = inputs["dense"].copy()
    dealt[:, 1] = dealt[order, 1]
    losses = log_losses(labels, model(inputs | {"dense": dealt}))
    found = rises_of(inputs, labels, draws=1, seed=5)["dense", 1]
    np.testing.assert_allclose(found, losses - log_losses(labels, model(inputs)), atol=1e-6)


def test_lists_are_dealt_out_as_they_are():
    """A model that asks for what both columns of a list say together."""
    rng = np.random.default_rng(0)
    pair = rng.integers(0, 2, (ROWS, 1))
    sparse = np.hstack([pair, pair, rng.integers(0, 9, (ROWS, 1))])
    seen = []

    def logits(inputs):
        seen.append(inputs["sparse"])
        return inputs["sparse"][:, 0].astype(float)

    places = [Place("sparse", slice(0, 2))]
    [_] = feature_rises(logits, {"sparse": sparse}, pair[:, 0].astype(float), places, 1, 0)
    shuffled = np.concatenate(seen[len(seen) // 2 :])
    assert (shuffled[:, 0] == shuffled[:, 1]).all()
    assert (shuffled[:, 0] != sparse[:, 0]).any()
    np.testing.assert_array_equal(shuffled[:, 2], sparse[:, 2])


def test_the_inputs_stay_as_they_were():
    inputs, labels = data(1)
    before = {kind: values.copy() for kind, values in inputs.items()}
    rises_of(inputs, labels, draws=1, seed=0)
    for kind, values in inputs.items():
        np.testing.assert_array_equal(values, before[kind])
