"""Rows drawn each with a chance of its own, which together stand for all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasrec_tf.data.weighted_draw import EVEN_SHARE, chances, systematic_draw
from nasrec_tf.training.evaluation import log_losses
from nasrec_tf.training.telling_rows import rows_worth

WORTHS = st.lists(st.floats(0, 1e308), min_size=1, max_size=60)


@given(WORTHS, st.data())
def test_chances_go_with_worth_and_sum_to_the_rows_wanted(worths, data):
    worth = np.array(worths)
    count = data.draw(st.integers(1, len(worth)))
    found = chances(worth, count)
    assert ((found > 0) & (found <= 1)).all()
    assert found.sum() == pytest.approx(count)
    assert (np.diff(found[np.argsort(worth)]) >= -1e-12).all()
    assert (found >= EVEN_SHARE * count / len(worth) * (1 - 1e-9)).all()


@given(WORTHS, st.data(), st.integers(0, 2**32))
def test_as_many_rows_are_drawn_and_none_twice(worths, data, seed):
    count = data.draw(st.integers(1, len(worths)))
    drawn = systematic_draw(chances(np.array(worths), count), seed)
    assert count - 1 <= len(drawn) <= count
    assert (np.diff(drawn) > 0).all() and 0 <= drawn[0] and drawn[-1] < len(worths)


def test_each_row_is_drawn_as_often_as_its_chance_says():
    expected = chances(np.random.default_rng(0).exponential(size=40), 15)
    assert expected.max() == 1
    drawn = [systematic_draw(expected, seed) for seed in range(4000)]
    often = np.bincount(np.concatenate(drawn), minlength=40) / len(drawn)
    np.testing.assert_allclose(often, expected, atol=0.03)
    assert often[expected == 1].min() == 1


def test_rows_drawn_by_their_worth_tell_more_of_two_predictors_than_as_many_by_lot():
    rng = np.random.default_rng(0)
    best = rng.normal(-2, 2, 3000)
    labels = (rng.random(3000) < 1 / (1 + np.exp(-best))).astype(np.float32)
    # Of predictors that are each a little off: two by which rows are chosen, two to be compared.
    losses = np.stack([log_losses(labels, best + rng.normal(0, 0.5, 3000)) for _ in range(4)])
    differences = losses[2] - losses[3]
    errors = []
    for worth in (rows_worth(losses[:2]), np.ones(3000)):
        drawn_with = chances(worth, 300)
        drawn = [systematic_draw(drawn_with, seed) for seed in range(500)]
        found = [np.average(differences[each], weights=1 / drawn_with[each]) for each in drawn]
        errors.append(np.std(found))
        assert np.mean(found) == pytest.approx(differences.mean(), abs=4 * errors[-1] / 500**0.5)
    assert errors[0] ** 2 < errors[1] ** 2 / 1.5
