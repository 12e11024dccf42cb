"""Log loss and AUC of predictions, with what chance leaves open."""

import json

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from nasrec_tf.training.evaluation import auc, log_losses, quality, quality_with_intervals


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000).astype(np.float32)
    return labels, (labels - 0.5 + rng.normal(size=2000)).astype(np.float32)


def test_log_loss_and_auc_are_scikit_learns(predictions):
    labels, logits = predictions
    found = quality(labels, logits)
    probabilities = 1 / (1 + np.exp(-logits.astype(float)))
    assert found.log_loss == pytest.approx(log_loss(labels, probabilities), rel=1e-9)
    assert found.auc == pytest.approx(roc_auc_score(labels, logits))
    assert found.samples == 2000


def test_large_logits_do_not_overflow():
    losses = log_losses(np.array([1.0, 0.0, 1.0]), np.array([1e4, 1e4, -1e4]))
    np.testing.assert_allclose(losses, [0, 1e4, 1e4])


def test_auc_is_unknown_with_one_class_or_diverged_logits():
    assert auc(np.ones(3), np.arange(3.0)) is None
    assert auc(np.array([0.0, 1.0]), np.array([np.nan, 1.0])) is None
    with np.errstate(invalid="ignore"):
        diverged = quality(np.array([0.0, 1.0]), np.array([np.nan, 1.0]))
    assert np.isnan(diverged.log_loss)


def test_intervals_hold_the_point_and_repeat(predictions):
    found = quality_with_intervals(*predictions, seed=1)
    assert found.log_loss_interval[0] < found.log_loss < found.log_loss_interval[1]
    assert found.auc_interval[0] < found.auc < found.auc_interval[1]
    assert found == quality_with_intervals(*predictions, seed=1)
    # A mean's 95 % interval is about four standard errors wide.
    error = log_losses(*predictions).std() / 2000**0.5
    width = found.log_loss_interval[1] - found.log_loss_interval[0]
    assert width == pytest.approx(4 * error, rel=0.25)
    assert json.loads(json.dumps(found.to_json()))["samples"] == 2000


def test_one_class_has_no_auc_interval():
    found = quality_with_intervals(np.zeros(50), np.linspace(-1, 1, 50))
    assert found.auc is None and found.auc_interval is None
    assert found.log_loss_interval is not None
