"""A model beside another one, whose probabilities stand in a column of the log."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from nasrec_tf.common.errors import UserError
from nasrec_tf.trained.rival_column import NEAREST, beside, rival_logits


def column(*texts):
    return pa.array([text.encode() for text in texts], pa.binary())


def chances(logits):
    return 1 / (1 + np.exp(-logits))


def test_figures_are_of_the_rows_that_both_have_predicted():
    rng = np.random.default_rng(0)
    labels = rng.random(600) < 0.3
    logits, others = labels + rng.normal(size=600), rng.normal(size=600)
    others[::7] = np.nan
    weights = rng.integers(1, 4, 600).astype(float)
    both = ~np.isnan(others)
    found = beside("own", labels, logits, others, weights, seed=0)
    assert (found.rows, found.clicked) == (both.sum(), labels[both].sum())
    loss, area = (
        [figure(labels[both], chances(each[both]), sample_weight=weights[both])
         for each in (logits, others)]
        for figure in (log_loss, roc_auc_score)
    )  # fmt: skip
    assert found.other.log_loss == pytest.approx(loss[1])
    assert found.difference.log_loss == pytest.approx(loss[0] - loss[1])
    assert found.difference.auc == pytest.approx(area[0] - area[1])
    assert "the model is better beyond chance" in found.told()
    turned = beside("own", labels[both], others[both], logits[both], None, seed=0)
    assert "the model is worse beyond chance" in turned.told()


def test_few_clicks_have_no_interval_of_a_difference_of_areas():
    labels = np.arange(200) % 50 == 0
    told = beside("own", labels, np.zeros(200), np.sin(np.arange(200)), None, seed=0).told()
    assert "(of too few clicks for an interval)" in told
    with pytest.raises(UserError, match="no value in any row"):
        beside("own", labels, np.zeros(200), np.full(200, np.nan), None, seed=0)


def test_probabilities_are_read_as_the_log_writes_numbers():
    found = rival_logits(column("0,5", "", "-", "0", "1,0"), "own", ("-",), ",")
    assert found[0] == 0 and np.isnan(found[1:3]).all()
    np.testing.assert_allclose(chances(found[3:]), [NEAREST, 1 - NEAREST])
    for text in ("71%", "1.01", "-0.2", "nan", "inf", "0,5"):
        with pytest.raises(UserError, match="is no probability from 0 to 1"):
            rival_logits(column("0.5", text), "own")
